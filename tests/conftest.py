"""Whole instances for tests, on the kind of database that the test run is on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.crowd import WITH_TEXTS, Crowd
from tests.instance import Instance
from tests.pg import database
from tests.shared_instance import SharedInstance


@pytest.fixture(scope="session")
def _shared_instance() -> Iterator[SharedInstance]:
    shared = SharedInstance(lambda: database(os.environ.get("DATABASE_URL", ""), migrated=True))
    yield shared
    shared.stop()


@pytest.fixture
def instance(_shared_instance: SharedInstance) -> Iterator[Instance]:
    """A running instance with nothing in it, whose waits are scaled (tests/scale.py); shared with other tests."""
    with _shared_instance.lent() as running:
        yield running


@pytest.fixture
def instance_of_make(_shared_instance: SharedInstance) -> Iterator[Instance]:
    """Likewise, started by `make run`."""
    with _shared_instance.lent("make", "run") as running:
        yield running


@pytest.fixture
def crowd(instance: Instance) -> Crowd:
    """A person with an account on each platform."""
    return Crowd(instance)


@pytest.fixture
def big_crowd(instance: Instance) -> Crowd:
    """A person with ten accounts on each platform that takes texts: bursts whose posts are one call each."""
    return Crowd(instance, WITH_TEXTS, size=10)


@pytest.fixture
def own_database_url() -> Iterator[str]:
    """A database with tables for one test, or "" for SQLite, as the run is.

    Two instances on one database would not understand each other's queue.
    """
    with database(os.environ.get("DATABASE_URL", ""), migrated=True) as url:
        yield url
