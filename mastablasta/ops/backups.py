"""Backups: made, kept, checked and restored. One archive holds the database, the media files that its rows name, and
digests of the keys, by which a restore says which of them are missing; never a key.
"""

from __future__ import annotations

import fcntl
import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, connection, connections
from django.db.models import Q

from mastablasta.core.models import Heartbeat
from mastablasta.ops import archive, dump
from mastablasta.ops.archive import ArchiveWriter, BackupProblem

PREFIX, SUFFIX = "mastablasta-", ".tar"
TIME = "%Y%m%dT%H%M%S%f%z"
FORMAT = 1
MEDIA = "media/"
DIGEST_ROUNDS = 200_000  # a key that a person made up must not be guessed from its digest
RUNNING = timedelta(seconds=15)  # a living one beats every five
MISSING_KEYS = {
    "ENCRYPTION_KEY": "add it behind the present one (new,old), or connect all accounts again",
    "JWT_SECRET_KEY": "add it, or people sign in again",
    "SECRET_KEY": "set it, or people sign in to Django admin again",
}


@dataclass(slots=True)
class Made:
    """A backup that was made. `size` in bytes; `missing`: media files that rows name and the storage has lost."""

    path: Path
    size: int
    rows: int
    files: int
    missing: list[str] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)


@dataclass(slots=True)
class Checked:
    """A backup whose every byte was compared. `missing_keys`: settings that lack a key it was made with."""

    path: Path
    made_at: datetime
    vendor: str
    rows: int
    files: int
    missing: list[str]
    missing_keys: list[str]
    manifest: Mapping[str, Any] = field(repr=False)


def make(
    folder: Path,
    *,
    at: datetime,
    keep: int = 0,
    with_media: bool = True,
    watch: Callable[[int, int], None] = lambda *_: None,
) -> Made:
    """Write a new backup into `folder`, then remove all but the newest `keep` (0 = none is removed).

    Safe beside a running program. `watch` is told how many files are in, of how many. Raises BackupProblem; then
    nothing is left, and no older one was removed.
    """
    path = folder / f"{PREFIX}{at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}{SUFFIX}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _database_told(), _alone_in(folder), archive.writing(path) as written:
            made = dump.dump_of_vendor().write(written)
            files = made.pop("files")
            names = files if with_media else []
            missing = _write_media(written, names, watch)
            about = {"format": FORMAT, "version": settings.VERSION, "made_at": at.isoformat()}
            media = {"files": len(names) - len(missing), "missing": missing}
            written.close({**about, "vendor": connection.vendor, **made, "media": media, "keys": key_digests()})
    except OSError as error:
        raise BackupProblem(
            f"{folder} cannot take the backup ({error.strerror or error}); make room, or name another folder"
        ) from error
    except (BotoCoreError, ClientError) as error:
        raise BackupProblem(f"The storage in S3 cannot be read ({error}); mend that, or say --without-media") from error
    removed = existing(folder)[keep:] if keep else []
    for old in removed:
        old.unlink(missing_ok=True)
    return Made(path, path.stat().st_size, sum(made["rows"].values()), len(names) - len(missing), missing, removed)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder; what a killed backup left half-written goes."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupProblem(f"{folder}: another backup is being made; wait for its end") from None
        for half in folder.glob(f"{PREFIX}*{archive.PARTIAL}"):
            half.unlink(missing_ok=True)
        yield


def _write_media(written: ArchiveWriter, names: Iterable[str], watch: Callable[[int, int], None]) -> list[str]:
    wanted, missing = sorted(names), []
    for number, name in enumerate(wanted, 1):
        if default_storage.exists(name):
            size = default_storage.size(name)
            with default_storage.open(name) as file:
                written.add(MEDIA + name, file, size=size)
        else:
            missing.append(name)
        watch(number, len(wanted))
    return missing


def existing(folder: Path) -> list[Path]:
    """The backups in `folder`, the newest first."""
    return sorted(folder.glob(f"{PREFIX}*{SUFFIX}"), reverse=True)


def newest(folder: Path) -> tuple[Path, datetime] | None:
    """The newest backup and the moment it shows; None = there is none."""
    for path in existing(folder):
        with suppress(ValueError):  # somebody else's file
            return path, datetime.strptime(path.name.removeprefix(PREFIX).removesuffix(SUFFIX), TIME)  # noqa: DTZ007  %z is in it
    return None


