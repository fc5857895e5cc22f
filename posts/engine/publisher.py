"""drain(): claim, mark, send, finish. The heart; it reads from top to bottom.

One thread (the caller's) talks to the database: results, what must be durable, the next claim and the heartbeat go in
one commit every TICK_S. The others only do HTTP, with plain values. Losing this process at any line loses nothing:
what it held comes back when the leases end, and what was marked is looked up before anything is sent again.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from integrations.contract import LeaseLost
from integrations.models import PlatformHost
from integrations.services.circuits import is_silence
from mastablasta.core import holds
from mastablasta.core.models import PROGRESS, Counted, Heartbeat, Tally
from mastablasta.core.time_scale import scaled
from mastablasta.core.turns import Turns
from posts.engine.blockers import Blocker
from posts.engine.host_health import assess_hosts, record
from posts.engine.job_loader import load_jobs
from posts.engine.mailbox import DatabaseRequest, JobDone, Mailbox
from posts.engine.rate_windows import counted_results
from posts.engine.send_jobs import SendJob
from posts.engine.sender import blocked_result, work_on
from posts.engine.side_effects import apply_side_effects
from posts.queue import claims
from posts.states import ENDED

log = structlog.get_logger(__name__)

TICK_S = 0.02  # results gathered into one commit while more than BUSY are in flight
BUSY = 16
BUFFER = 32  # claimed beyond the threads, so that a thread that ends finds its next job; while there is plenty
PLENTY_S = 0.5  # how often it looks whether there is
POLL_S = 0.05  # how often an idle drain looks for new work
LINGER_S = 2.0  # how long it stays when nothing is due within HORIZON_S
HORIZON_S = 1.0
BEAT_S = 1.0
RENEW_S = scaled(5)
TAKE_OVER_S = 1.0
STOP_S = 12.0  # how long calls in flight may take after a stop; longer than most calls' total deadline
LAST_CALL_S = 60.0  # likewise when only the time is up; longer than an upload's
HOSTS_S = 1.0  # how long what is known of a host is believed
STUCK_S = 0.5  # a host that has answered nobody for so long is stuck; its calls do not count as used threads
STUCK_SHARE = 4  # and it gets a fourth of the threads at most
STUCK_AGAIN_S = 3.0  # what is more than that is looked at again after so long
PAUSE_S = 0.25  # after the database was away, or refused something
GONE = (OperationalError, InterfaceError)  # the database does not answer, or not just now


@dataclass(slots=True)
class DrainReport:
    """What a drain did: jobs taken up, results written, jobs handed back, jobs left to their leases.

    `states`: how many deliveries each result left in which state.
    """

    claimed: int = 0
    settled: int = 0
    handed_back: int = 0
    left: int = 0
    states: dict[str, int] = field(default_factory=dict)


def drain(
    *,
    worker: str,
    should_stop: Callable[[], bool] = lambda: False,
    at_most_s: float = 50.0,
    threads: int | None = None,
    watch: Callable[[DrainReport], None] = lambda _: None,
) -> DrainReport:
    """Work on everything that is due, until nothing is due within a second; blocks.

    It takes nothing new after `at_most_s`, or once `should_stop` says so: then it hands back what it has not begun
    and waits for what is in flight, up to LAST_CALL_S or STOP_S. Runs any number of times at once, on any number of
    machines. `watch` is shown the report as it grows. An instance that is held (core/holds.py) does nothing.
    """
    if holds.is_held():
        log.warning("drain_is_held")
        return DrainReport()
    return _Drain(worker, should_stop, at_most_s, threads or settings.PUBLISH_THREADS).run(watch)


_pools: dict[tuple[int, int], tuple[ThreadPoolExecutor, ThreadPoolExecutor]] = {}


def _pool(threads: int) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
    """This process's threads, and as many in reserve for when the first hang; a thread starts when it is needed.

    Kept, since each keeps its sessions. Never inherited over a fork.
    """
    key = (os.getpid(), threads)
    if key not in _pools:
        _pools.clear()
        _pools[key] = (
            ThreadPoolExecutor(threads, thread_name_prefix="publish"),
            ThreadPoolExecutor(threads, thread_name_prefix="reserve"),
        )
    return _pools[key]


@dataclass(slots=True)
class Flight:
    """A job in the hands of a thread, or waiting for one."""

    job: SendJob
    future: Future[None]
    begun_at: float
    premarked_until: float


class _Drain:
    def __init__(self, worker: str, should_stop: Callable[[], bool], at_most_s: float, threads: int) -> None:
        self.worker = worker
        self.should_stop = should_stop
        self.ends_at = time.monotonic() + at_most_s
        self.leaves_at = math.inf
        self.threads = threads
        self.pool, self.reserve = _pool(threads)
        self.mailbox = Mailbox()
        self.report = DrainReport()
        self.in_flight: dict[UUID, Flight] = {}
        self.answered_at: dict[UUID, float] = {}
        self.stuck: Counter[UUID] = Counter()
        self.is_plenty = True
        self.done: list[JobDone] = []
        self.requests: list[DatabaseRequest] = []
        self.hosts: dict[UUID, PlatformHost] = {}
        self.is_stopping = False
        self.more_may_be_due = True
        self.next_ready_at: datetime | None = None
        now = time.monotonic()
        self.tick_at = self.active_at = now
        self.has_moved = False
        self.counts: Counter[Counted] = Counter()
        self.turns = Turns()
        self.turns.put_off("renew", RENEW_S)

    def run(self, watch: Callable[[DrainReport], None]) -> DrainReport:
        try:
            while not self._is_over():
                self._tick()
                watch(self.report)
                self._wait()
        finally:
            self.mailbox.close()
            self.report.left = len(self.in_flight)
            self._leave()
        return self.report

    # --- when ---
    def _is_over(self) -> bool:
        now = time.monotonic()
        if self.should_stop():
            self._stop(leaves_at=now + STOP_S)
        elif now >= self.ends_at:
            self._stop(leaves_at=now + LAST_CALL_S)
        if self.is_stopping:
            return (not self.in_flight and not self.done) or now >= self.leaves_at
        if self.in_flight or self.done or self.requests:
            return False
        soon = timezone.now() + timedelta(seconds=HORIZON_S)
        is_idle = self.next_ready_at is None or self.next_ready_at > soon
        return is_idle and now - self.active_at > LINGER_S

    def _stop(self, *, leaves_at: float) -> None:
        self.leaves_at = min(self.leaves_at, leaves_at)
        if self.is_stopping:
            return
        self.is_stopping = True
        at = timezone.now()
        for flight in list(self.in_flight.values()):
            if flight.future.cancel():
                self.mailbox.put(JobDone(flight.job, flight.job.handed_back(at=at)))
                self.report.handed_back += 1

    def _wait(self) -> None:
        """Sleep until there is something to do: a result, something due, or a turn."""
        now = time.monotonic()
        free = self._free_slots()
        if free and self.more_may_be_due:
            return
        timeout_s = 0.25
        if free:
            timeout_s = POLL_S
            if self.next_ready_at is not None:
                timeout_s = min(timeout_s, max(0.0, (self.next_ready_at - timezone.now()).total_seconds()))
        if self.mailbox.wait(timeout_s) and len(self.in_flight) > BUSY:
            time.sleep(max(0.0, self.tick_at + TICK_S - now))

    def _free_slots(self) -> int:
        if self.is_stopping:
            return 0
        ended = sum(done.job.claimed.delivery_id in self.in_flight for done in self.done)
        extra = min(self.threads, self.stuck.total())
        buffer = BUFFER if self.is_plenty else 0
        return max(0, self.threads + buffer + extra - len(self.in_flight) + ended)

    # --- one commit ---
    def _tick(self) -> None:
        self.tick_at = time.monotonic()
        done, requests = self.mailbox.take()
        self.done += done
        self.requests += requests
        self._look_for_stuck(done)
        try:
            self._keep_and_commit()
        except GONE as error:  # the same again when the database answers
            log.warning("drain_waits_for_database", error=type(error).__name__, results=len(self.done))
            connection.close()
            time.sleep(PAUSE_S)

    def _keep_and_commit(self) -> None:
        try:
            self._keep()
            if self.done or self.requests or self._something_is_due():
                self._commit()
        except GONE:
            raise
        except Exception:
            log.exception("drain_commit_refused", results=len(self.done), requests=len(self.requests))
            self._commit_one_by_one()
            time.sleep(PAUSE_S)  # what is not for a result or a request is refused again

    def _keep(self) -> None:
        """What keeps us alive in the eyes of others; each in a transaction of its own."""
        if self.turns.take("beat", BEAT_S):
            self._beat()
        if self.turns.take("hosts", HOSTS_S):
            self.hosts = PlatformHost.objects.in_bulk({flight.job.host_id for flight in self.in_flight.values()})
        if self.turns.take("take_over", TAKE_OVER_S):
            lease_ends_at = claims.next_lease_end()
            if lease_ends_at is not None and lease_ends_at <= timezone.now():
                with transaction.atomic():
                    if claims.take_over(at=timezone.now()):
                        self.more_may_be_due = True
        if len(self.in_flight) >= self.threads and self.turns.take("plenty", PLENTY_S):
            # With few accounts, what waits here for a thread could be under way in another worker's.
            self.is_plenty = claims.ready_lanes(at=timezone.now(), most=self.threads) >= self.threads
        if self.in_flight and self.turns.take("renew", RENEW_S):
            with transaction.atomic():
                claims.renew(list({flight.job.claimed.token for flight in self.in_flight.values()}), at=timezone.now())

    def _beat(self) -> None:
        """Say that it is alive, that results were written since the last beat, and what they were."""
        at = timezone.now()
        with transaction.atomic():
            Heartbeat.objects.beat(f"drain:{self.worker}", at=at, in_flight=len(self.in_flight))
            if self.has_moved:
                Heartbeat.objects.beat(PROGRESS, at=at)
            Tally.objects.add(self.counts)
        self.has_moved = False
        self.counts.clear()

    def _something_is_due(self) -> bool:
        """Whether a claim would find something; reads only, so an idle drain takes no write lock."""
        if not self._free_slots():
            return False
        if holds.is_held():
            self.next_ready_at, self.more_may_be_due = None, False
            return False
        if not self.more_may_be_due or not self.in_flight:
            self.next_ready_at = claims.next_ready_at()
            self.more_may_be_due = self.next_ready_at is not None and self.next_ready_at <= timezone.now()
        return self.more_may_be_due

    def _commit(self, *, claims_more: bool = True) -> None:
        at = timezone.now()
        may_claim = claims_more and (self.more_may_be_due or self.done) and not holds.is_held()
        free = self._free_slots() if may_claim else 0
        if forgotten := {done.job.host_id for done in self.done} - self.hosts.keys():
            self.hosts |= PlatformHost.objects.in_bulk(list(forgotten))
        self.done, reports = assess_hosts(self.done, self.hosts)
        with transaction.atomic():
            written = claims.finish(counted_results(self.done, at=at), at=at)
            apply_side_effects(self.done, written, at=at)
            held = claims.save([request.save for request in self.requests if request.save is not None], at=at)
            answers = [(request, *self._answer(request, held)) for request in self.requests]
            claimed = claims.claim(at=at, limit=free, token=uuid4(), worker=self.worker) if free else []
            jobs = load_jobs(claimed, at=at, hosts=self.hosts)
            touched = {d.job.claimed.post_id for d in self.done if d.job.claimed.delivery_id in written}
            claims.recompute_post_status(touched | {c.post_id for c in claimed}, at=at)
            record(reports, self.hosts, at=at)
        self.has_moved |= bool(written or held)
        self._count(written)
        self._committed(answers, jobs, len(claimed), free)

    def _commit_one_by_one(self) -> None:
        """Something in the batch cannot be written, which is a bug: find it, and let nothing else wait for it.

        What is refused is left to the end of its lease: then the platform is asked, and nothing is sent blindly.
        """
        waiting: deque[tuple[list[JobDone], list[DatabaseRequest]]] = deque(([one], []) for one in self.done)
        waiting += [([], [request]) for request in self.requests]
        try:
            while waiting:
                self.done, self.requests = waiting[0]
                self._commit_or_refuse()
                waiting.popleft()
        finally:  # what is left when the database goes meanwhile
            self.done = [one for done, _ in waiting for one in done]
            self.requests = [one for _, requests in waiting for one in requests]

    def _commit_or_refuse(self) -> None:
        try:
            self._commit(claims_more=False)
        except GONE:
            raise
        except Exception:
            for done in self.done:
                log.exception("result_refused", delivery=str(done.job.claimed.delivery_id))
                self.in_flight.pop(done.job.claimed.delivery_id, None)
            for request in self.requests:
                request.answer(error=LeaseLost("the database refused to keep it"))

    def _answer(self, request: DatabaseRequest, held: set[UUID]) -> tuple[object, BaseException | None]:
        if request.save is not None:
            return request.save.delivery_id in held, None
        assert request.call is not None  # noqa: S101  a request is one or the other
        try:
            with transaction.atomic():
                return request.call(), None
        except DatabaseError:
            raise
        except Exception as error:  # noqa: BLE001  it belongs to the thread that asked
            return None, error

    def _committed(
        self,
        answers: list[tuple[DatabaseRequest, object, BaseException | None]],
        jobs: list[SendJob],
        claimed: int,
        free: int,
    ) -> None:
        """What may happen only once it is durable: threads go on, jobs start."""
        for request, value, error in answers:
            request.answer(value, error)
        for done in self.done:
            self.in_flight.pop(done.job.claimed.delivery_id, None)
        self.report.settled += len(self.done)
        if self.done or claimed:
            self.active_at = time.monotonic()
        # lanes that were freed just now may have more; a claim that was filled may have left some
        self.more_may_be_due = claimed == free > 0 or bool(self.done)
        self.done, self.requests = [], []
        self.report.claimed += claimed
        premarked_until = time.monotonic() + 2.0
        for job in jobs:
            blocker = job.blocker or self._stuck_blocker(job)
            if blocker:
                self.done.append(JobDone(job, blocked_result(job, blocker, at=timezone.now())))
                continue
            self._start(job, premarked_until)

    def _count(self, written: set[UUID]) -> None:
        for done in self.done:
            result, platform = done.result, done.job.platform
            if result is None or result.delivery_id not in written:
                continue
            self.report.states[result.state] = self.report.states.get(result.state, 0) + 1
            self.counts[Counted("attempts", platform, done.job.kind, result.outcome)] += 1
            if result.state in ENDED:
                self.counts[Counted("deliveries", platform, "", result.state)] += 1

    # --- hosts that hang ---
    def _look_for_stuck(self, done: list[JobDone]) -> None:
        """A host that answers nobody must not keep all threads: others go on in the reserve."""
        now = time.monotonic()
        self.answered_at |= {end.job.host_id: now for end in done if not is_silence(end.failure)}
        if not self.turns.take("stuck", 0.1):
            return
        since = now - STUCK_S
        self.stuck = Counter(
            flight.job.host_id
            for flight in self.in_flight.values()
            if max(flight.begun_at, self.answered_at.get(flight.job.host_id, 0.0)) < since and flight.future.running()
        )
        if not self.stuck:
            return
        for delivery_id, flight in list(self.in_flight.items()):
            if flight.job.host_id not in self.stuck and flight.future.cancel():
                del self.in_flight[delivery_id]
                self._start(flight.job, flight.premarked_until)

    def _stuck_blocker(self, job: SendJob) -> Blocker | None:
        if self.stuck[job.host_id] < max(1, self.threads // STUCK_SHARE):
            return None
        until = timezone.now() + timedelta(seconds=STUCK_AGAIN_S)
        return Blocker("slow", f"{job.target.host} answers too slowly to take more at once.", until)

    def _start(self, job: SendJob, premarked_until: float) -> None:
        pool = self.reserve if self.stuck else self.pool
        future = pool.submit(work_on, job, self.mailbox, premarked_until=premarked_until)
        self.in_flight[job.claimed.delivery_id] = Flight(job, future, time.monotonic(), premarked_until)

    def _leave(self) -> None:
        try:
            self._beat()
            Heartbeat.objects.filter(name=f"drain:{self.worker}").delete()
        except DatabaseError:
            connection.close()
