"""drain() against a platform that lies: what the world sees, and what we say of it."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.db import connection
from django.utils import timezone

from integrations.models import Credential, SocialAccount
from mastablasta.core.models import Heartbeat
from posts.engine import publisher
from posts.engine.publisher import DrainReport, drain
from posts.models import Attempt, Delivery, Lane, Post
from posts.queue import claims, types
from posts.tests.conftest import HASTE, Connect
from posts.tests.factories import make_delivery
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def publish(account: SocialAccount, content: str = "Hello", **overrides: Any) -> Delivery:
    return make_delivery(account, due_at=timezone.now(), content=content, **overrides)


def with_options(account: SocialAccount, content: str, **options: Any) -> Delivery:
    """One that is due now, of a post with these options of its platform."""
    delivery = publish(account, content, is_one_step=False)
    Post.objects.filter(id=delivery.post_id).update(post_options={account.platform: options})
    return delivery


def shown_to_author(sandbox: Sandbox, account: SocialAccount, path: str) -> Any:
    """What the platform answers at `path` to the account's token, read as JSON."""
    headers = {"Authorization": f"Bearer {account.credential.access_enc}"}
    with urlopen(Request(f"{sandbox.url}/{account.platform}{path}", headers=headers), timeout=10) as answer:
        return json.load(answer)


def run(seconds: float = 30.0, until: Any = None) -> DrainReport:
    """Drain until nothing is in flight or about to be due, or `until()` holds."""
    ends_at = time.monotonic() + seconds
    return drain(worker="test", should_stop=lambda: bool(until and until()) or time.monotonic() > ends_at, threads=8)


def settled(*deliveries: Delivery) -> bool:
    ids = [d.id for d in deliveries]
    return not Delivery.objects.filter(id__in=ids, state__in=["queued", "sending", "unknown", "processing"]).exists()


def run_until_settled(*deliveries: Delivery, seconds: float = 30.0) -> None:
    ends_at = time.monotonic() + seconds
    while not settled(*deliveries) and time.monotonic() < ends_at:
        claims.unpark_lanes()  # as the clock has it done every two seconds
        run(seconds, until=lambda: settled(*deliveries))
    for delivery in deliveries:
        delivery.refresh_from_db()


