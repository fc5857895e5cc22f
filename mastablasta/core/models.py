"""What every table shares, heartbeats of processes, counts for metrics and limits, mail, keys of requests that do their
work once, which instances may send.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from django.db import connection, models, transaction
from django.utils import timezone

from mastablasta.core.compiled_queries import CompiledQuery, prepared_cursor
from mastablasta.core.fields import EncryptedTextField
from mastablasta.core.ids import new_id

PROGRESS = "progress"  # the heartbeat that a drain gives only when it got a result written


class Row(models.Model):
    """A row with a UUIDv7 and its times."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class HeartbeatQuerySet(models.QuerySet["Heartbeat"]):
    def beat(self, name: str, *, at: datetime, **detail: Any) -> None:
        """Say that `name` is alive at `at`. Around the ORM: every process does this all the time."""
        fields: list[Any] = [self.model._meta.get_field(column) for column in ("name", "at", "detail")]
        values = [
            field.get_db_prep_save(one, connection) for field, one in zip(fields, (name, at, detail), strict=True)
        ]
        with prepared_cursor() as cursor:
            cursor.execute(BEAT, values)

    def claim_turn(self, name: str, *, at: datetime, period: timedelta) -> bool:
        """Take the turn of a periodic thing; True for exactly one caller a period, however many ask."""
        if self._moved(MOVE_OLD, name, at - period, at=at):
            return True
        if self.filter(name=name).exists():
            return False
        return (
            bool(self.bulk_create([Heartbeat(name=name, at=at)], ignore_conflicts=True))
            and self.filter(name=name, at=at).exists()
        )

    def lead(self, name: str, *, owner: str, at: datetime, within: timedelta, yields: bool = False) -> bool:
        """Be the one who beats `name`: True for `owner`, False while somebody else beats within `within`.

        One who `yields` (a stand-by) gives way at once to one who does not. Ask again well within `within`.
        """
        found = _BEAT_OF.first(name=name)
        if found is not None:
            last, beating = found
            if beating == {"owner": owner, "yields": yields} and self._moved(MOVE, name, last, at=at):
                return True  # whoever took it meanwhile has moved it on
            is_taken = beating.get("owner") not in {owner, ""} and last >= at - within
            if is_taken and (yields or not beating.get("yields")):
                return False
        is_free = models.Q(detail__owner=owner) | models.Q(detail__owner="") | models.Q(at__lt=at - within)
        if not yields:
            is_free |= models.Q(detail__yields=True)
        detail = {"owner": owner, "yields": yields}
        if self.filter(is_free, name=name).update(at=at, detail=detail):
            return True
        if self.filter(name=name).exists():
            return False
        self.bulk_create([Heartbeat(name=name, at=at, detail=detail)], ignore_conflicts=True)
        return self.filter(name=name, detail__owner=owner).exists()

    @staticmethod
    def _moved(statement: str, name: str, last: datetime, *, at: datetime) -> bool:
        """Whether there is a beat of `name` of this time, or by MOVE_OLD of one before it; it is moved to `at` then."""
        moments = [connection.ops.adapt_datetimefield_value(one) for one in (at, last)]
        with prepared_cursor() as cursor:
            cursor.execute(statement, [moments[0], name, moments[1]])
            return bool(cursor.rowcount)

    def keep_lead(self, name: str, *, since: datetime, at: datetime) -> bool:
        """Beat again as who led by the beat of `since`; False = ask `lead`: somebody else may have beaten since."""
        return self._moved(MOVE, name, since, at=at)

    def resign(self, name: str, *, owner: str) -> None:
        """Let somebody else `lead` at once."""
        self.filter(name=name, detail__owner=owner).update(detail={"owner": "", "yields": True})

    def age(self, name: str, *, at: datetime | None = None) -> timedelta | None:
        """How long ago `name` last beat; None = never."""
        last = self.filter(name=name).values_list("at", flat=True).first()
        return None if last is None else (at or timezone.now()) - last

    def through_queue(self) -> Self:
        """Heartbeats that only a working queue brings: its own, and those of drains that its workers run."""
        return self.filter(models.Q(name="q2") | models.Q(name__startswith="drain:")).exclude(
            name__startswith="drain:clock"
        )

    def alive(self, prefix: str, *, at: datetime, within: timedelta) -> int:
        """How many whose name begins with `prefix` beat within `within`."""
        return self.filter(name__startswith=prefix, at__gt=at - within).count()


