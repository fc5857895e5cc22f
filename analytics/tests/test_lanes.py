"""A lane is never ready later than what is due of its account, whatever happens in whichever order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from random import Random
from threading import Thread
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics import tasks
from analytics.collection import jobs, lanes, queue
from analytics.collection.reading import Told
from analytics.models import CollectionLane, CollectionPlan
from analytics.services.refresh import refresh_posts
from analytics.tests.factories import NOON, make_published
from integrations.contract import Metrics
from integrations.errors import RateLimited, Rejected, Unavailable
from integrations.models import PlatformHost, SocialAccount
from integrations.tests.factories import make_account
from mastablasta.core.ids import new_id
from posts.models import Delivery

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def due_at(lane: CollectionLane) -> datetime | None:
    """When something of the account is due and it is not blocked, by its plans."""
    plans = CollectionPlan.objects.filter(account=lane.account_id, next_at__isnull=False)
    moments = [*plans.values_list("next_at", flat=True), lane.next_at]
    first = min((moment for moment in moments if moment is not None), default=None)
    return max(first, lane.blocked_until) if first and lane.blocked_until else first


class Life:
    """Some accounts to which things happen in an order that goes by the seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.at = NOON
        self.accounts = [make_account(platform=slug) for slug in ("mastodon", "twitter", "bluesky")]

    def happen(self) -> str:
        events: list[Callable[[], None]] = [
            self.publish, self.refresh, self.collect, self.collect, self.wait, self.wait, self.withdraw,
            self.make_all_due, self.rest, self.silence,
        ]  # fmt: skip
        event = self.random.choice(events)
        event()
        return event.__name__

    def publish(self) -> None:
        age = self.random.choice([MINUTE, 20 * MINUTE, DAY, 89 * DAY, 200 * DAY])
        make_published(self.random.choice(self.accounts), published_at=self.at - age, remote_id=uuid4().hex)
        queue.plan_published(at=self.at)

    def refresh(self) -> None:
        account = self.random.choice(self.accounts)
        posts = list(Delivery.objects.filter(account=account).values_list("post", flat=True)[:2])
        refresh_posts(account.workspace, self.random.choice([posts, None]), at=self.at)

    def collect(self) -> None:
        for lane in queue.claim(at=self.at, limit=2, token=uuid4()):
            told = Told(jobs.job_of(lane, at=self.at))
            for ref in [ref for post in told.job.posts for ref in post.refs]:
                self.random.choice([told.answered.add, told.refused.add, lambda _: None])(ref)
                if ref in told.answered and self.random.random() < 0.7:
                    told.metrics[ref] = Metrics(counted_at=self.at, likes=self.random.randrange(9))
            told.is_account_told = told.job.wants_account and self.random.random() < 0.8
            told.failure = self.random.choice([None, None, Unavailable("Away.", code="timed_out"), Rejected("No.")])
            if self.random.random() < 0.1:
                told.failure = RateLimited("Later.", until=self.at + self.random.choice([MINUTE, DAY]), scope="host")
            assert queue.finish(told, at=self.at, moment=self.at) is not None
            lane.refresh_from_db()
            assert lane.ready_at == due_at(lane)

    def rest(self) -> None:
        for lane in queue.claim(at=self.at, limit=1, token=uuid4()):
            queue.rest(lane, at=self.at)

    def wait(self) -> None:
        self.at += self.random.choice([MINUTE, 11 * MINUTE, HOUR, 7 * HOUR, DAY])
        lanes.park_lanes(at=self.at)

    def withdraw(self) -> None:
        Delivery.objects.filter(account=self.random.choice(self.accounts)).update(state="retracted")

    def make_all_due(self) -> None:
        queue.make_all_due(at=self.at)

    def silence(self) -> None:
        until = self.random.choice([None, self.at + HOUR])
        PlatformHost.objects.filter(platform="mastodon").update(limited_until=until)


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_is_due_is_lost(seed: int) -> None:
    life, happened = Life(seed), []

    for _ in range(14):
        happened.append(life.happen())
        for lane in CollectionLane.objects.all():
            due = due_at(lane)
            assert due is None or (lane.ready_at is not None and lane.ready_at <= due), happened
        assert lanes.repair_lanes() == 0

    PlatformHost.objects.update(limited_until=None)
    life.at += 2 * DAY
    lanes.park_lanes(at=life.at)
    due = {lane.account_id for lane in CollectionLane.objects.all() if (moment := due_at(lane)) and moment <= life.at}
    assert due <= {lane.account_id for lane in queue.claim(at=life.at, limit=9, token=uuid4())}


