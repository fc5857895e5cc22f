"""drain() against X, which knows no idempotency key; its own guard against duplicates is off but where it is meant.

X's look-ups can be believed 30 s after the doubt began; cases that wait for that scale it down (`quick`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Workspace
from integrations.models import Credential, PlatformHost, SocialAccount
from integrations.services import hosts
from integrations.tests.factories import connect
from posts.models import Attempt, Delivery, Lane, Post
from posts.queue import claims
from posts.tests.factories import make_delivery
from posts.tests.test_publishing import (
    outcomes,
    publish,
    run,
    run_until_settled,
    settled,
    shown_to_author,
    with_options,
)
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

SETTLE_S = 0.9


@pytest.fixture
def anna(sandbox: Sandbox, workspace: Workspace) -> SocialAccount:
    sandbox.limits(duplicates=False)
    return connect(sandbox, "anna", platform="twitter", workspace=workspace)


@pytest.fixture
def quick(settings: Settings) -> None:
    """Absence at X is believed after 0.9 s instead of 30: what follows from it is the same."""
    settings.TIME_SCALE = SETTLE_S / 30


def calls(sandbox: Sandbox, *operations: str) -> list[dict[str, Any]]:
    return [call for call in sandbox.requests("twitter") if not operations or call["operation"] in operations]


def refreshes(sandbox: Sandbox) -> list[int | None]:
    """The answers of the token endpoint, but for the first sign-in's."""
    return [call["status"] for call in calls(sandbox, "token")][1:]


def texts(sandbox: Sandbox) -> list[str]:
    return [post["text"] for post in sandbox.posts("twitter")]


def seconds_between(first: dict[str, Any], second: dict[str, Any]) -> float:
    return (datetime.fromisoformat(second["at"]) - datetime.fromisoformat(first["at"])).total_seconds()


def test_a_due_post_is_out_once_and_named(sandbox: Sandbox, anna: SocialAccount) -> None:
    delivery = publish(anna, "Grüße an alle 👋")

    run_until_settled(delivery)

    [seen] = sandbox.posts("twitter")
    assert (seen["text"], seen["account"]) == ("Grüße an alle 👋", "anna")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert delivery.url == f"{sandbox.url}/twitter/anna/status/{seen['id']}"
    assert [call["operation"] for call in calls(sandbox, "publish", "lookup")] == ["publish"]


# --- no answer ---


@pytest.mark.parametrize("effect", ["accept_then_reset", "accept_then_500", "garbage_200"])
def test_a_lost_answer_is_looked_up_and_nothing_is_sent_again(
    sandbox: Sandbox, anna: SocialAccount, effect: str
) -> None:
    delivery = publish(anna, "See https://example.com/a?b=1&c=2 & tell")
    sandbox.fault("twitter", "publish", effect)

    run_until_settled(delivery)

    [seen] = sandbox.posts("twitter")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert outcomes(delivery) == [("send", "unknown"), ("reconcile", "published")]
    assert [call["operation"] for call in calls(sandbox, "publish", "lookup")] == ["publish", "lookup"]


@pytest.mark.parametrize("effect", ["reset_before", "status_503", "html_502", "publish_without_id"])
@pytest.mark.usefixtures("quick")
def test_what_never_arrived_is_looked_up_until_that_can_be_believed_then_sent_again(
    sandbox: Sandbox, anna: SocialAccount, effect: str
) -> None:
    delivery = publish(anna)
    sandbox.fault("twitter", "publish", effect)

    run_until_settled(delivery)

    assert (delivery.state, delivery.tries, texts(sandbox)) == ("published", 1, ["Hello"])
    first, second = calls(sandbox, "publish")
    assert seconds_between(first, second) >= SETTLE_S
    between = calls(sandbox, "publish", "lookup")[1:-1]
    assert {call["operation"] for call in between} == {"lookup"}
    assert seconds_between(first, between[-1]) >= SETTLE_S  # only an absence this late is believed


@pytest.mark.usefixtures("quick")
def test_absence_is_believed_after_half_a_minute(sandbox: Sandbox, anna: SocialAccount) -> None:
    """In less time, by the scale; mastablasta/tests/test_time_scale.py says that it is 30 s without."""
    delivery = publish(anna)
    sandbox.fault("twitter", "publish", "reset_before")

    run_until_settled(delivery)

    first, second = calls(sandbox, "publish")
    assert seconds_between(first, second) >= SETTLE_S
    assert (delivery.state, texts(sandbox)) == ("published", ["Hello"])
    lost, *looks, _ = Attempt.objects.order_by("started_at")
    assert {look.outcome for look in looks} == {"absent"}
    *too_early, believed = [(look.started_at - lost.ended_at).total_seconds() for look in looks]
    assert max(too_early, default=0) < SETTLE_S <= believed  # the first look after that time is believed, and no other


