"""Whole instances for tests, on the kind of database that the test run is on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.pg import database


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """An empty PostgreSQL database for the module's one instance, or "" for SQLite, as the run is."""
    with _empty_database() as url:
        yield url


@pytest.fixture
def own_database_url() -> Iterator[str]:
    """Likewise, for one test: two instances on one database would not understand each other's queue."""
    with _empty_database() as url:
        yield url


@contextmanager
def _empty_database() -> Iterator[str]:
    server = os.environ.get("DATABASE_URL", "")
    if not server:
        yield ""
        return
    with database(server) as url:
        yield url