def key_digests() -> dict[str, list[str]]:
    """What stands for each key in a backup: it tells whether a key is the same, and nothing else."""
    keys = {
        "ENCRYPTION_KEY": settings.ENCRYPTION_KEYS,
        "JWT_SECRET_KEY": settings.JWT_KEYS,
        "SECRET_KEY": [settings.SECRET_KEY],
    }
    return {name: [_digest(name, key) for key in values] for name, values in keys.items()}


def _digest(name: str, key: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", key.encode(), f"mastablasta {name}".encode(), DIGEST_ROUNDS).hex()[:32]


def check(path: Path) -> Checked:
    """Read all of a backup: checksums, numbers of rows, keys; changes nothing. Raises BackupProblem."""
    manifest = archive.verified_manifest(path)
    if manifest.get("format") != FORMAT:
        raise BackupProblem(
            f"{path} has format {manifest.get('format')}, which this version cannot read; update it first"
        )
    vendor = manifest["vendor"]
    (dump.PostgreSQLDump() if vendor == "postgresql" else dump.SQLiteDump()).check(path, manifest)
    ours = key_digests()
    lacking = [name for name in MISSING_KEYS if set(manifest["keys"][name]) - set(ours[name])]
    media = manifest["media"]
    return Checked(
        path, datetime.fromisoformat(manifest["made_at"]), vendor, sum(manifest["rows"].values()), media["files"],
        media["missing"], lacking, manifest,
    )  # fmt: skip


def restore(
    path: Path, *, at: datetime, replaces: bool, without_keys: bool, watch: Callable[[int, int], None] = lambda *_: None
) -> Checked:
    """Bring back a backup that was made on the same kind of database, and hold the instance (core/holds.py).

    `replaces`: what is in the database may go. `without_keys`: secrets that no present key reads may be lost. Raises
    BackupProblem before anything is changed. A disk or database that fails on the way leaves the rows as they were; it
    can be run again.
    """
    found = check(path)
    if found.vendor != connection.vendor:
        raise BackupProblem(
            f"The backup is of {found.vendor} and this database is {connection.vendor}; name one of {found.vendor}"
        )
    if "ENCRYPTION_KEY" in found.missing_keys and not without_keys:
        raise BackupProblem(
            "ENCRYPTION_KEY lacks a key of the backup, so the tokens in it could not be read; add it (new,old), or say "
            "--without-keys and connect all accounts again"
        )
    with _database_told():
        _refuse_unless_idle(replaces=replaces)
        database = dump.dump_of_vendor()
        database.prepare(found.manifest)
        _restore_media(found, watch)
        database.load(path, found.manifest, restored_at=at)
        connections.close_all()
        dump.bring_up_to_date()
    return found


@contextmanager
def _database_told() -> Iterator[None]:
    """What the database says, in one line."""
    try:
        yield
    except (DatabaseError, InterfaceError, psycopg.Error, sqlite3.Error) as error:
        reason = str(error).strip().partition("\n")[0]
        raise BackupProblem(f"DATABASE_URL: the database cannot be used ({reason}); start it, or correct it") from error


def _refuse_unless_idle(*, replaces: bool) -> None:
    if Heartbeat._meta.db_table not in connection.introspection.table_names():
        return
    works = Q(name="q2") | Q(name__startswith="drain:") | Q(name__startswith="cluster:")
    beating = Heartbeat.objects.filter(works, at__gt=datetime.now(UTC) - RUNNING)
    if name := beating.values_list("name", flat=True).first():
        raise BackupProblem(
            f"An instance works on this database ({name} was alive in the last {RUNNING.seconds} s); stop it first"
        )
    if not replaces and (tables := dump.content()):
        raise BackupProblem(
            f"The database is not empty ({', '.join(tables[:3])}); name an empty one in DATABASE_URL, or "
            "say --replace to lose what is in it"
        )


def _restore_media(found: Checked, watch: Callable[[int, int], None]) -> None:
    """Files first: rows never name one that is not there yet. What is there under a name is replaced."""
    number = 0
    for name, source in archive.members(found.path):
        if not name.startswith(MEDIA):
            continue
        stored = name.removeprefix(MEDIA)
        default_storage.delete(stored)
        kept = default_storage.save(stored, File(source))
        if kept != stored:
            raise BackupProblem(f"{stored} cannot be replaced in the storage; make MEDIA_ROOT writable and try again")
        number += 1
        watch(number, found.files)
