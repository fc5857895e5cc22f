"""Posts over HTTP: what is stored, what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Membership, Workspace
from accounts.tests.factories import make_workspace, signed_in
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from media_library.tests.factories import make_asset
from posts.models import Attempt, Delivery, Lane, Post, PostMedia, PostTag
from posts.states import AttemptOutcome
from posts.tests.factories import NOON, make_delivery, make_post

pytestmark = pytest.mark.django_db

ROW_KEYS = {
    "id", "content", "platforms", "accounts", "post_type", "status", "scheduled_time", "timezone", "published_at",
    "post_options", "overrides", "thread", "media", "first_comment", "tags", "external_id", "author",
    "deliveries", "warnings", "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
def account() -> SocialAccount:
    return make_account()


@pytest.fixture
def client(account: SocialAccount) -> APIClient:
    return client_of(account.workspace)


def client_of(workspace: Workspace) -> APIClient:
    return signed_in(Membership.objects.get(workspace=workspace).user)


def create(client: APIClient, **body: Any) -> Any:
    return client.post("/api/v2/posts", {"content": "Hello", "platforms": ["mastodon"], **body}, format="json")


def refused(answer: Any, status: int = 400) -> dict[str, Any]:
    """The one fault of a refusal, after checking that nothing was stored."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    body = answer.json()
    assert body["error"] == body["detail"] != ""
    assert (Post.objects.count(), Delivery.objects.count(), Lane.objects.count()) == (0, 0, 0)
    [fault] = body["errors"]
    return dict(fault)


def test_a_draft_has_a_delivery_for_each_account_and_promises_nothing(
    client: APIClient, account: SocialAccount
) -> None:
    answer = create(client, tags=["news", "news"])

    assert answer.status_code == 201
    body = answer.json()
    assert body.keys() == ROW_KEYS
    assert (body["status"], body["scheduled_time"], body["platforms"]) == ("draft", None, ["mastodon"])
    assert (body["accounts"], body["tags"], body["warnings"]) == ([str(account.id)], ["news"], [])
    [delivery] = body["deliveries"]
    assert delivery == {
        "id": str(Delivery.objects.get().id), "account_id": str(account.id), "platform": "mastodon",
        "status": "pending", "waiting_for": None, "attempts": 0, "next_attempt_at": None, "platform_post_id": None,
        "url": None, "error": None, "warnings": [], "published_at": None,
        "parts": [
            {"index": 0, "kind": "post", "status": "pending", "platform_post_id": None, "url": None, "error": None}
        ],
    }  # fmt: skip
    assert answer["Location"] == f"/api/v2/posts/{body['id']}"
    assert client.get(answer["Location"]).json() == body
    assert not Lane.objects.exists()


def test_a_scheduled_post_is_promised_for_its_moment(client: APIClient) -> None:
    answer = create(client, scheduled_time="2030-01-31T09:00:00+01:00")

    assert answer.status_code == 201
    body = answer.json()
    assert (body["status"], body["scheduled_time"]) == ("scheduled", "2030-01-31T08:00:00Z")
    assert body["deliveries"][0]["next_attempt_at"] == "2030-01-31T08:00:00Z"
    due_at = datetime(2030, 1, 31, 8, tzinfo=UTC)
    assert Lane.objects.get().ready_at == Delivery.objects.get().due_at == due_at


def test_a_local_time_counts_with_its_zone(client: APIClient) -> None:
    answer = create(client, scheduled_time="2030-07-31T09:00:00", timezone="Europe/Berlin")

    assert answer.json()["scheduled_time"] == "2030-07-31T07:00:00Z"
    assert answer.json()["timezone"] == "Europe/Berlin"


def test_publish_promises_it_for_now(client: APIClient) -> None:
    before = timezone.now()

    answer = create(client, publish=True)

    assert answer.status_code == 201
    assert answer.json()["status"] == "scheduled"
    lane = Lane.objects.get()
    assert lane.ready_at is not None
    assert before <= lane.ready_at <= timezone.now()


