"""Asking for fresh figures at once, whatever the plan says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from accounts.models import Workspace
from analytics.collection.lanes import lock_lanes, wake_lanes
from analytics.models import CollectionPlan
from integrations.states import AccountState
from mastablasta.core.database_changes import DUE, notify
from posts.models import Delivery, Post
from posts.states import DeliveryState

NOT_AGAIN_WITHIN = timedelta(minutes=1)
NOT_FOUND, NOT_PUBLISHED, GONE, TOO_SOON, ACCOUNT = (
    "not_found",
    "not_published",
    "gone",
    "too_soon",
    "account_not_active",
)
REASONS = (NOT_FOUND, NOT_PUBLISHED, GONE, TOO_SOON, ACCOUNT)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """`queued`: how many deliveries are asked for now. `skipped`: posts of which none is, and why (REASONS)."""

    queued: int
    skipped: list[tuple[UUID, str]]


def refresh_posts(workspace: Workspace, post_ids: Sequence[UUID] | None, *, at: datetime) -> Refreshed:
    """Make the deliveries of these posts due for collection; None = all of the workspace that are still collected.

    At most once a minute a delivery, in development as often as one likes. A fixed number of statements.
    """
    with transaction.atomic():
        if post_ids is None:
            return _refresh_all(workspace, at=at)
        wanted = list(dict.fromkeys(post_ids))
        known = set(Post.objects.in_workspace(workspace).kept().filter(id__in=wanted).values_list("id", flat=True))
        deliveries = Delivery.objects.filter(post__in=known, state=DeliveryState.PUBLISHED).exclude(remote_id="")
        rows = list(deliveries.order_by("id").values_list("id", "post_id", "account_id", "account__state"))
        lock_lanes([row[2] for row in rows])
        plans = _lock_plans([row[0] for row in rows])
        why: dict[UUID, list[str]] = {post_id: [] for post_id in wanted}
        queued: dict[UUID, UUID] = {}
        for delivery_id, post_id, account_id, state in rows:
            reason = _reason(plans.get(delivery_id), state, at=at)
            why[post_id].append(reason)
            if not reason:
                queued[delivery_id] = account_id
        _queue(queued, plans, at=at)
        skipped = [(post_id, _first(why[post_id], is_known=post_id in known)) for post_id in wanted]
        return Refreshed(len(queued), [(post_id, reason) for post_id, reason in skipped if reason])


def _refresh_all(workspace: Workspace, *, at: datetime) -> Refreshed:
    plans = CollectionPlan.objects.in_workspace(workspace).filter(
        next_at__isnull=False, gone_at=None, account__state=AccountState.ACTIVE
    )
    if not settings.IS_DEVELOPMENT:
        plans = plans.exclude(asked_at__gt=at - NOT_AGAIN_WITHIN).exclude(collected_at__gt=at - NOT_AGAIN_WITHIN)
    lock_lanes(set(plans.order_by().values_list("account", flat=True)))
    rows = list(plans.select_for_update(of=("self",)).order_by("delivery").values_list("delivery", "account"))
    ids = [delivery_id for delivery_id, _ in rows]
    if ids:
        wake_lanes(dict.fromkeys((account_id for _, account_id in rows), at), account_at=at)
        CollectionPlan.objects.filter(delivery__in=ids).update(asked_at=at, next_at=at)
        notify(DUE)
    return Refreshed(len(ids), [])


def _lock_plans(delivery_ids: Sequence[UUID]) -> dict[UUID, CollectionPlan]:
    plans = CollectionPlan.objects.filter(delivery__in=delivery_ids).order_by("delivery")
    return {plan.delivery_id: plan for plan in plans.select_for_update(of=("self",))}


def _reason(plan: CollectionPlan | None, account_state: str, *, at: datetime) -> str:
    """Why a delivery cannot be asked for; "" = it can."""
    if plan is not None and plan.gone_at is not None:
        return GONE
    if account_state != AccountState.ACTIVE:
        return ACCOUNT
    last = max((one for one in (plan.asked_at, plan.collected_at) if one), default=None) if plan else None
    return TOO_SOON if last and last > at - NOT_AGAIN_WITHIN and not settings.IS_DEVELOPMENT else ""


def _first(reasons: Sequence[str], *, is_known: bool) -> str:
    """Why a post is skipped; "" = it is not, as one of its deliveries is asked for."""
    if not is_known:
        return NOT_FOUND
    return "" if "" in reasons else next(iter(reasons), NOT_PUBLISHED)


def _queue(deliveries: Mapping[UUID, UUID], plans: Mapping[UUID, CollectionPlan], *, at: datetime) -> None:
    if not deliveries:
        return
    wake_lanes(dict.fromkeys(deliveries.values(), at), account_at=at)
    new = [
        CollectionPlan(delivery_id=delivery_id, account_id=account_id)
        for delivery_id, account_id in deliveries.items()
        if delivery_id not in plans
    ]
    CollectionPlan.objects.bulk_create(new, ignore_conflicts=True)
    CollectionPlan.objects.filter(delivery__in=deliveries).update(asked_at=at, next_at=at)
    notify(DUE)
