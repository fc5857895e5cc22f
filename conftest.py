"""What every test may use. Network outside loopback is refused by pytest-socket (pytest.ini)."""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest
from django.conf import settings

if TYPE_CHECKING:
    from pytest_django.plugin import DjangoDbBlocker

    from tests.kit.certificates import Authority
    from tests.world import Sandbox

pytest_plugins = [
    "tests.rings",
    "tests.specifications.checking",  # of every request of a connector, in any test
    "tests.described",  # every answer of the API, in any test
]

# How fast the machine is today says nothing about the code.
hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("patient")


gc.disable()  # until all is imported and collected, which stays


def pytest_collection_finish() -> None:
    """Nobody need look through that again for garbage."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A migrated database for this process, in place of pytest-django's, which migrates one for each."""
    from django.db import connections
    from django.test import TransactionTestCase

    from tests.databases import database_of_process, empty

    def teardown(_: TransactionTestCase) -> None:
        empty(connections["default"])

    default, process = connections["default"], os.environ.get("PYTEST_XDIST_WORKER", "main")
    with database_of_process(default.settings_dict, process) as name, pytest.MonkeyPatch.context() as patch:
        patch.setitem(default.settings_dict, "NAME", name)
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield
        with django_db_blocker.unblock():
            connections.close_all()


@pytest.fixture(scope="session", autouse=True)
def _decoders_are_forked() -> Iterator[None]:
    """No test but those of media_library/tests/test_process.py waits until Python has loaded what looks at a file."""
    from tests.kit.forked_decoders import forked_decoders

    with forked_decoders():
        yield


@pytest.fixture(autouse=True)
def _not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test waits for the clock to look whether this instance may send; one that does says `holds.forget()`."""
    from mastablasta.core import holds

    monkeypatch.setattr(holds, "_last", holds.Answer(good_until=math.inf))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One that makes certificates; whose test trusts it, tests/kit/named_hosts.py says."""
    from tests.kit.certificates import Authority

    return Authority(tmp_path_factory.mktemp("authority"))


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
