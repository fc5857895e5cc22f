"""drain(): give events their deliveries, claim, send, write what came of it.

The publisher's form in small (posts/engine/publisher.py): one thread talks to the database, results and the next claim
go in one commit, the others only do HTTP with plain values. Its process, threads and lanes are its own: no receiver,
however slow, keeps a post waiting. An endpoint has one thread at most, and endpoints whose last call failed have a
fourth of all together, so that those that hang leave room for the others.
"""

from __future__ import annotations

import os
import queue as queues
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from mastablasta.core import holds
from mastablasta.core.crypto import Undecryptable
from mastablasta.core.models import Counted, Heartbeat, Tally
from mastablasta.core.time_scale import scaled
from mastablasta.core.turns import Turns
from webhooks import queue
from webhooks.outcomes import judge
from webhooks.queue import ClaimedLane, Lease, Result
from webhooks.sending import Message, send
from webhooks.services.endpoints import signing_secrets

log = structlog.get_logger(__name__)

TICK_S = 0.02  # results gathered into one commit while more than BUSY are in flight
BUSY = 16
POLL_S = 0.1  # how often an idle drain looks for new work
LINGER_S = 2.0  # how long it stays when nothing is due within HORIZON
HORIZON = timedelta(seconds=1)
BEAT_S = 1.0
RENEW_S = scaled(5)
TAKE_OVER_S = 1.0
STOP_S = 12.0  # how long calls in flight may take after a stop; longer than a call's total deadline
TURN_S = 2.0  # how long a thread goes on with one endpoint before others have their turn
FAILING_SHARE = 4


@dataclass(slots=True)
class DrainReport:
    """What a drain did. `states`: how many tries left their delivery in which state; `left`: lanes left in hand."""

    sent: int = 0
    states: dict[str, int] = field(default_factory=dict)
    left: int = 0


def drain(
    *,
    worker: str,
    should_stop: Callable[[], bool] = lambda: False,
    at_most_s: float = 50.0,
    threads: int | None = None,
    watch: Callable[[DrainReport], None] = lambda _: None,
) -> DrainReport:
    """Send everything that is due, until nothing is due within a second; blocks.

    It takes nothing new after `at_most_s`, or once `should_stop` says so: then it waits for the calls in flight and
    leaves the rest to be claimed again. Runs any number of times at once. `watch` is shown the report as it grows. An
    instance that is held (core/holds.py) sends nothing.
    """
    if holds.is_held():
        return DrainReport()
    return _Drain(worker, should_stop, at_most_s, threads or settings.WEBHOOK_THREADS).run(watch)


_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def _pool(threads: int) -> ThreadPoolExecutor:
    """This process's threads, kept since each keeps its sessions; never inherited over a fork."""
    key = (os.getpid(), threads)
    if key not in _pools:
        _pools.clear()
        _pools[key] = ThreadPoolExecutor(threads, thread_name_prefix="webhook")
    return _pools[key]


Inbox = queues.SimpleQueue[Result | Lease]  # a Lease = the thread is done with that lane