def test_a_named_account_that_is_the_default_too_gets_it_once(client: APIClient, account: SocialAccount) -> None:
    body = create(client, accounts=[str(account.id), str(account.id)]).json()

    assert body["accounts"] == [str(account.id)]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"content": ""}, "content", "required"),
        ({"content": "  \n"}, "content", "required"),
        ({"content": 7}, "content", "wrong_type"),
        ({"content": None}, "content", "null"),
        ({"content": "a\u0000b"}, "content", "nul_character"),
        ({"contents": "typo"}, "contents", "unknown"),
        ({"platforms": "mastodon"}, "platforms", "not_a_list"),
        ({"platforms": ["myspace"]}, "platforms", "unknown_platform"),
        ({"platforms": [], "publish": True}, "platforms", "required"),
        ({"platforms": ["twitter"], "publish": True}, "platforms", "no_account"),
        ({"accounts": ["nonsense"]}, "accounts.0", "invalid"),
        ({"accounts": [str(uuid4())]}, "accounts.0", "unknown_account"),
        ({"post_type": "sonnet"}, "post_type", "invalid_choice"),
        ({"publish": "yes"}, "publish", "wrong_type"),
        ({"publish": True, "scheduled_time": "2030-01-31T09:00:00Z"}, "publish", "contradiction"),
        ({"scheduled_time": "2030-01-31T09:00:00"}, "scheduled_time", "no_offset"),
        ({"scheduled_time": "tomorrow"}, "scheduled_time", "invalid"),
        ({"scheduled_time": 1_900_000_000}, "scheduled_time", "wrong_type"),
        ({"scheduled_time": "2020-01-31T09:00:00Z"}, "scheduled_time", "in_past"),
        ({"scheduled_time": "2300-01-31T09:00:00Z"}, "scheduled_time", "too_far"),
        ({"scheduled_time": "2030-07-31T09:00:00", "timezone": "Mars/Base"}, "timezone", "unknown_zone"),
        ({"post_options": {"myspace": {}}}, "post_options.myspace", "unknown_platform"),
        ({"post_options": {"mastodon": {"colour": 1}}, "publish": True}, "post_options.mastodon.colour", None),
        (
            {"post_options": {"mastodon": {"visibility": "secret"}}, "publish": True},
            "post_options.mastodon.visibility",
            None,
        ),
        ({"content": "x" * 501, "publish": True}, "content", None),
        ({"content": "x" * 100_001}, "content", "too_long"),
    ],
)
def test_bad_input_is_one_fault_that_names_its_field(
    client: APIClient, body: dict[str, Any], field: str, code: str | None
) -> None:
    answer = create(client, **body)

    faults = answer.json()["errors"]
    assert field in {fault["field"] for fault in faults}, faults
    fault = next(fault for fault in faults if fault["field"] == field)
    assert code in {None, fault["code"]}
    refused_fields = {f["field"] for f in faults}
    assert refused_fields <= {field, "scheduled_time"}  # a local time of an unknown zone is two faults
    assert (answer.status_code, Post.objects.count(), Lane.objects.count()) == (400, 0, 0)


def test_a_text_that_is_too_long_names_limit_and_length_for_its_platform(client: APIClient) -> None:
    fault = refused(create(client, content="👨‍👩‍👧" * 501, publish=True))

    assert (fault["field"], fault["params"]["limit"], fault["params"]["actual"]) == ("content", 500, 501)
    assert fault["params"]["platform"] == "mastodon"
    assert "500" in fault["message"]


def test_a_megabyte_of_text_is_refused(client: APIClient) -> None:
    assert refused(create(client, content="x" * 1_000_000))["params"] == {"limit": 100_000, "actual": 1_000_000}


def test_a_draft_may_be_too_long_and_says_so(client: APIClient) -> None:
    body = create(client, content="x" * 501).json()

    [warning] = body["warnings"]
    assert (body["status"], warning["field"], warning["params"]["actual"]) == ("draft", "content", 501)
    answer = client.post(f"/api/v2/posts/{body['id']}/publish")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "content")
    assert Post.objects.get().status == "draft"


