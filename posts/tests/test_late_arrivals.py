"""A front keeps a request until we have given up on it, and hands it on then: it must not meet a second one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from integrations import registry
from integrations.contract import Target
from integrations.models import PlatformHost, SocialAccount
from integrations.tests.factories import connect
from mastablasta.core.outbound import Http
from posts.engine import sender
from posts.engine.job_loader import load_jobs
from posts.engine.outcomes import may_arrive_late
from posts.models import Attempt, Post
from posts.queue.types import Claimed
from posts.states import AttemptOutcome, DeliveryState
from posts.tests.factories import NOON, make_delivery
from posts.tests.test_publishing import outcomes, publish, run_until_settled
from tests.kit.raw_server import LateFront, answer, raw_server
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = {
    "twitter": "/twitter/2/tweets",
    "mastodon": "/mastodon/api/v1/statuses",
    "bluesky": "/bluesky/xrpc/com.atproto.repo.putRecord",
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """An absence settles at once, and 0.6 s later after a time-out."""
    for slug in PATHS:
        connector = registry.connector_class(slug)
        held = 3 if connector.capabilities.hold_s else 0
        monkeypatch.setattr(connector, "capabilities", replace(connector.capabilities, settle_s=0, hold_s=held))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls time out soon; long enough for those that a busy machine answers."""
    monkeypatch.setitem(Http.request.__kwdefaults__, "timeout_s", 0.4)


@contextmanager
def behind_a_front(sandbox: Sandbox, account: SocialAccount, **how: Any) -> Iterator[LateFront]:
    """Everything to the account's host goes through a front that keeps its first post."""
    front = LateFront(sandbox.url, PATHS[account.platform], **how)
    with raw_server(front) as server:
        host = PlatformHost.objects.get(id=account.platform_host_id)
        PlatformHost.objects.filter(id=host.id).update(base_url=host.base_url.replace(sandbox.url, server.url))
        yield front


def account_at(sandbox: Sandbox, platform: str) -> SocialAccount:
    """Where the platform's own guards would hide a second post they are off, and Mastodon is Takahe."""
    sandbox.limits(duplicates=False)
    if platform == "mastodon":
        sandbox.instance("mastodon", dialect="takahe")
    return connect(sandbox, platform=platform)


def texts(sandbox: Sandbox) -> list[str]:
    return [post["text"] for post in sandbox.posts()]


@pytest.mark.parametrize("platform", PATHS)
@pytest.mark.usefixtures("impatient")
def test_request_that_arrives_after_its_time_out_is_the_only_one(sandbox: Sandbox, platform: str) -> None:
    account = account_at(sandbox, platform)
    delivery = publish(account)

    with behind_a_front(sandbox, account) as front:
        run_until_settled(delivery)

    assert (delivery.state, texts(sandbox), front.is_handed_on) == ("published", ["Hello"], True)
    assert outcomes(delivery)[0] == ("send", "unknown")


@pytest.mark.parametrize("status", [504, 524])
@pytest.mark.usefixtures("impatient")
def test_front_that_gives_up_and_hands_it_on_all_the_same(sandbox: Sandbox, status: int) -> None:
    account = account_at(sandbox, "twitter")
    delivery = publish(account)

    with behind_a_front(sandbox, account, says=answer("<html>", status, content_type="text/html")):
        run_until_settled(delivery)

    assert (delivery.state, texts(sandbox)) == ("published", ["Hello"])


@pytest.mark.usefixtures("impatient")
def test_reply_of_a_thread_that_arrives_late_is_there_once(sandbox: Sandbox) -> None:
    account = account_at(sandbox, "twitter")
    delivery = make_delivery(account, due_at=timezone.now(), content="One", is_one_step=False)
    Post.objects.filter(id=delivery.post_id).update(post_type="thread", thread=["One", "Two", "Three"])

    with behind_a_front(sandbox, account, words='"text":"Two"') as front:
        run_until_settled(delivery)

    assert front.is_handed_on
    assert (delivery.state, texts(sandbox)) == ("published", ["One", "Two", "Three"])


