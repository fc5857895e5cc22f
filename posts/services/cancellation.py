"""Posts that are not to go out: cancelled, or deleted here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from mastablasta.core.errors import Conflict
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


def cancel_deliveries(deliveries: Sequence[Delivery], *, at: datetime) -> None:
    Delivery.objects.filter(id__in=[d.id for d in deliveries], state__in=CANCELLABLE).update(
        state=S.CANCELLED, next_attempt_at=None, updated_at=at
    )
    claims.recompute_lanes(d.account_id for d in deliveries)