def test_a_draft_for_a_platform_without_account_goes_to_the_one_connected_later(client: APIClient) -> None:
    SocialAccount.objects.all().delete()
    workspace = Membership.objects.get().workspace
    body = create(client).json()
    assert (body["platforms"], body["deliveries"]) == (["mastodon"], [])
    assert body["warnings"][0]["code"] == "no_account"
    assert client.post(f"/api/v2/posts/{body['id']}/publish").json()["code"] == "no_account"

    account = make_account(workspace=workspace)
    answer = client.post(f"/api/v2/posts/{body['id']}/publish")

    assert answer.status_code == 202
    assert answer.json()["post"]["accounts"] == [str(account.id)]
    assert answer.json()["post"]["warnings"] == []
    assert Lane.objects.get().account_id == account.id


def test_a_foreign_account_is_unknown(client: APIClient) -> None:
    foreign = make_account()

    fault = refused(create(client, accounts=[str(foreign.id)]))

    assert (fault["field"], fault["code"]) == ("accounts.0", "unknown_account")


@pytest.mark.parametrize("state", ["paused", "pending"])
def test_an_account_that_is_not_active_takes_drafts_only(client: APIClient, account: SocialAccount, state: str) -> None:
    if state == "pending":
        SocialAccount.objects.update(state="disconnected")  # the way back there
    SocialAccount.objects.update(state=state)

    assert refused(create(client, publish=True))["code"] == "account_not_active"
    assert create(client).status_code == 201


def test_publishing_a_draft_answers_with_the_post(client: APIClient) -> None:
    post = create(client).json()

    answer = client.post(f"/api/v2/posts/{post['id']}/publish")

    assert answer.status_code == 202
    assert answer.json()["post"]["status"] == "scheduled"
    assert answer.json()["message"]
    assert Lane.objects.get().ready_at is not None


def test_publishing_a_scheduled_post_moves_its_promise_to_now(client: APIClient) -> None:
    post = create(client, scheduled_time="2030-01-31T09:00:00Z").json()

    assert client.post(f"/api/v2/posts/{post['id']}/publish").status_code == 202

    ready_at = Lane.objects.get().ready_at
    assert ready_at is not None
    assert ready_at <= timezone.now()


@pytest.mark.parametrize(
    ("row", "status", "code"),
    [
        ({"state": "sending", "lease_token": uuid4(), "lease_expires_at": NOON}, "publishing", "in_flight"),
        ({"state": "unknown", "sent_at": NOON, "doubted_at": NOON}, "publishing", "in_flight"),
        ({"state": "published", "remote_id": "1", "published_at": NOON}, "published", "already_out"),
        ({"state": "failed"}, "failed", "not_waiting"),
        ({"state": "cancelled"}, "cancelled", "not_waiting"),
    ],
)
def test_publishing_what_is_not_waiting_is_refused(
    client: APIClient, account: SocialAccount, row: dict[str, Any], status: str, code: str
) -> None:
    delivery = make_delivery(account, **row)
    Post.objects.update(status=status)

    answer = client.post(f"/api/v2/posts/{delivery.post_id}/publish")

    assert (answer.status_code, answer.json()["code"]) == (409, code)
    delivery.refresh_from_db()
    assert delivery.state == row["state"]


@pytest.mark.parametrize("path", ["", "/publish", "/attempts"])
def test_foreign_and_unknown_posts_are_not_found(client: APIClient, path: str) -> None:
    foreign = make_post()

    for post_id in (foreign.id, uuid4()):
        call = client.post if path == "/publish" else client.get
        answer = call(f"/api/v2/posts/{post_id}{path}")
        assert (answer.status_code, answer.json()["status"]) == (404, 404)
    assert Post.objects.get().status == "draft"


def test_the_list_shows_the_newest_first_and_only_this_workspace(client: APIClient) -> None:
    ids = [create(client, content=f"number {i}").json()["id"] for i in range(3)]
    make_post()
    Post.objects.filter(id=ids[1]).update(deleted_at=timezone.now())

    body = client.get("/api/v2/posts").json()

    assert [row["id"] for row in body["posts"]] == [ids[2], ids[0]]
    assert (body["total"], body["limit"], body["offset"], body["next"], body["previous"]) == (2, 50, 0, None, None)
    assert body["posts"][0] == client.get(f"/api/v2/posts/{ids[2]}").json()


