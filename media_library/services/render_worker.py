"""work(): thumbnails, previews and renditions, made while their rows say so.

A row that is `processing` and due is claimed by one conditional UPDATE, which gives a lease and counts a try; what
comes of it is written only while the lease is still ours. Killing this process at any line loses nothing: the lease
ends, and what is made then takes the same place in the storage.

One thread (the caller's) talks to the database. Two others wait for decoders: what is quick never waits for a video.
"""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from mastablasta.core import jobs
from mastablasta.core.compiled_queries import CompiledQuery
from mastablasta.core.models import Heartbeat
from mastablasta.core.time_scale import scaled
from mastablasta.core.turns import Turns
from media_library.codecs.recipes import MP4, WEB
from media_library.models import Asset, AssetStatus, Rendition
from media_library.services import asset_events, files, wakeups
from media_library.services.render_job import Outcome, RenderJob, WorkerClass, make

log = structlog.get_logger(__name__)

BEATS = "media:"  # heartbeats of those at work, by host
LEASE = timedelta(seconds=scaled(30))
RENEW_S = scaled(5)
LEAD = timedelta(seconds=5)
BEAT_S = 1.0
POLL_S = 0.2
STOP_S = 3.0  # how long decoders may take to end when told to; they are killed, so it is a matter of files
MOST_TRIES = 3
WAIT_BETWEEN = (timedelta(seconds=1), timedelta(seconds=5))

VANISHED = f"It could not be made: the process that makes it was ended {MOST_TRIES} times before it was done."

QUICK = WorkerClass("quick", timeout_s=120, niceness=5)
AT_MOST_S = 50.0
SLOW = WorkerClass("slow", timeout_s=wakeups.TIMEOUT_S - AT_MOST_S - QUICK.timeout_s - 60, niceness=10)


def work(
    *, should_stop: Callable[[], bool], at_most_s: float = AT_MOST_S, on_settled: Callable[[set[UUID]], None]
) -> int:
    """Make all that is due; blocks. Returns how many became ready or failed.

    It begins no video after `at_most_s`, and nothing once `should_stop` says so: then it hands back at once. One works
    at a time on each host; others return 0. `on_settled` gets the asset's id in the transaction that writes what
    became of it: what it raises undoes that, and the work is done again.
    """
    return _Work(should_stop, at_most_s, on_settled).run()


def next_due_at() -> datetime | None:
    """When work is due next, maybe in the past; None = never. What is being made is due when its lease ends."""
    found = [query.first() for query in (_NEXT_ASSET, _NEXT_RENDITION)]
    return min((row[0] for row in found if row is not None and row[0] is not None), default=None)


def _assets() -> QuerySet[Asset]:
    return Asset.objects.kept().filter(status=AssetStatus.PROCESSING)


def _renditions() -> QuerySet[Rendition]:
    return Rendition.objects.filter(status=AssetStatus.PROCESSING, asset__deleted_at=None)


def _first(rows: QuerySet[Any]) -> QuerySet[Any, Any]:
    return rows.order_by("next_try_at").values_list("next_try_at")[:1]


_NEXT_ASSET = CompiledQuery(lambda: _first(_assets()))
_NEXT_RENDITION = CompiledQuery(lambda: _first(_renditions()))


def _held(job: RenderJob) -> QuerySet[Any]:
    """Its row, while it is ours."""
    rows: QuerySet[Any] = _assets() if isinstance(job.row, Asset) else _renditions()
    return rows.filter(pk=job.row.pk, next_try_at=job.lease)


