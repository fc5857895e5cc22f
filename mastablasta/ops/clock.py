"""The clock: rings django-q2 one second before work is due, and drains by itself when nothing comes of it.

It holds no work and no state that matters: any number may run (one rings, the others are ready), and killing
it at any moment loses nothing.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from mastablasta.core import holds, jobs
from mastablasta.core.database_changes import DatabaseChanges
from mastablasta.core.models import Heartbeat
from mastablasta.ops import periodic
from posts.queue.types import NOTIFY_CHANNEL
from webhooks import queue as webhook_queue

log = structlog.get_logger(__name__)

TICK_S = 1.0  # at the latest; what is newly scheduled wakes it
SLICE_S = 0.5  # how long it waits without looking whether it is told to stop
SQLITE_TICK_S = 0.25  # the least between two ticks there, where any commit may mean work
SHORTEST_TICK_S = 0.02
HORIZON = timedelta(seconds=1)  # rung ahead: a drain is up when its second begins
LEAD = timedelta(seconds=3)  # without a beat for so long somebody else rings; without a drain's, the clock drains
GRACE_S = 2.0  # work may be due for so long before the clock helps itself
BEAT_S = 1.0
SHOW_S = 2.0  # how often it shows that its instance may send and is at work
SHOWN_FOR = timedelta(seconds=10)
STAND_BY_S = 1.0  # how often who does not lead looks whether somebody does
STOP_S = 13.0


class Clock:
    """One clock. `stand_by`: only rings while no clock of its own process does."""

    def __init__(
        self,
        should_stop: Callable[[], bool],
        *,
        stand_by: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.should_stop = should_stop
        self.stand_by = stand_by
        self.owner = jobs.process_name()
        self.monotonic = monotonic
        self.leads = False
        self.led_at: datetime | None = None
        self.started_at = monotonic()
        self.beat_at = 0.0
        self.due_since: float | None = None
        self.turns = {periodic_task.name: 0.0 for periodic_task in periodic.PERIODIC_TASKS}
        self.changes = DatabaseChanges(NOTIFY_CHANNEL)
        self.helper: threading.Thread | None = None
        self.helps_since: datetime | None = None
        self.is_lost = False
        self.is_held = False
        self.shown_at: float | None = None

    def run(self) -> None:
        """Tick until told to stop; never raises for a database or a queue that is away."""
        try:
            while not self.should_stop():
                wait_s = self._try_tick()
                self._sleep(wait_s)
        finally:
            self._leave()

    def _try_tick(self) -> float:
        try:
            wait_s = self.tick(timezone.now())
        except Exception as error:  # noqa: BLE001  whatever the database, the broker or a bug throws: go on
            if not self.is_lost:
                reason = f"{type(error).__name__}: {error}".strip()
                log.error("clock_is_lost", reason=reason)  # noqa: TRY400  an outage is no traceback
            self.is_lost = True
            self._disconnect()
            return 1.0
        if self.is_lost:
            log.info("clock_is_back")
        self.is_lost = False
        return wait_s

    def tick(self, at: datetime) -> float:
        """Do what `at` asks for and return how many seconds may pass until the next tick."""
        self.changes.listen()
        if self._is_held():
            return self._tick_held(at)
        self._show_at_work(at)
        if not self._lead(at):
            return STAND_BY_S
        due_at = periodic.next_work_at()
        is_near = due_at is not None and due_at <= at + HORIZON
        drains = Heartbeat.objects.through_queue().alive("drain:", at=at, within=LEAD) if is_near else 0
        self._help_if_needed(at, is_due=due_at is not None and due_at <= at, drains=drains)
        if is_near:
            self._ring_drains(at, drains)
        self._ring_webhooks(at)
        self._ring_periodic_tasks(at)
        return self._until(due_at, at)

    def _tick_held(self, at: datetime) -> float:
        """Keep the queue moving where nobody else does; whoever may send leads."""
        self.leads = not Heartbeat.objects.alive(holds.BEATS, at=at, within=SHOWN_FOR) and Heartbeat.objects.lead(
            "clock", owner=self.owner, at=at, within=LEAD, yields=True
        )
        if self.leads:
            self._ring_periodic_tasks(at)
        return TICK_S

    def _show_at_work(self, at: datetime) -> None:
        now = self.monotonic()
        if self.shown_at is None or now >= self.shown_at + SHOW_S:
            self.shown_at = now
            holds.beat(at=at)

    def _is_held(self) -> bool:
        was_held, self.is_held = self.is_held, holds.is_held()
        if self.is_held and not was_held and (hold := holds.current_hold()):
            log.error("instance_is_held", reason=hold.reason, remedy=holds.REMEDY)
        elif was_held and not self.is_held:
            log.info("instance_is_released")
        return self.is_held

    def _lead(self, at: datetime) -> bool:
        now = self.monotonic()
        if self.leads and now < self.beat_at + BEAT_S:
            return True
        self.beat_at = now
        if self.stand_by and now < self.started_at + LEAD.total_seconds():
            return False
        led = self.leads
        if led and self.led_at is not None and Heartbeat.objects.keep_lead("clock", since=self.led_at, at=at):
            self.led_at = at
            return True
        self.leads = Heartbeat.objects.lead("clock", owner=self.owner, at=at, within=LEAD, yields=self.stand_by)
        self.led_at = at if self.leads else None
        if led != self.leads and self.stand_by:
            log.warning("stand_by_clock_takes_over" if self.leads else "stand_by_clock_gives_way")
        return self.leads

    def _ring_drains(self, at: datetime, drains: int) -> None:
        rung = jobs.waiting()[periodic.DRAIN]
        for _ in range(drains + rung, _workers(at)):
            jobs.ring(periodic.DRAIN)

    def _ring_webhooks(self, at: datetime) -> None:
        """One sender is enough; where no queue runs it, `manage.py deliver_webhooks` does the same."""
        due_at = webhook_queue.next_due_at()
        if due_at is None or due_at > at + HORIZON:
            return
        if (
            not Heartbeat.objects.alive(webhook_queue.BEATS, at=at, within=LEAD)
            and not jobs.waiting()[periodic.WEBHOOKS]
        ):
            jobs.ring(periodic.WEBHOOKS)

    def _ring_periodic_tasks(self, at: datetime) -> None:
        now = self.monotonic()
        ready = [periodic_task for periodic_task in periodic.PERIODIC_TASKS if now >= self.turns[periodic_task.name]]
        if not ready:
            return
        rung: Counter[str] | None = None
        for periodic_task in ready:
            self.turns[periodic_task.name] = now + periodic_task.period_s
            period = timedelta(seconds=periodic_task.period_s - SHORTEST_TICK_S)
            if not periodic_task.is_needed(at):
                continue
            rung = jobs.waiting() if rung is None else rung
            is_ours = Heartbeat.objects.claim_turn(periodic.turn_of(periodic_task), at=at, period=period)
            if is_ours and not rung[periodic_task.task]:
                jobs.ring(periodic_task.task, timeout_s=periodic_task.timeout_s)

    def _until(self, due_at: datetime | None, at: datetime) -> float:
        wait_s = TICK_S
        if due_at is not None and due_at > at + HORIZON:
            wait_s = min(wait_s, (due_at - HORIZON - at).total_seconds())
        return max(wait_s, SHORTEST_TICK_S)

    # --- when nothing comes of ringing ---
    def _help_if_needed(self, at: datetime, *, is_due: bool, drains: int) -> None:
        now = self.monotonic()
        if not is_due or drains:
            self.due_since = None
        elif self.due_since is None:
            self.due_since = now
        if self.helps_since is not None:
            if jobs.queue_age(at=at) < at - self.helps_since:
                log.warning("clock_stops_draining", after_s=round((at - self.helps_since).total_seconds()))
                self.helps_since = None
        elif self.due_since is not None and now >= self.due_since + GRACE_S:
            log.error("clock_drains_itself", reason="work is due and no drain answers the wake-up")
            self.helps_since = at
        if self.helps_since is not None and is_due and (self.helper is None or not self.helper.is_alive()):
            self.helper = threading.Thread(target=self._drain_here, name="clock-drain", daemon=True)
            self.helper.start()

    def _drain_here(self) -> None:
        from posts.engine.publisher import drain  # with all platforms: a clock seldom needs them

        try:
            drain(
                worker=f"clock@{self.owner}",
                should_stop=lambda: self.should_stop() or self.helps_since is None,
            )
        except Exception:
            log.exception("clock_drain_failed")
        finally:
            connections.close_all()

    # --- waiting and leaving ---
    def _sleep(self, wait_s: float) -> None:
        """Wait, at most `wait_s`, for something newly scheduled, or the end. What comes in one go is one reason."""
        began = time.monotonic()
        try:
            while not self.should_stop() and (left_s := began + wait_s - time.monotonic()) > 0:
                if not self.leads:
                    time.sleep(min(left_s, SLICE_S))
                elif self.changes.wait(min(left_s, SLICE_S)):
                    least_s = 0.0 if connection.vendor == "postgresql" else min(SQLITE_TICK_S, wait_s)
                    time.sleep(max(SHORTEST_TICK_S, began + least_s - time.monotonic()))
                    return
        except DatabaseError:
            connections.close_all()

    def _disconnect(self) -> None:
        self.leads = False
        connections.close_all()

    def _leave(self) -> None:
        if self.helper is not None:
            self.helper.join(STOP_S)
        with suppress(Exception):
            Heartbeat.objects.resign("clock", owner=self.owner)
        self._disconnect()


def _workers(at: datetime) -> int:
    """How many drains can run at once: the workers of all clusters that beat; this host's until one does."""
    beating = Heartbeat.objects.filter(name__startswith="cluster:", at__gt=at - timedelta(seconds=15))
    return sum(detail.get("workers", 1) for detail in beating.values_list("detail", flat=True)) or settings.WORKERS