def test_the_list_filters_by_status_several_at_once(client: APIClient) -> None:
    create(client)
    create(client, scheduled_time="2030-01-31T09:00:00Z")

    def statuses(query: str) -> list[str]:
        return [row["status"] for row in client.get(f"/api/v2/posts?{query}").json()["posts"]]

    assert statuses("status=draft") == ["draft"]
    assert statuses("status=draft&status=scheduled") == ["scheduled", "draft"]
    assert client.get("/api/v2/posts?status=nonsense").status_code == 400
    assert client.get("/api/v2/posts?stauts=draft").status_code == 400


@pytest.mark.parametrize("rows", [1, 50])
def test_the_list_takes_the_same_few_queries_however_long(
    client: APIClient, account: SocialAccount, rows: int, django_assert_max_num_queries: Any
) -> None:
    for _ in range(rows):
        make_post(accounts=[account])

    with django_assert_max_num_queries(4):  # sign-in, page, count, what belongs to the posts
        body = client.get("/api/v2/posts").json()

    assert len(body["posts"]) == rows


@pytest.mark.parametrize(
    ("path", "statements"),
    [
        ("posts?limit=1", 3),
        ("posts?cursor=", 3),
        ("posts?limit=1&offset=0&status=draft", 4),
        ("posts?status=failed", 3),
        ("posts/{id}", 2),
    ],
)
def test_what_a_read_asks_the_database(
    client: APIClient, account: SocialAccount, path: str, statements: int, django_assert_num_queries: Any
) -> None:
    post, _ = (make_post(accounts=[account]) for _ in range(2))

    # Sign-in, posts, what belongs to them; the total, where it is unknown and comes with no first page; a post is one.
    with django_assert_num_queries(statements):
        assert client.get(f"/api/v2/{path.format(id=post.id)}").status_code == 200


@pytest.mark.parametrize(("when", "statements"), [(None, 4), ("2030-01-31T09:00:00Z", 5)])
def test_what_a_create_asks_the_database(
    client: APIClient, account: SocialAccount, when: str | None, statements: int
) -> None:
    """Sign-in, accounts, neighbours, and on PostgreSQL all that is stored in one; then lanes are woken."""
    with CaptureQueriesContext(connection) as captured:
        assert create(client, scheduled_time=when).status_code == 201

    asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
    on_sqlite = 2 if when is None else 4  # a statement for each table, and lanes are made before they are woken
    assert len(asked) == statements + (on_sqlite if connection.vendor == "sqlite" else 0)


def test_first_pages_are_those_of_the_whole_list(client: APIClient, account: SocialAccount) -> None:
    for _ in range(3):
        make_post(accounts=[account])
    make_post(accounts=[account], deleted_at=timezone.now())
    make_post()  # of somebody else
    newest = [row["id"] for row in client.get("/api/v2/posts?status=draft").json()["posts"]]

    first = client.get("/api/v2/posts?limit=2").json()
    assert ([row["id"] for row in first["posts"]], first["total"]) == (newest[:2], 3)
    second = client.get(f"/api/v2{first['next'].partition('/api/v2')[2]}").json()
    assert ([row["id"] for row in second["posts"]], second["total"], second["next"]) == (newest[2:], 3, None)

    first = client.get("/api/v2/posts?limit=2&cursor=").json()
    assert ([row["id"] for row in first["posts"]], first["previous"]) == (newest[:2], None)
    second = client.get(f"/api/v2{first['next'].partition('/api/v2')[2]}").json()
    assert ([row["id"] for row in second["posts"]], second["next"]) == (newest[2:], None)
    back = client.get(f"/api/v2{second['previous'].partition('/api/v2')[2]}").json()
    assert [row["id"] for row in back["posts"]] == newest[:2]


