"""Threads and first comments: every part once, in order, whatever dies between them."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from integrations.models import SocialAccount
from posts.engine.mailbox import Mailbox
from posts.models import Delivery, Lane, Post
from posts.queue import claims
from posts.tests.conftest import Connect
from posts.tests.factories import make_delivery
from posts.tests.test_publishing import creates, outcomes, run, run_until_settled
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

TEXTS = ["One", "Two", "Three", "Four", "Five"]


def thread(account: SocialAccount, texts: list[str] = TEXTS, first_comment: str = "") -> Delivery:
    delivery = make_delivery(account, due_at=timezone.now(), is_one_step=False)
    Post.objects.filter(id=delivery.post_id).update(
        content=texts[0], thread=texts if len(texts) > 1 else [], first_comment=first_comment, post_type="thread"
    )
    return delivery


def assert_chain(sandbox: Sandbox, texts: list[str]) -> list[dict[str, Any]]:
    posts = sandbox.posts()
    assert [post["text"] for post in posts] == texts
    assert [post["reply_to"] for post in posts] == [None, *(post["id"] for post in posts[:-1])]
    return posts


def test_a_thread_is_a_chain_and_every_part_is_named(sandbox: Sandbox, connected: Connect) -> None:
    delivery = thread(connected())

    run_until_settled(delivery)

    posts = assert_chain(sandbox, TEXTS)
    assert (delivery.state, delivery.remote_id, delivery.parts_done) == ("published", posts[0]["id"], 5)
    assert [part["remote_id"] for part in delivery.parts or ()] == [post["id"] for post in posts]
    assert (delivery.visible_calls, outcomes(delivery)) == (5, [("send", "published")])


def test_a_first_comment_answers_the_root(sandbox: Sandbox, connected: Connect) -> None:
    delivery = thread(connected(), ["One", "Two"], first_comment="Link")

    run_until_settled(delivery)

    posts = sandbox.posts()
    assert [(post["text"], post["reply_to"]) for post in posts] == [
        ("One", None),
        ("Two", posts[0]["id"]),
        ("Link", posts[0]["id"]),
    ]
    assert delivery.state == "published"


@pytest.mark.parametrize("moment", ["before the part is noted", "after the part is noted"])
@pytest.mark.parametrize("boundary", [1, 2, 3, 4])
def test_a_worker_that_dies_between_parts_leaves_nothing_out_and_nothing_twice(
    sandbox: Sandbox, connected: Connect, monkeypatch: pytest.MonkeyPatch, boundary: int, moment: str
) -> None:
    sandbox.limits(idempotency=False)
    delivery = thread(connected())
    save = Mailbox.save

    def dies(mailbox: Mailbox, note: Any) -> None:
        is_here = note.parts is not None and len(note.parts) == boundary
        if is_here and moment.startswith("before"):
            raise claims_lost()
        save(mailbox, note)
        if is_here:
            raise claims_lost()

    def claims_lost() -> Exception:
        from integrations.contract import LeaseLost

        return LeaseLost("the worker died")

    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "save", dies)
        run(until=lambda: len(creates(sandbox)) >= boundary)
    assert len(sandbox.posts()) == boundary
    _end_leases()

    run_until_settled(delivery)

    posts = assert_chain(sandbox, TEXTS)
    assert (delivery.state, len(creates(sandbox))) == ("published", 5)
    assert [part["remote_id"] for part in delivery.parts or ()] == [post["id"] for post in posts]


def _end_leases() -> None:
    """As if the dead worker's leases had run out."""
    now = timezone.now()
    Lane.objects.exclude(lease_token=None).update(lease_expires_at=now)
    Delivery.objects.exclude(lease_token=None).update(lease_expires_at=now)
    with transaction.atomic():
        assert claims.take_over(at=now, limit=10) == 1


@pytest.mark.parametrize("effect", ["accept_then_reset", "reset_before"])
def test_a_lost_answer_in_mid_thread_is_settled_before_it_goes_on(
    sandbox: Sandbox, connected: Connect, effect: str
) -> None:
    sandbox.limits(idempotency=False)
    account = connected()
    delivery = thread(account, ["Same", "Same", "Same"])
    sandbox.latency(100)

    def fault_after_the_first() -> bool:
        if len(sandbox.posts()) == 1 and not fault:
            fault.append(sandbox.fault("mastodon", "publish", effect))
        return bool(fault)

    fault: list[Any] = []
    run(until=fault_after_the_first)
    run_until_settled(delivery)

    assert_chain(sandbox, ["Same", "Same", "Same"])
    assert delivery.state == "published"


def test_a_refused_reply_leaves_a_thread_that_may_go_on(sandbox: Sandbox, connected: Connect) -> None:
    delivery = thread(connected(), ["One", "x" * 501, "Three"])

    run_until_settled(delivery)

    assert (delivery.state, delivery.error_code, delivery.error_retryable) == ("failed", "thread_incomplete", True)
    assert [post["text"] for post in sandbox.posts()] == ["One"]
    assert delivery.parts_done == 1
    assert Post.objects.get().status == "failed"


def test_a_refused_comment_leaves_a_published_post_with_a_warning(sandbox: Sandbox, connected: Connect) -> None:
    delivery = thread(connected(), ["One"], first_comment="x" * 501)

    run_until_settled(delivery)

    assert (delivery.state, delivery.error_code, len(delivery.warnings)) == ("published", "", 1)
    assert Post.objects.get().status == "published"
    assert [post["text"] for post in sandbox.posts()] == ["One"]
