"""Bulk work that is too much for one request: begun here, done by workers chunk by chunk, cancelled by people.

The rows are the truth: `work` looks for what is open whenever it is rung. A chunk is done in one transaction that holds
its job's row, so two workers never do one chunk, and whoever is killed leaves it done or untouched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any, cast

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts.acting import actor_for
from accounts.models import User, Workspace
from mastablasta.core import jobs
from mastablasta.core.audit.actors import Via, acting
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.compiled_queries import CompiledQuery
from mastablasta.core.errors import Conflict, Invalid
from mastablasta.core.models import Heartbeat
from mastablasta.core.time_scale import scaled
from posts.events import record_bulk_finished
from posts.models import OPEN_BULK, BulkChunk, BulkJob, BulkStatus

log = structlog.get_logger(__name__)

TASK = "posts.tasks.work_on_bulk_jobs"
BEAT = "bulk_jobs"  # the heartbeat of the one worker that does them: drains have the others
LEAD = timedelta(seconds=scaled(10))
AT_MOST_S = 5.0  # of a turn: heartbeats and periodic tasks may wait behind it
CHUNK = 250
MOST_AT_ONCE = 1000  # items done in one transaction, which atomic asks for
MOST_TRIES = 5
GIVEN_UP = "A part of it could not be done: the program failed at it again and again, and its log says how."
UNDONE = "All or none was asked for, and not all could be done."
CHUNKS_READ = 8  # at a time, for a result; so many are written at a time, too


@dataclass(frozen=True, slots=True)
class Result:
    """What became of items, one row each, as the API shows them."""

    successful: list[dict[str, Any]]
    failed: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Steps:
    """How items of any kind are done. `read`: the kind and raw items, to what `carry_out` takes; it asks no database.

    `carry_out`: the job, what was read and the index of the first, to the result; in the caller's transaction.
    """

    read: Callable[[str, Sequence[Any]], list[Any]]
    carry_out: Callable[[BulkJob, list[Any], int], Result]


def begin(
    workspace: Workspace,
    *,
    by: User,
    kind: str,
    items: Sequence[Any] | Iterator[Any],
    total: int | None = None,
    is_atomic: bool = False,
) -> BulkJob:
    """Store the work; a worker begins with it when the transaction commits. Raises Invalid where it is too much.

    `items` are read a few chunks at a time; `total`: how many they are, where they cannot tell.
    """
    if total is None:
        total = len(cast("Sequence[Any]", items))
    if is_atomic and total > MOST_AT_ONCE:
        sentence = f"All or none of {total} is too much at once; send at most {MOST_AT_ONCE}, or leave atomic out."
        raise Invalid.field("atomic", "too_many_for_atomic", sentence, limit=MOST_AT_ONCE, actual=total)
    with transaction.atomic():
        job = BulkJob.objects.create(workspace=workspace, author=by, kind=kind, is_atomic=is_atomic, total=total)
        chunks = _chunks_of(job, iter(items), MOST_AT_ONCE if is_atomic else CHUNK)
        while some := list(islice(chunks, CHUNKS_READ)):
            BulkChunk.objects.bulk_create(some)
        record("begun", [subject_of(job)], at=job.created_at)
        jobs.enqueue(TASK)
    return job


def _chunks_of(job: BulkJob, items: Iterator[Any], size: int) -> Iterator[BulkChunk]:
    for number in count():
        some = list(islice(items, size))
        if not some:
            return
        yield BulkChunk(job=job, number=number, first=number * size, items=some)


def cancel(job: BulkJob, *, at: datetime) -> BulkJob:
    """Do no more of it; what is done stays done, and a chunk under way is waited for. Returns it as it is then.

    Cancelled once more it stays as it is. Raises Conflict `job_finished` when there is nothing left to cancel.
    """
    with transaction.atomic():
        locked = BulkJob.objects.select_for_update(of=("self",)).get(id=job.id)
        if locked.status in OPEN_BULK:
            _end(locked, BulkStatus.CANCELLED, at=at)
            record("cancelled", [subject_of(locked)], at=at)
        elif locked.status != BulkStatus.CANCELLED:
            raise Conflict("job_finished", f"This job is {locked.status}; there is nothing to cancel.")
    return locked


def results(job: BulkJob, column: str) -> Iterator[list[dict[str, Any]]]:
    """The rows `successful` or `failed` of the chunks done so far, in order, a few chunks in memory."""
    chunks = BulkChunk.objects.filter(job=job).exclude(done_at=None).order_by("number")
    first = 0
    while found := list(chunks.filter(number__gte=first).values_list("number", column)[:CHUNKS_READ]):
        first = found[-1][0] + 1
        yield from (rows for _, rows in found)


# --- the worker's side ---
def work(steps: Steps, *, should_stop: Callable[[], bool], at_most_s: float = AT_MOST_S) -> int:
    """Do chunks of open jobs in turns, until nothing is left or `at_most_s` are over; returns how many.

    One process does them at a time; others return 0. What is left is rung for again.
    """
    try:
        return _work(steps, should_stop, time.monotonic() + at_most_s)
    except (OperationalError, InterfaceError) as error:  # the clock rings again
        log.warning("bulk_jobs_wait_for_database", error=type(error).__name__)
        connection.close()
        return 0


def _work(steps: Steps, should_stop: Callable[[], bool], ends_at: float) -> int:
    owner = jobs.process_name()
    done = 0
    while _open_job() is not None and _leads(owner):  # asked again after giving way: who rang meanwhile was sent away
        try:
            count, is_over = _burst(steps, owner, lambda: should_stop() or time.monotonic() >= ends_at)
        finally:
            Heartbeat.objects.resign(BEAT, owner=owner)
        done += count
        if is_over:
            break
    return done


def something_is_open() -> bool:
    """Whether there is anything to do for `work`."""
    return _OPEN.first() is not None


_OPEN = CompiledQuery(lambda: BulkJob.objects.open().order_by().values_list("pk")[:1])


def _leads(owner: str) -> bool:
    return Heartbeat.objects.lead(BEAT, owner=owner, at=timezone.now(), within=LEAD)


def _open_job() -> BulkJob | None:
    """The one whose last turn was first."""
    return BulkJob.objects.open().select_related("workspace", "author").order_by("updated_at", "id").first()


def _burst(steps: Steps, owner: str, is_closing: Callable[[], bool]) -> tuple[int, bool]:
    """How many chunks were done, and whether to leave although something may be left."""
    done = 0
    while (job := _open_job()) is not None:
        if is_closing():
            jobs.enqueue(TASK)
            return done, True
        if not (_leads(owner) and _do_next(job, steps)):
            return done, True  # somebody else has it; the clock rings again
        done += 1
    return done, False


def _do_next(job: BulkJob, steps: Steps) -> bool:
    """Do the next chunk of the job; False when somebody else holds it or its work failed."""
    chunk = BulkChunk.objects.filter(job=job, done_at=None).order_by("number").first()
    if chunk is None or chunk.tries >= MOST_TRIES:
        return _settle(job, chunk)
    # Counted before it begins: what kills its worker is not begun for ever.
    BulkChunk.objects.filter(id=chunk.id).update(tries=F("tries") + 1)
    try:
        read = steps.read(job.kind, chunk.items)
        with transaction.atomic():
            return _do(job, chunk, read, steps)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("bulk_chunk_failed", job=str(job.id), chunk=chunk.number)
        BulkJob.objects.filter(id=job.id).update(updated_at=timezone.now())  # others have their turn first
        return False


def _do(job: BulkJob, chunk: BulkChunk, read: list[Any], steps: Steps) -> bool:
    locked = _locked(job)
    if locked is None:
        return False
    if not BulkChunk.objects.filter(id=chunk.id, done_at=None).exists():
        return True  # it was done while we read it
    at = timezone.now()
    with acting(actor_for(job.author, Via.JOB)):
        result = steps.carry_out(job, read, chunk.first)
    BulkChunk.objects.filter(id=chunk.id).update(
        items=[], successful=result.successful, failed=result.failed, done_at=at
    )
    locked.successful += len(result.successful)
    locked.failed += len(result.failed)
    locked.done = locked.successful + locked.failed
    if locked.done == locked.total:
        _end(locked, BulkStatus.DONE, at=at)
    elif locked.is_atomic:
        locked.error = UNDONE
        _end(locked, BulkStatus.FAILED, at=at)
    else:
        locked.status = BulkStatus.RUNNING
        locked.save()
    return True


def _settle(job: BulkJob, chunk: BulkChunk | None) -> bool:
    """Give up a job whose chunk cannot be done; False when somebody else holds it."""
    with transaction.atomic():
        locked = _locked(job)
        if locked is None:
            return False
        locked.error = GIVEN_UP if chunk is not None else ""
        _end(locked, BulkStatus.FAILED if chunk is not None else BulkStatus.DONE, at=timezone.now())
    return True


def _locked(job: BulkJob) -> BulkJob | None:
    """The job under lock; None while somebody else holds it, or when it has ended."""
    return BulkJob.objects.select_for_update(of=("self",), skip_locked=True).filter(id=job.id).open().first()


def _end(job: BulkJob, status: str, *, at: datetime) -> None:
    job.status, job.finished_at = status, at
    job.save()
    record_bulk_finished(job, at=at)
