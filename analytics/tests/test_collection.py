"""The collector with the simulator: what is stored is what the platform said, asked for no oftener than need be."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models import Min
from django.utils import timezone
from pytest_django.fixtures import Settings

from analytics import tasks
from analytics.collection import collector, jobs, queue, reading
from analytics.collection.collector import CollectReport, collect
from analytics.collection.reading import Job, Told
from analytics.models import AccountSample, CollectionLane, CollectionPlan, MetricSample
from analytics.services.refresh import refresh_posts
from analytics.tests.factories import NOON, make_published
from integrations import registry
from integrations.contract import Published
from integrations.errors import Rejected, Unavailable
from integrations.models import Credential, PlatformHost, SocialAccount
from integrations.services.connectors import connector_for
from integrations.services.hosts import app_of
from integrations.tests.factories import connect, make_account
from mastablasta.core.models import Heartbeat, Tally
from posts.models import Delivery
from posts.services.post_content import target_of
from posts.states import DeliveryState
from posts.tests.factories import make_delivery
from tests.kit.connector_contract import InMemoryProgress, step_of, thread_of
from tests.world import Sandbox

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
BATCHES = {"twitter": 100, "mastodon": 20, "bluesky": 25}


def run(at: datetime | None = None, **options: Any) -> CollectReport:
    return collect(worker="w1", at=at, threads=4, **options)


def publish(account: SocialAccount, *texts: str, published_at: datetime = NOON) -> Delivery:
    """A post that is out at the simulator, of as many parts as texts."""
    credential = account.credential
    assert credential is not None
    connector = connector_for(
        account.platform, target_of(account), token=str(credential.access_enc), app=app_of(account.platform_host),
        on_visible=lambda: None,
    )  # fmt: skip
    sent: list[Published] = []
    for _ in texts:
        step = step_of(thread_of(*texts), *sent, key=f"{texts[0]}.{account.id}")
        published = connector.publish(step, progress=InMemoryProgress())
        assert isinstance(published, Published)
        sent.append(published)
    return make_published(
        account,
        published_at=published_at,
        remote_id=sent[0].remote_id,
        parts=[{"remote_id": one.remote_id, "url": one.url, "facts": {}} for one in sent],
    )


def refs_of(delivery: Delivery) -> list[str]:
    return [part["remote_id"] for part in delivery.parts]


def stored(**about: Any) -> dict[tuple[UUID, int, datetime], int | None]:
    rows = MetricSample.objects.filter(**about).values_list("delivery", "part", "collected_at", "likes")
    return {(delivery, part, at): likes for delivery, part, at, likes in rows}


def next_moment() -> datetime | None:
    moments = [
        CollectionPlan.objects.aggregate(first=Min("next_at"))["first"],
        CollectionLane.objects.aggregate(first=Min("next_at"))["first"],
    ]
    return min((moment for moment in moments if moment is not None), default=None)


@pytest.mark.parametrize("slug", BATCHES)
def test_three_days_are_stored_as_told_in_as_few_calls_as_can_be(
    sandbox: Sandbox, slug: str, settings: Settings
) -> None:
    settings.ANALYTICS_HOURLY_HOURS, settings.ANALYTICS_SIX_HOURLY_DAYS = 3, 1
    sandbox.limits(quotas=False)
    account = connect(sandbox, "anna", platform=slug)
    deliveries = [
        publish(
            account, f"Number {place}", *(["and more"] if place == 1 else []), published_at=NOON + place * 7 * MINUTE
        )
        for place in range(3)
    ]
    CollectionLane.objects.create(account=account, next_at=NOON, ready_at=NOON)
    queue.plan_published(at=NOON + HOUR / 5)
    said: dict[tuple[UUID, int, datetime], int] = {}
    least = step = 0
    before = len(sandbox.requests(slug))

    while (at := next_moment()) is not None and at <= NOON + 3 * DAY:
        queue.plan_published(at=at)
        due = CollectionPlan.objects.filter(next_at__lte=at).values_list("delivery", flat=True)
        parts = [(one, part, ref) for one in deliveries if one.id in due for part, ref in enumerate(refs_of(one))]
        step += 1
        for number, (one, part, ref) in enumerate(parts):
            said[one.id, part, at] = 1000 * step + number
            sandbox.metrics(slug, ref, likes=1000 * step + number)
        least += -(-len(parts) // BATCHES[slug]) + CollectionLane.objects.filter(next_at__lte=at).count()
        run(at)

    calls = [call for call in sandbox.requests(slug)[before:] if call["method"] == "GET"]
    assert stored() == said
    assert step > 10
    assert least <= len(calls) <= 1.1 * least
    assert AccountSample.objects.count() in {3, 4}
    assert set(CollectionPlan.objects.values_list("failures", flat=True)) == {0}


def test_accounts_of_many_posts_go_in_batches_and_one_bad_id_costs_only_itself(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = connect(sandbox, "anna", platform="bluesky")
    posts = [publish(account, f"Number {place}") for place in range(3)]
    bad = make_published(account, remote_id="no uri at all")
    refused = make_published(account, remote_id="at://did:plc:anna/app.bsky.feed.post/refused")
    original = registry.connector_class("bluesky").fetch_metrics

    def fetch(self: Any, refs: list[str]) -> Any:
        if refused.remote_id in refs:
            raise Rejected("One of these is wrong.")
        return original(self, refs)

    monkeypatch.setattr(registry.connector_class("bluesky"), "fetch_metrics", fetch)

    report = run(NOON + 2 * HOUR)

    assert report.posts == {"collected": 3, "gone": 1, "refused": 1}
    assert {key[0] for key in stored()} == {one.id for one in posts}
    assert CollectionPlan.objects.get(delivery=bad).gone_at == NOON + 2 * HOUR
    plan = CollectionPlan.objects.get(delivery=refused)
    assert (plan.failures, plan.next_at) == (1, NOON + 2 * HOUR + 8 * MINUTE)
    assert Tally.objects.get(name="collected_posts", outcome="collected").count == 3


def test_platform_that_refuses_everything_is_not_asked_for_each_post(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_account(platform="bluesky")
    for place in range(25):
        make_published(account, remote_id=f"at://did:plc:anna/app.bsky.feed.post/{place}")

    def refuse(*_: Any) -> None:
        raise Rejected("Nobody may.", code="not_permitted")

    monkeypatch.setattr(registry.connector_class("bluesky"), "fetch_metrics", refuse)

    report = run(NOON + HOUR)

    assert report.calls <= 2 * reading.MOST_HALVINGS + 2
    assert sum(report.posts.values()) == 25
    assert CollectionLane.objects.get().failures == 1


def test_deleted_posts_are_noticed_and_asked_for_less_until_they_end(sandbox: Sandbox) -> None:
    account = connect(sandbox, "anna", platform="bluesky")
    delivery = publish(account, "Oops")
    run(NOON + HOUR)
    connector_for(
        "bluesky",
        target_of(account),
        token=str(account.credential.access_enc),
        app=app_of(account.platform_host),  # type: ignore[union-attr]
    ).delete(delivery.remote_id)
    gone_at = NOON + 2 * DAY

    run(gone_at)
    noticed = CollectionPlan.objects.get()
    run(gone_at + 8 * DAY)
    ended = CollectionPlan.objects.get()

    assert (noticed.gone_at, noticed.collected_at) == (gone_at, NOON + HOUR)
    assert noticed.next_at is not None
    assert noticed.next_at - gone_at < 2 * HOUR
    assert (ended.gone_at, ended.next_at) == (gone_at, None)
    assert len(stored()) == 1


def test_what_is_taken_back_or_deleted_here_is_asked_for_no_more(sandbox: Sandbox) -> None:
    account = connect(sandbox, "anna")
    retracted, deleted, kept = (publish(account, text) for text in ("One", "Two", "Three"))
    queue.plan_published(at=NOON)
    Delivery.objects.filter(id=retracted.id).update(state=DeliveryState.RETRACTED)
    type(deleted.post).objects.filter(id=deleted.post_id).update(deleted_at=NOON)

    run(NOON + HOUR)

    assert {key[0] for key in stored()} == {kept.id}
    assert set(CollectionPlan.objects.filter(next_at=None).values_list("delivery", flat=True)) == {
        retracted.id,
        deleted.id,
    }


@pytest.mark.parametrize(
    ("effect", "rests_s"), [("status_503", 60), ("reset_before", 60), ("garbage_200", 60), ("rate_limited", 900)]
)
def test_trouble_of_one_platform_costs_no_figures_and_nobody_else_theirs(
    sandbox: Sandbox, effect: str, rests_s: int
) -> None:
    anna, berta = connect(sandbox, "anna", platform="bluesky"), connect(sandbox, "berta")
    publish(anna, "One"), publish(anna, "Two"), publish(berta, "Three")
    limit = {"retry_after": rests_s} if effect == "rate_limited" else {"times": 20}
    sandbox.fault("bluesky", "metrics", effect, **limit)
    at = timezone.now()
    CollectionPlan.objects.all().delete()
    queue.plan_published(at=at)

    first = run(at)
    again = run(at + timedelta(seconds=rests_s / 2))
    lane = CollectionLane.objects.get(account=anna)

    assert first.posts == {"collected": 1, "failed": 2}
    assert again.calls == 0
    assert (lane.blocked_until or at) - at == pytest.approx(timedelta(seconds=rests_s), abs=timedelta(seconds=10))
    assert lane.lease_token is None
    assert PlatformHost.objects.filter(circuit_opened_at__isnull=False).count() == 0
    sandbox.clear_faults()
    if effect != "rate_limited":
        run(at + 2 * HOUR)
        assert len({delivery for delivery, _, _ in stored()}) == 3


def test_a_slow_host_leaves_threads_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(5):
        make_published(make_account(), published_at=NOON + place * MINUTE)
    make_published(make_account(platform="bluesky"), published_at=NOON + 10 * MINUTE)
    others_are_read = threading.Event()
    were_read_first = []

    def read(job: Job, **_: Any) -> Told:
        if job.platform == "bluesky":
            others_are_read.set()
        else:
            were_read_first.append(others_are_read.wait(10))
        return Told(job, failure=Unavailable("Nobody there.", code="timed_out"))

    monkeypatch.setattr(collector, "read", read)
    queue.plan_published(at=NOON + HOUR)

    report = run(NOON + HOUR)

    assert were_read_first == [True, True]  # and the others of that host are left alone once it is known to be silent
    assert report.posts == {"failed": 3}
    rests = CollectionLane.objects.filter(blocked_until=NOON + HOUR + MINUTE)
    assert rests.count() == 6


def test_two_collectors_share_the_accounts(sandbox: Sandbox) -> None:
    for name in ("anna", "berta", "carla"):
        publish(connect(sandbox, name), f"By {name}")
    queue.plan_published(at=NOON + HOUR)
    token = uuid4()

    held = queue.claim(at=NOON + HOUR, limit=2, token=token)
    report = run(NOON + HOUR)

    assert (len(held), report.accounts) == (2, 1)
    CollectionLane.objects.filter(lease_token=token).update(lease_expires_at=timezone.now() - MINUTE)
    job = jobs.job_of(held[0], at=NOON + HOUR)
    told = reading.read(job, should_stop=lambda: False)
    assert run(NOON + HOUR).posts == {"collected": 2}
    assert queue.finish(told, at=NOON + HOUR) is None  # killed between answer and writing, and back too late
    assert len(stored()) == 3


def test_what_an_account_does_not_tell_of_itself_costs_nothing_and_a_broken_one_only_itself(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, berta = connect(sandbox, "anna", platform="bluesky"), connect(sandbox, "berta")
    publish(anna, "One"), publish(berta, "Two")

    def refuse(_: Any) -> None:
        raise Rejected("Not for you.", code="not_permitted")

    queue.plan_published(at=NOON)
    monkeypatch.setattr(registry.connector_class("bluesky"), "fetch_account_metrics", refuse)
    monkeypatch.setattr(registry.connector_class("mastodon"), "metrics_batch", lambda _: 1 / 0)

    report = run(NOON + HOUR)

    lanes = CollectionLane.objects.in_bulk()
    assert report.posts == {"collected": 1}
    assert (lanes[anna.id].failures, (lanes[anna.id].next_at or NOON) > NOON + HOUR) == (0, True)
    assert (lanes[berta.id].failures, lanes[berta.id].blocked_until) == (1, NOON + HOUR + MINUTE)


def test_fresh_figures_that_a_person_asks_for_are_read(sandbox: Sandbox) -> None:
    account = connect(sandbox, "anna", platform="bluesky")
    delivery = publish(account, "One", published_at=NOON - 200 * DAY)

    assert run(NOON).accounts == 0
    assert refresh_posts(account.workspace, [delivery.post_id], at=NOON).queued == 1
    assert run(NOON + MINUTE).posts == {"collected": 1}
    assert CollectionPlan.objects.get().next_at is None


def test_paid_reads_have_a_cap_for_workspace_and_day(sandbox: Sandbox, settings: Settings) -> None:
    settings.ANALYTICS_PAID_READS = 3
    account = connect(sandbox, "anna", platform="twitter")
    publish(account, "This", "is", "too", "long", published_at=NOON - MINUTE)
    posts = [publish(account, f"Number {place}", published_at=NOON + place * MINUTE) for place in range(4)]
    at = NOON + 2 * HOUR
    queue.plan_published(at=at)
    CollectionLane.objects.update(next_at=at + 3 * DAY)

    first = run(at)
    later = run(at + 2 * HOUR)
    tomorrow = run(datetime(2026, 11, 24, 0, 0, 1, tzinfo=UTC))

    assert (first.posts, later.posts) == ({"collected": 3}, {"collected": 3})
    assert tomorrow.posts == {"collected": 3}
    assert posts[3].id in {key[0] for key in stored(collected_at__gte=datetime(2026, 11, 24, tzinfo=UTC))}


@pytest.mark.django_db(transaction=True)
def test_a_refused_token_is_renewed_once(sandbox: Sandbox) -> None:
    account = connect(sandbox, "anna", platform="twitter")
    publish(account, "One")
    sandbox.fault("twitter", "any", "expire_token")

    report = run(NOON + HOUR)

    assert report.posts == {"collected": 1}
    assert Credential.objects.get().version == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda account: SocialAccount.objects.filter(id=account.id).update(state="needs_reauth"),
        lambda account: Credential.objects.filter(accounts=account).update(state="dead"),
        lambda account: PlatformHost.objects.update(circuit_opened_at=NOON),
        lambda account: PlatformHost.objects.update(paused_at=NOON),
        lambda account: PlatformHost.objects.update(limited_until=NOON + DAY),
        lambda account: CollectionLane.objects.update(blocked_until=NOON + DAY),
    ],
)
def test_what_cannot_be_asked_is_not_due(change: Callable[[SocialAccount], Any]) -> None:
    account = make_account()
    make_published(account)
    queue.plan_published(at=NOON)
    due = queue.something_is_due(NOON + HOUR), queue.next_due_at(NOON + HOUR)

    change(account)

    assert due == (True, NOON + 10 * MINUTE)
    assert (queue.something_is_due(NOON + HOUR), queue.next_due_at(NOON + HOUR)) == (False, None)


def test_tasks_plan_what_is_out_and_collect_what_is_due(sandbox: Sandbox) -> None:
    account = connect(sandbox, "anna")
    young, old = (publish(account, text, published_at=timezone.now() - age) for text, age in (("A", HOUR), ("B", DAY)))

    quiet = connect(sandbox, "berta")

    tasks.plan()
    lately = set(CollectionPlan.objects.values_list("delivery", flat=True))
    tasks.plan_all()
    now = timezone.now()
    CollectionLane.objects.filter(account=quiet, next_at__lte=now + HOUR).update(next_at=now, ready_at=now)
    tasks.collect()

    assert lately == {young.id}
    assert {key[0] for key in stored()} == {young.id, old.id}
    assert AccountSample.objects.get().account == quiet


def test_one_collector_is_enough() -> None:
    make_published(make_account(), published_at=NOON)
    queue.plan_published(at=NOON)
    before, due = queue.needs_collector(NOON), queue.needs_collector(NOON + HOUR)

    Heartbeat.objects.beat("collector:w1", at=NOON + HOUR)

    assert (before, due, queue.needs_collector(NOON + HOUR)) == (False, True, False)


def test_collector_gives_way_to_posts_that_wait_for_a_worker(sandbox: Sandbox) -> None:
    publish(connect(sandbox, "anna"), "One", published_at=timezone.now() - HOUR)
    make_delivery(due_at=timezone.now() - MINUTE)

    assert run().accounts == 0
    Heartbeat.objects.beat("drain:w2", at=timezone.now())
    assert run(at_most_s=5).posts == {"collected": 1}
    assert not Heartbeat.objects.filter(name__startswith="collector:").exists()