class _Drain:
    def __init__(self, worker: str, should_stop: Callable[[], bool], at_most_s: float, threads: int) -> None:
        self.worker = worker
        self.should_stop = should_stop
        self.ends_at = time.monotonic() + at_most_s
        self.threads = threads
        self.pool = _pool(threads)
        self.inbox: Inbox = queues.SimpleQueue()
        self.report = DrainReport()
        self.in_flight: dict[Lease, tuple[Future[None], bool]] = {}  # and whether its last call had failed
        self.results: list[Result] = []
        self.ended: list[Lease] = []
        self.is_stopping = False
        self.active_at = time.monotonic()
        self.more_may_be_due = True
        self.next_due_at: datetime | None = None
        self.looked_at = 0.0
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
            self.is_stopping = True
            self.report.left = len(self.in_flight)
            self._leave()
        return self.report

    def _is_over(self) -> bool:
        now = time.monotonic()
        if not self.is_stopping and (self.should_stop() or now >= self.ends_at):
            self._stop()
        if self.is_stopping:
            return (not self.in_flight and not self.ended) or now >= self.ends_at + STOP_S
        if self.in_flight or self.results or self.ended or self.more_may_be_due or self.looked_at < self.active_at:
            return False
        is_idle = self.next_due_at is None or self.next_due_at > timezone.now() + HORIZON
        return is_idle and now - self.active_at > LINGER_S

    def _stop(self) -> None:
        self.is_stopping = True
        self.ends_at = min(self.ends_at, time.monotonic())
        for lease, (future, _) in self.in_flight.items():
            if future.cancel():
                self.inbox.put(lease)

    def _wait(self) -> None:
        """Sleep until there is something to do: a result, or time to look for new work."""
        if self.more_may_be_due and self._free_slots():
            return
        try:
            self._sort(self.inbox.get(timeout=POLL_S))
        except queues.Empty:
            return
        if len(self.in_flight) > BUSY:
            time.sleep(TICK_S)

    def _sort(self, item: Result | Lease) -> None:
        if isinstance(item, Lease):
            self.ended.append(item)
        else:
            self.results.append(item)

    def _free_slots(self) -> int:
        return 0 if self.is_stopping else max(0, self.threads - len(self.in_flight) + len(self.ended))

    # --- one commit ---
    def _tick(self) -> None:
        while not self.inbox.empty():
            self._sort(self.inbox.get())
        try:
            self._keep()
            if self._free_slots() and (self.more_may_be_due or self._something_is_due()):
                self._fan_out()
            if self.results or self.ended or self.more_may_be_due:
                self._commit()
        except (OperationalError, InterfaceError) as error:  # the same again when the database answers
            log.warning("webhooks_wait_for_database", error=type(error).__name__, results=len(self.results))
            connection.close()
            time.sleep(0.25)
        except DatabaseError:
            # One row that the database refuses must not hold up the others: they are sent again when the leases end.
            log.exception("webhook_results_refused", results=len(self.results))
            for lease in self.ended:
                self.in_flight.pop(lease, None)
            self.results, self.ended = [], []

    def _something_is_due(self) -> bool:
        """Whether there is anything to do; reads only, so that an idle sender takes no write lock."""
        if self.turns.take("look", POLL_S / 2):
            self.next_due_at, self.looked_at = queue.next_due_at(), time.monotonic()
            self.more_may_be_due = self.next_due_at is not None and self.next_due_at <= timezone.now()
        return self.more_may_be_due

    def _fan_out(self) -> None:
        try:
            while queue.fan_out(at=timezone.now()) == queue.FAN_OUT and not self.should_stop():
                self.active_at = time.monotonic()
        except IntegrityError:  # an endpoint was deleted meanwhile: the same again without it
            log.info("webhook_fan_out_is_made_again")

    def _keep(self) -> None:
        if self.turns.take("beat", BEAT_S):
            Heartbeat.objects.beat(f"{queue.BEATS}{self.worker}", at=timezone.now(), in_flight=len(self.in_flight))
            Tally.objects.add(self.counts)
            self.counts.clear()
        if self.turns.take("take_over", TAKE_OVER_S) and queue.take_over(at=timezone.now()):
            self.more_may_be_due = True
        if self.in_flight and self.turns.take("renew", RENEW_S):
            queue.renew({lease.token for lease in self.in_flight}, at=timezone.now())

    def _commit(self) -> None:
        at, free = timezone.now(), self._free_slots()
        failing = sum(has_failed for _, has_failed in self.in_flight.values())
        with transaction.atomic():
            written = queue.finish(self.results, self.ended, at=at)
            claimed = queue.claim(
                at=at, limit=free, most_failing=max(0, self.threads // FAILING_SHARE - failing), token=uuid4()
            )
        self._count(written)
        for lease in self.ended:
            self.in_flight.pop(lease, None)
        if self.results or self.ended or claimed:
            self.active_at = time.monotonic()
        self.more_may_be_due = bool(claimed) or bool(self.ended)
        self.results, self.ended = [], []
        for lane in claimed:
            future = self.pool.submit(self._work_on, lane, messages_of(lane))
            self.in_flight[lane.lease] = (future, bool(lane.health.failures))

    def _count(self, written: set[UUID]) -> None:
        for result in self.results:
            if result.delivery_id not in written:
                continue
            state = result.verdict.state.value
            self.report.sent += 1
            self.report.states[state] = self.report.states.get(state, 0) + 1
            self.counts[Counted("webhook_attempts", "", "", "taken" if result.attempted.is_taken else "failed")] += 1

    # --- a thread's side ---
    def _work_on(self, lane: ClaimedLane, messages: list[Message]) -> None:
        """Send one endpoint's deliveries in order, as long as they are taken and its turn lasts."""
        health, until = lane.health, time.monotonic() + TURN_S
        try:
            for delivery, message in zip(lane.deliveries, messages, strict=True):
                attempted = send(message)
                verdict = judge(attempted, failures=delivery.failures, lane=health)
                self.inbox.put(Result(lane.lease, delivery.id, delivery.attempt_count + 1, attempted, verdict))
                health = verdict.lane
                if health.failures or self.is_stopping or time.monotonic() >= until:
                    break
        finally:
            self.inbox.put(lane.lease)

    def _leave(self) -> None:
        try:
            Tally.objects.add(self.counts)
            Heartbeat.objects.filter(name=f"{queue.BEATS}{self.worker}").delete()
        except DatabaseError:
            connection.close()


def messages_of(lane: ClaimedLane) -> list[Message]:
    """What is to be sent, as plain values for a thread without a database."""
    secrets: list[str] = []
    with suppress(Undecryptable):  # `send` says so
        secrets = signing_secrets(lane.endpoint, at=timezone.now())
    return [
        Message(delivery.event_id, delivery.body.encode(), lane.endpoint.url, secrets) for delivery in lane.deliveries
    ]
