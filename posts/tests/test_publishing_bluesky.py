"""drain() against Bluesky: sent under a key of our own, so that every doubt can be settled at once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from django.utils import timezone

from accounts.models import Membership, Workspace
from accounts.tests.factories import signed_in
from integrations.models import Credential, SocialAccount
from integrations.services.account_check import check_account
from integrations.services.tokens import refresh_expiring
from integrations.tests.factories import connect
from mastablasta.core.errors import Conflict
from mastablasta.ops import tasks
from media_library.tests.factories import SRT, clip, make_asset
from posts.models import Delivery, Post
from posts.queue import claims
from posts.services import edits, retries
from posts.tests.conftest import HASTE
from posts.tests.factories import make_delivery
from posts.tests.test_publishing import outcomes, publish, run, run_until_settled
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

POSTS = "app.bsky.feed.post"


@pytest.fixture
def anna(sandbox: Sandbox, workspace: Workspace) -> SocialAccount:
    return connect(sandbox, "anna", platform="bluesky", workspace=workspace)


def calls(sandbox: Sandbox, *operations: str) -> list[dict[str, Any]]:
    return [call for call in sandbox.requests("bluesky") if not operations or call["operation"] in operations]


def texts(sandbox: Sandbox) -> list[str]:
    return [post["text"] for post in sandbox.posts("bluesky")]


def test_a_due_post_is_out_once_and_named(sandbox: Sandbox, anna: SocialAccount) -> None:
    delivery = publish(anna, "Grüße an alle 👋 #hallo https://example.com")

    run_until_settled(delivery)

    [seen] = sandbox.posts("bluesky")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert delivery.url.startswith(f"{sandbox.url}/bluesky/profile/{anna.remote_id}/post/")
    assert [call["operation"] for call in calls(sandbox, "publish", "lookup")] == ["publish"]


def test_somebody_is_mentioned(sandbox: Sandbox, anna: SocialAccount) -> None:
    berta = sandbox.accounts("bluesky", "berta")["handle"]
    delivery = publish(anna, f"Hello @{berta}", is_one_step=False)

    run_until_settled(delivery)

    assert texts(sandbox) == [f"Hello @{berta}"]


@pytest.mark.parametrize("effect", ["accept_then_reset", "accept_then_500", "garbage_200"])
def test_a_lost_answer_is_looked_up_and_nothing_is_sent_again(
    sandbox: Sandbox, anna: SocialAccount, effect: str
) -> None:
    delivery = publish(anna)
    sandbox.fault("bluesky", "publish", effect)

    run_until_settled(delivery)

    [seen] = sandbox.posts("bluesky")
    assert (delivery.state, delivery.remote_id) == ("published", seen["id"])
    assert outcomes(delivery) == [("send", "unknown"), ("reconcile", "published")]
    assert [call["operation"] for call in calls(sandbox, "publish", "lookup")] == ["publish", "lookup"]


@pytest.mark.parametrize("effect", ["reset_before", "accept_then_reset"])
def test_gate_whose_answer_was_lost_is_there_when_the_post_is_published(
    sandbox: Sandbox, anna: SocialAccount, effect: str
) -> None:
    delivery = publish(anna, is_one_step=False)
    Post.objects.filter(id=delivery.post_id).update(post_options={"bluesky": {"threadgate": []}})
    sandbox.fault("bluesky", "other", effect)

    run_until_settled(delivery)

    [seen] = sandbox.posts("bluesky")
    assert (delivery.state, delivery.remote_id, len(calls(sandbox, "publish"))) == ("published", seen["id"], 1)
    assert outcomes(delivery) == [("send", "unknown"), ("reconcile", "published")]
    gate = seen["id"].replace("feed.post", "feed.threadgate").removeprefix("at://").split("/")
    query = urlencode(dict(zip(("repo", "collection", "rkey"), gate, strict=True)))
    with urlopen(f"{sandbox.url}/bluesky/xrpc/com.atproto.repo.getRecord?{query}", timeout=10) as answer:
        assert json.load(answer)["value"]["allow"] == []


@pytest.mark.parametrize("effect", ["reset_before", "status_503", "html_502", "publish_without_id"])
def test_a_lost_request_is_looked_up_and_sent_again(sandbox: Sandbox, anna: SocialAccount, effect: str) -> None:
    """At once looked up, and sent again when the first retry's wait is over."""
    delivery = publish(anna)
    sandbox.fault("bluesky", "publish", effect)

    run_until_settled(delivery)

    first, second = (datetime.fromisoformat(call["at"]) for call in calls(sandbox, "publish"))
    assert second - first >= timedelta(seconds=HASTE)
    assert (delivery.state, delivery.tries, texts(sandbox)) == ("published", 1, ["Hello"])
    assert [call["operation"] for call in calls(sandbox, "publish", "lookup")] == ["publish", "lookup", "publish"]