@pytest.mark.parametrize("effect", ["reset_before", "status_503", "html_502"])
def test_what_was_broken_off_or_refused_is_sent_again_without_that_wait(
    sandbox: Sandbox, effect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = account_at(sandbox, "twitter")
    monkeypatch.setattr(sender, "hold_s", lambda *_: 3600.0)
    delivery = publish(account)
    sandbox.fault("twitter", "publish", effect)

    run_until_settled(delivery)

    assert (delivery.state, texts(sandbox)) == ("published", ["Hello"])
    assert outcomes(delivery) == [("send", "unknown"), ("reconcile", "absent"), ("send", "published")]


@pytest.mark.usefixtures("impatient")
def test_request_that_never_arrives_is_sent_again_after_the_longest_hold(sandbox: Sandbox) -> None:
    account = account_at(sandbox, "twitter")
    delivery = publish(account)

    with behind_a_front(sandbox, account, others=10**6) as front:
        run_until_settled(delivery)

    first, second, *_ = Attempt.objects.filter(delivery=delivery, kind="send").order_by("number")
    assert (delivery.state, texts(sandbox), front.is_handed_on) == ("published", ["Hello"], False)
    assert first.code == "timed_out"
    assert ("reconcile", "absent") in outcomes(delivery)
    assert first.ended_at is not None
    assert (second.started_at - first.ended_at).total_seconds() >= 0.6


@pytest.mark.parametrize(
    ("attempts", "is_late"),
    [
        ([("send", "timed_out", None)], True),
        ([("send", "server_error", 504)], True),
        ([("poll", "timed_out", None)], True),
        ([("send", "connection_reset", None)], False),
        ([("send", "server_error", 502)], False),
        ([("send", "worker_lost", None)], False),
        ([("send", "timed_out", None), ("send", "connection_reset", None)], False),
        ([("send", "connection_reset", None), ("send", "timed_out", None)], True),
        ([("send", "timed_out", None), ("reconcile", "connection_reset", None)], True),
        ([("send", "connection_reset", None), ("reconcile", "timed_out", None)], False),
    ],
)
def test_the_last_call_that_could_be_seen_says_whether_it_may_arrive_late(
    attempts: list[tuple[str, str, int | None]], is_late: bool
) -> None:
    delivery = make_delivery(state=DeliveryState.UNKNOWN, sent_at=NOON, doubted_at=NOON)
    token = delivery.id
    for number, (kind, code, status) in enumerate(attempts, 1):
        Attempt.objects.create(
            delivery=delivery, number=number, kind=kind, lease_token=token, started_at=NOON, ended_at=NOON,
            outcome=AttemptOutcome.UNAVAILABLE if kind == "reconcile" else AttemptOutcome.UNKNOWN, code=code,
            http_status=status,
        )  # fmt: skip
    claimed = Claimed(delivery.id, delivery.account_id, delivery.post_id, DeliveryState.UNKNOWN, 9, token)

    [job] = load_jobs([claimed], at=NOON, hosts={})

    assert job.may_arrive_late is is_late
    lag_s = sender.visibility_lag_s("mastodon")
    assert sender.absence_settles_s(job) == lag_s + (sender.hold_s("mastodon", job.target) if is_late else 0)


@pytest.mark.parametrize(
    ("version", "waits"),
    [
        ("4.5.2", False),
        ("4.5.0-rc.1+glitch", False),
        ("takahe/0.11.0", True),
        ("2.7.2 (compatible; Akkoma 3.10.4)", True),
        ("", True),
    ],
)
def test_only_mastodon_itself_is_known_to_heed_our_key(version: str, waits: bool) -> None:
    target = Target("https://m.test", "m.test", "1", "@a@m.test", info={"version": version})

    assert (sender.hold_s("mastodon", target) > 0) is waits


def test_what_a_time_out_is() -> None:
    assert may_arrive_late("timed_out", None)
    assert not may_arrive_late("connect_timeout", None)
    assert not may_arrive_late("unreadable", 200)
