"""What every test may use. Network outside loopback is refused by pytest-socket (pytest.ini)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

if TYPE_CHECKING:
    from tests.world import Sandbox

pytest_plugins = ["tests.specifications.checking"]  # every request of a connector, in any test


@pytest.fixture(scope="session")
def _world() -> Iterator[Sandbox]:
    from tests.world import running_sandbox

    with running_sandbox(settings.SANDBOX_PORT) as world:
        yield world


@pytest.fixture
def sandbox(_world: Sandbox) -> Sandbox:
    """The simulator at settings.SANDBOX_PORT, where the connectors of development look for it; empty."""
    _world.reset()
    return _world
