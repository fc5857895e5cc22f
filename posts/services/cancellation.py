"""Posts that are not to go out: cancelled, or deleted here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.models import Workspace
from mastablasta.core.errors import Conflict, DomainError, NotThere
from posts.models import Delivery, Post
from posts.queue import claims
from posts.services import scheduling
from posts.services.preconditions import Check, no_check, raise_if_under_way
from posts.services.retries import S
from posts.states import (
    DELIVERY_MOVES,
    DeliveryState,
)

CANCELLABLE = tuple(DeliveryState(state) for state in DELIVERY_MOVES.sources_of(S.CANCELLED))


def cancel_post(post: Post, *, at: datetime) -> Post:
    """Stop everything of it that has not begun. Raises Conflict when something is in flight, or nothing waits."""
    with transaction.atomic():
        deliveries = scheduling.lock_post(post)
        raise_if_under_way(deliveries)
        waiting = [d for d in deliveries if d.state in CANCELLABLE]
        if not waiting:
            raise Conflict("not_waiting", f"This post is {post.status}; there is nothing to cancel.")
        cancel_deliveries(waiting, at=at)
        claims.recompute_post_status([post.id], at=at)
    post.refresh_from_db()
    return post


def delete_post(post: Post, *, check: Check = no_check, at: datetime) -> None:
    """Take it out of every list here; what is out stays out. Raises Conflict while anything is in flight or doubt."""
    with transaction.atomic():
        deliveries = scheduling.lock_post(post)
        post.refresh_from_db()
        check(post)
        raise_if_under_way(deliveries)
        cancel_deliveries([d for d in deliveries if d.state in CANCELLABLE], at=at)
        claims.recompute_post_status([post.id], at=at)
        Post.objects.filter(id=post.id).update(deleted_at=at, updated_at=at)


def delete_posts(
    workspace: Workspace, ids: Sequence[UUID], *, is_atomic: bool = False, at: datetime
) -> dict[UUID, Post | DomainError]:
    """Delete many as `delete_post` would, in a fixed number of statements; by id what was deleted, or why it was not.

    `is_atomic`: where one cannot be deleted none is.
    """
    with transaction.atomic():
        there = Post.objects.in_workspace(workspace).kept().filter(id__in=set(ids))
        of_posts = Delivery.objects.filter(post__in=there.values("id"))
        claims.lock_lanes(of_posts.values_list("account", flat=True))
        deliveries: dict[UUID, list[Delivery]] = defaultdict(list)
        for delivery in of_posts.select_for_update(of=("self",)).order_by("id"):
            deliveries[delivery.post_id].append(delivery)
        posts = {post.id: post for post in there.select_for_update().order_by("id")}
        results = {post_id: _deletable(posts.get(post_id), deliveries[post_id]) for post_id in ids}
        gone = [post.id for post in results.values() if isinstance(post, Post)]
        if gone and not (is_atomic and len(gone) < len(results)):
            theirs = [d for post_id in gone for d in deliveries[post_id] if d.state in CANCELLABLE]
            cancel_deliveries(theirs, at=at)
            claims.recompute_post_status(gone, at=at)
            Post.objects.filter(id__in=gone).update(deleted_at=at, updated_at=at)
    return results


def _deletable(post: Post | None, deliveries: Sequence[Delivery]) -> Post | DomainError:
    if post is None:
        return NotThere("not_found", "There is no such post in this workspace, or it was deleted already.")
    try:
        raise_if_under_way(deliveries)
    except Conflict as conflict:
        return conflict
    return post


def cancel_deliveries(deliveries: Sequence[Delivery], *, at: datetime) -> None:
    Delivery.objects.filter(id__in=[d.id for d in deliveries], state__in=CANCELLABLE).update(
        state=S.CANCELLED, next_attempt_at=None, updated_at=at
    )
    claims.recompute_lanes(d.account_id for d in deliveries)
