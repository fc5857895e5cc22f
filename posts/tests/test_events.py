"""What posts tell webhooks: once each, in the transaction of what it tells, and at no cost where nobody asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Workspace
from accounts.tests.factories import make_workspace
from integrations.tests.factories import make_account
from posts import tasks
from posts.engine import publisher
from posts.models import Delivery, Post
from posts.queue import claims
from posts.tests.conftest import Connect
from posts.tests.factories import make_delivery
from tests.world import Sandbox
from webhooks.event_types import CATALOGUE
from webhooks.models import Event
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db

WHEN = "2030-01-31T09:00:00Z"


def told(workspace: Workspace | None = None) -> list[dict[str, Any]]:
    """The events so far, oldest first, each with the names of the catalogue's example."""
    rows = Event.objects.filter(workspace=workspace) if workspace else Event.objects.all()
    events = [json.loads(body) for body in rows.order_by("id").values_list("body", flat=True)]
    for event in events:
        assert set(event) == {"event", "data", "timestamp"}
        assert names(event["data"]) == names(CATALOGUE[event["event"]].example)
    return events


def names(value: Any) -> Any:
    """The names in JSON, values left out; of a list those of its first."""
    if isinstance(value, dict):
        return {name: names(one) for name, one in value.items()}
    return [names(value[0])] if isinstance(value, list) and value and isinstance(value[0], dict) else None


def post_for(workspace: Workspace, *states: str) -> list[Delivery]:
    """A post with a delivery in each state, that has not been looked at since."""
    first, *others = [make_account(workspace=workspace, platform=p) for p in ("mastodon", "bluesky", "twitter")][
        : len(states)
    ]
    made = [make_delivery(first)]
    for account in others:
        made.append(Delivery.objects.get(id=make_delivery(account).id))
        Delivery.objects.filter(id=made[-1].id).update(post=made[0].post)
    for delivery, state in zip(made, states, strict=True):
        put_into(delivery, state)
    return made


def put_into(delivery: Delivery, state: str) -> None:
    """Make it anew, since no single move leads there."""
    at = timezone.now()
    row = {
        "published": {"published_at": at, "remote_id": "1156", "url": "https://mastodon.test/1156"},
        "unconfirmed": {"sent_at": at, "doubted_at": at, "visible_calls": 1},
        "failed": {"error_code": "gone", "error_kind": "rejected", "error_message": "Gone.", "visible_calls": 1},
    }.get(state, {})
    found = Delivery.objects.get(id=delivery.id)
    found.delete()
    found.id, found.state = delivery.id, state
    for name, value in row.items():
        setattr(found, name, value)
    found.save(force_insert=True)


@pytest.mark.parametrize(
    ("states", "types"),
    [
        (("published", "published"), ["post.published"]),
        (("failed", "failed"), ["post.failed"]),
        (("published", "failed"), ["post.published", "post.failed"]),
        (("published", "cancelled"), ["post.published"]),
        (("published", "queued"), []),
        (("published", "unconfirmed"), ["post.unconfirmed"]),
        (("cancelled", "cancelled"), []),
    ],
)
def test_a_post_that_settles_is_told_once(states: tuple[str, ...], types: list[str]) -> None:
    workspace = make_workspace()
    make_endpoint(workspace=workspace)
    first, second = post_for(workspace, *states)

    for _ in "12":
        claims.recompute_post_status([first.post_id], at=timezone.now())

    events = told()
    assert [event["event"] for event in events] == types
    for event in events:
        state = event["event"].removeprefix("post.")
        about = [d for d, found in zip((first, second), states, strict=True) if found == state]
        assert event["data"]["post_id"] == str(first.post_id)
        assert event["data"]["platforms"] == [d.platform for d in about]
        assert [row["id"] for row in event["data"]["deliveries"]] == [str(d.id) for d in about]


def test_only_who_asked_is_told_and_others_cost_nothing() -> None:
    asked, other, none = make_workspace(), make_workspace(), make_workspace()
    make_endpoint(workspace=asked, events=["post.failed"])
    make_endpoint(workspace=other, events=["media.ready"])
    posts = {workspace: post_for(workspace, "published", "failed")[0].post_id for workspace in (asked, other, none)}

    def statements(*workspaces: Workspace) -> int:
        with CaptureQueriesContext(connection) as found:
            claims.recompute_post_status([posts[one] for one in workspaces], at=timezone.now())
        return len(found)

    without = statements(none)
    statements(asked, other)

    assert [event["event"] for event in told()] == ["post.failed"]
    if connection.vendor == "postgresql":
        assert without == 1  # what a post's status costs anyway


def test_partly_published_post_tells_what_is_out_and_what_is_not(sandbox: Sandbox, connected: Connect) -> None:
    """As the engine writes it, with the platform's own names."""
    good = connected("anna")
    bad = connected("bert", workspace=good.workspace)
    make_endpoint(workspace=good.workspace)
    delivery = make_delivery(good, due_at=timezone.now())
    other = make_delivery(bad, due_at=timezone.now())
    Delivery.objects.filter(id=other.id).update(post=delivery.post)
    sandbox.fault("mastodon", "publish", "reject_content")

    publisher.drain(worker="test", threads=2)

    out, failed = told(good.workspace)
    (seen,) = sandbox.posts()
    (row,), (refused,) = out["data"]["deliveries"], failed["data"]["deliveries"]
    post = Post.objects.get(id=delivery.post_id)
    assert (out["event"], failed["event"], post.status) == ("post.published", "post.failed", "partially_published")
    assert (row["platform_post_id"], row["url"].endswith(seen["id"])) == (seen["id"], True)
    assert out["data"]["published_at"] == post.published_at.isoformat().replace("+00:00", "Z")  # type: ignore[union-attr]
    assert refused["error"]["kind"] == "rejected"
    assert refused["error"]["message"]


