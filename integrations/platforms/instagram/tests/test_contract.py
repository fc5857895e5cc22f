"""Instagram against the simulator, which fetches pictures from a web server here, by both sign-ins."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.contract import Content, MediaUse
from tests.kit.connector_contract import SignedInAccount, visit
from tests.kit.media_contract import MediaContract, with_media
from tests.kit.served_files import ServedFolder, served
from tests.world import Sandbox


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder that is served, and where."""
    folder = tmp_path_factory.mktemp("web")
    with served(folder) as origin:
        yield folder, origin


@pytest.fixture
def folder(web: tuple[Path, str]) -> ServedFolder:
    return ServedFolder(*web)


@pytest.fixture
def anna(sandbox: Sandbox) -> SignedInAccount:
    sandbox.instance("instagram", video_processing_ms=0)
    return visit(sandbox, "instagram")


class TestInstagram(MediaContract):
    slug = "instagram"

    @pytest.fixture
    def folder(self, web: tuple[Path, str]) -> ServedFolder:
        self.files = ServedFolder(*web)
        return self.files

    @pytest.fixture
    def anna(self, sandbox: Sandbox, folder: ServedFolder) -> SignedInAccount:
        sandbox.instance("instagram", video_processing_ms=0)
        return visit(sandbox, self.slug)

    def content(self, text: str) -> Content:
        """Every post has a file."""
        return with_media(self.files.picture(), text=text)

    def one_of(self, kind: str, anna: SignedInAccount, folder: Any, **more: Any) -> MediaUse:
        """Videos have no alt text there."""
        if kind == "video":
            more.pop("alt_text", None)
        return super().one_of(kind, anna, folder, **more)
