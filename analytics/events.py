"""What figures tell webhooks: written in the transaction of what it tells, set-based, and only where somebody asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from analytics.figures import engagement_rate
from analytics.models import LatestMetrics
from posts.models import Delivery
from webhooks import outbox
from webhooks.outbox import NewEvent

UPDATED = "analytics.updated"


def record_updates(changed: Sequence[LatestMetrics], *, at: datetime) -> None:
    """Write `analytics.updated` for each post whose roots' figures are these: two statements, three where wanted."""
    if not changed:
        return
    deliveries = Delivery.objects.filter(id__in=[row.delivery_id for row in changed], post__deleted_at=None)
    about = deliveries.order_by("post", "created_at", "id").values("id", "post_id", "workspace_id", "platform")
    wanted = outbox.wanted_types({row["workspace_id"] for row in about})
    newest = {row.delivery_id: row for row in changed}
    told: dict[tuple[UUID, UUID], list[dict[str, Any]]] = {}
    for row in about:
        if UPDATED in wanted.get(row["workspace_id"], ()):
            shown = _shown(row["platform"], newest[row["id"]])
            told.setdefault((row["workspace_id"], row["post_id"]), []).append(shown)
    if told:
        outbox.record(
            [
                NewEvent(workspace_id, UPDATED, {"post_id": post_id, "analytics": rows})
                for (workspace_id, post_id), rows in told.items()
            ],
            at=at,
        )


def _shown(platform: str, row: LatestMetrics) -> dict[str, Any]:
    figures = row.figures()
    return {
        "platform": platform,
        "account_id": row.account_id,
        **figures,
        "engagement_rate": engagement_rate(figures),
        "collected_at": row.collected_at,
    }
