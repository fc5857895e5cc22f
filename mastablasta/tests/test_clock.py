"""The clock: what it rings, when, and what it does when nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError

from integrations.models import PlatformHost
from integrations.tests.factories import make_account
from mastablasta.core import jobs
from mastablasta.core.models import Heartbeat
from mastablasta.ops import periodic, tasks
from mastablasta.ops.clock import Clock
from media_library.services import wakeups
from media_library.tests.factories import make_asset
from posts.models import BulkJob, Lane
from posts.services import bulk_jobs
from posts.tests.factories import NOON, make_delivery
from webhooks.tests.factories import make_delivery as make_webhook_delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def traveller() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(NOON, tick=False) as coordinates:
        yield coordinates


class Ticker:
    """A clock whose time a test moves."""

    def __init__(self, traveller: time_machine.Coordinates, **options: bool) -> None:
        self.traveller = traveller
        self.second = 0.0
        self.clock = Clock(lambda: False, monotonic=lambda: self.second, **options)

    def tick_at(self, second: float) -> float:
        at, self.second = NOON + timedelta(seconds=second), second
        self.traveller.move_to(at)
        return self.clock.tick(at)


def bells() -> int:
    return jobs.waiting()[periodic.DRAIN]


def test_rings_for_every_worker_one_second_ahead(traveller: time_machine.Coordinates) -> None:
    make_delivery(due_at=NOON + timedelta(seconds=5))
    ticker = Ticker(traveller)

    ticker.tick_at(3.9)
    before = bells()
    ticker.tick_at(4.0)

    assert (before, bells()) == (0, 2)


def test_wakes_at_the_moment_to_ring(traveller: time_machine.Coordinates) -> None:
    make_delivery(due_at=NOON + timedelta(seconds=5))
    ticker = Ticker(traveller)

    assert ticker.tick_at(0) == 1.0
    assert ticker.tick_at(3.9) == pytest.approx(0.1)


def test_does_not_ring_again_while_bells_wait(traveller: time_machine.Coordinates) -> None:
    make_delivery(due_at=NOON)
    ticker = Ticker(traveller)

    for second in (0, 0.25, 0.5):
        ticker.tick_at(second)

    assert bells() == 2


def test_live_drains_count_as_bells(traveller: time_machine.Coordinates) -> None:
    make_delivery(due_at=NOON)
    Heartbeat.objects.beat("drain:host:1", at=NOON)
    Heartbeat.objects.beat("drain:host:2", at=NOON - timedelta(seconds=4))  # dead
    Heartbeat.objects.beat("drain:clock@host:3", at=NOON)  # not a worker's

    Ticker(traveller).tick_at(0)

    assert bells() == 1


def test_rings_for_the_workers_of_all_clusters(traveller: time_machine.Coordinates) -> None:
    make_delivery(due_at=NOON)
    Heartbeat.objects.beat("cluster:a:1", at=NOON, workers=2)
    Heartbeat.objects.beat("cluster:b:1", at=NOON, workers=3)
    Heartbeat.objects.beat("cluster:c:1", at=NOON - timedelta(minutes=1), workers=9)

    Ticker(traveller).tick_at(0)

    assert bells() == 5


def test_a_lane_whose_holder_vanished_is_rung_for(traveller: time_machine.Coordinates) -> None:
    from uuid import uuid4

    from posts.models import Lane
    from posts.queue import claims

    make_delivery(due_at=NOON)
    claims.claim(at=NOON, limit=10, token=uuid4(), worker="gone")
    assert Lane.objects.get().lease_token is not None
    ticker = Ticker(traveller)

    ticker.tick_at(0)
    before = bells()
    ticker.tick_at(claims.LEASE.total_seconds() + 0.1)

    assert (before, bells()) == (0, 2)


def test_periodic_tasks_are_rung_once_a_period_and_never_twice_at_once(traveller: time_machine.Coordinates) -> None:
    ticker = Ticker(traveller)

    ticker.tick_at(0)
    first = jobs.waiting()
    for second in range(1, 20):
        ticker.tick_at(second)

    idle = {"unpark_lanes", "media", "mail", "bulk_jobs", "collect"}
    needed = [one for one in periodic.PERIODIC_TASKS if one.name not in idle]
    assert first == {periodic_task.task: 1 for periodic_task in needed}
    assert jobs.waiting() == first  # nobody took them: no pile


def test_after_a_restart_the_first_heartbeat_does_not_wait_for_the_turn_of_the_last_run(
    traveller: time_machine.Coordinates,
) -> None:
    Ticker(traveller).tick_at(0)
    jobs.OrmQ.objects.all().delete()  # a cluster took what was rung
    jobs.beat()

    periodic.forget_last_run()
    left = Heartbeat.objects.filter(name="q2").exists()
    Ticker(traveller).tick_at(0.5)

    assert not left
    assert jobs.waiting() == {jobs.BEAT: 1}  # the others have their turn when it comes


def test_what_has_nothing_to_do_is_rung_once_it_has(traveller: time_machine.Coordinates) -> None:
    ticker = Ticker(traveller)
    ticker.tick_at(0)
    before = jobs.waiting()

    lane = Lane.objects.create(account=make_account(), is_parked=True)
    make_asset(status="processing", next_try_at=NOON)
    BulkJob.objects.create(workspace=lane.account.workspace, kind="create", total=1)
    ticker.tick_at(10)
    parked = jobs.waiting() - before
    jobs.get_broker().purge_queue()
    lane.delete()
    PlatformHost.objects.update(answers_again_at=NOON)
    ticker.tick_at(20)

    assert parked == {"posts.tasks.unpark_lanes": 1, wakeups.TASK: 1, bulk_jobs.TASK: 1}
    assert jobs.waiting()["posts.tasks.unpark_lanes"] == 1


def test_second_clock_rings_nothing(traveller: time_machine.Coordinates) -> None:
    Heartbeat.objects.lead("clock", owner="another", at=NOON, within=timedelta(seconds=3))
    make_delivery(due_at=NOON)

    Ticker(traveller).tick_at(0)

    assert jobs.waiting() == {}


def test_stand_by_waits_for_a_clock_before_it_takes_over(traveller: time_machine.Coordinates) -> None:
    ticker = Ticker(traveller, stand_by=True)

    ticker.tick_at(1)
    before = jobs.waiting()
    ticker.tick_at(3.1)

    assert before == {}
    assert jobs.waiting()[jobs.BEAT] == 1


def test_drains_itself_when_nobody_answers_until_the_queue_works_again(
    traveller: time_machine.Coordinates, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_delivery(due_at=NOON)
    ticker = Ticker(traveller)
    helped: list[datetime] = []
    monkeypatch.setattr(ticker.clock, "_drain_here", lambda: helped.append(NOON))

    ticker.tick_at(0)
    ticker.tick_at(1.9)
    before = len(helped)
    ticker.tick_at(2.1)
    ticker.clock.helper.join()  # type: ignore[union-attr]
    assert (before, len(helped)) == (0, 1)
    assert ticker.clock.helps_since is not None

    traveller.move_to(NOON + timedelta(seconds=3))
    jobs.beat()
    ticker.tick_at(3.5)

    assert ticker.clock.helps_since is None


def test_does_not_drain_itself_while_a_worker_does(
    traveller: time_machine.Coordinates, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_delivery(due_at=NOON)
    ticker = Ticker(traveller)
    monkeypatch.setattr(ticker.clock, "_drain_here", lambda: pytest.fail("it drained"))

    for second in range(6):
        Heartbeat.objects.beat("drain:host:1", at=NOON + timedelta(seconds=second))
        ticker.tick_at(second)

    assert ticker.clock.helps_since is None


def test_rings_for_webhooks_once_while_there_are_some_and_nobody_sends(traveller: time_machine.Coordinates) -> None:
    ticker = Ticker(traveller)
    ticker.tick_at(0)
    before = jobs.waiting()[periodic.WEBHOOKS]
    make_webhook_delivery()

    for second in (1, 2):
        ticker.tick_at(second)
    rung = jobs.waiting()[periodic.WEBHOOKS]
    jobs.forget_stale(older_than=timedelta(days=-1))  # taken from the queue
    Heartbeat.objects.beat("webhooks:w1", at=NOON + timedelta(seconds=3))
    ticker.tick_at(3)

    assert (before, rung, jobs.waiting()[periodic.WEBHOOKS]) == (0, 1, 0)


def test_goes_on_when_the_database_is_away(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock(lambda: False)

    def away(_: datetime) -> float:
        raise OperationalError("connection refused")

    monkeypatch.setattr(clock, "_disconnect", lambda: None)  # the test's own connection stays
    monkeypatch.setattr(clock, "tick", away)
    waits = [clock._try_tick(), clock._try_tick()]
    monkeypatch.setattr(clock, "tick", lambda _: 0.25)
    clock._try_tick()

    assert waits == [1.0, 1.0]
    events = [record.msg["event"] for record in caplog.records if record.name == "mastablasta.ops.clock"]
    assert events == ["clock_is_lost", "clock_is_back"]


def test_every_periodic_task_is_a_function() -> None:
    from django.utils.module_loading import import_string

    periodic.import_tasks()

    assert all(callable(import_string(periodic_task.task)) for periodic_task in periodic.PERIODIC_TASKS)
    assert callable(import_string(periodic.DRAIN))


def test_tidy_removes_old_heartbeats(traveller: time_machine.Coordinates) -> None:
    Heartbeat.objects.beat("drain:old", at=NOON - timedelta(days=2))
    Heartbeat.objects.beat("drain:new", at=NOON)
    Heartbeat.objects.beat("chore:yearly", at=NOON - timedelta(days=99))

    tasks.tidy()

    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"drain:new", "chore:yearly"}
