"""Probes: small real uses of what the program stands on. Shown by /readyz and /api/v2/status.

Each says in one public sentence what it found: no address, path, SQL or secret.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F
from django.utils import timezone

from analytics.collection import queue as collection
from integrations.models import Credential, OAuthState
from mastablasta.core import crypto, holds, jobs
from mastablasta.core.models import PROGRESS, Heartbeat
from mastablasta.core.time_scale import scaled
from mastablasta.ops import periodic
from media_library.services import render_worker
from webhooks import queue as webhook_queue

log = structlog.get_logger(__name__)

SILENT = timedelta(seconds=scaled(25))  # a heartbeat older counts as none: whoever asks every 5 s knows within 30
LATE = timedelta(seconds=scaled(15))  # work this long overdue does not move; a call takes 12 s at most
LATE_FIGURES = timedelta(minutes=5)  # they give way to posts
STATUS_KEEP_S = scaled(10)  # what /status says is this old at most
STORAGE_S = 3.0  # for a look at the storage; a slower one is of no use to who waits for a page
LOST_KEY = (
    "The access to an account was encrypted with a key that ENCRYPTION_KEY does not hold any more: put that key back, "
    "or connect the account again. Its posts wait."
)
STUCK_S = 20.0  # a probe that has not come back for so long has failed


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found. `age`: of the heartbeat or of the work, where there is one."""

    ok: bool
    detail: str
    age: timedelta | None = None

    def as_json(self) -> dict[str, object]:
        age = {} if self.age is None else {"age_s": round(self.age.total_seconds(), 1)}
        return {"ok": self.ok, "detail": self.detail, **age}


@dataclass(slots=True)
class Probe:
    """A finding that is kept for `keep_s` (a bad one `keep_bad_s`), however many ask; one at a time looks again."""

    look: Callable[[], Finding]
    keep_s: float
    keep_bad_s: float
    _last: Finding | None = field(default=None, init=False)
    _looked_at: float = field(default=0.0, init=False)
    _began_at: float = field(default=0.0, init=False)
    _looking: threading.Lock = field(default_factory=threading.Lock, init=False)

    def finding(self) -> Finding:
        if self._is_fresh():
            return self._last  # type: ignore[return-value]
        if not self._looking.acquire(blocking=self._last is None):
            is_stuck = time.monotonic() > self._began_at + STUCK_S
            return Finding(False, "It does not answer.") if is_stuck else self._last  # type: ignore[return-value]
        try:
            if not self._is_fresh():
                self._began_at = time.monotonic()
                self._last = self._try()
                self._looked_at = time.monotonic()
            return self._last  # type: ignore[return-value]
        finally:
            self._looking.release()

    def _is_fresh(self) -> bool:
        if self._last is None:
            return False
        return time.monotonic() < self._looked_at + (self.keep_s if self._last.ok else self.keep_bad_s)

    def _try(self) -> Finding:
        try:
            return self.look()
        except Exception as error:  # noqa: BLE001  whatever it is, it is what the probe looks for
            log.warning("probe_failed", probe=self.look.__name__, error=f"{type(error).__name__}: {error}")
            return Finding(False, f"It cannot be used ({type(error).__name__}).")


def database() -> Finding:
    own = connection.copy()  # a connection of its own: a pool would let us wait for one of its
    options = own.settings_dict["OPTIONS"]
    if options.pop("pool", None) is not None:
        options["connect_timeout"] = 3
    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
    finally:
        own.close()
    return Finding(True, "It answers.")


def migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        return Finding(False, f"{missing} migrations are not applied.")
    return Finding(True, "All are applied.")


