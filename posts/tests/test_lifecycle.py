"""The whole life of a post over HTTP: what may be done when, and that a refusal changes nothing."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from posts.models import Attempt, Delivery, Lane, Post
from posts.queue import claims
from posts.states import DELIVERY_MOVES, DeliveryState
from posts.tests.factories import NOON, make_delivery
from posts.tests.test_api import client_of, create

pytestmark = pytest.mark.django_db

LATER = "2030-01-31T09:00:00Z"
ROOT = [{"index": 0, "kind": "post", "remote_id": "7", "url": "https://m.test/7"}]
ROWS: dict[str, dict[str, Any]] = {
    "draft": {"state": "draft", "due_at": None, "next_attempt_at": None},
    "queued": {},
    "blocked": {"state": "blocked", "error_code": "revoked", "error_kind": "needs_reconnect", "error_message": "Gone"},
    "held": {"state": "held"},
    "sending": {"state": "sending", "lease_token": uuid4(), "lease_expires_at": NOON},
    "processing": {"state": "processing"},
    "unknown": {"state": "unknown", "sent_at": NOON, "doubted_at": NOON},
    "unconfirmed": {"state": "unconfirmed", "sent_at": NOON, "doubted_at": NOON},
    "failed": {"state": "failed", "error_code": "timed_out", "error_message": "No answer.", "error_retryable": True},
    "rejected": {"state": "rejected", "error_code": "too_long", "error_message": "Too long."},
    "cancelled": {"state": "cancelled", "next_attempt_at": None},
    "published": {"state": "published", "remote_id": "7", "published_at": NOON, "parts": ROOT, "parts_done": 1},
}
STATUS = {"queued": "scheduled", "blocked": "scheduled", "held": "scheduled", "rejected": "failed"}
UNDER_WAY = ["sending", "processing", "unknown", "unconfirmed"]


@pytest.fixture
def account() -> SocialAccount:
    return make_account()


@pytest.fixture
def client(account: SocialAccount) -> APIClient:
    return client_of(account.workspace)


def post_in(account: SocialAccount, state: str, **changes: Any) -> Post:
    """A post whose one delivery is in that state."""
    row = {**ROWS[state], **changes}
    delivery = make_delivery(account, **row)
    under_way = "publishing" if state in {"sending", "processing", "unknown"} else state
    Post.objects.filter(id=delivery.post_id).update(status=STATUS.get(state, under_way))
    claims.recompute_lanes([account.id])
    return Post.objects.get(id=delivery.post_id)


def state_of(post: Post) -> str:
    return str(Delivery.objects.get(post=post).state)


def conflict(answer: Any) -> str:
    assert answer.status_code == 409, answer.content
    return str(answer.json()["code"])


# --- editing ---


@pytest.mark.parametrize("state", ["draft", "queued", "blocked", "held", "failed", "rejected", "cancelled"])
def test_content_may_change_while_nothing_is_out(client: APIClient, account: SocialAccount, state: str) -> None:
    post = post_in(account, state)

    answer = client.patch(f"/api/v2/posts/{post.id}", {"content": "Better"}, format="json")

    assert answer.status_code == 200, answer.content
    assert answer.json()["content"] == "Better"
    assert state_of(post) == {"blocked": "blocked", "held": "queued"}.get(state, state)


@pytest.mark.parametrize("state", [*UNDER_WAY, "published"])
@pytest.mark.parametrize("method", ["put", "patch"])
def test_content_may_not_change_once_it_is_or_may_be_out(
    client: APIClient, account: SocialAccount, state: str, method: str
) -> None:
    post = post_in(account, state)

    answer = getattr(client, method)(f"/api/v2/posts/{post.id}", {"content": "Better"}, format="json")

    assert conflict(answer) == "already_out"
    assert Post.objects.get().content == "Hello"


def test_a_thread_that_is_partly_out_may_not_change(client: APIClient, account: SocialAccount) -> None:
    post = post_in(account, "failed", parts=ROOT, parts_done=1, error_code="thread_incomplete")

    assert conflict(client.patch(f"/api/v2/posts/{post.id}", {"content": "Better"}, format="json")) == "already_out"


def test_tags_may_always_change(client: APIClient, account: SocialAccount) -> None:
    post = post_in(account, "published")

    answer = client.patch(f"/api/v2/posts/{post.id}", {"tags": ["news"]}, format="json")

    assert (answer.status_code, answer.json()["tags"], answer.json()["status"]) == (200, ["news"], "published")


def test_what_get_gave_can_be_put_and_changes_nothing(client: APIClient, account: SocialAccount) -> None:
    make_account(workspace=account.workspace)
    second = SocialAccount.objects.get(is_default=False)
    id_ = create(client, platforms=[], accounts=[str(second.id)], scheduled_time=LATER, tags=["a"]).json()["id"]
    before = client.get(f"/api/v2/posts/{id_}").json()

    answer = client.put(f"/api/v2/posts/{id_}", before, format="json")

    assert answer.status_code == 200, answer.content
    assert {**answer.json(), "updated_at": ""} == {**before, "updated_at": ""}


def test_put_replaces_everything_and_a_left_out_time_makes_a_draft(client: APIClient, account: SocialAccount) -> None:
    id_ = create(client, scheduled_time=LATER, tags=["a"], first_comment="Link").json()["id"]

    body = client.put(f"/api/v2/posts/{id_}", {"content": "New", "platforms": ["mastodon"]}, format="json").json()

    assert (body["content"], body["status"], body["scheduled_time"]) == ("New", "draft", None)
    assert (body["tags"], body["first_comment"]) == ([], "")
    assert Lane.objects.get().ready_at is None


def test_patching_the_time_moves_the_promise(client: APIClient, account: SocialAccount) -> None:
    id_ = create(client, scheduled_time=LATER).json()["id"]

    body = client.patch(f"/api/v2/posts/{id_}", {"scheduled_time": "2031-01-31T09:00:00Z"}, format="json").json()

    assert body["scheduled_time"] == "2031-01-31T09:00:00Z"
    assert Lane.objects.get().ready_at == Delivery.objects.get().due_at
    assert (
        client.patch(f"/api/v2/posts/{id_}", {"scheduled_time": "2020-01-01T00:00:00Z"}, format="json").status_code
        == 400
    )
    assert Post.objects.get().scheduled_at == Delivery.objects.get().due_at


def test_an_edit_that_a_platform_refuses_changes_nothing_of_a_scheduled_post(
    client: APIClient, account: SocialAccount
) -> None:
    id_ = create(client, scheduled_time=LATER).json()["id"]
    before = client.get(f"/api/v2/posts/{id_}").json()

    answer = client.patch(f"/api/v2/posts/{id_}", {"content": "x" * 501}, format="json")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "content")
    assert client.get(f"/api/v2/posts/{id_}").json() == before


def test_other_accounts_get_deliveries_and_the_old_ones_go(client: APIClient, account: SocialAccount) -> None:
    other = make_account(workspace=account.workspace)
    id_ = create(client, scheduled_time=LATER).json()["id"]

    body = client.patch(f"/api/v2/posts/{id_}", {"accounts": [str(other.id)]}, format="json").json()

    assert body["accounts"] == [str(other.id)]
    lanes = dict(Lane.objects.values_list("account", "ready_at"))
    assert lanes[account.id] is None
    assert lanes[other.id] is not None


def test_an_account_with_a_history_is_cancelled_instead(client: APIClient, account: SocialAccount) -> None:
    other = make_account(workspace=account.workspace)
    post = post_in(account, "failed", attempt_count=1)

    client.patch(f"/api/v2/posts/{post.id}", {"accounts": [str(other.id)]}, format="json")

    assert dict(Delivery.objects.values_list("account", "state")) == {account.id: "cancelled", other.id: "queued"}


def test_an_edit_of_what_was_refused_is_a_new_generation_that_may_be_retried(
    client: APIClient, account: SocialAccount
) -> None:
    post = post_in(account, "rejected", tries=2)
    assert conflict(client.post(f"/api/v2/posts/{post.id}/retry")) == "content_refused"

    client.patch(f"/api/v2/posts/{post.id}", {"content": "Better"}, format="json")
    answer = client.post(f"/api/v2/posts/{post.id}/retry")

    assert (answer.status_code, answer.json()) == (200, {"message": "Post scheduled for retry"})
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.generation, delivery.tries, delivery.error_code) == ("queued", 2, 0, "")


def test_a_thread_may_be_written_as_texts_or_objects(client: APIClient) -> None:
    body = create(client, content="One", thread=["One", {"content": "Two"}], scheduled_time=LATER).json()

    assert (body["thread"], body["post_type"], body["content"]) == (["One", "Two"], "thread", "One")
    assert [part["kind"] for part in body["deliveries"][0]["parts"]] == ["post", "reply"]
    assert not Delivery.objects.get().is_one_step


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"thread": ["Other", "Two"]}, "content"),
        ({"thread": ["Hello", 2]}, "thread.1"),
        ({"thread": ["Hello", {"text": "Two"}]}, "thread.1"),
        ({"thread": ["Hello", " "]}, "thread.1"),
        ({"thread": "Hello"}, "thread"),
        ({"thread": ["Hello", "x" * 501], "publish": True}, "thread.1"),
        ({"first_comment": "x" * 501, "publish": True}, "first_comment"),
        ({"overrides": {"mastodon": {"content": "x" * 501}}, "publish": True}, "overrides.mastodon.content"),
        ({"overrides": {"mastodon": {"text": "x"}}}, "overrides.mastodon.text"),
        ({"overrides": {"myspace": {"content": "x"}}}, "overrides.myspace"),
    ],
)
def test_bad_parts_are_named(client: APIClient, body: dict[str, Any], field: str) -> None:
    answer = create(client, **body)

    assert answer.status_code == 400, answer.content
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert not Post.objects.exists()


# --- ETag ---


def test_an_edit_of_an_older_version_is_refused(client: APIClient) -> None:
    created = create(client)
    path = created["Location"]
    old = created["ETag"]
    assert client.get(path)["ETag"] == old

    first = client.patch(path, {"content": "First"}, format="json", HTTP_IF_MATCH=old)
    second = client.patch(path, {"content": "Second"}, format="json", HTTP_IF_MATCH=old)
    deleted = client.delete(path, HTTP_IF_MATCH=old)

    assert (first.status_code, second.status_code, deleted.status_code) == (200, 412, 412)
    assert first["ETag"] != old
    assert client.get(path).json()["content"] == "First"
    assert client.delete(path, HTTP_IF_MATCH=first["ETag"]).status_code == 204


# --- cancel, delete ---


@pytest.mark.parametrize("state", ["queued", "blocked", "held", "failed", "rejected"])
def test_cancel_stops_what_has_not_begun(client: APIClient, account: SocialAccount, state: str) -> None:
    post = post_in(account, state)

    answer = client.post(f"/api/v2/posts/{post.id}/cancel")

    assert (answer.status_code, answer.json()["status"], state_of(post)) == (200, "cancelled", "cancelled")
    assert Lane.objects.get().ready_at is None


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("draft", "not_waiting"), ("cancelled", "not_waiting"), ("published", "not_waiting"), ("sending", "in_flight"),
        ("processing", "in_flight"), ("unknown", "in_flight"), ("unconfirmed", "unconfirmed"),
    ],
)  # fmt: skip
def test_cancel_refuses_the_rest(client: APIClient, account: SocialAccount, state: str, code: str) -> None:
    post = post_in(account, state)

    assert conflict(client.post(f"/api/v2/posts/{post.id}/cancel")) == code
    assert state_of(post) == ROWS[state].get("state", "queued")


@pytest.mark.parametrize("state", sorted(ROWS.keys() - set(UNDER_WAY)))
def test_delete_takes_it_out_of_every_list_and_nothing_of_it_goes_out(
    client: APIClient, account: SocialAccount, state: str
) -> None:
    post = post_in(account, state)

    assert client.delete(f"/api/v2/posts/{post.id}").status_code == 204

    assert client.get(f"/api/v2/posts/{post.id}").status_code == 404
    assert client.get("/api/v2/posts").json()["posts"] == []
    assert state_of(post) in {"draft", "cancelled", "published"}
    assert not Lane.objects.exclude(ready_at=None).exists()
    assert client.delete(f"/api/v2/posts/{post.id}").status_code == 404


@pytest.mark.parametrize("state", UNDER_WAY)
def test_delete_waits_for_what_is_under_way(client: APIClient, account: SocialAccount, state: str) -> None:
    post = post_in(account, state)

    assert conflict(client.delete(f"/api/v2/posts/{post.id}")) in {"in_flight", "unconfirmed"}
    assert client.get(f"/api/v2/posts/{post.id}").status_code == 200


# --- another time, another post ---


@pytest.mark.parametrize("state", ["draft", "queued", "held", "failed", "cancelled"])
def test_reschedule_promises_another_time(client: APIClient, account: SocialAccount, state: str) -> None:
    post = post_in(account, state)

    answer = client.post(f"/api/v2/posts/{post.id}/reschedule", {"scheduled_time": LATER}, format="json")

    assert (answer.status_code, answer.json()["scheduled_time"]) == (200, LATER)
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.due_at, delivery.next_attempt_at) == ("queued", delivery.due_at, delivery.due_at)
    assert Lane.objects.get().ready_at == delivery.due_at


@pytest.mark.parametrize("state", [*UNDER_WAY, "published", "rejected"])
def test_reschedule_refuses_the_rest(client: APIClient, account: SocialAccount, state: str) -> None:
    post = post_in(account, state)

    answer = client.post(f"/api/v2/posts/{post.id}/reschedule", {"scheduled_time": LATER}, format="json")

    assert conflict(answer) in {"in_flight", "unconfirmed", "already_out", "content_refused"}


@pytest.mark.parametrize("body", [{}, {"scheduled_time": None}, {"scheduled_time": "2020-01-01T00:00:00Z"}])
def test_reschedule_needs_a_time_to_come(client: APIClient, account: SocialAccount, body: dict[str, Any]) -> None:
    post = post_in(account, "queued")

    answer = client.post(f"/api/v2/posts/{post.id}/reschedule", body, format="json")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "scheduled_time")


@pytest.mark.parametrize("state", sorted(ROWS))
def test_duplicate_makes_a_draft_that_says_the_same(client: APIClient, account: SocialAccount, state: str) -> None:
    post = post_in(account, state)

    answer = client.post(f"/api/v2/posts/{post.id}/duplicate")

    body = answer.json()
    assert (answer.status_code, body["status"], body["content"]) == (201, "draft", "Hello")
    assert (body["id"] != str(post.id), body["accounts"]) == (True, [str(account.id)])
    assert Post.objects.count() == 2


# --- trying again ---


def test_retry_goes_on_with_what_is_out(client: APIClient, account: SocialAccount) -> None:
    post = post_in(account, "failed", parts=ROOT, parts_done=1, error_code="thread_incomplete", tries=3)

    answer = client.post(f"/api/v2/posts/{post.id}/retry")

    assert (answer.status_code, answer.json()) == (200, {"message": "Post scheduled for retry"})
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.parts, delivery.tries, delivery.due_at) == ("queued", ROOT, 0, NOON)
    assert delivery.next_attempt_at is not None
    assert delivery.next_attempt_at <= timezone.now()


@pytest.mark.parametrize("state", sorted(ROWS.keys() - {"failed"}))
def test_retry_refuses_what_is_not_failed(client: APIClient, account: SocialAccount, state: str) -> None:
    post = post_in(account, state)

    expected = {"unconfirmed": "unconfirmed", "rejected": "content_refused"}.get(state, "not_failed")
    assert conflict(client.post(f"/api/v2/posts/{post.id}/retry")) == expected
    assert state_of(post) == ROWS[state].get("state", "queued")


def test_retry_failed_tells_what_waits_for_a_person(client: APIClient, account: SocialAccount) -> None:
    failed, rejected = post_in(account, "failed"), post_in(account, "rejected")
    unconfirmed, blocked = post_in(account, "unconfirmed"), post_in(account, "blocked")
    post_in(make_account(), "failed")

    body = client.post("/api/v2/posts/retry-failed").json()

    assert body["retried"] == [str(failed.id)]
    assert {row["id"]: row["error"] for row in body["still_failed"]} == {
        str(rejected.id): "Too long. Edit the post before you retry it.",
        str(unconfirmed.id): "Nobody knows whether this post is out; resolve its delivery first.",
        str(blocked.id): "Gone",
    }
    assert sorted(Delivery.objects.filter(workspace=account.workspace).values_list("state", flat=True)) == [
        "blocked", "queued", "rejected", "unconfirmed",
    ]  # fmt: skip


# --- settling a doubt ---


@pytest.mark.parametrize(
    ("outcome", "state", "status"), [("published", "published", "published"), ("not_published", "failed", "failed")]
)
def test_a_person_settles_a_doubt(
    client: APIClient, account: SocialAccount, outcome: str, state: str, status: str
) -> None:
    post = post_in(account, "unconfirmed")
    body = {"outcome": outcome, "url": "https://m.test/@a/9"} if outcome == "published" else {"outcome": outcome}

    answer = client.post(f"/api/v2/deliveries/{Delivery.objects.get().id}/resolve", body, format="json")

    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert (state_of(post), Post.objects.get().status) == (state, status)
    assert not Lane.objects.exclude(ready_at=None).exists()  # nothing is sent by itself
    assert not Attempt.objects.exists()


@pytest.mark.parametrize("state", sorted(ROWS.keys() - {"unconfirmed"}))
def test_only_a_doubt_can_be_settled(client: APIClient, account: SocialAccount, state: str) -> None:
    post = post_in(account, state)

    answer = client.post(
        f"/api/v2/deliveries/{Delivery.objects.get().id}/resolve", {"outcome": "published"}, format="json"
    )

    assert conflict(answer) == "not_unconfirmed"
    assert state_of(post) == ROWS[state].get("state", "queued")


def test_a_settled_address_has_to_be_one(client: APIClient, account: SocialAccount) -> None:
    post_in(account, "unconfirmed")

    answer = client.post(
        f"/api/v2/deliveries/{Delivery.objects.get().id}/resolve",
        {"outcome": "published", "url": "javascript:alert(1)"},
        format="json",
    )

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "url")


# --- the tables ---


def test_every_state_is_in_the_table_and_every_move_of_the_api_is_allowed() -> None:
    assert DELIVERY_MOVES.states == set(DeliveryState.values)
    for source in ["queued", "blocked", "held", "failed", "rejected"]:
        assert DELIVERY_MOVES.allows(source, "cancelled")
    for source in ["sending", "processing", "unknown", "unconfirmed", "published"]:
        assert not DELIVERY_MOVES.allows(source, "cancelled")


def test_a_post_that_is_known_is_not_sent_again(client: APIClient) -> None:
    path = create(client)["Location"]
    etag = client.get(path)["ETag"]

    known = client.get(path, headers={"If-None-Match": f'"other", {etag}'})

    assert (known.status_code, known.content, known["ETag"]) == (304, b"", etag)
    client.patch(path, {"tags": ["new"]}, format="json")
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 200