def test_no_second_create_before_a_look_up(sandbox: Sandbox, anna: SocialAccount) -> None:
    delivery = publish(anna)
    sandbox.fault("twitter", "publish", "accept_then_reset")
    sandbox.fault("twitter", "lookup", "status_503", times=2)

    run_until_settled(delivery)

    assert (delivery.state, len(calls(sandbox, "publish")), texts(sandbox)) == ("published", 1, ["Hello"])


def test_a_post_that_shows_late_is_found_and_not_sent_again(sandbox: Sandbox, anna: SocialAccount) -> None:
    sandbox.limits(lookup_lag_ms=700)
    delivery = publish(anna)
    sandbox.fault("twitter", "publish", "accept_then_500")

    run_until_settled(delivery)

    assert (delivery.state, len(calls(sandbox, "publish")), texts(sandbox)) == ("published", 1, ["Hello"])
    assert outcomes(delivery)[:2] == [("send", "unknown"), ("reconcile", "absent")]


@pytest.mark.usefixtures("quick")
def test_a_post_that_shows_too_late_is_known_by_xs_own_guard(sandbox: Sandbox, anna: SocialAccount) -> None:
    """The list lags longer than we wait, so it is sent again; X says that it has it, and we ask on until it shows."""
    sandbox.limits(duplicates=True, lookup_lag_ms=60_000)
    delivery = publish(anna)
    sandbox.fault("twitter", "publish", "accept_then_reset")

    run(until=lambda: ("reconcile", "unavailable") in outcomes(delivery))
    sandbox.limits(lookup_lag_ms=0)
    run_until_settled(delivery)

    [seen] = sandbox.posts("twitter")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert [call["status"] for call in calls(sandbox, "publish")] == [None, 403]
    ways = outcomes(delivery)
    assert ways[0] == ("send", "unknown")
    assert ways.count(("send", "unknown")) == 2
    assert ways.index(("reconcile", "unavailable")) > ways.index(("send", "unknown"), 1)
    assert ways[-1] == ("reconcile", "published")


def test_a_text_that_was_posted_before_is_refused(sandbox: Sandbox, anna: SocialAccount) -> None:
    sandbox.limits(duplicates=True)
    first, second = publish(anna, "Good morning"), publish(anna, "Good morning")

    run_until_settled(first, second)

    assert sorted([first.state, second.state]) == ["published", "rejected"]
    refused = first if first.state == "rejected" else second
    assert (refused.error_code, refused.error_retryable) == ("duplicate", False)
    assert len(calls(sandbox, "publish")) == 2
    assert not calls(sandbox, "lookup")


def test_the_same_text_twice_is_two_posts_although_both_answers_were_lost(
    sandbox: Sandbox, anna: SocialAccount
) -> None:
    first, second = publish(anna, "Good morning"), publish(anna, "Good morning")
    sandbox.fault("twitter", "publish", "accept_then_reset", times=2)

    run_until_settled(first, second)

    assert {first.remote_id, second.remote_id} == {post["id"] for post in sandbox.posts("twitter")}
    assert (first.state, second.state, len(calls(sandbox, "publish"))) == ("published", "published", 2)


def test_a_thread_goes_on_behind_a_lost_answer(sandbox: Sandbox, anna: SocialAccount) -> None:
    delivery = make_delivery(anna, due_at=timezone.now(), is_one_step=False)
    Post.objects.filter(id=delivery.post_id).update(
        content="One", thread=["One", "Same", "Same"], first_comment="Link", post_type="thread"
    )
    sandbox.fault("twitter", "publish", "accept_then_reset", times=2)

    run_until_settled(delivery)

    posts = sandbox.posts("twitter")
    ids = [post["id"] for post in posts]
    assert [post["text"] for post in posts] == ["One", "Same", "Same", "Link"]
    assert [post["reply_to"] for post in posts] == [None, ids[0], ids[1], ids[0]]
    assert (delivery.state, delivery.remote_id, len(calls(sandbox, "publish"))) == ("published", ids[0], 4)


