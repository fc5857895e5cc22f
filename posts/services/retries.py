"""Trying again what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Workspace
from mastablasta.core.errors import Conflict
from posts.models import Delivery, Post
from posts.querysets import DeliveryQuerySet
from posts.queue import claims
from posts.services import scheduling
from posts.states import (
    DELIVERY_MOVES,
    NOT_OUT,
    DeliveryState,
)

S = DeliveryState


# --- trying again ---
@dataclass(frozen=True, slots=True)
class StillFailed:
    """A post that trying again cannot help until somebody acts, and why."""

    post_id: UUID
    error: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which deliveries a retry is meant for; "" and None = any. `since`: what failed then or later."""

    platform: str = ""
    code: str = ""
    since: datetime | None = None

    def covers(self, delivery: Delivery) -> bool:
        is_late_enough = self.since is None or delivery.updated_at >= self.since
        return self.platform in {"", delivery.platform} and self.code in {"", delivery.error_code} and is_late_enough

    def among(self, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
        wanted = {"platform": self.platform, "error_code": self.code, "updated_at__gte": self.since}
        return deliveries.filter(**{name: value for name, value in wanted.items() if value})


ANY = Chosen()


def retry_post(post: Post, *, at: datetime, chosen: Chosen = ANY) -> Post:
    """Send again what failed, going on at the missing part; the promise stays what it was.

    Raises Conflict `not_failed`, `unconfirmed` (resolve it first) or `content_refused` (edit it first).
    """
    with transaction.atomic():
        deliveries = scheduling.lock_post(post)
        if any(d.state == S.UNCONFIRMED for d in deliveries):
            raise Conflict("unconfirmed", "Nobody knows whether this post is out; resolve its delivery first.")
        failed = [d for d in deliveries if d.state in NOT_OUT and chosen.covers(d)]
        if not failed:
            raise Conflict("not_failed", f"This post is {post.status}; only failed posts can be retried.")
        retryable = [d for d in failed if d.error_retryable]
        if not retryable:
            raise Conflict("content_refused", f"{failed[0].error_message} Edit the post before you retry it.")
        _requeue(retryable, at=at)
        claims.recompute_post_status([post.id], at=at)
    post.refresh_from_db()
    return post


def retry_failed(workspace: Workspace, *, at: datetime, limit: int = 1000) -> tuple[list[UUID], list[StillFailed]]:
    """Retry every failed post of the workspace that may be retried; tell the others, and what each waits for."""
    retried: list[UUID] = []
    still: list[StillFailed] = []
    for post_id in failed_posts(workspace)[:limit]:
        reason = retry_one(post_id, at=at)
        if reason is None:
            retried.append(post_id)
        else:
            still.append(reason)
    return retried, still


def failed_posts(workspace: Workspace | None, chosen: Chosen = ANY) -> QuerySet[Delivery, UUID]:
    """The ids of the posts with something that failed or waits for a person, oldest first; None = everybody's."""
    stuck = chosen.among(_stuck()) if workspace is None else chosen.among(_stuck().in_workspace(workspace))
    return stuck.order_by("post").values_list("post", flat=True).distinct()


def retry_one(post_id: UUID, *, at: datetime, chosen: Chosen = ANY, is_rehearsal: bool = False) -> StillFailed | None:
    """Retry a post of `failed_posts`; returns why it stays as it is, or None. A rehearsal changes nothing."""
    try:
        with transaction.atomic():
            retry_post(Post.objects.get(id=post_id), at=at, chosen=chosen)
            transaction.set_rollback(is_rehearsal)
    except Conflict as reason:
        waiting = _stuck().filter(post=post_id, state__in=[S.BLOCKED, S.HELD]).first()
        return StillFailed(post_id, waiting.error_message if waiting else reason.detail)
    return None


def _stuck() -> DeliveryQuerySet:
    states = [*NOT_OUT, S.UNCONFIRMED, S.BLOCKED, S.HELD]
    return Delivery.objects.filter(post__deleted_at=None, state__in=states)


def _requeue(deliveries: Sequence[Delivery], *, at: datetime) -> None:
    for delivery in deliveries:
        DELIVERY_MOVES.check(delivery.state, S.QUEUED)
        Delivery.objects.filter(id=delivery.id, state=delivery.state).update(
            state=S.QUEUED, due_at=delivery.due_at or at, released_at=at, next_attempt_at=at, tries=0, updated_at=at,
            error_code="", error_kind="", error_message="", error_retryable=False,
        )  # fmt: skip
    accounts = sorted(d.account_id for d in deliveries)
    claims.wake_lanes(dict.fromkeys(accounts, at))
    claims.recompute_lanes(accounts)
