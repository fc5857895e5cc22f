"""What GET gave may be sent back at any time, whole or in part, and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Workspace
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from media_library.tests.factories import make_asset
from posts.models import Delivery, Post
from posts.tests.factories import NOON

pytestmark = pytest.mark.django_db
LATER = "2030-01-31T09:00:00Z"


@pytest.fixture
def others(workspace: Workspace) -> list[SocialAccount]:
    """Two accounts beside the default one."""
    return [make_account(workspace=workspace, is_default=is_default) for is_default in (True, False, False)][1:]


def created(client: APIClient, **body: Any) -> str:
    answer = client.post("/api/v2/posts", {"platforms": ["mastodon"], **body})
    assert answer.status_code == 201, answer.content
    return str(answer.json()["id"])


def put_out(post_id: str) -> None:
    for delivery in Delivery.objects.filter(post=post_id):
        delivery.delete()  # no move leads there at once: it is made as it is to be
        delivery.state, delivery.remote_id, delivery.published_at = "published", "7", NOON
        delivery.next_attempt_at = delivery.lease_expires_at = None
        delivery.save(force_insert=True)
    Post.objects.filter(id=post_id).update(status="published", published_at=NOON)


def bodies(client: APIClient, others: list[SocialAccount], workspace: Workspace) -> dict[str, dict[str, Any]]:
    named = [str(account.id) for account in others]
    return {
        "text": {"content": "Hello"},
        "thread": {"thread": ["One", "Two"]},
        "thread with content": {"content": "One", "thread": ["One", "Two"], "first_comment": "Link"},
        "named accounts": {"content": "Hello", "platforms": [], "accounts": named[::-1]},
        "files": {
            "thread": ["One", {"content": "Two", "media": [str(make_asset(workspace=workspace).id)]}],
            "media": [{"id": str(make_asset(workspace=workspace).id), "alt_text": "What is seen"}],
            "overrides": {"mastodon": {"content": "Own", "media": []}, named[0]: {"first_comment": "Link"}},
            "accounts": named,
            "platforms": [],
        },
        "a platform without account": {"content": "Hello", "platforms": ["mastodon", "bluesky"], "tags": ["b", "a"]},
    }


KINDS = ["text", "thread", "thread with content", "named accounts", "files"]


@pytest.mark.parametrize(
    ("kind", "state"),
    [(kind, state) for kind in KINDS for state in ("draft", "scheduled", "published")]
    + [("a platform without account", "draft")],
)
def test_all_of_it(client: APIClient, others: list[SocialAccount], workspace: Workspace, kind: str, state: str) -> None:
    body = bodies(client, others, workspace)[kind]
    post_id = created(client, **body, **({} if state == "draft" else {"scheduled_time": LATER}))
    if state == "published":
        put_out(post_id)
    before = client.get(f"/api/v2/posts/{post_id}")

    for method in (client.put, client.patch):
        answer = method(f"/api/v2/posts/{post_id}", before.json(), headers={"If-Match": before["ETag"]})
        assert (answer.status_code, answer.json()) == (200, before.json())
        assert answer["ETag"] == before["ETag"]


@pytest.mark.parametrize(
    ("kind", "is_out"),
    [(kind, is_out) for kind in KINDS for is_out in (False, True)] + [("a platform without account", False)],
)
def test_each_field_by_itself(
    client: APIClient, others: list[SocialAccount], workspace: Workspace, kind: str, is_out: bool
) -> None:
    post_id = created(client, **bodies(client, others, workspace)[kind])
    if is_out:
        put_out(post_id)
    before = client.get(f"/api/v2/posts/{post_id}").json()

    by_itself = [{name: before[name]} for name in ("content", "platforms", "accounts", "thread", "media", "overrides")]
    the_rest = {name: value for name, value in before.items() if {name: value} not in by_itself}
    for body in [*by_itself, the_rest]:
        answer = client.patch(f"/api/v2/posts/{post_id}", body)
        assert (body, answer.status_code, answer.json()) == (body, 200, before)


def test_what_was_published_at_once_may_be_put(client: APIClient, others: list[SocialAccount]) -> None:
    post_id = created(client, content="Hello", publish=True)
    put_out(post_id)
    before = client.get(f"/api/v2/posts/{post_id}").json()

    answer = client.put(f"/api/v2/posts/{post_id}", before)

    assert (answer.status_code, answer.json()) == (200, before)


def test_tags_of_what_is_out_may_be_put_with_all_the_rest(client: APIClient, others: list[SocialAccount]) -> None:
    post_id = created(client, thread=["One", "Two"], scheduled_time=LATER)
    put_out(post_id)
    before = client.get(f"/api/v2/posts/{post_id}").json()

    answer = client.put(f"/api/v2/posts/{post_id}", {**before, "tags": ["news"]})

    assert (answer.status_code, answer.json()["tags"]) == (200, ["news"])
    assert {**answer.json(), "tags": [], "updated_at": ""} == {**before, "updated_at": ""}


def test_an_account_that_is_gone_stands_in_nobodys_way(client: APIClient, others: list[SocialAccount]) -> None:
    post_id = created(client, content="Hello", platforms=[], accounts=[str(others[0].id)], scheduled_time=LATER)
    put_out(post_id)
    before = client.get(f"/api/v2/posts/{post_id}").json()
    SocialAccount.objects.filter(id=others[0].id).update(state="disconnected", is_default=False)

    answer = client.put(f"/api/v2/posts/{post_id}", before)

    assert (answer.status_code, answer.json()) == (200, before)


@pytest.mark.parametrize(
    ("change", "then"),
    [
        ({"content": "Other"}, {"content": "Other", "thread": []}),
        ({"content": "One", "thread": []}, {"content": "One", "thread": []}),
        ({"thread": ["One"]}, {"content": "One", "thread": ["One"]}),
    ],
)
def test_what_differs_changes_it(
    client: APIClient, others: list[SocialAccount], change: dict[str, Any], then: dict[str, Any]
) -> None:
    post_id = created(client, thread=["One", "Two"])

    answer = client.patch(f"/api/v2/posts/{post_id}", change).json()

    assert {name: answer[name] for name in then} == then


def test_other_platforms_take_the_place_of_the_accounts(client: APIClient, others: list[SocialAccount]) -> None:
    post_id = created(client, content="Hello", platforms=[], accounts=[str(others[0].id)])

    answer = client.patch(f"/api/v2/posts/{post_id}", {"platforms": ["bluesky"]}).json()

    assert (answer["platforms"], answer["accounts"]) == (["bluesky"], [])
