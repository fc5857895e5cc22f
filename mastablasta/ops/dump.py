"""The database, out into an archive and back in, with nothing but Python.

PostgreSQL: COPY of each table, all in one snapshot; loaded into tables that the migrations of that time have made, in
one transaction. SQLite: the file, by SQLite's own backup. Neither needs pg_dump, whose version has to fit the server's.
"""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from mastablasta.core.models import InstanceRecord
from mastablasta.ops.archive import BLOCK, ArchiveWriter, BackupProblem, members
from posts.search.index import rebuild

FOLDER = "database/"
SQLITE_MEMBER = f"{FOLDER}db.sqlite3.gz"
MIGRATIONS = "django_migrations"
# What `migrate` makes by itself, and what any instance writes that was started once.
NOT_CONTENT = frozenset(
    {
        MIGRATIONS, "django_content_type", "auth_permission", "auth_group", "auth_group_permissions", "core_heartbeat",
        "core_instancerecord", "django_q_ormq",
    }
)  # fmt: skip
DERIVED = ("posts_postsearch",)  # the index of the search, of columns that its code makes; written again from the posts
VOLATILE = ("core_heartbeat", "django_q_ormq")  # signs of life and bells: of processes that are no more
FILES = """
SELECT stored_name FROM media_library_asset WHERE deleted_at IS NULL
 UNION SELECT thumbnail_name FROM media_library_asset WHERE deleted_at IS NULL
 UNION SELECT r.stored_name FROM media_library_rendition r JOIN media_library_asset a ON a.id = r.asset_id
 WHERE a.deleted_at IS NULL
"""
Migrations = list[tuple[str, str]]


class Dump(ABC):
    """One kind of database."""

    @abstractmethod
    def write(self, archive: ArchiveWriter) -> dict[str, Any]:
        """Put the database in; returns what the manifest says of it, and `files`: the names of the media it names."""

    @abstractmethod
    def prepare(self, manifest: Mapping[str, Any]) -> None:
        """Make the tables of the time of the backup, where they are not there yet. Raises BackupProblem."""

    @abstractmethod
    def load(self, path: Path, manifest: Mapping[str, Any], *, restored_at: datetime) -> None:
        """Replace what the database holds by the archive's, and let nobody send from it. Raises BackupProblem."""

    @abstractmethod
    def check(self, path: Path, manifest: Mapping[str, Any]) -> None:
        """Compare the number of rows in the archive with its manifest. Raises BackupProblem."""


def dump_of_vendor() -> Dump:
    return PostgreSQLDump() if connection.vendor == "postgresql" else SQLiteDump()


def content() -> list[str]:
    """The tables in which people's work already stands; [] = the database may be restored into."""
    tables = sorted(set(connection.introspection.django_table_names(only_existing=True)) - NOT_CONTENT)
    with connection.cursor() as cursor:
        found = []
        for table in tables:
            cursor.execute(f"SELECT 1 FROM {connection.ops.quote_name(table)} LIMIT 1")
            if cursor.fetchone():
                found.append(table)
    return found


def _compare(rows: Mapping[str, int], manifest: Mapping[str, Any]) -> None:
    wrong = [f"{table} has {rows.get(table, 0)} rows, not {count}" for table, count in manifest["rows"].items()
             if rows.get(table, 0) != count]  # fmt: skip
    if wrong:
        raise BackupProblem(f"The backup is not what its manifest says: {'; '.join(wrong[:5])}; take another backup")


