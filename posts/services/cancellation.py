"""Posts that are not to go out: cancelled, or deleted here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.models import Workspace
from mastablasta.core.errors import Conflict
from posts import audit
from posts.models import Delivery, Post
from posts.queue import claims
from posts.services import scheduling
from posts.services.locks import Outcome, PostWithDeliveries, is_stopped, lock_posts, not_there, one_of
from posts.services.preconditions import Check, no_check, raise_if_under_way
from posts.states import DELIVERY_MOVES, DeliveryState

CANCELLABLE = tuple(DeliveryState(state) for state in DELIVERY_MOVES.sources_of(DeliveryState.CANCELLED))


def cancel_post(post: Post, *, at: datetime) -> Post:
    """Stop everything of it that has not begun. Raises Conflict when something is in flight, or nothing waits."""
    one_of(cancel_posts(post.workspace, [post.id], at=at), post)
    post.refresh_from_db()
    return post


def cancel_posts(workspace: Workspace, ids: Sequence[UUID], *, at: datetime) -> dict[UUID, Outcome]:
    """Cancel many as `cancel_post` would, in a fixed number of statements; by id what was, or why it was not."""
    with transaction.atomic():
        locked = lock_posts(workspace, ids)
        results = {post_id: _cancellable(locked.get(post_id)) for post_id in ids}
        ended = [locked[post_id] for post_id, outcome in results.items() if isinstance(outcome, Post)]
        _end(ended, at=at)
        audit.record_posts("cancelled", (one.post for one in ended), at=at)
    return results


def _cancellable(locked: PostWithDeliveries | None) -> Outcome:
    outcome = _deletable(locked)
    if locked is None or outcome is not locked.post or any(one.state in CANCELLABLE for one in locked.deliveries):
        return outcome
    return Conflict("not_waiting", f"This post is {locked.post.status}; there is nothing to cancel.")


def delete_post(post: Post, *, check: Check = no_check, at: datetime) -> None:
    """Take it out of every list here; what is out stays out. Raises Conflict while anything is in flight or doubt."""
    with transaction.atomic():
        deliveries = scheduling.lock_post(post)
        post.refresh_from_db()
        check(post)
        raise_if_under_way(deliveries)
        _delete([PostWithDeliveries(post, deliveries)], at=at)


def delete_posts(
    workspace: Workspace, ids: Sequence[UUID], *, is_atomic: bool = False, at: datetime
) -> dict[UUID, Outcome]:
    """Delete many as `delete_post` would, in a fixed number of statements; by id what was deleted, or why it was not.

    `is_atomic`: where one cannot be deleted none is.
    """
    with transaction.atomic():
        locked = lock_posts(workspace, ids)
        results = {post_id: _deletable(locked.get(post_id)) for post_id in ids}
        gone = [locked[post_id] for post_id, outcome in results.items() if isinstance(outcome, Post)]
        if gone and not is_stopped(results, is_atomic=is_atomic):
            _delete(gone, at=at)
    return results


def _deletable(locked: PostWithDeliveries | None) -> Outcome:
    if locked is None:
        return not_there()
    try:
        raise_if_under_way(locked.deliveries)
    except Conflict as conflict:
        return conflict
    return locked.post


def _delete(gone: Sequence[PostWithDeliveries], *, at: datetime) -> None:
    _end(gone, at=at)
    Post.objects.filter(id__in=[one.post.id for one in gone]).update(deleted_at=at, updated_at=at)
    audit.record_posts("deleted", (one.post for one in gone), at=at)


def _end(ended: Sequence[PostWithDeliveries], *, at: datetime) -> None:
    """Cancel what waits of these."""
    cancel_deliveries([d for one in ended for d in one.deliveries if d.state in CANCELLABLE], at=at)
    claims.recompute_post_status([one.post.id for one in ended], at=at)


def cancel_deliveries(deliveries: Sequence[Delivery], *, at: datetime) -> None:
    if not deliveries:
        return
    Delivery.objects.filter(id__in=[d.id for d in deliveries], state__in=CANCELLABLE).update(
        state=DeliveryState.CANCELLED, next_attempt_at=None, updated_at=at
    )
    claims.recompute_lanes(d.account_id for d in deliveries)