def creates(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [r for r in sandbox.requests(platform="mastodon") if r["operation"] == "publish"]


def outcomes(delivery: Delivery) -> list[tuple[str, str | None]]:
    return list(Attempt.objects.filter(delivery=delivery).order_by("number").values_list("kind", "outcome"))


def test_a_due_post_is_out_once_and_named(sandbox: Sandbox, connected: Connect) -> None:
    delivery = publish(connected(), "Grüße an alle 👋")

    report = run()

    delivery.refresh_from_db()
    [seen] = sandbox.posts()
    assert (seen["text"], seen["id"], seen["account"]) == ("Grüße an alle 👋", delivery.remote_id, "anna")
    assert (delivery.state, delivery.attempt_count, delivery.visible_calls, delivery.tries) == (
        "published",
        1,
        1,
        0,
    )
    assert delivery.url.endswith(delivery.remote_id)
    assert Post.objects.get(id=delivery.post_id).status == "published"
    assert Post.objects.get(id=delivery.post_id).published_at == delivery.published_at
    assert outcomes(delivery) == [("send", "published")]
    assert (report.claimed, report.settled, report.handed_back, report.left) == (1, 1, 0, 0)
    lane = Lane.objects.get()
    assert (lane.ready_at, lane.lease_token) == (None, None)
    assert not Heartbeat.objects.filter(name="drain:test").exists()


def test_what_is_not_due_is_left_alone(sandbox: Sandbox, connected: Connect) -> None:
    make_delivery(connected(), due_at=timezone.now() + timedelta(minutes=1))

    report = run()

    assert (report.claimed, sandbox.posts(), creates(sandbox)) == (0, [], [])


def test_what_is_due_in_a_moment_goes_out_at_its_moment(sandbox: Sandbox, connected: Connect) -> None:
    due_at = timezone.now() + timedelta(seconds=0.8)
    make_delivery(connected(), due_at=due_at)

    run()

    [create] = creates(sandbox)
    late_s = (datetime.fromisoformat(create["at"]) - due_at).total_seconds()
    assert 0 <= late_s < 0.5


def test_posts_of_one_account_go_out_one_by_one_in_due_order(sandbox: Sandbox, connected: Connect) -> None:
    account, now = connected(), timezone.now()
    for i in (3, 1, 2):
        make_delivery(account, due_at=now - timedelta(seconds=10 - i), content=f"number {i}")
    sandbox.latency(50)

    run()

    assert [post["text"] for post in sandbox.posts()] == ["number 1", "number 2", "number 3"]


@pytest.mark.parametrize("effect", ["accept_then_reset", "accept_then_500", "garbage_200"])
def test_a_lost_answer_is_looked_up_and_nothing_is_sent_again(
    sandbox: Sandbox, connected: Connect, effect: str
) -> None:
    sandbox.limits(idempotency=False)
    delivery = publish(connected())
    sandbox.fault("mastodon", "publish", effect)

    run_until_settled(delivery)

    [seen] = sandbox.posts()
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert outcomes(delivery) == [("send", "unknown"), ("reconcile", "published")]
    operations = [r["operation"] for r in sandbox.requests(platform="mastodon")]
    assert operations.count("publish") == 1
    assert operations.index("lookup") > operations.index("publish")


@pytest.mark.parametrize("effect", ["reset_before", "publish_without_id", "status_500"])
def test_what_never_arrived_is_looked_up_until_that_can_be_believed_then_sent_again(
    sandbox: Sandbox, connected: Connect, effect: str
) -> None:
    sandbox.limits(idempotency=False)
    delivery = publish(connected())
    sandbox.fault("mastodon", "publish", effect)

    run_until_settled(delivery)

    [seen] = sandbox.posts()
    assert (delivery.state, delivery.remote_id, delivery.tries) == ("published", seen["id"], 1)
    first, second = creates(sandbox)
    assert datetime.fromisoformat(second["at"]) - datetime.fromisoformat(first["at"]) >= timedelta(seconds=5 * HASTE)
    kinds = outcomes(delivery)
    assert kinds[0] == ("send", "unknown")
    assert kinds[-1] == ("send", "published")
    assert set(kinds[1:-1]) == {("reconcile", "absent")}
    assert len(kinds) >= 4


def test_no_second_create_before_a_look_up(sandbox: Sandbox, connected: Connect) -> None:
    sandbox.limits(idempotency=False)
    delivery = publish(connected())
    sandbox.fault("mastodon", "publish", "accept_then_reset")
    sandbox.fault("mastodon", "lookup", "status_503", times=2)

    run_until_settled(delivery)

    assert len(sandbox.posts()) == len(creates(sandbox)) == 1
    assert delivery.state == "published"


@pytest.fixture
def delivery(connected: Connect) -> Delivery:
    return publish(connected())


def test_a_closed_window_sees_no_call_and_uses_no_retry(sandbox: Sandbox, delivery: Delivery) -> None:
    sandbox.fault("mastodon", "publish", "rate_limited", retry_after=0.4)

    run_until_settled(delivery)

    refused, accepted = creates(sandbox)
    assert (refused["status"], accepted["status"]) == (429, 200)
    waited_s = (datetime.fromisoformat(accepted["at"]) - datetime.fromisoformat(refused["at"])).total_seconds()
    assert waited_s >= 0.4
    assert (delivery.state, delivery.tries) == ("published", 0)
    assert len(sandbox.posts()) == 1


def test_content_that_is_refused_is_not_tried_again(sandbox: Sandbox, connected: Connect) -> None:
    delivery = publish(connected())
    sandbox.fault("mastodon", "publish", "reject_content")

    run_until_settled(delivery)

    assert (delivery.state, delivery.error_kind, delivery.error_retryable) == ("rejected", "rejected", False)
    assert delivery.error_message
    assert (len(creates(sandbox)), sandbox.posts()) == (1, [])
    assert Post.objects.get(id=delivery.post_id).status == "failed"


def test_a_revoked_grant_signs_the_account_out_and_its_posts_wait(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    first, second = publish(account, "first"), publish(account, "second")
    sandbox.fault("mastodon", "any", "revoke_token")

    run(until=lambda: Delivery.objects.filter(state="blocked").exists())

    account.refresh_from_db()
    first.refresh_from_db()
    second.refresh_from_db()
    assert account.state == "needs_reauth"
    assert sorted([first.state, second.state]) == ["blocked", "queued"]
    assert Lane.objects.get().is_parked
    assert (len(creates(sandbox)), sandbox.posts()) == (1, [])


def test_posts_of_a_signed_out_account_go_out_when_it_is_back(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    delivery = publish(account)
    SocialAccount.objects.filter(id=account.id).update(state="needs_reauth")
    run(until=lambda: Delivery.objects.filter(state="blocked").exists())
    assert creates(sandbox) == []

    SocialAccount.objects.filter(id=account.id).update(state="active")
    claims.unpark_lanes()
    run_until_settled(delivery)

    assert delivery.state == "published"
    assert len(sandbox.posts()) == 1


def test_the_mark_is_durable_before_the_first_byte_of_a_create(sandbox: Sandbox, connected: Connect) -> None:
    """While the platform holds the request, another connection sees the mark; for both kinds of mark."""
    deliveries = [publish(connected("one"), is_one_step=True), publish(connected("two"), is_one_step=False)]
    sandbox.latency(600)
    seen: dict[str, Any] = {}

    def look() -> None:
        try:
            while len(creates(sandbox)) < 2:
                time.sleep(0.02)
            seen.update({str(d.id): d.sent_at for d in Delivery.objects.all()})
        finally:
            connection.close()

    watcher = threading.Thread(target=look)
    watcher.start()
    run()
    watcher.join()

    arrivals = [datetime.fromisoformat(r["at"]) for r in creates(sandbox)]
    for delivery in deliveries:
        sent_at = seen[str(delivery.id)]
        assert sent_at is not None
        assert sent_at <= max(arrivals)
    assert len(sandbox.posts()) == 2


def test_a_worker_that_lost_its_lease_before_the_mark_sends_nothing(sandbox: Sandbox, connected: Connect) -> None:
    delivery = publish(connected(), is_one_step=False)
    [claimed] = _claimed()
    with connection.cursor():
        Delivery.objects.filter(id=delivery.id).update(lease_expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    from integrations.contract import LeaseLost
    from posts.engine.job_loader import load_jobs
    from posts.engine.mailbox import DatabaseRequest, Mailbox
    from posts.engine.progress import DeliveryProgress

    [job] = load_jobs([claimed], at=timezone.now(), hosts={})
    mailbox = Mailbox()
    progress = DeliveryProgress(job, mailbox, premarked_until=0, monotonic=time.monotonic)

    def answer() -> None:
        mailbox.wait(5)
        _, requests = mailbox.take()
        for ask in requests:
            assert isinstance(ask, DatabaseRequest)
            assert ask.save is not None
            ask.answer(claims.save([ask.save], at=timezone.now()) == {delivery.id})

    thread_error: list[BaseException] = []

    def mark() -> None:
        try:
            progress.mark()
        except LeaseLost as error:
            thread_error.append(error)

    thread = threading.Thread(target=mark)
    thread.start()
    answer()
    thread.join()
    assert len(thread_error) == 1
    assert creates(sandbox) == []


def _claimed() -> list[types.Claimed]:
    from uuid import uuid4

    from django.db import transaction

    with transaction.atomic():
        return claims.claim(at=timezone.now(), limit=10, token=uuid4(), worker="test")


def test_a_lease_is_renewed_while_a_call_is_under_way(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "RENEW_S", 0.1)
    delivery = publish(connected())
    sandbox.latency(800)
    ends: set[datetime] = set()

    def note_its_end() -> bool:
        held = Lane.objects.filter(account=delivery.account_id, lease_token__isnull=False)
        ends.update(held.values_list("lease_expires_at", flat=True))
        return False

    run(until=note_its_end)

    assert len(ends) >= 3  # as claimed, and renewed more than once
    assert outcomes(delivery) == [("send", "published")]


def test_a_stop_hands_back_what_has_not_begun_and_finishes_what_has(sandbox: Sandbox, connected: Connect) -> None:
    deliveries = [publish(connected(f"person{i}")) for i in range(6)]
    sandbox.latency(1000)
    begun = time.monotonic()

    report = drain(worker="test", should_stop=lambda: time.monotonic() > begun + 0.5, threads=2)

    assert (report.claimed, report.handed_back, report.left) == (6, 4, 0)
    assert time.monotonic() - begun < 5
    states = sorted(Delivery.objects.values_list("state", flat=True))
    assert states == ["published"] * 2 + ["queued"] * 4
    assert not Delivery.objects.exclude(lease_token=None).exists()
    assert Delivery.objects.filter(state="queued", sent_at=None, tries=0).count() == 4
    sandbox.latency(0)
    run_until_settled(*deliveries)
    assert len(sandbox.posts()) == 6


def test_an_expired_rotating_token_is_refreshed_once_and_used_by_all(sandbox: Sandbox, connected: Connect) -> None:
    sandbox.instance("mastodon", rotating_tokens=True)
    account = connected()
    deliveries = [publish(account, f"number {i}") for i in range(5)]
    old = Credential.objects.get()
    sandbox.fault("mastodon", "any", "expire_token")

    run_until_settled(*deliveries)

    tokens = [r for r in sandbox.requests(platform="mastodon") if r["path"].endswith("/oauth/token")]
    assert len(tokens) == 2  # the sign-in's, and one refresh
    new = Credential.objects.get()
    assert (new.version, new.state) == (old.version + 1, "live")
    assert new.refresh_enc != old.refresh_enc
    assert [p["text"] for p in sandbox.posts()] == [f"number {i}" for i in range(5)]


def test_a_refresh_that_fails_for_now_leaves_the_account_connected(sandbox: Sandbox, connected: Connect) -> None:
    sandbox.instance("mastodon", rotating_tokens=True)
    account = connected()
    delivery = publish(account)
    sandbox.fault("mastodon", "any", "expire_token")
    sandbox.fault("mastodon", "token", "status_500")

    run_until_settled(delivery)

    account.refresh_from_db()
    assert (account.state, delivery.state, delivery.tries) == ("active", "published", 1)
    assert len(sandbox.posts()) == 1
