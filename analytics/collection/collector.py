"""collect(): claim accounts, read their figures, store them.

One thread talks to the database, the others read; theirs are other threads, and another task, than the publisher's, and
it ends early where posts wait for a worker. A host has half of the threads at most, and one that stays silent none for
a while, so a dead platform keeps nobody else's figures waiting.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone

from analytics.collection import jobs, queue
from analytics.collection.reading import Job, Told, read
from analytics.models import CollectionLane
from integrations.services import circuits
from mastablasta.core import holds
from mastablasta.core.models import Counted, Heartbeat, Tally
from mastablasta.core.time_scale import scaled
from mastablasta.core.turns import Turns
from posts.queue import claims

log = structlog.get_logger(__name__)

RENEW_S = scaled(15)
LOOK_S = 1.0
TALLY = "collected_posts"
WAITING = timedelta(seconds=2)  # how long a post that is due may wait for a drain before the collector gives way


@dataclass(slots=True)
class CollectReport:
    """What a run did. `posts`: how many, by what came of them (collected, gone, refused, failed); `accounts` that were
    asked; `lost`: accounts that another collector took over."""

    posts: dict[str, int] = field(default_factory=dict)
    accounts: int = 0
    calls: int = 0
    lost: int = 0


def collect(
    *,
    worker: str,
    at: datetime | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    at_most_s: float = 50.0,
    threads: int | None = None,
    watch: Callable[[CollectReport], None] = lambda _: None,
) -> CollectReport:
    """Read all figures that are due and store them, until none are; blocks. Runs any number of times at once.

    `at`: the moment that counts as now, for what is due and for what is stored. It takes nothing new after `at_most_s`,
    once `should_stop` says so, or while posts wait for a worker. An instance that is held (core/holds.py) asks nobody.
    """
    if holds.is_held():
        return CollectReport()
    return _Collector(worker, at, should_stop, at_most_s, threads or settings.ANALYTICS_THREADS).run(watch)


class _Collector:
    def __init__(
        self, worker: str, at: datetime | None, should_stop: Callable[[], bool], at_most_s: float, threads: int
    ) -> None:
        self.worker = worker
        self.moment = at
        self.should_stop = should_stop
        self.ends_at = time.monotonic() + at_most_s
        self.threads = threads
        self.report = CollectReport()
        self.uncounted: Counter[Counted] = Counter()
        self.in_flight: dict[Future[Told], Job] = {}
        self.silent: set[UUID] = set()
        self.is_stopping = False
        self.turns = Turns()
        # The hosts without which a claim found less than there was room for, and until when that holds.
        self.dry: tuple[frozenset[UUID], float] = frozenset(), 0.0

    @property
    def at(self) -> datetime:
        return self.moment or timezone.now()

    def run(self, watch: Callable[[CollectReport], None]) -> CollectReport:
        queue.plan_lately_published(at=self.at)
        with ThreadPoolExecutor(self.threads, thread_name_prefix="collect") as pool:
            try:
                while self._go_on(pool):
                    watch(self.report)
            finally:
                self.is_stopping = True
                self._count()
                Heartbeat.objects.filter(name=f"{queue.BEATS}{self.worker}").delete()
        watch(self.report)
        return self.report

    def _go_on(self, pool: ThreadPoolExecutor) -> bool:
        """Claim what there is room for, and store what has come; False = there is nothing more to do."""
        self._keep()
        self._look_around()
        claimed = 0 if self.is_stopping else self._claim(pool)
        if not self.in_flight:
            return bool(claimed) and not self.is_stopping
        done, _ = wait(self.in_flight, timeout=LOOK_S, return_when=FIRST_COMPLETED)
        for future in done:
            self._store(future.result(), self.in_flight.pop(future))
        return True

    def _look_around(self) -> None:
        if self.should_stop() or time.monotonic() >= self.ends_at:
            self.is_stopping = True
        elif self.moment is None and self.turns.take("look", LOOK_S) and _posts_wait():
            log.info("collector_gives_way", worker=self.worker)
            self.is_stopping = True

    def _claim(self, pool: ThreadPoolExecutor) -> int:
        """Take accounts as long as there are threads for them; one host has half of these at most."""
        at_hosts = Counter(job.host_id for job in self.in_flight.values())
        room, share = self.threads - len(self.in_flight), max(1, self.threads // 2)
        busy = {host for host, count in at_hosts.items() if count >= share} | self.silent
        if room <= 0 or self._is_dry(busy):
            return 0
        limit = min(room, share)
        claimed = queue.claim(at=self.at, limit=limit, token=uuid4(), busy_hosts=busy)
        if len(claimed) < limit and self.in_flight:
            self.dry = frozenset(busy), time.monotonic() + LOOK_S
        for lane in claimed:
            if (job := self._job_of(lane)) is not None:
                self.in_flight[pool.submit(read, job, should_stop=lambda: self.is_stopping)] = job
        return len(claimed)

    def _is_dry(self, busy: set[UUID]) -> bool:
        """Whether a claim has just passed over all accounts that are due, since they are at these hosts."""
        hosts, until = self.dry
        return bool(self.in_flight) and busy >= hosts and time.monotonic() < until

    def _job_of(self, lane: CollectionLane) -> Job | None:
        """One account that cannot be read from the database as it should must not hold up the others."""
        try:
            return jobs.job_of(lane, at=self.at)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            log.exception("figures_not_asked_for", account=str(lane.account_id))
            queue.rest(lane, at=self.at)
            return None

    def _store(self, told: Told, job: Job) -> None:
        """What one answer holds must not hold up the others: what the database refuses is read again later."""
        if circuits.is_silence(told.failure):
            self.silent.add(job.host_id)
        self.report.accounts += 1
        self.report.calls += told.calls
        try:
            outcomes = queue.finish(told, at=self.at, moment=self.moment)
        except (DatabaseError, InterfaceError):
            log.exception("figures_not_stored", account=str(job.account_id))
            connection.close()
            outcomes = None
        if outcomes is None:
            self.report.lost += 1
        for outcome, count in (outcomes or {}).items():
            self.report.posts[outcome] = self.report.posts.get(outcome, 0) + count
            self.uncounted[Counted(TALLY, job.platform, "", outcome)] += count

    def _keep(self) -> None:
        if self.turns.take("beat", LOOK_S):
            self._count()
            Heartbeat.objects.beat(f"{queue.BEATS}{self.worker}", at=timezone.now(), in_flight=len(self.in_flight))
        if self.in_flight and self.turns.take("renew", RENEW_S):
            queue.renew({job.token for job in self.in_flight.values()})

    def _count(self) -> None:
        counts, self.uncounted = self.uncounted, Counter()
        Tally.objects.add(counts)


def _posts_wait() -> bool:
    """Whether a post has been due for a while and no drain is there for it: this task's worker may be what it needs."""
    now = timezone.now()
    ready_at = claims.next_ready_at()
    is_late = ready_at is not None and ready_at <= now - WAITING
    return is_late and not Heartbeat.objects.alive("drain:", at=now, within=timedelta(seconds=5))