def test_a_thread_that_x_does_not_let_go_on_says_so(sandbox: Sandbox, anna: SocialAccount) -> None:
    sandbox.instance("twitter", self_replies=False)
    delivery = make_delivery(anna, due_at=timezone.now(), is_one_step=False)
    Post.objects.filter(id=delivery.post_id).update(content="One", thread=["One", "Two"], post_type="thread")

    run_until_settled(delivery)

    assert (delivery.state, delivery.error_code) == ("failed", "thread_incomplete")
    assert "X does not allow this reply" in delivery.error_message
    assert texts(sandbox) == ["One"]


# --- closed windows, and the operator's troubles ---


def test_a_closed_window_sees_no_call_and_uses_no_retry(sandbox: Sandbox, anna: SocialAccount) -> None:
    deliveries = [publish(anna, "One"), publish(anna, "Two")]
    sandbox.fault("twitter", "publish", "rate_limited", retry_after=0.05)

    run_until_settled(*deliveries)

    refused, *accepted = calls(sandbox, "publish")
    assert [call["status"] for call in (refused, *accepted)] == [429, 201, 201]
    assert seconds_between(refused, accepted[0]) >= 0.2
    assert [(one.state, one.tries) for one in deliveries] == [("published", 0)] * 2


@pytest.mark.parametrize("effect", ["credits_depleted", "usage_capped", "client_forbidden"])
def test_an_operators_problem_pauses_x_and_nothing_is_lost(sandbox: Sandbox, anna: SocialAccount, effect: str) -> None:
    deliveries = [publish(anna, "One"), publish(anna, "Two")]
    sandbox.fault("twitter", "publish", effect)
    run(until=lambda: PlatformHost.objects.exclude(paused_at=None).exists())
    host = PlatformHost.objects.get(platform="twitter")
    anna.refresh_from_db()
    assert (anna.state, len(calls(sandbox, "publish"))) == ("active", 1)

    assert hosts.resume_host("twitter", host.host, at=timezone.now())
    claims.unpark_lanes()
    run_until_settled(*deliveries)

    assert texts(sandbox) == ["One", "Two"]
    assert [one.tries for one in deliveries] == [0, 0]


def test_wrong_keys_of_our_app_pause_x_and_sign_nobody_out(
    sandbox: Sandbox, anna: SocialAccount, settings: Settings
) -> None:
    delivery = publish(anna)
    sandbox.fault("twitter", "any", "expire_token")
    secret, settings.TWITTER_CLIENT_SECRET = settings.TWITTER_CLIENT_SECRET, "wrong"
    run(until=lambda: PlatformHost.objects.exclude(paused_at=None).exists())
    host = PlatformHost.objects.get(platform="twitter")
    anna.refresh_from_db()
    assert (anna.state, Credential.objects.get().state) == ("active", "live")
    assert "TWITTER_CLIENT_SECRET" in host.paused_reason

    settings.TWITTER_CLIENT_SECRET = secret
    hosts.resume_host("twitter", host.host, at=timezone.now())
    claims.unpark_lanes()
    run_until_settled(delivery)

    assert (delivery.state, texts(sandbox)) == ("published", ["Hello"])


# --- tokens that rotate ---


def refused_by_x(sandbox: Sandbox) -> None:
    sandbox.fault("twitter", "any", "expire_token")


def over_by_our_clock(_: Sandbox) -> None:
    Credential.objects.update(expires_at=timezone.now() - timedelta(minutes=1))


@pytest.fixture
def fifty(anna: SocialAccount) -> list[Delivery]:
    at = timezone.now()
    return [make_delivery(anna, content=f"number {i}", due_at=at + timedelta(milliseconds=i)) for i in range(50)]


@pytest.mark.parametrize("expire", [refused_by_x, over_by_our_clock])
def test_fifty_posts_with_an_expired_token_are_one_refresh(
    sandbox: Sandbox, fifty: list[Delivery], expire: Callable[[Sandbox], None]
) -> None:
    old = Credential.objects.get()
    expire(sandbox)

    run_until_settled(*fifty)

    assert refreshes(sandbox) == [200]
    assert texts(sandbox) == [f"number {i}" for i in range(50)]
    assert {one.state for one in fifty} == {"published"}
    new = Credential.objects.get()
    assert (new.version, new.state) == (old.version + 1, "live")
    assert new.refresh_enc not in {None, "", old.refresh_enc}
    assert new.access_enc != old.access_enc