class StorageLook:
    """A file written, read and removed in a thread of its own, so that a storage that hangs keeps nobody waiting."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "storage-look")
        self._starting = threading.Lock()
        self._look: Future[Finding] | None = None
        self._began_at = 0.0

    def finding(self) -> Finding:
        """What a look finds that takes STORAGE_S at most; whoever asks meanwhile waits for the same one."""
        with self._starting:
            if self._look is None or self._look.done():
                self._look, self._began_at = self._thread.submit(_write_and_read), time.monotonic()
            look, left_s = self._look, self._began_at + STORAGE_S - time.monotonic()
        try:
            return look.result(max(0.0, left_s))
        except TimeoutError:
            if look.done():
                raise  # the storage's own
            return Finding(False, "It does not answer.")


def _write_and_read() -> Finding:
    content = uuid4().hex.encode()
    name = default_storage.save(f"health/{uuid4().hex}", ContentFile(content))
    try:
        with default_storage.open(name) as file:
            found = file.read()
    finally:
        default_storage.delete(name)
    return Finding(found == content, "It keeps what is written." if found == content else "It lost a file.")


STORAGE_LOOK = StorageLook()


def storage() -> Finding:
    return STORAGE_LOOK.finding()


def worker() -> Finding:
    age = jobs.queue_age(at=timezone.now())
    if age == timedelta.max:
        return Finding(False, "No heartbeat has come through the queue yet.")
    return Finding(age < SILENT, "The last heartbeat that came through the queue.", age)


def clock() -> Finding:
    age = Heartbeat.objects.age("clock")
    if age is None:
        return Finding(False, "No clock has run yet.")
    return Finding(age < SILENT, "The last heartbeat of a clock.", age)


def due_work() -> Finding:
    """Whether what can be done now is done. What waits for a person, an account, a platform or a window cannot."""
    if holds.is_held():
        return Finding(True, "This instance is held: nothing is sent until a person releases it.")
    at = timezone.now()
    due_at = periodic.next_work_at()
    if due_at is None or due_at > at:
        return Finding(True, "Nothing is due.")
    late = at - due_at
    drains = Heartbeat.objects.alive("drain:", at=at, within=timedelta(seconds=5))
    if not drains:
        return Finding(late < LATE, "Due, and nobody is at it.", late)
    progress = Heartbeat.objects.age(PROGRESS, at=at)
    if late < LATE or (progress is not None and progress < LATE):
        return Finding(True, f"{drains} at work.", late)
    return Finding(False, f"{drains} at work, and nothing comes of it.", late)


def publishing() -> Finding:
    """Whether what falls due goes out: it may, somebody watches the clock, somebody works, and what is due moves."""
    if hold := holds.current_hold():
        return Finding(False, hold.reason)
    found = [due_work(), clock(), worker()]
    return next((finding for finding in found if not finding.ok), found[0])


def oauth() -> Finding:
    """Whether an account could be connected and used: states can be kept, tokens encrypted and read back."""
    secret = uuid4().hex
    if crypto.decrypt(crypto.encrypt(secret)) != secret:
        return Finding(False, "Encryption does not give back what it got.")
    OAuthState.objects.exists()
    tokens = Credential.objects.filter(state="live").values_list("access_enc", flat=True)
    try:  # the newest, and the one that was encrypted longest ago: its key may have been taken away since
        str(tokens.order_by("-id").first())
        str(tokens.order_by(F("refreshed_at").asc(nulls_first=True), "id").first())
    except crypto.Undecryptable:
        return Finding(False, LOST_KEY)
    return Finding(True, "Tokens can be kept and read.")


def media() -> Finding:
    """Whether files can be kept, and thumbnails, previews and renditions that are due are being made."""
    kept = storage()
    if not kept.ok:
        return kept
    at = timezone.now()
    due_at = render_worker.next_due_at()
    if due_at is None or due_at > at:
        return Finding(True, "Nothing waits to be made.")
    late = at - due_at
    at_work = Heartbeat.objects.alive(render_worker.BEATS, at=at, within=render_worker.LEAD)
    if at_work:
        return Finding(True, f"{at_work} at work.", late)
    return Finding(late < LATE, "Files wait to be made, and nobody is at it.", late)


def webhooks() -> Finding:
    """Whether what is to be told to customers' servers is being sent. A receiver that fails is not our fault."""
    at = timezone.now()
    due_at = webhook_queue.next_due_at()
    if due_at is None or due_at > at:
        return Finding(True, "Nothing waits to be sent.")
    late = at - due_at
    at_work = Heartbeat.objects.alive(webhook_queue.BEATS, at=at, within=timedelta(seconds=5))
    if at_work:
        return Finding(True, f"{at_work} at work.", late)
    return Finding(late < LATE, "Events wait to be sent, and nobody is at it.", late)


def analytics() -> Finding:
    """Whether figures that are due are read. What waits for an account, a platform, a window or money cannot be."""
    at = timezone.now()
    due_at = collection.next_due_at(at)
    if due_at is None:
        return Finding(True, "No figures are due.")
    late = at - due_at
    at_work = Heartbeat.objects.alive(collection.BEATS, at=at, within=collection.BEATING)
    if at_work:
        return Finding(True, f"{at_work} at work.", late)
    return Finding(late < LATE_FIGURES, "Figures are due, and nobody reads them.", late)


WEB = {
    "database": Probe(database, keep_s=1, keep_bad_s=1),
    "migrations": Probe(migrations, keep_s=60, keep_bad_s=1),
    "storage": Probe(storage, keep_s=10, keep_bad_s=2),
}
READY = {
    **WEB,
    "worker": Probe(worker, keep_s=1, keep_bad_s=0.2),
    "clock": Probe(clock, keep_s=1, keep_bad_s=0.2),
    "due_work": Probe(due_work, keep_s=1, keep_bad_s=1),
}
STATUS = {
    name: Probe(look, keep_s=STATUS_KEEP_S, keep_bad_s=STATUS_KEEP_S)
    for name, look in {
        "database": database,
        "publishing": publishing,
        "oauth": oauth,
        "media": media,
        "webhooks": webhooks,
        "analytics": analytics,
    }.items()
}
NOT_ASKED = Finding(False, "Not asked, for what is wrong above.")


def findings(probes: Mapping[str, Probe]) -> dict[str, Finding]:
    """Ask each in turn; without a database, or its tables, there is nothing more to ask."""
    found: dict[str, Finding] = {}
    missing = ""
    for name, probe in probes.items():
        found[name] = NOT_ASKED if missing else probe.finding()
        if name in {"database", "migrations"} and not found[name].ok:
            missing = name
    return found


def flags() -> dict[str, bool]:
    """What /api/v2/status says: which parts of the program work now."""
    found = findings(STATUS)
    return {name: finding.ok for name, finding in found.items()}


def hold_reason() -> str:
    """Why this instance sends nothing, for everybody to read; "" = it is not held, or nobody can tell."""
    try:
        hold = holds.current_hold() if holds.is_held() else None
    except (DatabaseError, InterfaceError):
        return ""
    return "" if hold is None else hold.reason
