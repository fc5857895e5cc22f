"""Many posts at once, over HTTP: what can be done is done, in as many statements as for one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import Workspace
from accounts.tests.factories import make_workspace
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from media_library.tests.factories import make_asset
from posts.models import Delivery, Lane, Post, PostMedia, PostTag
from posts.tests.factories import make_delivery, make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("account")]

WHEN = "2030-01-31T09:00:00Z"


def bulk(client: APIClient, what: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    answer = client.post(f"/api/v2/bulk/posts/{what}", body, format="json")
    assert answer.status_code == status, answer.content
    told: dict[str, Any] = answer.json()
    return told


# --- creating ---
def test_each_post_is_as_if_it_had_been_made_alone(client: APIClient, workspace: Workspace) -> None:
    asset = make_asset(workspace=workspace)
    Workspace.objects.update(duplicate_window_hours=0, clash_window_minutes=0)  # each is made twice
    bodies: list[dict[str, Any]] = [
        {"content": "Draft", "platforms": ["mastodon"], "tags": ["a", "b", "a"]},
        {"content": "Scheduled", "platforms": ["mastodon"], "scheduled_time": WHEN, "media": [str(asset.id)]},
        {"thread": ["One", "Two"], "platforms": ["mastodon"], "first_comment": "Three"},
        {"content": "For later", "platforms": ["bluesky"], "overrides": {"mastodon": {"content": "Other"}}},
    ]

    told = bulk(client, "create", {"posts": bodies})

    assert told["failed"] == []
    assert [one["content"] for one in told["successful"]] == ["Draft", "Scheduled", "One", "For later"]
    for body, done in zip(bodies, told["successful"], strict=True):
        alone = client.post("/api/v2/posts", body, format="json").json()
        together = client.get(f"/api/v2/posts/{done['id']}").json()
        assert _without_ids(together) == _without_ids(alone)
    assert Lane.objects.get().ready_at == Delivery.objects.filter(state="queued")[0].due_at
    assert PostTag.objects.count() == 4
    assert PostMedia.objects.count() == 2


def _without_ids(post: dict[str, Any]) -> dict[str, Any]:
    deliveries = [{**delivery, "id": ""} for delivery in post["deliveries"]]
    return {**post, "id": "", "created_at": "", "updated_at": "", "deliveries": deliveries}


def test_what_was_made_is_told_as_it_is_read_afterwards(client: APIClient, workspace: Workspace) -> None:
    asset = make_asset(workspace=workspace)
    body = {
        "thread": ["One", {"content": "Two", "media": [{"id": str(asset.id), "alt_text": "Gulls", "fit": "crop"}]}],
        "platforms": ["mastodon"],
        "overrides": {"mastodon": {"content": "Other", "media": []}},
        "scheduled_time": WHEN,
        "tags": ["b", "a"],
    }

    made = client.post("/api/v2/posts", body, format="json")

    read = client.get(made["Location"])
    assert made.json() == read.json()
    assert made["ETag"] == read["ETag"]


def test_each_fault_is_told_by_item_and_field_and_refuses_nothing_else(client: APIClient, workspace: Workspace) -> None:
    foreign = make_account()
    posts: list[Any] = [
        {"content": "Good", "platforms": ["mastodon"]},
        {"content": 5},
        "text",
        {"content": "x" * 501, "platforms": ["mastodon"], "scheduled_time": WHEN},
        {"content": "Foreign", "accounts": [str(foreign.id)]},
        {"content": "Late", "platforms": ["mastodon"], "scheduled_time": "2001-01-01T00:00:00Z"},
        {"content": "Twice", "media": [], "colour": "red"},
        {"content": "Good too"},
    ]

    told = bulk(client, "create", {"posts": posts})

    assert [one["content"] for one in told["successful"]] == ["Good", "Good too"]
    faults = [(one["index"], [(d["field"], d["code"]) for d in one["details"]]) for one in told["failed"]]
    assert faults == [
        (1, [("content", "wrong_type")]),
        (2, [("", "not_an_object")]),
        (3, [("content", "too_long")]),
        (4, [("accounts.0", "unknown_account")]),
        (5, [("scheduled_time", "in_past")]),
        (6, [("colour", "unknown")]),
    ]
    assert all(one["error"] and one["code"] == one["details"][0]["code"] for one in told["failed"])
    assert Post.objects.filter(workspace=workspace).count() == 2


def test_all_or_none_when_asked_for(client: APIClient) -> None:
    good, bad = {"content": "Good", "platforms": ["mastodon"], "scheduled_time": WHEN}, {"content": ""}

    told = bulk(client, "create", {"posts": [good, bad, good], "atomic": True}, 422)

    assert told["successful"] == []
    assert [(one["index"], one["code"]) for one in told["failed"]] == [(1, "required")]
    assert not Post.objects.exists()
    assert not Lane.objects.exists()
    assert len(bulk(client, "create", {"posts": [good, good], "atomic": True})["successful"]) == 2


def test_a_thousand_take_as_many_statements_as_ten(client: APIClient) -> None:
    def statements(count: int) -> int:
        post = {"content": "Hello", "platforms": ["mastodon"], "scheduled_time": WHEN, "tags": ["a"]}
        with CaptureQueriesContext(connection) as found:
            assert len(bulk(client, "create", {"posts": [post] * count})["successful"]) == count
        return len([one for one in found.captured_queries if not one["sql"].startswith("INSERT")])

    assert statements(10) == statements(40)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"posts": []}, "posts", "min_length"),
        ({}, "posts", "required"),
        ({"posts": [0] * 1001, "atomic": True}, "atomic", "too_many_for_atomic"),
        ({"posts": [{"content": "x"}], "async": "yes"}, "async", "wrong_type"),
        ({"posts": {"content": "x"}}, "posts", "not_a_list"),
        ({"posts": [{"content": "x"}], "atomic": "yes"}, "atomic", "wrong_type"),
    ],
)
def test_a_body_that_is_none_is_refused_as_a_whole(
    client: APIClient, body: dict[str, Any], field: str, code: str
) -> None:
    told = bulk(client, "create", body, 400)

    assert [(one["field"], one["code"]) for one in told["errors"]] == [(field, code)]


def test_same_key_makes_them_once(client: APIClient) -> None:
    body = {"posts": [{"content": "Once"}]}
    answers = [
        client.post("/api/v2/bulk/posts/create", body, format="json", headers={"Idempotency-Key": "k"}) for _ in "12"
    ]

    assert answers[0].json() == answers[1].json()
    assert Post.objects.count() == 1


# --- deleting ---
def test_posts_are_deleted_unless_something_is_under_way(client: APIClient, account: SocialAccount) -> None:
    draft, foreign = make_post(accounts=[account], content="Draft"), make_post()
    queued, waiting = make_delivery(account, content="Queued"), make_delivery(account, content="Unconfirmed")
    Delivery.objects.filter(id=waiting.id).delete()
    waiting.state, waiting.next_attempt_at = "unconfirmed", None
    waiting.save(force_insert=True)
    unknown = uuid4()
    ids = [draft.id, queued.post_id, waiting.post_id, foreign.id, unknown]

    told = bulk(client, "delete", {"post_ids": [str(one) for one in ids]})

    assert [one["content"] for one in told["successful"]] == ["Draft", "Queued"]
    failed = [(one["index"], one["id"], one["code"]) for one in told["failed"]]
    assert failed == [
        (2, str(waiting.post_id), "unconfirmed"),
        (3, str(foreign.id), "not_found"),
        (4, str(unknown), "not_found"),
    ]
    assert set(Post.objects.kept().values_list("id", flat=True)) == {waiting.post_id, foreign.id}
    queued.refresh_from_db()
    assert queued.state == "cancelled"
    assert Lane.objects.get(account=account).ready_at is None


def test_all_or_none_are_deleted_when_asked_for(client: APIClient, account: SocialAccount) -> None:
    post = make_post(accounts=[account])
    body = {"post_ids": [str(post.id), str(make_post().id)], "atomic": True}

    told = bulk(client, "delete", body, 422)

    assert (told["successful"], [one["code"] for one in told["failed"]]) == ([], ["not_found"])
    assert Post.objects.kept().count() == 2
    assert bulk(client, "delete", {"post_ids": [str(post.id)] * 2, "atomic": True})["failed"] == []


def test_many_are_deleted_in_as_many_statements_as_few(client: APIClient, account: SocialAccount) -> None:
    def statements(count: int) -> int:
        ids = [str(make_delivery(account).post_id) for _ in range(count)]
        with CaptureQueriesContext(connection) as found:
            assert len(bulk(client, "delete", {"post_ids": ids})["successful"]) == count
        return len(found)

    assert statements(2) == statements(12)


def test_another_workspace_has_its_own(client: APIClient) -> None:
    post = make_post(workspace=make_workspace())

    assert bulk(client, "delete", {"post_ids": [str(post.id)]})["failed"][0]["code"] == "not_found"
    assert Post.objects.kept().count() == 1


def test_bulk_requests_may_be_larger_than_others_up_to_a_limit_of_their_own(
    client: APIClient, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    settings.BULK_BODY_MAX_BYTES = 2_000
    ids = [str(uuid4()) for _ in range(60)]

    taken = client.post("/api/v2/bulk/posts/delete", {"post_ids": ids[:20]}, format="json")
    refused = client.post("/api/v2/bulk/posts/delete", {"post_ids": ids}, format="json")
    other = client.post("/api/v2/posts", {"content": "x" * 100}, format="json")

    assert taken.status_code == 200, taken.content
    assert len(taken.json()["failed"]) == 20
    for answer, limit in ((refused, 2_000), (other, 100)):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (413, "body_too_large")
        assert problem["errors"][0]["params"] == {"limit": limit, "actual": int(answer.request["CONTENT_LENGTH"])}
        assert f"at most {limit:,} are taken" in problem["detail"]