@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_when_it_falls_due_while_others_are_written() -> None:
    accounts = [make_account(platform="mastodon") for _ in range(2)]
    posts = [make_published(account, published_at=NOON - DAY, remote_id=uuid4().hex) for account in accounts * 3]
    moments = iter(range(1000))
    errors: list[Exception] = []

    def collect() -> None:
        at = NOON + next(moments) * MINUTE
        for lane in queue.claim(at=at, limit=2, token=uuid4()):
            told = Told(jobs.job_of(lane, at=at))
            told.answered.update(ref for post in told.job.posts for ref in post.refs)
            queue.finish(told, at=at)

    def refresh() -> None:
        refresh_posts(accounts[0].workspace, [posts[0].post_id, posts[2].post_id], at=NOON + next(moments) * MINUTE)

    def plan() -> None:
        CollectionPlan.objects.filter(delivery=posts[1].id).delete()
        queue.plan_published(at=NOON + next(moments) * MINUTE)

    def work(act: Callable[[], None]) -> None:
        try:
            for _ in range(5):
                act()
        except Exception as error:  # noqa: BLE001  shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=work, args=(act,)) for act in (collect, collect, refresh, plan)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (errors, lanes.repair_lanes()) == ([], 0)


@pytest.mark.parametrize("by", ["migration", "task"])
def test_what_was_written_past_it_is_found(by: str) -> None:
    delivery = make_published(published_at=timezone.now() - HOUR)
    at = timezone.now() + DAY
    CollectionLane.objects.create(account=delivery.account, next_at=at)
    CollectionPlan.objects.create(delivery=delivery, account=delivery.account, next_at=at - HOUR)

    if by == "migration":
        migration = import_module("analytics.migrations.0002_lane_ready_at")
        migration.fill(apps, SimpleNamespace(connection=connection))
    else:
        tasks.plan_all()

    assert CollectionLane.objects.get().ready_at == at - HOUR


def make_lanes(count: int, **changed: Any) -> None:
    """Lanes of as many accounts at one host, whose own figures are due, a second apart."""
    like = make_account()
    values = {field.attname: getattr(like, field.attname) for field in SocialAccount._meta.concrete_fields}
    mine = {**values, "is_default": False}
    accounts = [SocialAccount(**{**mine, "id": new_id(), "remote_id": f"r{number}"}) for number in range(count)]
    SocialAccount.objects.bulk_create(accounts)
    CollectionLane.objects.bulk_create(
        CollectionLane(account=account, next_at=moment, ready_at=moment, **changed)
        for number, account in enumerate(accounts)
        if (moment := NOON + timedelta(seconds=number))
    )


def rows_of(node: dict[str, Any]) -> float:
    """Lanes that PostgreSQL read for this part of a plan."""
    mine = node.get("Relation Name") == CollectionLane._meta.db_table
    read = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] if mine else 0
    return float(read + sum(rows_of(child) for child in node.get("Plans", ())))


def test_a_claim_reads_as_many_lanes_as_it_takes_however_many_wait() -> None:
    make_lanes(500)
    with CaptureQueriesContext(connection) as captured, connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        assert len(queue.claim(at=NOON + DAY, limit=8, token=uuid4())) == 8
        queue.something_is_due(NOON + DAY), queue.next_due_at(NOON + DAY)
        lines = [query["sql"] for query in captured.captured_queries if re.search(r'ready_at"? <=', query["sql"])]
        assert len(lines) == 3
        for line in lines:
            if connection.vendor == "postgresql":
                cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + line)
                found = cursor.fetchone()[0]
                [plan] = json.loads(found) if isinstance(found, str) else found
                assert rows_of(plan["Plan"]) <= 8 + 8, line
            else:
                cursor.execute("EXPLAIN QUERY PLAN " + line)
                told = [row[3] for row in cursor.fetchall()]
                assert any("USING INDEX collection_lane_ready" in one for one in told), told


def test_accounts_that_cannot_be_asked_do_not_stand_in_the_way_and_come_back() -> None:
    make_lanes(3)
    anna = SocialAccount.objects.filter(remote_id="r0")
    anna.update(state="needs_reauth")
    tasks.plan()
    parked = CollectionLane.objects.filter(is_parked=True)
    gone = list(parked.values_list("account__remote_id", flat=True))
    others = [lane.account.remote_id for lane in queue.claim(at=NOON + HOUR, limit=9, token=uuid4())]

    anna.update(state="active")
    tasks.plan()

    back = [lane.account.remote_id for lane in queue.claim(at=NOON + HOUR, limit=9, token=uuid4())]
    assert (gone, sorted(others), back) == (["r0"], ["r1", "r2"], ["r0"])


@pytest.mark.parametrize(
    ("lane", "ready_at"),
    [({"is_parked": True, "ready_at": NOON - HOUR}, NOON - HOUR), ({"ready_at": NOON + HOUR}, NOON), ({}, NOON)],
)
def test_fresh_figures_are_read_at_once_whatever_the_lane_waited_for(lane: dict[str, Any], ready_at: datetime) -> None:
    delivery = make_published(published_at=NOON - HOUR)
    CollectionLane.objects.create(account=delivery.account, next_at=NOON + DAY, **lane)

    refresh_posts(delivery.workspace, [delivery.post_id], at=NOON)

    assert queue.next_due_at(NOON) == ready_at