BEAT = """
INSERT INTO core_heartbeat (name, at, detail) VALUES (%s, %s, %s)
ON CONFLICT (name) DO UPDATE SET at = excluded.at, detail = excluded.detail
"""
MOVE = "UPDATE core_heartbeat SET at = %s WHERE name = %s AND at = %s"
MOVE_OLD = "UPDATE core_heartbeat SET at = %s WHERE name = %s AND at <= %s"


class Heartbeat(models.Model):
    """The last sign of life of a process or a periodic thing: 'clock', 'q2', 'drain:<worker>', PROGRESS, 'chore:…'."""

    name = models.CharField(max_length=200, primary_key=True)
    at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    objects = HeartbeatQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.name} at {self.at.isoformat()}"


_BEAT_OF = CompiledQuery(lambda name: Heartbeat.objects.filter(name=name).values_list("at", "detail"), name=str)


class TallyQuerySet(models.QuerySet["Tally"]):
    def add(self, counts: Mapping[Counted, int]) -> None:
        """Add to these counts, in one statement; rows are locked in an order that all share."""
        if not counts:
            return
        table, names = self.model._meta.db_table, "name, platform, kind, outcome"
        rows = sorted(counts.items())
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} ({names}, count) VALUES {', '.join(['(%s, %s, %s, %s, %s)'] * len(rows))} "  # noqa: S608
                f"ON CONFLICT ({names}) DO UPDATE SET count = {table}.count + excluded.count",
                [value for counted, count in rows for value in (*counted, count)],
            )

    def note(self, name: str, *, platform: str = "", kind: str = "", outcome: str = "", count: int = 1) -> None:
        """Count something that happens seldom, once the current transaction commits."""
        counts = {Counted(name, platform, kind, outcome): count}
        transaction.on_commit(lambda: self.add(counts), robust=True)


class Counted(NamedTuple):
    """What is counted: `name` is the metric's, the others are its labels, "" where it has no such label."""

    name: str
    platform: str = ""
    kind: str = ""
    outcome: str = ""


class Tally(models.Model):
    """How often something happened since the database was made: what /metrics shows as counters.

    Written in batches, after the fact: a process that is killed takes up to a second of its counts along.
    """

    name = models.CharField(max_length=40)
    platform = models.CharField(max_length=20)
    kind = models.CharField(max_length=20)
    outcome = models.CharField(max_length=20)
    count = models.BigIntegerField()

    objects = TallyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [models.UniqueConstraint(fields=["name", "platform", "kind", "outcome"], name="tally_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.platform} {self.kind} {self.outcome}: {self.count}"


class IdempotencyKeyQuerySet(models.QuerySet["IdempotencyKey"]):
    """Who may do the work of a key, and what came of it; core.api.idempotency says how it is used.

    A claim is known by its `id`: whoever takes a key over brings another, so a late holder changes nothing.
    """

    def claim(self, row: IdempotencyKey, *, at: datetime) -> bool:
        """Take the key for `row`; True for exactly one, until it is settled, released or `locked_until` is past.

        One statement: a key that has expired, or whose holder vanished with the same body, is taken over by it.
        """
        fields = self.model._meta.concrete_fields
        names = [connection.ops.quote_name(str(field.column)) for field in fields]
        taken_over = ", ".join(f"{name} = excluded.{name}" for name in names)
        is_free = (
            "old.expires_at <= %s OR "
            "(old.status IS NULL AND old.locked_until <= %s AND old.body_sha256 = excluded.body_sha256)"
        )
        values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]
        now = self.model._meta.get_field("expires_at").get_db_prep_value(at, connection)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {self.model._meta.db_table} AS old ({', '.join(names)}) "  # noqa: S608  names of our own columns
                f"VALUES ({', '.join(['%s'] * len(fields))}) "
                f"ON CONFLICT (scope_sha256) DO UPDATE SET {taken_over} WHERE {is_free} RETURNING id",
                [*values, now, now],
            )
            return cursor.fetchone() is not None

    def settle(self, row: IdempotencyKey) -> bool:
        """Store the answer in `row`; False, and nothing stored, when the claim was taken over meanwhile."""
        answer = {name: getattr(row, name) for name in ("status", "answer", "headers", "made_id")}
        return bool(self._claimed(row).update(**answer))

    def release(self, row: IdempotencyKey) -> None:
        """Free the key at once, unless the claim was taken over meanwhile."""
        self._claimed(row).delete()

    def prune(self, *, at: datetime) -> int:
        """Remove the expired ones; returns how many."""
        return self.filter(expires_at__lte=at).delete()[0]

    def _claimed(self, row: IdempotencyKey) -> Self:
        return self.filter(id=row.id, status=None)


