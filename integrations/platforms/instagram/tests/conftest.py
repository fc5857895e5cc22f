"""Files that Instagram fetches from a web server of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.served_files import ServedFolder, served


@pytest.fixture(scope="package")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder that is served, and where."""
    folder = tmp_path_factory.mktemp("web")
    with served(folder) as origin:
        yield folder, origin


@pytest.fixture
def folder(web: tuple[Path, str]) -> ServedFolder:
    return ServedFolder(*web)
