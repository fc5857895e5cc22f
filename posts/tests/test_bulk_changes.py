"""Changing, publishing and retrying many posts at once, over HTTP: each as it would be alone, in as many statements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Workspace
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from media_library.tests.factories import make_asset
from posts.models import Delivery, Lane, Post
from posts.services import external_ids
from posts.tests.factories import make_delivery, make_post
from posts.tests.test_bulk import WHEN, bulk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("account")]

LATER = "2030-02-28T09:00:00Z"


def made(client: APIClient, **body: Any) -> str:
    """The id of a post that the API made for mastodon."""
    answer = client.post("/api/v2/posts", {"content": "Hello", "platforms": ["mastodon"], **body}, format="json")
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def shown(client: APIClient, post_id: str) -> dict[str, Any]:
    post: dict[str, Any] = client.get(f"/api/v2/posts/{post_id}").json()
    return post


def _comparable(post: dict[str, Any]) -> dict[str, Any]:
    changing = {"id": "", "created_at": "", "updated_at": ""}
    deliveries = [
        {**delivery, "id": "", "next_attempt_at": bool(delivery["next_attempt_at"])} for delivery in post["deliveries"]
    ]
    return {**post, **changing, "scheduled_time": (post["scheduled_time"] or "")[:13], "deliveries": deliveries}


def failed(account: SocialAccount, state: str = "failed", **row: Any) -> Post:
    """A post whose delivery ended so."""
    delivery = make_delivery(
        account, state=state, next_attempt_at=None, **{"error_retryable": True, "error_code": "timed_out", **row}
    )
    Post.objects.filter(id=delivery.post_id).update(status="failed")
    return Post.objects.get(id=delivery.post_id)


def published(account: SocialAccount) -> Post:
    delivery = make_delivery(
        account, state="published", next_attempt_at=None, published_at=timezone.now(), remote_id="7"
    )
    Post.objects.filter(id=delivery.post_id).update(status="published")
    return Post.objects.get(id=delivery.post_id)


# --- updating ---
EDITS: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "text": lambda asset, account: {"content": "Other"},
    "tags": lambda asset, account: {"tags": ["b", "c"]},
    "media": lambda asset, account: {"media": [{"id": asset, "alt_text": "Gulls"}]},
    "scheduled": lambda asset, account: {"scheduled_time": WHEN, "media": [asset]},
    "rescheduled": lambda asset, account: {"scheduled_time": LATER, "content": "Other"},
    "a draft again": lambda asset, account: {"scheduled_time": None},
    "another account": lambda asset, account: {"accounts": [account]},
    "thread": lambda asset, account: {
        "thread": ["One", {"content": "Two", "media": [asset]}],
        "first_comment": "Three",
    },
    "overrides": lambda asset, account: {"overrides": {"mastodon": {"content": "There", "media": [asset]}}},
    "nothing": lambda asset, account: {"content": "Hello"},
}


@pytest.mark.parametrize("before", [{}, {"scheduled_time": WHEN, "tags": ["a"]}], ids=["draft", "scheduled"])
def test_each_post_is_changed_as_if_alone(client: APIClient, workspace: Workspace, before: dict[str, Any]) -> None:
    Workspace.objects.update(duplicate_window_hours=0, clash_window_minutes=0)  # each is there twice
    asset, other = str(make_asset(workspace=workspace).id), str(make_account(workspace=workspace).id)
    changes = [edit(asset, other) for edit in EDITS.values()]
    body = {"content": "Hello", "platforms": ["mastodon"], **before}
    posts = [one["id"] for one in bulk(client, "create", {"posts": [body] * 2 * len(changes)})["successful"]]
    alone, together = posts[: len(changes)], posts[len(changes) :]
    for post_id, change in zip(alone, changes, strict=True):
        assert client.patch(f"/api/v2/posts/{post_id}", change, format="json").status_code == 200

    updates = [{"id": post_id, **change} for post_id, change in zip(together, changes, strict=True)]
    told = bulk(client, "update", {"updates": updates})

    assert told["failed"] == []
    assert [one["id"] for one in told["successful"]] == together
    found = {post["id"]: _comparable(post) for post in client.get("/api/v2/posts?limit=200").json()["posts"]}
    assert [found[post_id] for post_id in together] == [found[post_id] for post_id in alone]
    versions = {str(post.id): post.version for post in Post.objects.all()}
    assert [versions[one] for one in together] == [versions[one] for one in alone]
    due = Delivery.objects.filter(state="queued").order_by("next_attempt_at").first()
    lanes = Lane.objects.exclude(ready_at=None).order_by("ready_at")
    assert (due and due.next_attempt_at) == (lanes[0].ready_at if lanes else None)


def test_each_refused_change_says_why_and_stops_no_other(client: APIClient, account: SocialAccount) -> None:
    draft, scheduled = made(client), made(client, scheduled_time=WHEN)
    out = published(account)
    unknown, foreign = str(uuid4()), str(make_post().id)
    updates: list[Any] = [
        {"id": draft, "content": "Other"},
        {"id": str(out.id), "content": "Other"},
        {"id": scheduled, "content": "x" * 501},
        {"id": scheduled, "scheduled_time": "2001-01-01T00:00:00Z"},
        {"id": unknown, "content": "Other"},
        {"id": foreign, "content": "Other"},
        {"id": draft, "colour": "red"},
        {"content": "Whose?"},
        {"id": 5},
        "text",
        {"id": scheduled, "tags": ["still"]},
    ]

    told = bulk(client, "update", {"updates": updates})

    assert [(one["index"], one["id"], one["content"]) for one in told["successful"]] == [
        (0, draft, "Other"),
        (10, scheduled, "Hello"),
    ]
    assert [(one["index"], one["id"], one["details"][0]["field"], one["code"]) for one in told["failed"]] == [
        (1, str(out.id), "", "already_out"),
        (2, scheduled, "content", "too_long"),
        (3, scheduled, "scheduled_time", "in_past"),
        (4, unknown, "", "not_found"),
        (5, foreign, "", "not_found"),
        (6, draft, "colour", "unknown"),
        (7, None, "id", "required"),
        (8, None, "id", "wrong_type"),
        (9, None, "", "not_an_object"),
    ]
    assert shown(client, scheduled)["tags"] == ["still"]


def test_what_moved_on_since_it_was_read_is_not_changed(client: APIClient) -> None:
    stale, fresh, any_ = (made(client, scheduled_time=WHEN) for _ in range(3))
    tags = {post_id: client.get(f"/api/v2/posts/{post_id}")["ETag"] for post_id in (stale, fresh)}
    client.patch(f"/api/v2/posts/{stale}", {"content": "Theirs"}, format="json")
    updates = [{"id": post_id, "content": "Mine", "if_match": tag} for post_id, tag in {**tags, any_: "*"}.items()]

    told = bulk(client, "update", {"updates": updates})

    assert [one["id"] for one in told["successful"]] == [fresh, any_]
    [refused] = told["failed"]
    assert (refused["id"], refused["code"], refused["details"][0]["field"]) == (stale, "changed_meanwhile", "if_match")
    assert shown(client, stale)["content"] == "Theirs"


def test_what_names_a_post_twice_is_done_in_order(client: APIClient) -> None:
    post_id = made(client)
    updates = [{"id": post_id, "content": "First"}, {"id": post_id, "tags": ["a"]}, {"id": post_id, "content": "Last"}]

    told = bulk(client, "update", {"updates": updates})

    assert [one["index"] for one in told["successful"]] == [0, 1, 2]
    post = shown(client, post_id)
    assert (post["content"], post["tags"]) == ("Last", ["a"])


@pytest.mark.parametrize("other", [{}, {"content": "Other"}], ids=["alone", "with a text"])
@pytest.mark.parametrize("is_beaten", [False, True], ids=["before", "meanwhile"])
def test_an_external_id_is_one_post_s(
    client: APIClient, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any], is_beaten: bool
) -> None:
    """`meanwhile`: it is taken after we have looked; only the database notices."""
    made(client, external_id="taken")
    posts = [made(client, scheduled_time=WHEN) for _ in range(4)]
    names = ["taken", "new", "new", "mine"]
    updates = [{"id": one, "external_id": name, **other} for one, name in zip(posts, names, strict=True)]
    if is_beaten:
        look, early = external_ids.holders, [True]
        monkeypatch.setattr(external_ids, "holders", lambda *asked: {} if early and early.pop() else look(*asked))

    told = bulk(client, "update", {"updates": updates})

    assert [one["id"] for one in told["successful"]] == [posts[1], posts[3]]
    assert [(one["id"], one["code"], one["details"][0]["field"]) for one in told["failed"]] == [
        (posts[0], "external_id_taken", "external_id"),
        (posts[2], "external_id_taken", "external_id"),
    ]
    assert [shown(client, one)["external_id"] for one in posts] == [None, "new", None, "mine"]
    again = [{**updates[number], "content": "Once more"} for number in (1, 3)]
    assert bulk(client, "update", {"updates": again, "atomic": True})["failed"] == []
    assert bulk(client, "publish", {"post_ids": [posts[1], posts[3]], "atomic": True})["failed"] == []


@pytest.mark.parametrize("fault", [{"content": ""}, {"colour": "red"}])
def test_all_or_none_are_changed_when_asked_for(client: APIClient, fault: dict[str, Any]) -> None:
    first, second = made(client, scheduled_time=WHEN), made(client)
    updates = [
        {"id": first, "content": "Other", "tags": ["a"]},
        {"id": first, "scheduled_time": LATER},
        {"id": second, **fault},
    ]
    before = shown(client, first)

    told = bulk(client, "update", {"updates": updates, "atomic": True}, 422)

    assert (told["successful"], [one["index"] for one in told["failed"]]) == ([], [2])
    assert shown(client, first) == before
    assert bulk(client, "update", {"updates": updates[:2], "atomic": True})["failed"] == []


def test_what_failed_may_be_retried_after_a_change(client: APIClient, account: SocialAccount) -> None:
    posts = [failed(account, "rejected", error_retryable=False, attempt_count=1) for _ in "ab"]
    refused = bulk(client, "retry", {"post_ids": [str(post.id) for post in posts]})
    assert [one["code"] for one in refused["failed"]] == ["content_refused"] * 2

    bulk(client, "update", {"updates": [{"id": str(post.id), "content": "Other"} for post in posts]})

    assert len(bulk(client, "retry", {"post_ids": [str(post.id) for post in posts]})["successful"]) == 2
    assert set(Delivery.objects.values_list("state", "generation", "tries")) == {("queued", 2, 0)}


# --- publishing ---
def test_posts_are_published_as_if_each_alone(client: APIClient, workspace: Workspace) -> None:
    Workspace.objects.update(duplicate_window_hours=0, clash_window_minutes=0)  # each is there twice
    waits = [made(client, platforms=["bluesky"]) for _ in "ab"]
    make_account(workspace=workspace, platform="bluesky")
    asset = str(make_asset(workspace=workspace).id)
    bodies: list[dict[str, Any]] = [{}, {"scheduled_time": WHEN}, {"media": [asset]}]
    alone = [*(made(client, **body) for body in bodies), waits[0]]
    together = [*(made(client, **body) for body in bodies), waits[1]]
    for post_id in alone:
        assert client.post(f"/api/v2/posts/{post_id}/publish").status_code == 202

    told = bulk(client, "publish", {"post_ids": together})

    assert [one["id"] for one in told["successful"]] == together
    assert told["failed"] == []
    for one, other in zip(together, alone, strict=True):
        assert _comparable(shown(client, one)) == _comparable(shown(client, other))
    assert {post["status"] for post in (shown(client, one) for one in together)} == {"scheduled"}
    assert not Lane.objects.filter(ready_at=None).exists()


def test_what_cannot_be_published_says_why(client: APIClient, account: SocialAccount) -> None:
    good, nowhere, too_long = made(client), made(client, platforms=[]), made(client, content="x" * 501)
    nobody = made(client, platforms=["bluesky"])
    out = published(account)
    ids = [good, nowhere, too_long, nobody, str(out.id), str(failed(account).id), str(make_post().id)]

    atomic = bulk(client, "publish", {"post_ids": ids, "atomic": True}, 422)
    assert Post.objects.get(id=good).status == "draft"
    told = bulk(client, "publish", {"post_ids": ids})

    assert [one["id"] for one in told["successful"]] == [good]
    assert [(one["id"], one["code"]) for one in told["failed"]] == list(
        zip(ids[1:], ["required", "too_long", "no_account", "already_out", "not_waiting", "not_found"], strict=True)
    )
    assert (atomic["successful"], atomic["failed"]) == ([], told["failed"])


# --- retrying ---
def test_what_failed_is_sent_again_and_the_others_say_why_not(client: APIClient, account: SocialAccount) -> None:
    again = [failed(account), failed(account, "rejected", tries=3)]
    refused = failed(account, "rejected", error_retryable=False, error_message="Too rude.")
    draft = make_post(accounts=[account])
    ids = [str(post.id) for post in (*again, refused, draft, make_post())]
    before = dict(Delivery.objects.values_list("post", "due_at"))

    atomic = bulk(client, "retry", {"post_ids": ids, "atomic": True}, 422)
    assert not Delivery.objects.filter(state="queued").exists()
    told = bulk(client, "retry", {"post_ids": [*ids, ids[0]]})

    assert [(one["index"], one["id"]) for one in told["successful"]] == [(0, ids[0]), (1, ids[1]), (5, ids[0])]
    assert [(one["index"], one["code"]) for one in told["failed"]] == [
        (2, "content_refused"),
        (3, "not_failed"),
        (4, "not_found"),
    ]
    assert (atomic["successful"], atomic["failed"]) == ([], told["failed"])
    rows = Delivery.objects.filter(post__in=ids[:2])
    assert {(row.state, row.tries, row.error_code) for row in rows} == {("queued", 0, "")}
    assert all(row.due_at == before[row.post_id] and row.released_at == row.next_attempt_at for row in rows)
    assert set(Post.objects.filter(id__in=ids[:2]).values_list("status", flat=True)) == {"scheduled"}
    assert Lane.objects.get(account=account).ready_at == rows[0].next_attempt_at


# --- how many statements ---
@pytest.mark.parametrize("what", ["update", "publish", "retry"])
def test_many_take_as_many_statements_as_one(client: APIClient, account: SocialAccount, what: str) -> None:
    asset = str(make_asset(workspace=account.workspace).id)

    def items(count: int) -> dict[str, Any]:
        if what == "update":
            change = {"content": "Other", "tags": ["b"], "media": [asset], "scheduled_time": LATER}
            return {"updates": [{"id": str(make_delivery(account).post_id), **change} for _ in range(count)]}
        make = (lambda: failed(account)) if what == "retry" else (lambda: make_post(accounts=[account]))
        return {"post_ids": [str(make().id) for _ in range(count)]}

    def statements(count: int) -> list[str]:
        body = items(count)
        with CaptureQueriesContext(connection) as found:
            assert len(bulk(client, what, body)["successful"]) == count
        # SQLite inserts in batches.
        return [one["sql"] for one in found.captured_queries if not one["sql"].startswith("INSERT")]

    statements(1)
    one, many = statements(1), statements(12)
    assert len(one) == len(many)