# --- scheduling ---
@pytest.fixture
def workspace() -> Workspace:
    workspace = make_workspace()
    make_account(workspace=workspace)
    return workspace


def create(client: APIClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("/api/v2/posts", {"content": "Hello", "platforms": ["mastodon"], **fields}, format="json")
    assert answer.status_code == 201, answer.content
    made: dict[str, Any] = answer.json()
    return made


def test_each_time_that_a_post_is_given_is_told(client: APIClient, workspace: Workspace) -> None:
    make_endpoint(workspace=workspace)
    create(client)
    create(client, publish=True)
    made = create(client, scheduled_time=WHEN)
    path, later = f"/api/v2/posts/{made['id']}", "2030-02-01T09:00:00Z"

    client.patch(path, {"content": "Other"}, format="json")
    client.post(f"{path}/reschedule", {"scheduled_time": later}, format="json")
    client.post(f"{path}/publish", {}, format="json")

    assert [event["data"] for event in told()] == [
        {"post_id": made["id"], "platforms": ["mastodon"], "scheduled_time": time} for time in (WHEN, later)
    ]


def about_webhooks(found: CaptureQueriesContext) -> list[str]:
    """The statements that ask for endpoints or write events; the read of accounts only says that there is one."""
    asked = [one["sql"] for one in found.captured_queries]
    return [sql for sql in asked if "webhooks_" in sql and "integrations_socialaccount" not in sql]


@pytest.mark.parametrize("wanted", [True, False])
def test_a_thousand_scheduled_posts_tell_it_in_one_statement(
    client: APIClient, workspace: Workspace, wanted: bool
) -> None:
    make_endpoint(workspace=workspace, events=["post.scheduled" if wanted else "post.failed"])

    def statements(count: int) -> list[str]:
        post = {"content": "Hello", "platforms": ["mastodon"], "scheduled_time": WHEN}
        with CaptureQueriesContext(connection) as found:
            client.post("/api/v2/bulk/posts/create", {"posts": [post] * count}, format="json")
        return about_webhooks(found)

    few, many = statements(2), statements(30)

    assert len(few) == len(many) == (2 if wanted else 1)
    assert Event.objects.count() == (32 if wanted else 0)


def test_new_times_in_bulk_are_told_in_as_many_statements_for_many(client: APIClient, workspace: Workspace) -> None:
    def statements(count: int) -> int:
        ids = [create(client, scheduled_time=WHEN)["id"] for _ in range(count)]
        body = {"updates": [{"id": one, "scheduled_time": "2030-02-01T09:00:00Z"} for one in ids]}
        with CaptureQueriesContext(connection) as found:
            answer = client.post("/api/v2/bulk/posts/update", body, format="json").json()
        assert len(answer["successful"]) == count
        return len([sql for sql in about_webhooks(found) if "posts_post" not in sql])  # the status is computed anyway

    without = statements(1)
    make_endpoint(workspace=workspace, events=["post.scheduled"])
    few, many = statements(2), statements(6)

    assert (without, few, many) == (1, 2, 2)
    assert [event["data"]["scheduled_time"][:10] for event in told()].count("2030-02-01") == 8


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_job_that_ends_is_told_of(client: APIClient, workspace: Workspace, is_cancelled: bool) -> None:
    make_endpoint(workspace=workspace, events=["bulk.finished"])
    posts = [{"content": "Hello"}, {"content": ""}]
    job = client.post("/api/v2/bulk/posts/create", {"posts": posts, "async": True}, format="json").json()
    before = told()

    if is_cancelled:
        client.post(f"/api/v2/bulk/jobs/{job['id']}/cancel", {}, format="json")
    else:
        tasks.work_on_bulk_jobs()

    (event,) = told()
    ended = {"status": "cancelled", "successful": 0, "failed": 0} if is_cancelled else {"status": "done"}
    assert before == []
    counts = {"job_id": job["id"], "kind": "create", "total": 2, "successful": 1, "failed": 1}
    assert event["data"] == {**counts, **ended}


@pytest.mark.parametrize("fields", [{}, {"scheduled_time": WHEN}], ids=["draft", "scheduled"])
def test_a_post_takes_no_statement_for_webhooks_where_there_are_none(client: APIClient, fields: dict[str, Any]) -> None:
    with CaptureQueriesContext(connection) as found:
        create(client, **fields)

    assert about_webhooks(found) == []


def test_nothing_is_told_of_what_was_undone(client: APIClient, workspace: Workspace) -> None:
    make_endpoint(workspace=workspace)
    delivery = post_for(workspace, "published")[0]

    with transaction.atomic():
        claims.recompute_post_status([delivery.post_id], at=timezone.now())
        transaction.set_rollback(True)

    assert not Event.objects.exists()