class _Work:
    def __init__(
        self, should_stop: Callable[[], bool], at_most_s: float, on_settled: Callable[[set[UUID]], None]
    ) -> None:
        self.should_stop = should_stop
        self.on_settled = on_settled
        self.ends_at = time.monotonic() + at_most_s
        self.beats_as = f"{BEATS}{platform.node()}"
        self.owner = f"{jobs.process_name()}:{threading.get_ident()}"
        self.in_flight: dict[str, RenderJob] = {}
        self.something_ended = threading.Event()
        self.settled = 0
        self.turns = Turns()

    def run(self) -> int:
        while self._leads():
            try:
                while self._tick():
                    self.something_ended.wait(POLL_S)
                    self.something_ended.clear()
            finally:
                self._leave()
            # Looked for once more: who rang while we led was sent away.
            if not self._is_something_due() or self.should_stop():
                break
            if self._is_closing():
                wakeups.enqueue()
                break
        return self.settled

    def _is_closing(self) -> bool:
        return self.should_stop() or time.monotonic() >= self.ends_at

    def _is_something_due(self) -> bool:
        due_at = next_due_at()
        return due_at is not None and due_at <= timezone.now()

    def _leads(self) -> bool:
        self.turns.put_off("beat", BEAT_S)
        return Heartbeat.objects.lead(self.beats_as, owner=self.owner, at=timezone.now(), within=LEAD)

    def _tick(self) -> bool:
        """One look at everything; False when there is nothing left to do here."""
        try:
            if self.turns.take("beat", BEAT_S) and not self._leads():
                return False
            if self.should_stop():
                return False
            for job in [job for job in self.in_flight.values() if job.outcome is not None]:
                self._settle(job)
                del self.in_flight[job.lane.name]
            if self.in_flight and self.turns.take("renew", RENEW_S):
                self._renew()
            return self._begin() or bool(self.in_flight)
        except (OperationalError, InterfaceError) as error:  # the same again when the database answers
            log.warning("media_waits_for_database", error=type(error).__name__)
            connection.close()
            time.sleep(POLL_S)
            return bool(self.in_flight) or not self._is_closing()

    # --- beginning ---
    def _begin(self) -> bool:
        """Start what is due in lanes that are free; whether anything was begun or settled."""
        is_late = self._is_closing()
        did = False
        if SLOW.name not in self.in_flight and not is_late:
            did |= self._claim(_renditions().filter(mime_type=MP4).select_related("asset"), SLOW)
        if QUICK.name not in self.in_flight and (not is_late or self.in_flight):  # while a video keeps us here anyway
            pictures = _renditions().exclude(mime_type=MP4).select_related("asset")
            did |= self._claim(_assets(), QUICK) or self._claim(pictures, QUICK)
        return did

    def _claim(self, rows: QuerySet[Any], lane: WorkerClass) -> bool:
        at = timezone.now()
        row = rows.filter(next_try_at__lte=at).order_by("next_try_at", "id").first()
        if row is None:
            return False
        lease = at + LEASE
        free = type(row).objects.filter(pk=row.pk, status=AssetStatus.PROCESSING, next_try_at=row.next_try_at)
        if not free.update(next_try_at=lease, tries=F("tries") + 1):
            return True  # another host was quicker
        job = RenderJob(row, row if isinstance(row, Asset) else row.asset, lane, lease, row.tries + 1)
        if row.tries >= MOST_TRIES:
            self._fail(job, row.status_reason or VANISHED)
        else:
            self._start(job)
        return True

    def _start(self, job: RenderJob) -> None:
        def run() -> None:
            job.outcome = make(job)
            self.something_ended.set()

        job.thread = threading.Thread(target=run, name=f"media-{job.lane.name}", daemon=True)
        self.in_flight[job.lane.name] = job
        job.thread.start()

    def _renew(self) -> None:
        for job in self.in_flight.values():
            lease = timezone.now() + LEASE
            if _held(job).update(next_try_at=lease):
                job.lease = lease
            else:
                job.stop.set()  # another has it, or the file was deleted

    # --- ending ---
    def _settle(self, job: RenderJob) -> None:
        outcome = job.outcome
        assert outcome is not None  # noqa: S101  its thread has ended
        if outcome.made:
            self._finish(job, outcome)
        elif outcome.is_final or (outcome.counts and job.tries >= MOST_TRIES):
            self._fail(job, outcome.reason)
        elif outcome.counts:
            wait = WAIT_BETWEEN[min(job.tries, len(WAIT_BETWEEN)) - 1]
            _held(job).update(next_try_at=timezone.now() + wait, status_reason=outcome.reason)
        else:
            _held(job).update(next_try_at=timezone.now() + outcome.wait, tries=F("tries") - 1)

    def _finish(self, job: RenderJob, outcome: Outcome) -> None:
        ready = {"status": AssetStatus.READY, "status_reason": "", "next_try_at": None, "updated_at": timezone.now()}
        first, *more = outcome.made
        try:
            with transaction.atomic():
                if isinstance(job.row, Asset):
                    is_ours = bool(_held(job).update(thumbnail_name=first.name, **ready))
                    for web in more if is_ours else []:
                        told = {"recipe": web.recipe.to_json(), "stored_name": web.name, **web.facts, **ready}
                        Rendition.objects.update_or_create(asset=job.asset, recipe_key=WEB, defaults=told)
                else:
                    is_ours = bool(_held(job).update(stored_name=first.name, **first.facts, **ready))
                if is_ours and isinstance(job.row, Asset):
                    asset_events.emit_ready(job.row, at=timezone.now())
                if is_ours:
                    self.on_settled({job.asset.id})
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("media_not_settled", asset=str(job.asset.id))  # it is done again when the lease ends
            return
        if is_ours:
            self.settled += 1
        elif self._is_deleted(job):
            files.discard(made.name for made in outcome.made)

    def _is_deleted(self, job: RenderJob) -> bool:
        rows: QuerySet[Any] = Asset.objects.kept() if isinstance(job.row, Asset) else Rendition.objects.all()
        return not rows.filter(pk=job.row.pk).exists()

    def _fail(self, job: RenderJob, reason: str) -> None:
        failed = {
            "status": AssetStatus.FAILED,
            "status_reason": reason[:500],
            "next_try_at": None,
            "updated_at": timezone.now(),
        }
        try:
            with transaction.atomic():
                if not _held(job).update(**failed):
                    return
                self.on_settled({job.asset.id})
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("media_not_settled", asset=str(job.asset.id))
            return
        self.settled += 1
        log.warning("media_given_up", asset=str(job.asset.id), lane=job.lane.name, reason=reason)

    def _leave(self) -> None:
        """End what is under way, hand it back, and let another lead."""
        for job in self.in_flight.values():
            job.stop.set()
        deadline = time.monotonic() + STOP_S
        try:
            for job in self.in_flight.values():
                if job.thread is not None:
                    job.thread.join(max(0.0, deadline - time.monotonic()))
                if job.outcome is not None:
                    self._settle(job)
            self.in_flight.clear()
            Heartbeat.objects.resign(self.beats_as, owner=self.owner)
        except DatabaseError:  # leases end
            self.in_flight.clear()
            connection.close()