def test_a_read_shows_deliveries_tags_and_files_each_in_their_order(client: APIClient, account: SocialAccount) -> None:
    other = make_account(workspace=account.workspace, platform="bluesky")
    posts = [make_post(accounts=[account, other], content=f"post {number}") for number in range(2)]
    files = [make_asset(workspace=account.workspace) for _ in range(3)]
    for position, file in enumerate(reversed(files)):
        PostMedia.objects.create(post=posts[0], asset=file, position=2 - position)
    for name in ("b", "a"):
        PostTag.objects.create(post=posts[1], name=name)

    for path in ("posts?ordering=created_at", "posts?ordering=created_at&cursor="):
        first, second = client.get(f"/api/v2/{path}").json()["posts"]
        assert [one["platform"] for one in first["deliveries"]] == ["bluesky", "mastodon"]
        assert (first["media"], first["tags"]) == ([str(file.id) for file in files], [])
        assert (second["media"], second["tags"]) == ([], ["b", "a"])
        assert client.get(f"/api/v2/posts/{first['id']}").json() == first


def test_attempts_tell_what_was_tried(client: APIClient, account: SocialAccount) -> None:
    delivery = make_delivery(account)
    Attempt.objects.create(
        delivery=delivery, number=1, kind="send", lease_token=uuid4(), worker="host:1", started_at=NOON,
        sent_at=NOON, ended_at=NOON + timedelta(seconds=1), outcome=AttemptOutcome.RATE_LIMITED, http_status=429,
        code="rate_limited", message="Too many requests", retry_at=NOON + timedelta(seconds=9),
    )  # fmt: skip

    body = client.get(f"/api/v2/posts/{delivery.post_id}/attempts").json()

    assert body["attempts"] == [
        {
            "id": body["attempts"][0]["id"], "delivery_id": str(delivery.id), "account_id": str(account.id),
            "platform": "mastodon", "number": 1, "kind": "send", "started_at": "2026-11-23T12:00:00Z",
            "sent_at": "2026-11-23T12:00:00Z", "ended_at": "2026-11-23T12:00:01Z", "outcome": "rate_limited",
            "http_status": 429, "error": {"code": "rate_limited", "message": "Too many requests"},
            "retry_at": "2026-11-23T12:00:09Z",
        }
    ]  # fmt: skip
    assert body["total"] == 1
    again = client.get(f"/api/v2/posts/{delivery.post_id}/attempts").json()
    assert UUID(again["attempts"][0]["id"]) == UUID(body["attempts"][0]["id"])  # says nothing of others' attempts


@pytest.mark.parametrize(
    ("row", "account_state", "waits_for"),
    [
        ({}, "active", None),
        ({"error_code": "timed_out", "error_kind": "unavailable", "tries": 1}, "active", "retry"),
        ({"error_code": "rate_limited", "error_kind": "rate_limited"}, "active", "rate_limit"),
        ({}, "needs_reauth", "account"),
        ({"state": "blocked"}, "active", "account"),
        ({"state": "held"}, "active", "person"),
        ({"state": "unconfirmed", "sent_at": NOON}, "active", "person"),
    ],
)
def test_a_delivery_says_what_it_waits_for(
    client: APIClient, account: SocialAccount, row: dict[str, Any], account_state: str, waits_for: str | None
) -> None:
    delivery = make_delivery(account, **row)
    SocialAccount.objects.update(state=account_state)

    [shown] = client.get(f"/api/v2/posts/{delivery.post_id}").json()["deliveries"]

    assert shown["waiting_for"] == waits_for


def test_a_viewer_reads_and_does_not_write(account: SocialAccount) -> None:
    workspace = make_workspace()
    account = make_account(workspace=workspace)
    post = make_post(accounts=[account])
    Membership.objects.filter(workspace=workspace).update(role="viewer")
    client = client_of(workspace)

    assert client.get("/api/v2/posts").status_code == 200
    assert create(client).status_code == 403
    assert client.post(f"/api/v2/posts/{post.id}/publish").status_code == 403
    assert Post.objects.get().status == "draft"
