"""Trying again what failed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce

from accounts.models import Workspace
from mastablasta.core.errors import Conflict, DomainError
from posts import audit
from posts.models import Delivery, Post
from posts.querysets import DeliveryQuerySet
from posts.queue import claims
from posts.services.locks import Outcome, PostWithDeliveries, is_stopped, lock_posts, not_there, one_of
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
    deliveries: frozenset[UUID] | None = None

    def covers(self, delivery: Delivery) -> bool:
        is_late_enough = self.since is None or delivery.updated_at >= self.since
        is_named = self.deliveries is None or delivery.id in self.deliveries
        is_such = self.platform in {"", delivery.platform} and self.code in {"", delivery.error_code}
        return is_such and is_late_enough and is_named

    def among(self, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
        wanted = {"platform": self.platform, "error_code": self.code, "updated_at__gte": self.since}
        found = deliveries.filter(**{name: value for name, value in wanted.items() if value})
        return found if self.deliveries is None else found.filter(id__in=self.deliveries)


ANY = Chosen()


def retry_post(post: Post, *, at: datetime, chosen: Chosen = ANY) -> None:
    """Send again what failed, going on at the missing part; the promise stays what it was.

    Raises Conflict `not_failed`, `unconfirmed` (resolve it first) or `content_refused` (edit it first), NotThere when
    it was deleted meanwhile.
    """
    one_of(retry_posts(post.workspace, [post.id], at=at, chosen=chosen), post)


def retry_posts(
    workspace: Workspace, ids: Sequence[UUID], *, is_atomic: bool = False, at: datetime, chosen: Chosen = ANY
) -> dict[UUID, Outcome]:
    """Retry many as `retry_post` would, in a fixed number of statements; by id the post, or why it stays as it is.

    `is_atomic`: where one cannot be retried none is.
    """
    with transaction.atomic():
        locked = lock_posts(workspace, ids)
        retryable: list[Delivery] = []
        results: dict[UUID, Outcome] = {}
        for post_id in dict.fromkeys(ids):
            try:
                results[post_id], failed = _retryable(locked.get(post_id), chosen)
                retryable += failed
            except DomainError as refusal:
                results[post_id] = refusal
        if retryable and not is_stopped(results, is_atomic=is_atomic):
            _requeue(retryable, at=at)
            audit.record_moves("retried", retryable, S.QUEUED, at=at)
            claims.recompute_post_status({delivery.post_id for delivery in retryable}, at=at)
    return results


def _retryable(locked: PostWithDeliveries | None, chosen: Chosen) -> tuple[Post, list[Delivery]]:
    """The post and those of its deliveries that are to be sent again."""
    if locked is None:
        raise not_there()
    post, deliveries = locked.post, locked.deliveries
    if any(d.state == S.UNCONFIRMED for d in deliveries):
        raise Conflict("unconfirmed", "Nobody knows whether this post is out; resolve its delivery first.")
    failed = [d for d in deliveries if d.state in NOT_OUT and chosen.covers(d)]
    if not failed:
        raise Conflict("not_failed", f"This post is {post.status}; only failed posts can be retried.")
    retryable = [d for d in failed if d.error_retryable]
    if not retryable:
        raise Conflict("content_refused", f"{failed[0].error_message} Edit the post before you retry it.")
    return post, retryable


def retry_failed(workspace: Workspace, *, at: datetime, limit: int = 1000) -> tuple[list[UUID], list[StillFailed]]:
    """Retry every failed post of the workspace that may be retried; tell the others, and what each waits for."""
    ids = list(failed_posts(workspace)[:limit])
    outcomes = retry_posts(workspace, ids, at=at)
    refused = {post_id: one for post_id, one in outcomes.items() if isinstance(one, DomainError)}
    waits = _waits(refused)
    still = [StillFailed(post_id, waits.get(post_id, refusal.detail)) for post_id, refusal in refused.items()]
    return [post_id for post_id in ids if post_id not in refused], still


def _waits(posts: Collection[UUID]) -> dict[UUID, str]:
    """What the first delivery of a post waits for that waits for its account, its platform or a person; by post."""
    rows = _stuck().filter(post__in=list(posts), state__in=[S.BLOCKED, S.HELD]).order_by("-id") if posts else ()
    return {delivery.post_id: delivery.error_message for delivery in rows}


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
        return StillFailed(post_id, _waits([post_id]).get(post_id, reason.detail))
    return None


def _stuck() -> DeliveryQuerySet:
    states = [*NOT_OUT, S.UNCONFIRMED, S.BLOCKED, S.HELD]
    return Delivery.objects.filter(post__deleted_at=None, state__in=states)


def _requeue(deliveries: Sequence[Delivery], *, at: datetime) -> None:
    for state in {delivery.state for delivery in deliveries}:
        DELIVERY_MOVES.check(state, S.QUEUED)
    Delivery.objects.filter(id__in=[delivery.id for delivery in deliveries], state__in=NOT_OUT).update(
        state=S.QUEUED, due_at=Coalesce("due_at", Value(at)), released_at=at, next_attempt_at=at, tries=0,
        error_code="", error_kind="", error_message="", error_retryable=False, updated_at=at,
    )  # fmt: skip
    accounts = sorted({delivery.account_id for delivery in deliveries})
    claims.wake_lanes(dict.fromkeys(accounts, at))
    claims.recompute_lanes(accounts)