class IdempotencyKey(models.Model):
    """One request that must do its work once, and its first answer.

    `status` null: its work is under way. `answer`: the JSON text as it was sent; null without a body. `made_id`: stands
    for an answer that held a secret. People and workspaces are named by id only: core knows no app; rows live a day.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope_sha256 = models.CharField(max_length=64, unique=True)
    user = models.UUIDField()
    workspace = models.UUIDField(null=True, blank=True)
    method_path = models.CharField(max_length=200)
    key = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(null=True, blank=True)
    headers = models.JSONField(default=dict, blank=True)
    made_id = models.CharField(max_length=64, null=True, blank=True)
    locked_until = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects = IdempotencyKeyQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="idempotency_expires")]

    def __str__(self) -> str:
        return f"{self.method_path} {self.key}"


class RequestCountQuerySet(models.QuerySet["RequestCount"]):
    def add(self, key: str, *, ends_at: datetime) -> int:
        """Count one more under `key`, in one statement; return how many there are. `ends_at`: it is of no use then."""
        table = self.model._meta.db_table
        end = self.model._meta.get_field("ends_at").get_db_prep_value(ends_at, connection)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} AS old (key, count, ends_at) VALUES (%s, 1, %s) "  # noqa: S608
                "ON CONFLICT (key) DO UPDATE SET count = old.count + 1 RETURNING count",
                [key, end],
            )
            count: int = cursor.fetchone()[0]
            return count

    def prune(self, *, at: datetime) -> int:
        """Remove those whose window has ended; returns how many."""
        return self.filter(ends_at__lte=at).delete()[0]


class RequestCount(models.Model):
    """How many requests came in one window of a limit that all processes share. `key`: limit, client and window."""

    key = models.CharField(max_length=200, primary_key=True)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    objects = RequestCountQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.key}: {self.count}"


class MailQuerySet(models.QuerySet["Mail"]):
    def due(self, at: datetime) -> Self:
        """What is to be tried, the longest waiting first; the texts are read one by one."""
        return self.filter(next_try_at__lte=at).order_by("next_try_at", "id").defer("text_enc")

    def claim(self, mail: Mail, *, until: datetime) -> bool:
        """Take it for one try; False when somebody else has. After `until` it is free again."""
        mine = self.filter(pk=mail.pk, next_try_at=mail.next_try_at)
        return bool(mine.update(next_try_at=until, tries=models.F("tries") + 1))


class Mail(models.Model):
    """An e-mail to one person. What has ended is kept without its text, which may hold a link that lets somebody in.

    `recipient` "": to nobody, written so that a request about an unknown address does the same work; it is dropped.
    `next_try_at` null: it has ended, sent (`sent_at`) or given up. `error`: what the last try met.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    recipient = models.EmailField(max_length=254, blank=True)
    subject = models.CharField(max_length=200)
    text_enc = EncryptedTextField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    objects = MailQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "mail"
        indexes = [
            models.Index(fields=["next_try_at"], condition=models.Q(next_try_at__isnull=False), name="mail_due"),
            models.Index(fields=["created_at"], name="mail_created"),
            models.Index(fields=["id"], condition=models.Q(next_try_at=None, sent_at=None), name="mail_given_up"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.recipient or 'nobody'}"


class InstanceRecord(models.Model):
    """Which instances may send from this database: one row (core/holds.py).

    `identities`: theirs, as hex; [] after a restore. `restored_at`: when a backup was restored here, null once somebody
    released it; `backup_made_at`: the moment that the backup shows.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    identities = models.JSONField(default=list)
    restored_at = models.DateTimeField(null=True, blank=True)
    backup_made_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="instance_record_once")]

    def __str__(self) -> str:
        return f"{len(self.identities)} instances may send"
