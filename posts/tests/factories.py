"""Posts and deliveries for tests, as the services leave them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from accounts.models import Workspace
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from posts.models import Delivery, Post
from posts.queue import claims
from posts.services import post_content
from posts.states import DeliveryState, PostStatus

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def make_post(
    *,
    accounts: list[SocialAccount] | None = None,
    workspace: Workspace | None = None,
    content: str = "Hello",
    **overrides: Any,
) -> Post:
    """A draft with a delivery for each account (one new account if none is given)."""
    accounts = [make_account(workspace=workspace)] if accounts is None else accounts
    workspace = workspace or accounts[0].workspace
    post = Post.objects.create(workspace=workspace, content=content, **overrides)
    post_content.add_deliveries(post, accounts)
    return post


def make_delivery(
    account: SocialAccount | None = None, *, due_at: datetime | None = NOON, **overrides: Any
) -> Delivery:
    """A delivery that is queued for `due_at` (None = draft), with its lane; `overrides` are set on the row."""
    account = account or make_account()
    queued: dict[str, Any] = {}
    scheduled: dict[str, Any] = {}
    if due_at is not None:
        queued = {"state": DeliveryState.QUEUED, "due_at": due_at, "next_attempt_at": due_at}
        scheduled = {"status": PostStatus.SCHEDULED, "scheduled_at": due_at}
    content = overrides.pop("content", "Hello")
    post = make_post(accounts=[], workspace=account.workspace, content=content, **scheduled)
    [delivery] = post_content.deliveries_of(post, [account])
    for name, value in {**queued, **overrides}.items():
        setattr(delivery, name, value)
    delivery.save(force_insert=True)  # as it is to be: few moves lead there at once
    if delivery.next_attempt_at is not None:
        claims.wake_lanes({account.id: delivery.next_attempt_at})
    return delivery
