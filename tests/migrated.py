"""Databases that have our tables: copies of one template, which the first of all test processes makes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.pg import database, with_name

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def migrated_database(server: str) -> Iterator[str]:
    """Make a database with tables and no rows on the server of this URL, give its URL, drop it; "" gives "", SQLite."""
    if not server:
        yield ""
        return
    with database(server, template=_template(server)) as url:
        yield url


def _template(server: str) -> str:
    """Its name, which begins as those of all databases of this run: it is dropped with them."""
    name = f"{urlsplit(server).path.lstrip('/')}_template"
    raw = f"{name}_raw"  # while it is being made
    with psycopg.connect(with_name(server, "postgres"), autocommit=True, connect_timeout=5) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [name])
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            connection.execute(f'DROP DATABASE IF EXISTS "{raw}"')
            connection.execute(f'CREATE DATABASE "{raw}"')
            _migrate(with_name(server, raw))
            connection.execute(f'ALTER DATABASE "{raw}" RENAME TO "{name}"')
    return name


def _migrate(url: str) -> None:
    from tests.__main__ import clean_environment

    with tempfile.TemporaryDirectory(prefix="mb-migrate-") as home:
        environment = clean_environment(Path(home), DATABASE_URL=url, MASTABLASTA_MODE="development")
        environment |= {"MASTABLASTA_HOME": home, "DJANGO_SETTINGS_MODULE": "mastablasta.settings"}
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
