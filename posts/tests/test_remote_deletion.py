"""DELETE ?remote=true: what is out is taken back where it is out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.utils import timezone

from integrations.platforms.mastodon.connector import MastodonConnector
from posts.models import Delivery, Post
from posts.tests.conftest import Connect
from posts.tests.factories import make_delivery
from posts.tests.test_api import client_of
from posts.tests.test_publishing import run_until_settled
from posts.tests.test_threads import thread
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_part_is_deleted_at_the_platform(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    delivery = thread(account, ["One", "Two"], first_comment="Link")
    run_until_settled(delivery)
    assert len(sandbox.posts()) == 3

    answer = client_of(account.workspace).delete(f"/api/v2/posts/{delivery.post_id}?remote=true")

    assert (answer.status_code, sandbox.posts()) == (204, [])
    assert Delivery.objects.get().state == "retracted"
    assert Post.objects.get().deleted_at is not None


def test_what_is_gone_already_is_fine(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    delivery = make_delivery(account, due_at=timezone.now())
    run_until_settled(delivery)
    client = client_of(account.workspace)
    sandbox.fault("mastodon", "delete", "accept_then_500")

    first = client.delete(f"/api/v2/posts/{delivery.post_id}?remote=true")
    second = client.delete(f"/api/v2/posts/{delivery.post_id}?remote=true")

    assert (first.status_code, second.status_code) == (409, 204)
    assert first.json()["errors"][0]["params"]["delivery_id"] == str(delivery.id)
    assert sandbox.posts() == []


def test_without_remote_it_stays_out(sandbox: Sandbox, connected: Connect) -> None:
    account = connected()
    delivery = make_delivery(account, due_at=timezone.now())
    run_until_settled(delivery)

    assert client_of(account.workspace).delete(f"/api/v2/posts/{delivery.post_id}").status_code == 204

    assert len(sandbox.posts()) == 1


def test_platform_that_takes_nothing_back_is_named_and_the_rest_is_taken_back(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting = connected()
    other = connected(workspace=lasting.workspace, platform="bluesky")
    cannot = replace(MastodonConnector.capabilities, can_delete=False)
    monkeypatch.setattr(MastodonConnector, "capabilities", cannot)
    client = client_of(lasting.workspace)
    post_id = client.post(
        "/api/v2/posts", {"content": "Hello", "accounts": [lasting.id, other.id], "publish": True}, format="json"
    ).json()["id"]
    run_until_settled(*Delivery.objects.all())
    made = len(sandbox.requests("mastodon"))

    answer = client.delete(f"/api/v2/posts/{post_id}?remote=true")

    [problem] = answer.json()["errors"]
    assert (answer.status_code, answer.json()["code"], problem["code"]) == (409, "not_deleted", "cannot_delete")
    assert problem["params"]["account_id"] == str(lasting.id)
    assert "Mastodon takes no post back" in problem["message"]
    assert [post["platform"] for post in sandbox.posts()] == ["mastodon"]
    assert len(sandbox.requests("mastodon")) == made
    assert client.delete(f"/api/v2/posts/{post_id}").status_code == 204


def test_a_word_that_is_neither_true_nor_false_is_refused(connected: Connect) -> None:
    account = connected()
    delivery = make_delivery(account)

    answer = client_of(account.workspace).delete(f"/api/v2/posts/{delivery.post_id}?remote=yes")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "remote")
    assert Post.objects.get().deleted_at is None
