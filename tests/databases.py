"""Migrated and empty databases for tests, made once and kept until a migration, a model or a table of states changes.

`DatabaseOfRun` gives each process of a test run one of its own. `empty` empties it after a test that committed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.db import DatabaseError

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".pytest_cache" / "databases"
TEMPLATE_SUFFIX = "_template"
# What `migrate` makes of the code: tables, the permissions and content types of models, the groups of roles with what
# the pages of Django admin let them do, triggers from tables of states.
MADE_FROM = (
    "migrations/*.py", "models.py", "models/*.py", "states.py", "apps.py", "core/*.py", "search/*.py", "roles.py",
    "groups.py", "admin.py", "admin/*.py",
)  # fmt: skip
STAYS = frozenset(
    {"django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}
)
KEPT_BY_TRIGGERS = "post_search_words"  # SQLite's words of posts, and the tables beneath them


def made_from() -> list[Path]:
    """The files of ours that `migrate` depends on."""
    packages = [path for path in ROOT.iterdir() if (path / "__init__.py").is_file()]
    return sorted({path for package in packages for pattern in MADE_FROM for path in package.rglob(pattern)})


def checksum() -> str:
    """Of all that `migrate` depends on; another one means another template."""
    seen = hashlib.sha256((ROOT / "requirements.lock.txt").read_bytes())
    for path in made_from():
        seen.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return seen.hexdigest()[:16]


def migrate(**settings: str) -> None:
    """Run `manage.py migrate` on the database that `settings` name."""
    from tests.__main__ import clean_environment

    with tempfile.TemporaryDirectory(prefix="mb-migrate-") as home:
        environment = clean_environment(Path(home)) | {"MASTABLASTA_HOME": home, "MASTABLASTA_MODE": "development"}
        environment["DJANGO_SETTINGS_MODULE"] = "mastablasta.settings"
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=environment | settings, check=True)


@contextmanager
def being_kept(name: str) -> Iterator[Path]:
    """A path to write to; what stands there at the end is kept as KEPT/name, and older ones of its kind go."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=KEPT) as folder:
        path = Path(folder) / name
        yield path
        if not (KEPT / name).exists():  # else another run was quicker
            path.rename(KEPT / name)
    for old in KEPT.glob(f"{name.partition('-')[0]}-*"):
        if old.name != name:
            shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)


def sqlite_template() -> Path:
    """A migrated SQLite file, to be copied."""
    name = f"sqlite-{checksum()}"
    if not (KEPT / name).is_file():
        with tempfile.TemporaryDirectory(prefix="mb-sqlite-") as folder, being_kept(name) as path:
            migrate(DATABASE_URL=f"sqlite:///{folder}/db.sqlite3")
            source = sqlite3.connect(f"{folder}/db.sqlite3")
            source.execute("VACUUM INTO ?", [str(path)])  # one file, whatever its journal holds
            source.close()
    return KEPT / name


def template_name(url: str) -> str:
    """How the migrated database is called that stands beside the run's own."""
    return urlsplit(url).path.lstrip("/") + TEMPLATE_SUFFIX


@contextmanager
def database_of_process(settings: dict[str, Any], worker: str) -> Iterator[str]:
    """Make the database that `settings` (Django's of one connection) describe for one process; gives its name."""
    if settings["ENGINE"].endswith("sqlite3"):
        path = Path(settings["TEST"]["NAME"])
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sqlite_template(), path)
        yield str(path)
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()
        return
    url = os.environ["DATABASE_URL"]
    run = urlsplit(url).path.lstrip("/")
    name = f"test_{run}_{worker}"
    with psycopg.connect(with_name(url, "postgres"), autocommit=True, connect_timeout=5) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template_name(url)]).fetchone()
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template_name(url)}"' if found else ""))
        if not found:
            migrate(DATABASE_URL=with_name(url, name))
        yield name
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def with_name(url: str, name: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def empty(connection: Any) -> None:
    """Empty the tables that hold rows: cheaper by far than Django's flush of all of them, which also migrates again."""
    with connection.cursor() as cursor:
        full = _full_tables(connection, cursor)
        if not full:
            return
        if connection.vendor == "postgresql":
            _empty_on_postgresql(connection, cursor, full)
        else:
            cursor.execute("PRAGMA foreign_keys = OFF")
            for name in full:
                cursor.execute(f"DELETE FROM {name}")
            cursor.execute("PRAGMA foreign_keys = ON")


def _full_tables(connection: Any, cursor: Any) -> list[str]:
    """The tables that hold rows, quoted. To plan this takes PostgreSQL many times as long as to carry it out."""
    if connection.vendor != "postgresql":
        cursor.execute(_which_are_full(connection))
    else:
        try:
            cursor.execute("EXECUTE full_tables")
        except DatabaseError:  # it was not prepared on this connection yet, or a table is gone
            cursor.execute("DEALLOCATE ALL")
            cursor.execute(f"PREPARE full_tables AS {_which_are_full(connection)}")
            cursor.execute("EXECUTE full_tables")
    return [name for (name,) in cursor.fetchall()]


def _which_are_full(connection: Any) -> str:
    names = [
        connection.ops.quote_name(name)
        for name in connection.introspection.table_names()
        if name not in STAYS and not name.startswith(KEPT_BY_TRIGGERS)
    ]
    return " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in names)


def _empty_on_postgresql(connection: Any, cursor: Any, tables: list[str]) -> None:
    """Few rows are deleted in a twentieth of the time that TRUNCATE takes to make new files, where that is allowed."""
    if _is_superuser(connection):  # who may leave foreign keys and triggers aside
        deletes = "; ".join(f"DELETE FROM {name}" for name in tables)
        cursor.execute(f"SET session_replication_role = replica; {deletes}; SET session_replication_role = DEFAULT")
    else:
        cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


@cache
def _is_superuser(connection: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return bool(cursor.fetchone()[0])