def test_a_closed_window_sees_no_call_and_uses_no_retry(sandbox: Sandbox, anna: SocialAccount) -> None:
    deliveries = [publish(anna, "One"), publish(anna, "Two")]
    sandbox.fault("bluesky", "publish", "rate_limited", retry_after=1)

    run_until_settled(*deliveries)

    refused, *accepted = calls(sandbox, "publish")
    assert [call["status"] for call in (refused, *accepted)] == [429, 200, 200]
    waited = datetime.fromisoformat(accepted[0]["at"]) - datetime.fromisoformat(refused["at"])
    assert timedelta(seconds=1) <= waited
    assert [(one.state, one.tries) for one in deliveries] == [("published", 0)] * 2


def test_a_thread_goes_on_where_an_answer_was_lost(sandbox: Sandbox, anna: SocialAccount) -> None:
    delivery = make_delivery(anna, due_at=timezone.now(), is_one_step=False)
    thread = ["One", "Same", "Same"]
    Post.objects.filter(id=delivery.post_id).update(
        content="One", thread=thread, post_type="thread", first_comment="Link"
    )
    sandbox.fault("bluesky", "publish", "accept_then_reset", times=2)

    run_until_settled(delivery)

    posts = sandbox.posts("bluesky")
    ids = [post["id"] for post in posts]
    assert [post["text"] for post in posts] == ["One", "Same", "Same", "Link"]
    assert [post["reply_to"] for post in posts] == [None, ids[0], ids[1], ids[0]]
    assert (delivery.state, delivery.remote_id, len(calls(sandbox, "publish"))) == ("published", ids[0], 4)


def test_an_edit_after_a_refusal_is_another_record(sandbox: Sandbox, anna: SocialAccount) -> None:
    from posts.services.drafts import Draft

    delivery = publish(anna, "First")
    sandbox.fault("bluesky", "publish", "reject_content")
    run_until_settled(delivery)
    assert delivery.state == "rejected"

    draft = Draft(content="Second", accounts=[anna.id])
    edits.edit_post(delivery.post, draft, at=timezone.now())
    retries.retry_post(Post.objects.get(id=delivery.post_id), at=timezone.now())
    run_until_settled(delivery)

    assert (delivery.state, delivery.generation, texts(sandbox)) == ("published", 2, ["Second"])


def test_twenty_posts_with_an_expired_session_are_one_refresh(sandbox: Sandbox, anna: SocialAccount) -> None:
    due_at = timezone.now()
    deliveries = [
        make_delivery(anna, content=f"number {i}", due_at=due_at + timedelta(milliseconds=i)) for i in range(20)
    ]
    version = Credential.objects.get().version
    sandbox.fault("bluesky", "any", "expire_token")

    run_until_settled(*deliveries)

    assert [call["status"] for call in calls(sandbox, "token")] == [200]  # one refresh
    assert texts(sandbox) == [f"number {i}" for i in range(20)]
    assert Credential.objects.get().version == version + 1


def test_a_revoked_session_lets_posts_wait_until_the_account_is_connected_again(
    sandbox: Sandbox, anna: SocialAccount, workspace: Workspace
) -> None:
    deliveries = [publish(anna, f"number {i}") for i in range(3)]
    sandbox.fault("bluesky", "any", "revoke_token")
    run(until=lambda: Delivery.objects.filter(state="blocked").exists())
    anna.refresh_from_db()
    assert (anna.state, texts(sandbox)) == ("needs_reauth", [])

    again = connect(sandbox, "anna", platform="bluesky", workspace=workspace)
    claims.unpark_lanes()
    run_until_settled(*deliveries)

    assert again.id == anna.id
    assert sorted(texts(sandbox)) == ["number 0", "number 1", "number 2"]
    assert [(one.state, one.tries) for one in deliveries] == [("published", 0)] * 3


