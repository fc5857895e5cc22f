"""The same text again and posts too near, over HTTP: warned of, or refused where the workspace says so."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Workspace
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from media_library.tests.factories import make_asset
from posts.models import Delivery, Post
from posts.tests.factories import make_delivery, make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("account")]

NINE = datetime(2030, 1, 31, 9, tzinfo=UTC)


def send(client: APIClient, path: str, body: dict[str, Any], status: int, method: str = "post") -> dict[str, Any]:
    answer = getattr(client, method)(f"/api/v2/{path}", body, format="json")
    assert answer.status_code == status, answer.content
    told: dict[str, Any] = answer.json()
    return told


def scheduled(minutes: int = 0, content: str = "Hello", **more: Any) -> dict[str, Any]:
    when = (NINE + timedelta(minutes=minutes)).isoformat()
    return {"content": content, "platforms": ["mastodon"], "scheduled_time": when, **more}


def codes(told: dict[str, Any]) -> list[str]:
    return [one["code"] for one in told["warnings"]]


# --- what is said ---
def test_the_same_text_again_is_warned_of_by_the_other_posts_id_account_and_time(
    client: APIClient, account: SocialAccount
) -> None:
    first = send(client, "posts", scheduled(), 201)

    second = send(client, "posts", scheduled(60, "  HELLO\u200b "), 201)

    assert first["warnings"] == []
    params = {"post_id": first["id"], "account_id": str(account.id), "time": "2030-01-31T09:00:00Z"}
    message = (
        f"The post {first['id']} of 2030-01-31T09:00:00Z says the same by the same account; "
        "change the text or leave the account out."
    )
    assert second["warnings"] == [{"field": "content", "code": "duplicate_text", "message": message, "params": params}]
    assert client.get(f"/api/v2/posts/{second['id']}").json()["warnings"] == second["warnings"]


def test_a_post_close_by_is_warned_of(client: APIClient, account: SocialAccount) -> None:
    first = send(client, "posts", scheduled(), 201)

    [found] = send(client, "posts", scheduled(4, "Another"), 201)["warnings"]

    assert (found["field"], found["code"]) == ("scheduled_time", "too_near")
    assert found["params"] == {
        "post_id": first["id"], "account_id": str(account.id), "time": "2030-01-31T09:00:00Z",
    }  # fmt: skip
    assert codes(send(client, "posts", scheduled(-5, "A third"), 201)) == []


def test_of_several_the_nearest_is_named(client: APIClient, account: SocialAccount) -> None:
    far, near = (send(client, "posts", scheduled(minutes), 201) for minutes in (-3, 1))

    found = send(client, "posts", scheduled(0), 201)["warnings"]

    assert far["id"] != near["id"]
    assert [(one["code"], one["params"]["post_id"]) for one in found] == [
        ("duplicate_text", near["id"]),
        ("too_near", near["id"]),
    ]


@pytest.mark.parametrize(
    ("hours", "is_found"), [(-24, True), (-25, False), (24, True), (25, False)], ids=lambda value: str(value)
)
def test_the_window_is_before_and_after(client: APIClient, account: SocialAccount, hours: int, is_found: bool) -> None:
    make_delivery(account, due_at=NINE + timedelta(hours=hours))

    assert codes(send(client, "posts", scheduled(), 201)) == ["duplicate_text"] * is_found


@pytest.mark.parametrize(
    ("row", "is_found"),
    [
        ({"state": "blocked"}, True),
        ({"state": "held"}, False),
        ({"state": "failed"}, False),
        ({"state": "cancelled"}, False),
        ({"state": "published", "remote_id": "1", "published_at": NINE + timedelta(hours=23)}, True),
        ({"state": "published", "remote_id": "1", "published_at": NINE - timedelta(hours=30)}, False),
        ({"state": "unconfirmed", "sent_at": NINE}, True),
    ],
)
def test_what_goes_out_or_is_out_counts_by_when_it_went_out(
    client: APIClient, account: SocialAccount, row: dict[str, Any], is_found: bool
) -> None:
    make_delivery(account, due_at=NINE - timedelta(hours=20), **row)

    assert codes(send(client, "posts", scheduled(), 201)) == ["duplicate_text"] * is_found


def test_what_is_no_duplicate(client: APIClient, account: SocialAccount, workspace: Workspace) -> None:
    other = make_account(workspace=workspace, handle="other", is_default=False)
    asset = make_asset(workspace=workspace)
    gone = make_delivery(account, due_at=NINE + timedelta(hours=1)).post
    Post.objects.filter(id=gone.id).update(deleted_at=timezone.now())
    make_delivery(make_account(), due_at=NINE + timedelta(hours=1))
    make_post(accounts=[account])
    make_delivery(other, due_at=NINE + timedelta(hours=1))

    bodies = [
        scheduled(),
        scheduled(10, media=[str(asset.id)]),
        scheduled(20, overrides={"mastodon": {"content": "Hi"}}),
    ]
    assert [codes(send(client, "posts", body, 201)) for body in bodies] == [[], [], []]
    again = scheduled(30, "Greetings", overrides={str(account.id): {"content": "hi"}})
    assert codes(send(client, "posts", again, 201)) == ["duplicate_text"]


def test_drafts_are_told_of_drafts_and_of_what_is_out(client: APIClient, account: SocialAccount) -> None:
    draft = {"content": "Hello", "platforms": ["mastodon"]}
    first = send(client, "posts", draft, 201)

    [found] = send(client, "posts", draft, 201)["warnings"]

    assert (found["params"]["post_id"], found["message"]) == (
        first["id"],
        f"The draft {first['id']} says the same by the same account; change the text or leave the account out.",
    )
    assert codes(send(client, "posts", scheduled(), 201)) == []
    assert codes(send(client, "posts", {**draft, "platforms": []}, 201)) == []


# --- every way of writing ---
def ways(client: APIClient) -> dict[str, Callable[[], dict[str, Any]]]:
    """The ways in which a post gets the text and time of `scheduled()`, each with what comes of it."""
    body = scheduled()

    def made(**fields: Any) -> str:
        return str(send(client, "posts", {"content": "Mine", "platforms": ["mastodon"], **fields}, 201)["id"])

    def published() -> dict[str, Any]:
        post: dict[str, Any] = send(client, f"posts/{made(content='Hello')}/publish", {}, 202)["post"]
        return post

    return {
        "create": lambda: send(client, "posts", body, 201),
        "validate": lambda: send(client, "posts/validate", body, 200),
        "put": lambda: send(client, f"posts/{made()}", body, 200, "put"),
        "patch": lambda: send(
            client, f"posts/{made(scheduled_time=body['scheduled_time'])}", {"content": "hello"}, 200, "patch"
        ),
        "schedule": lambda: send(
            client, f"posts/{made(content='Hello')}", {"scheduled_time": body["scheduled_time"]}, 200, "patch"
        ),
        "reschedule": lambda: send(
            client, f"posts/{made(content='Hello')}/reschedule", {"scheduled_time": body["scheduled_time"]}, 200
        ),
        "publish": published,
    }  # fmt: skip


@pytest.mark.parametrize("way", ["create", "validate", "put", "patch", "schedule", "reschedule", "publish"])
def test_whatever_gives_a_post_its_text_or_time_warns(client: APIClient, account: SocialAccount, way: str) -> None:
    other = make_delivery(account, due_at=timezone.now() if way == "publish" else NINE)

    told = ways(client)[way]()

    found = [(one["code"], one["params"]["post_id"]) for one in told["warnings"]]
    assert found == [("duplicate_text", str(other.post_id)), ("too_near", str(other.post_id))]
    assert told.get("valid", True) is True


def test_a_warning_ends_with_its_reason_and_a_post_is_no_duplicate_of_itself(
    client: APIClient, account: SocialAccount
) -> None:
    make_delivery(account, due_at=NINE)
    post = send(client, "posts", scheduled(), 201)
    path = f"posts/{post['id']}"

    assert codes(send(client, path, {"content": "Other"}, 200, "patch")) == ["too_near"]
    assert codes(send(client, path, {"scheduled_time": "2030-01-31T10:00:00Z"}, 200, "patch")) == []
    shown = client.get(f"/api/v2/{path}").json()
    assert codes(send(client, "posts/validate", shown, 200)) == []
    assert codes(send(client, f"{path}/reschedule", {"scheduled_time": "2030-01-31T09:01:00Z"}, 200)) == ["too_near"]
    assert codes(send(client, f"{path}/reschedule", {"scheduled_time": "2030-01-31T11:00:00Z"}, 200)) == []


def test_the_fingerprint_follows_edits_overrides_and_files(client: APIClient, account: SocialAccount) -> None:
    post = send(client, "posts", scheduled(content="First"), 201)
    asset = make_asset(workspace=account.workspace)
    seen = [Delivery.objects.get().fingerprint]
    changes: list[dict[str, Any]] = [
        {"content": "Second"},
        {"overrides": {"mastodon": {"content": "Third"}}},
        {"media": [str(asset.id)]},
        {"overrides": {}, "media": [], "content": "FIRST"},
    ]

    for change in changes:
        send(client, f"posts/{post['id']}", change, 200, "patch")
        seen.append(Delivery.objects.get().fingerprint)

    assert len(set(seen[:-1])) == 4
    assert seen[-1] == seen[0]


# --- refusing ---
@pytest.mark.parametrize("way", ["create", "put", "patch", "schedule", "reschedule", "publish"])
def test_a_workspace_that_refuses_duplicates_is_asked_for_each(
    client: APIClient, account: SocialAccount, workspace: Workspace, way: str
) -> None:
    other = make_delivery(account, due_at=timezone.now() if way == "publish" else NINE)
    Workspace.objects.filter(id=workspace.id).update(duplicate_policy="refuse")
    own = send(client, "posts", {"content": "Hello" if way != "put" else "Mine", "platforms": ["mastodon"]}, 201)
    paths = {"create": "posts", "reschedule": f"posts/{own['id']}/reschedule", "publish": f"posts/{own['id']}/publish"}
    path, method = (
        paths.get(way, f"posts/{own['id']}"),
        {"put": "put", "patch": "patch", "schedule": "patch"}.get(way, "post"),
    )
    when = {"scheduled_time": NINE.isoformat()}
    body = {"create": scheduled(), "put": scheduled(), "patch": {"content": "hello!"[:5], **when}, "publish": {}}.get(
        way, when
    )

    refused = send(client, path, body, 400, method)

    [fault] = refused["errors"]
    assert (refused["code"], fault["field"], fault["params"]["post_id"]) == (
        "duplicate_text",
        "content",
        str(other.post_id),
    )
    assert "send `allow_duplicate: true` if it is meant" in refused["detail"]
    assert Post.objects.get(id=own["id"]).status == "draft"
    allowed = {"create": 201, "publish": 202}.get(way, 200)
    told = send(client, path, {**body, "allow_duplicate": True}, allowed, method)
    assert codes(told.get("post", told)) == ["duplicate_text", "too_near"]


def test_trying_out_says_that_it_would_be_refused(
    client: APIClient, account: SocialAccount, workspace: Workspace
) -> None:
    make_delivery(account, due_at=NINE)
    Workspace.objects.filter(id=workspace.id).update(duplicate_policy="refuse")

    told = send(client, "posts/validate", scheduled(), 200)

    assert (told["valid"], [one["code"] for one in told["problems"]], codes(told)) == (
        False,
        ["duplicate_text"],
        ["too_near"],
    )
    assert send(client, "posts/validate", scheduled(allow_duplicate=True), 200)["valid"] is True
    assert send(client, "posts/validate", {"content": "Hello", "platforms": ["mastodon"]}, 200)["valid"] is True


@pytest.mark.parametrize(
    ("windows", "found"),
    [
        ({"duplicate_window_hours": 0}, ["too_near"]),
        ({"clash_window_minutes": 0}, ["duplicate_text"]),
        ({"duplicate_window_hours": 0, "clash_window_minutes": 0}, []),
        ({"clash_window_minutes": 1}, ["duplicate_text"]),
    ],
)
def test_a_window_of_nothing_looks_for_nothing(
    client: APIClient, account: SocialAccount, workspace: Workspace, windows: dict[str, int], found: list[str]
) -> None:
    make_delivery(account, due_at=NINE)
    Workspace.objects.filter(id=workspace.id).update(**windows)

    assert codes(send(client, "posts", scheduled(2), 201)) == found


# --- many at once ---
def test_in_one_request_the_later_of_two_is_told_of_the_earlier(client: APIClient, account: SocialAccount) -> None:
    bodies = [scheduled(), scheduled(60, "hello"), scheduled(3, "Other"), scheduled(60 * 30), {"content": "Hello"}]

    told = send(client, "bulk/posts/create", {"posts": bodies}, 200)

    ids = [one["id"] for one in told["successful"]]
    shown = [client.get(f"/api/v2/posts/{one}").json()["warnings"] for one in ids]
    assert [[(one["code"], one["params"]["post_id"]) for one in post] for post in shown] == [
        [],
        [("duplicate_text", ids[0])],
        [("too_near", ids[0])],
        [],
        [],
    ]


def test_in_one_request_duplicates_are_refused_each_by_itself(
    client: APIClient, account: SocialAccount, workspace: Workspace
) -> None:
    make_delivery(account, due_at=NINE, content="Stored")
    Workspace.objects.filter(id=workspace.id).update(duplicate_policy="refuse")
    bodies = [
        scheduled(10, "stored"),
        scheduled(20, "New"),
        scheduled(30, "new"),
        scheduled(40, "NEW", allow_duplicate=True),
    ]

    told = send(client, "bulk/posts/create", {"posts": bodies}, 200)

    assert [one["content"] for one in told["successful"]] == ["New", "NEW"]
    assert [(one["index"], one["code"]) for one in told["failed"]] == [(0, "duplicate_text"), (2, "duplicate_text")]
    assert send(client, "bulk/posts/create", {"posts": bodies, "atomic": True}, 422)["successful"] == []


@pytest.mark.parametrize(
    ("body", "statements"),
    [
        ({"content": "Hello", "platforms": ["mastodon"]}, {"postgresql": 4, "sqlite": 6}),
        ({"content": "Hello"}, {"postgresql": 2, "sqlite": 3}),
        (scheduled(), {"postgresql": 5, "sqlite": 9}),  # SQLite stores row by row and wakes lanes in three steps
    ],
    ids=["draft", "draft for nobody", "scheduled"],
)
def test_the_look_is_one_statement_and_only_where_there_is_something_to_look_for(
    client: APIClient, workspace: Workspace, body: dict[str, Any], statements: dict[str, int]
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as found:
            send(client, "posts", body, 201)
        return len([one for one in found.captured_queries if "SAVEPOINT" not in one["sql"]])

    first = count()
    assert first == count() == statements[connection.vendor]
    Workspace.objects.update(duplicate_window_hours=0, clash_window_minutes=0)
    assert count() == first - bool(body.get("platforms"))


# --- what was there before ---
def test_posts_of_before_get_their_fingerprints_by_the_migration(account: SocialAccount) -> None:
    rows = [
        make_delivery(account, content="One"),
        make_delivery(account, content="Two"),
        make_delivery(account, content=""),
    ]
    asset = make_asset(workspace=account.workspace)
    rows[1].post.media_uses.create(asset=asset, position=0)
    Post.objects.filter(id=rows[0].post_id).update(overrides={"mastodon": {"content": "Other"}})
    Delivery.objects.update(fingerprint=None)
    migration = importlib.import_module("posts.migrations.0013_fill_fingerprints")

    class Editor:
        connection = connection

    migration.fill(apps, Editor)

    filled = dict(Delivery.objects.values_list("id", "fingerprint"))
    assert filled[rows[2].id] is None
    alike = make_delivery(account, content="other")
    assert filled[rows[0].id] == alike.fingerprint
    assert filled[rows[1].id] not in {None, make_delivery(account, content="Two").fingerprint}