class PostgreSQLDump(Dump):
    def write(self, archive: ArchiveWriter) -> dict[str, Any]:
        own = connection.copy()
        try:
            with own.cursor() as cursor:
                cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                columns = self._columns(cursor)
                rows = {table: self._write_table(archive, cursor, table, names) for table, names in columns.items()}
                cursor.execute(f"SELECT app, name FROM {MIGRATIONS} ORDER BY id")
                migrations = cursor.fetchall()
                cursor.execute(FILES)
                files = [name for (name,) in cursor.fetchall() if name]
                cursor.execute("ROLLBACK")
        finally:
            own.close()
        return {"rows": rows, "columns": columns, "migrations": migrations, "files": files}

    def _columns(self, cursor: Any) -> dict[str, list[str]]:
        cursor.execute(
            "SELECT table_name, array_agg(column_name::text ORDER BY ordinal_position) FROM information_schema.columns "
            "JOIN information_schema.tables USING (table_schema, table_name) "
            "WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND is_generated = 'NEVER' "
            "AND table_name <> ALL (%s) GROUP BY table_name ORDER BY table_name",
            [[MIGRATIONS, *DERIVED]],
        )
        return dict(cursor.fetchall())

    def _write_table(self, archive: ArchiveWriter, cursor: Any, table: str, columns: Sequence[str]) -> int:
        rows = 0
        with tempfile.TemporaryFile() as file:
            with (
                gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed,
                cursor.copy(_copy(table, columns, "TO STDOUT")) as copy,
            ):
                for block in copy:
                    rows += bytes(block).count(b"\n")  # within a value it is written as \n
                    packed.write(block)
            size = file.tell()
            file.seek(0)
            archive.add(_member(table), file, size=size)
        return rows

    def check(self, path: Path, manifest: Mapping[str, Any]) -> None:
        rows = {}
        for name, source in members(path):
            if name.startswith(FOLDER):
                rows[_table(name)] = sum(block.count(b"\n") for block in _blocks(source))
        _compare(rows, manifest)

    def prepare(self, manifest: Mapping[str, Any]) -> None:
        _migrate_to([(app, name) for app, name in manifest["migrations"]])

    def load(self, path: Path, manifest: Mapping[str, Any], *, restored_at: datetime) -> None:
        columns: dict[str, list[str]] = manifest["columns"]
        with transaction.atomic(), connection.cursor() as cursor:
            emptied = ", ".join(connection.ops.quote_name(table) for table in [*columns, *DERIVED])
            for table in columns:
                cursor.execute(f"ALTER TABLE {connection.ops.quote_name(table)} DISABLE TRIGGER USER")
            cursor.execute(f"TRUNCATE {emptied}")
            rows = {}
            for name, source in members(path):
                if name.startswith(FOLDER):
                    table = _table(name)
                    rows[table] = self._load_table(cursor, table, columns[table], source)
            _compare(rows, manifest)
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for table in columns:
                cursor.execute(f"ALTER TABLE {connection.ops.quote_name(table)} ENABLE TRIGGER USER")
            self._set_sequences(cursor)
            _hold(restored_at=restored_at, made_at=datetime.fromisoformat(manifest["made_at"]))

    def _load_table(self, cursor: Any, table: str, columns: Sequence[str], source: IO[bytes]) -> int:
        rows = 0
        with cursor.copy(_copy(table, columns, "FROM STDIN")) as copy:
            for block in _blocks(source):
                rows += block.count(b"\n")
                copy.write(block)
        return rows

    def _set_sequences(self, cursor: Any) -> None:
        """Let ids that the database gives go on behind those that are there."""
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() "
            "AND pg_get_serial_sequence(quote_ident(table_name), column_name) IS NOT NULL"
        )
        for table, column in cursor.fetchall():
            names = {"table": connection.ops.quote_name(table), "column": connection.ops.quote_name(column)}
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence(%s, %s), COALESCE((SELECT max({column}) FROM {table}), 0) + 1, "
                "false)".format(**names),
                [names["table"], column],
            )


