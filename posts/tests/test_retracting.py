"""DELETE ?remote=true: what is out is taken back where it is out."""

from __future__ import annotations

import pytest
from django.utils import timezone

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


def test_a_word_that_is_neither_true_nor_false_is_refused(connected: Connect) -> None:
    account = connected()
    delivery = make_delivery(account)

    answer = client_of(account.workspace).delete(f"/api/v2/posts/{delivery.post_id}?remote=yes")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "remote")
    assert Post.objects.get().deleted_at is None
