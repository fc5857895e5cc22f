"""What figures tell webhooks: written in the transaction of what it tells, set-based, and only where somebody asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from analytics.alerts import Owner, Rise, record_hits
from analytics.figures import engagement_rate
from analytics.models import LatestMetrics, MetricAlert
from posts.models import Delivery
from webhooks import outbox
from webhooks.outbox import NewEvent

UPDATED, THRESHOLD = "analytics.updated", "analytics.threshold"


def record_updates(changed: Sequence[Rise], *, at: datetime) -> None:
    """Write what it means that the figures of these roots differ: three statements, one or two more where it is wanted.

    Of posts that were deleted here nothing is told.
    """
    if not changed:
        return
    deliveries = Delivery.objects.filter(id__in=[rise.latest.delivery_id for rise in changed], post__deleted_at=None)
    about = list(deliveries.order_by("post", "created_at", "id").values("id", "post_id", "workspace_id", "platform"))
    owners = {row["id"]: Owner(row["workspace_id"], row["platform"]) for row in about}
    hits = record_hits(changed, owners, at=at)
    wanted = outbox.wanted_types({owner.workspace_id for owner in owners.values()})
    newest = {rise.latest.delivery_id: rise.latest for rise in changed}
    posts = {row["id"]: row["post_id"] for row in about}
    events = [
        *_updates([row for row in about if UPDATED in wanted.get(row["workspace_id"], ())], newest),
        *(_threshold(*hit, posts) for hit in hits if THRESHOLD in wanted.get(hit[0].workspace_id, ())),
    ]
    if events:
        outbox.record(events, at=at)


def _updates(about: Iterable[Mapping[str, Any]], newest: Mapping[UUID, LatestMetrics]) -> list[NewEvent]:
    """One for each post."""
    told: dict[tuple[UUID, UUID], list[dict[str, Any]]] = {}
    for row in about:
        shown = _shown(row["platform"], newest[row["id"]])
        told.setdefault((row["workspace_id"], row["post_id"]), []).append(shown)
    return [
        NewEvent(workspace_id, UPDATED, {"post_id": post_id, "analytics": rows})
        for (workspace_id, post_id), rows in told.items()
    ]


def _threshold(alert: MetricAlert, latest: LatestMetrics, posts: Mapping[UUID, UUID]) -> NewEvent:
    data = {
        "alert_id": alert.id,
        "post_id": posts[latest.delivery_id],
        "account_id": latest.account_id,
        "figure": alert.figure,
        "threshold": alert.threshold,
        "value": getattr(latest, alert.figure),
        "collected_at": latest.collected_at,
    }
    return NewEvent(alert.workspace_id, THRESHOLD, data)


def _shown(platform: str, row: LatestMetrics) -> dict[str, Any]:
    figures = row.figures()
    return {
        "platform": platform,
        "account_id": row.account_id,
        **figures,
        "engagement_rate": engagement_rate(figures),
        "collected_at": row.collected_at,
    }