class SQLiteDump(Dump):
    def write(self, archive: ArchiveWriter) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="mb-backup-") as folder:
            copy = Path(folder, "db.sqlite3")
            connection.ensure_connection()
            with closing(sqlite3.connect(copy)) as target:
                connection.connection.backup(target)
                rows = _counts(target)
                migrations = target.execute(f"SELECT app, name FROM {MIGRATIONS} ORDER BY id").fetchall()
                files = [name for (name,) in target.execute(FILES) if name]
            with copy.open("rb") as source, tempfile.TemporaryFile() as file:
                with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as packed:
                    shutil.copyfileobj(source, packed, BLOCK)
                size = file.tell()
                file.seek(0)
                archive.add(SQLITE_MEMBER, file, size=size)
        return {"rows": rows, "columns": {}, "migrations": migrations, "files": files}

    def check(self, path: Path, manifest: Mapping[str, Any]) -> None:
        with self._unpacked(path) as file:
            _compare(_counts(file), manifest)

    def prepare(self, manifest: Mapping[str, Any]) -> None:
        _refuse_unknown([(app, name) for app, name in manifest["migrations"]])

    def load(self, path: Path, manifest: Mapping[str, Any], *, restored_at: datetime) -> None:
        made_at = datetime.fromisoformat(manifest["made_at"])
        with self._unpacked(path) as file:
            with file:  # in the copy, so that nobody finds the database whole and free
                for table in VOLATILE:
                    file.execute(f"DELETE FROM {table}")
                file.execute("DELETE FROM core_instancerecord")
                file.execute(
                    "INSERT INTO core_instancerecord (id, identities, restored_at, backup_made_at) "
                    "VALUES (1, '[]', ?, ?)",
                    [f"{moment:%Y-%m-%d %H:%M:%S.%f}" for moment in (restored_at, made_at)],
                )
            connection.ensure_connection()
            file.backup(connection.connection)

    @contextmanager
    def _unpacked(self, path: Path) -> Iterator[sqlite3.Connection]:
        with tempfile.TemporaryDirectory(prefix="mb-restore-") as folder:
            copy = Path(folder, "db.sqlite3")
            for name, source in members(path):
                if name == SQLITE_MEMBER:
                    with copy.open("wb") as target:
                        target.writelines(_blocks(source))
            with closing(sqlite3.connect(copy)) as file:
                (verdict,) = file.execute("PRAGMA quick_check").fetchone()
                if verdict != "ok":
                    raise BackupProblem(f"The database in {path} is damaged ({verdict}); take another backup")
                yield file


def _counts(file: sqlite3.Connection) -> dict[str, int]:
    tables = [*connection.introspection.django_table_names(only_existing=False), MIGRATIONS]
    there = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    return {
        table: file.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        for table in sorted(there.intersection(tables))
    }


def _hold(*, restored_at: datetime, made_at: datetime) -> None:
    with connection.cursor() as cursor:
        for table in VOLATILE:
            cursor.execute(f"DELETE FROM {table}")
    InstanceRecord.objects.update_or_create(
        id=1, defaults={"identities": [], "restored_at": restored_at, "backup_made_at": made_at}
    )


def _refuse_unknown(wanted: Migrations) -> None:
    unknown = [f"{app} {name}" for app, name in wanted if (app, name) not in _known()]
    if unknown:
        raise BackupProblem(
            f"The backup was made by a newer version ({unknown[-1]} is not known here); install that version first"
        )


def _known() -> Collection[tuple[str, str]]:
    loader = MigrationExecutor(connection).loader
    replaced = {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    return {*loader.disk_migrations, *replaced}


def _migrate_to(wanted: Migrations) -> None:
    _refuse_unknown(wanted)
    executor = MigrationExecutor(connection)
    ahead = [key for key in executor.loader.applied_migrations if key not in set(wanted)]
    if ahead:
        raise BackupProblem(
            f"The database is newer than the backup ({' '.join(ahead[-1])} is applied); make an empty one (createdb), "
            "name it in DATABASE_URL and restore into that: it is brought up to date afterwards"
        )
    missing = [key for key in wanted if key not in executor.loader.applied_migrations]
    graph = executor.loader.graph
    children = {key: {child.key for child in graph.node_map[key].children if child.key[0] == key[0]} for key in missing}
    leaves = [key for key in missing if not children[key].intersection(missing)]  # of each app the last
    if leaves:
        executor.migrate(leaves)


def bring_up_to_date() -> None:
    """Apply what this version adds to a restored database, with its triggers; write the index of the search again."""
    call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
    for _ in rebuild(connection):
        continue


def _copy(table: str, columns: Sequence[str], direction: str) -> str:
    names = ", ".join(connection.ops.quote_name(column) for column in columns)
    return f"COPY {connection.ops.quote_name(table)} ({names}) {direction}"


def _member(table: str) -> str:
    return f"{FOLDER}{table}.copy.gz"


def _table(member: str) -> str:
    return member.removeprefix(FOLDER).removesuffix(".copy.gz")


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=source) as plain:
        while block := plain.read(BLOCK):
            yield block