def test_a_refresh_that_fails_for_now_leaves_the_account_connected(sandbox: Sandbox, anna: SocialAccount) -> None:
    delivery = publish(anna)
    refused_by_x(sandbox)
    sandbox.fault("twitter", "token", "status_500")

    run_until_settled(delivery)

    anna.refresh_from_db()
    assert (anna.state, delivery.state, delivery.tries) == ("active", "published", 1)
    assert (refreshes(sandbox), texts(sandbox)) == ([500, 200], ["Hello"])


def test_a_revoked_grant_lets_posts_wait_until_the_account_is_connected_again(
    sandbox: Sandbox, anna: SocialAccount, workspace: Workspace
) -> None:
    deliveries = [publish(anna, f"number {i}") for i in range(3)]
    sandbox.fault("twitter", "any", "revoke_token")
    run(until=lambda: Delivery.objects.filter(state="blocked").exists())
    anna.refresh_from_db()
    assert anna.state == "needs_reauth"
    assert (refreshes(sandbox), len(calls(sandbox, "publish")), texts(sandbox)) == ([400], 1, [])
    assert Lane.objects.get().is_parked
    assert not settled(*deliveries)

    again = connect(sandbox, "anna", platform="twitter", workspace=workspace)
    claims.unpark_lanes()
    run_until_settled(*deliveries)

    assert again.id == anna.id
    assert sorted(texts(sandbox)) == ["number 0", "number 1", "number 2"]
    assert [(one.state, one.tries) for one in deliveries] == [("published", 0)] * 3


def test_a_suspended_account_is_not_refreshed(sandbox: Sandbox, anna: SocialAccount) -> None:
    publish(anna)
    sandbox.fault("twitter", "publish", "suspended")

    run(until=lambda: Delivery.objects.filter(state="blocked").exists())

    anna.refresh_from_db()
    assert (anna.state, refreshes(sandbox)) == ("needs_reauth", [])
    assert "suspended" in anna.state_reason


# --- options ---


def shown(sandbox: Sandbox, account: SocialAccount, delivery: Delivery) -> Any:
    query = urlencode({"post.fields": "community_id", "expansions": "attachments.poll_ids,referenced_posts"})
    return shown_to_author(sandbox, account, f"/2/tweets/{delivery.remote_id}?{query}")


@pytest.mark.parametrize("effect", ["", "accept_then_reset"])
def test_poll_is_out_once_with_its_answers(sandbox: Sandbox, anna: SocialAccount, effect: str) -> None:
    """Also where its answer was lost: a post of the same words that asks nothing is another."""
    run_until_settled(publish(anna, "Tea?"))
    delivery = with_options(anna, "Tea?", poll_options=["Yes", "No"], poll_duration_minutes=60)
    if effect:
        sandbox.fault("twitter", "publish", effect)

    run_until_settled(delivery)

    [poll] = shown(sandbox, anna, delivery)["includes"]["polls"]
    assert ([one["label"] for one in poll["options"]], poll["duration_minutes"]) == (["Yes", "No"], 60)
    assert (delivery.state, texts(sandbox), len(calls(sandbox, "publish"))) == ("published", ["Tea?", "Tea?"], 2)


@pytest.mark.parametrize("effect", ["", "accept_then_reset"])
def test_quote_in_a_community_is_out_once(sandbox: Sandbox, anna: SocialAccount, effect: str) -> None:
    sandbox.instance("twitter", self_serve=False)
    first = publish(anna, "First")
    run_until_settled(first)
    delivery = with_options(anna, "Look", quote_tweet_id=first.url, community_id="77", share_with_followers=True)
    if effect:
        sandbox.fault("twitter", "publish", effect)

    run_until_settled(delivery)

    seen = shown(sandbox, anna, delivery)["data"]
    assert seen["community_id"] == "77"
    assert [one["id"] for one in seen["referenced_posts"]] == [first.remote_id]
    assert (delivery.state, texts(sandbox), len(calls(sandbox, "publish"))) == ("published", ["First", "Look"], 2)


def test_quote_that_x_keeps_for_enterprise_is_refused_in_words_and_not_tried_again(
    sandbox: Sandbox, anna: SocialAccount
) -> None:
    first = publish(anna, "First")
    run_until_settled(first)
    delivery = with_options(anna, "Look", quote_tweet_id=first.remote_id)

    run_until_settled(delivery)

    assert (delivery.state, delivery.error_code, texts(sandbox)) == ("rejected", "not_permitted", ["First"])
    assert "leave quote_tweet_id out" in delivery.error_message
    assert len(calls(sandbox, "publish")) == 2