def test_account_that_is_deactivated_costs_no_call_and_goes_on_when_it_is_active_again(
    sandbox: Sandbox, anna: SocialAccount
) -> None:
    sandbox.instance("bluesky", deactivated=[anna.handle])
    with pytest.raises(Conflict):
        check_account(anna, at=timezone.now())
    delivery = publish(anna)

    run()

    delivery.refresh_from_db()
    assert (delivery.state, delivery.error_message) == (
        "blocked",
        "The account is deactivated; activate it in its app.",
    )
    assert calls(sandbox, "publish", "lookup") == []

    sandbox.instance("bluesky", deactivated=[])
    check_account(anna, at=timezone.now())
    claims.unpark_lanes()
    run()
    assert texts(sandbox) == [delivery.post.content]


def test_account_of_which_the_refresh_says_that_it_is_deactivated_costs_no_further_call(
    sandbox: Sandbox, anna: SocialAccount
) -> None:
    sandbox.instance("bluesky", deactivated=[anna.handle])
    Credential.objects.update(expires_at=timezone.now())
    delivery = publish(anna)

    run()

    delivery.refresh_from_db()
    anna.refresh_from_db()
    assert (delivery.state, anna.state) == ("blocked", "needs_reauth")
    assert anna.state_reason == delivery.error_message == "The account is deactivated; activate it in its app."
    assert calls(sandbox, "publish", "lookup") == []
    assert Credential.objects.get().state == "live"


@pytest.mark.parametrize("is_expired", [False, True], ids=["at the post", "at the refresh"])
@pytest.mark.parametrize("setting", ["deactivated", "taken_down"])
def test_account_that_is_shut_while_it_publishes_goes_on_when_it_may(
    sandbox: Sandbox, anna: SocialAccount, setting: str, is_expired: bool
) -> None:
    sandbox.instance("bluesky", **{setting: [anna.handle]})
    if is_expired:
        Credential.objects.update(expires_at=timezone.now())
    delivery = publish(anna)

    run()

    delivery.refresh_from_db()
    anna.refresh_from_db()
    assert (delivery.state, anna.state, anna.state_reason) == ("blocked", "needs_reauth", delivery.error_message)
    assert Credential.objects.get().state == "live"
    assert refresh_expiring(at=timezone.now() + timedelta(hours=3)) == 0

    sandbox.instance("bluesky", **{setting: []})
    check_account(anna, at=timezone.now())
    claims.unpark_lanes()
    run()
    assert texts(sandbox) == [delivery.post.content]


def test_subrip_captions_are_in_the_record_as_webvtt(sandbox: Sandbox, anna: SocialAccount) -> None:
    sandbox.instance("bluesky", video_processing_ms=0)
    film, english = (make_asset(workspace=anna.workspace, data=data) for data in (clip(duration_s=0.5), SRT.encode()))
    client = signed_in(Membership.objects.get(workspace=anna.workspace).user)
    body = {
        "content": "Look",
        "platforms": ["bluesky"],
        "media": [str(film.id), {"id": str(english.id), "role": "captions"}],
        "post_options": {"bluesky": {"captions": [{"lang": "de"}]}},
        "publish": True,
    }
    answer = client.post("/api/v2/posts", body, format="json")
    assert answer.status_code == 201, answer.json()
    tasks.work_on_media()
    delivery = Delivery.objects.get()

    run_until_settled(delivery)

    query = urlencode({"repo": anna.remote_id, "collection": POSTS, "rkey": delivery.remote_id.rpartition("/")[2]})
    with urlopen(f"{sandbox.url}/bluesky/xrpc/com.atproto.repo.getRecord?{query}", timeout=10) as read:
        [captions] = json.load(read)["value"]["embed"]["captions"]
    blob = urlencode({"did": anna.remote_id, "cid": captions["file"]["ref"]["$link"]})
    with urlopen(f"{sandbox.url}/bluesky/xrpc/com.atproto.sync.getBlob?{blob}", timeout=10) as read:
        text = read.read()
    assert (delivery.state, captions["lang"], captions["file"]["mimeType"]) == ("published", "de", "text/vtt")
    assert text.startswith(b"WEBVTT\n\n00:00:00.000 --> 00:00:01.500\n")
