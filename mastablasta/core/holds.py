"""Whether this instance may send anything: the database names the instances that may; any other one is held.

A database that was copied or restored still holds posts, tokens and webhooks that its original works on. So each
instance has an identity that no copy of the database brings along: a random number in a file under MASTABLASTA_HOME
(or INSTANCE_ID), the folder's path, and the database server's own name for the database. The first instance on an
empty record writes itself down; an instance that is not written down claims, sends and refreshes nothing until
somebody says `manage.py release`. A further host is let in by itself while an instance that may send is seen at work
in this very database, which no copy shows. The price: a look at one row a second in each drain, and a word from a
person after a move.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from mastablasta.core.compiled_queries import CompiledQuery
from mastablasta.core.models import Heartbeat, InstanceRecord

log = structlog.get_logger(__name__)

BEATS = "instance:"  # heartbeats of instances that may send
KEEP_S = 1.0  # how long an answer of `is_held` is believed
# A role without any right may ask for it (tried on PostgreSQL 18, 2026-11-29).
CLUSTER = "SELECT system_identifier FROM pg_control_system()"
DATABASE = "SELECT oid FROM pg_database WHERE datname = current_database()"
REMEDY = "run `manage.py release` when no other instance works on the same accounts"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing is sent. `restored_at`: the database comes from a backup and was restored then."""

    reason: str
    restored_at: datetime | None = None


@dataclass(slots=True)
class Answer:
    """The last answer of `is_held` in this process. `good_until`: on the monotonic clock.

    `beat_seen`: the last beat of an instance that may send, as this process last saw it. `named`: a connection of the
    driver's and the name of its database, which no database changes under it.
    """

    value: bool = False
    good_until: float = 0.0
    beat_seen: datetime | None = None
    named: tuple[Any, str] | None = None


_last = Answer()


def is_held() -> bool:
    """Whether nothing may be sent, as of the last second. Raises what the database raises when it is away."""
    now = time.monotonic()
    if now >= _last.good_until:
        _last.value, _last.good_until = current_hold() is not None, now + KEEP_S
    return _last.value


def forget() -> None:
    """Have the next `is_held` look again."""
    _last.good_until = 0.0


def current_hold() -> Hold | None:
    """Why nothing may be sent now; None = it may. The first instance on a new database is written down here."""
    try:
        identity = own_identity()
    except OSError as error:
        return Hold(
            f"MASTABLASTA_HOME: {settings.HOME} cannot keep the identity of this instance ({error.strerror}); "
            "make it writable, or set INSTANCE_ID"
        )
    if (row := _IDENTITIES.first()) and identity in row[0]:
        return None
    record = InstanceRecord.objects.first()
    if record is None:
        InstanceRecord.objects.bulk_create([InstanceRecord(identities=[identity])], ignore_conflicts=True)
        record = InstanceRecord.objects.get()
    if identity in record.identities:
        return None
    if _sees_another_at_work(identity, record):
        with transaction.atomic():
            admit(is_further=True)
        log.info("instance_joins", instances=len(record.identities) + 1)
        return None
    if record.restored_at is not None:
        reason = f"The database was restored from the backup of {_minute(record.backup_made_at)}."
        return Hold(reason, record.restored_at)
    return Hold("The database belongs to another instance: it was copied or moved, or this host is new to it.")


_IDENTITIES = CompiledQuery(lambda: InstanceRecord.objects.order_by("pk").values_list("identities")[:1])


def _sees_another_at_work(identity: str, record: InstanceRecord) -> bool:
    """Whether an instance that may send from this very database has given a beat since this process looked before."""
    database = identity.partition("-")[0]
    names = [f"{BEATS}{one}" for one in record.identities if one.startswith(f"{database}-")]
    latest = Heartbeat.objects.filter(name__in=names).order_by("-at").values_list("at", flat=True).first()
    before, _last.beat_seen = _last.beat_seen, latest
    return latest is not None and before is not None and latest > before


def beat(*, at: datetime) -> None:
    """Say that this instance, which may send, is at work."""
    Heartbeat.objects.beat(f"{BEATS}{own_identity()}", at=at)


def admit(*, is_further: bool) -> None:
    """Let this instance send from now on: beside those that may already (`is_further`), or as the only one.

    In the caller's transaction. Raises OSError when MASTABLASTA_HOME cannot keep an identity.
    """
    record = InstanceRecord.objects.select_for_update().first() or InstanceRecord()
    others = record.identities if is_further else []
    record.identities = sorted({*others, own_identity()})
    if not is_further:
        record.restored_at = record.backup_made_at = None
    record.save()
    forget()


def own_identity() -> str:
    """Which instance this is, on which database: `<hex>-<hex>`. Raises OSError when it cannot be kept."""
    given = settings.INSTANCE_ID
    parts = [given] if given else [_kept_number(settings.HOME), str(settings.HOME)]
    return "-".join(hashlib.sha256("\0".join(one).encode()).hexdigest()[:16] for one in ([_database_name()], parts))


def _kept_number(home: Path) -> str:
    """The number in `home`/instance_id; made at first use, by one of several that start at once."""
    path = home / "instance_id"
    with suppress(FileNotFoundError):
        return path.read_text().strip()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = home / f".instance_id-{os.getpid()}-{secrets.token_hex(4)}"
    draft.write_text(secrets.token_hex(16) + "\n")
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    return path.read_text().strip()


def _database_name() -> str:
    """What the server calls this database: another one after a dump was loaded elsewhere."""
    if connection.vendor != "postgresql":
        return str(Path(connection.settings_dict["NAME"]).resolve())
    connection.ensure_connection()
    named = _last.named
    if named is None or named[0] is not connection.connection:
        named = _last.named = (connection.connection, _ask_for_name())
    return named[1]


def _ask_for_name() -> str:
    with connection.cursor() as cursor:
        cursor.execute(DATABASE)
        (number,) = cursor.fetchone()
        cluster = "unknown"
        with suppress(DatabaseError), transaction.atomic():  # a host of databases may have forbidden it
            cursor.execute(CLUSTER)
            (cluster,) = cursor.fetchone()
    return f"{cluster}/{number}"


def _minute(moment: datetime | None) -> str:
    return "an unknown time" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
