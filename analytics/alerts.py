"""Telling when a figure of a post rises above what somebody named: once for each account of a post.

What was above it before the alert was made is not told; what falls below and rises again is not told again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from analytics.models import LatestMetrics, MetricAlert, MetricAlertHit


class Rise(NamedTuple):
    """The newest figures of a root that differ from the ones before, `before` them."""

    latest: LatestMetrics
    before: Mapping[str, int | None]


class Owner(NamedTuple):
    """Whose delivery it is."""

    workspace_id: UUID
    platform: str


def record_hits(
    rises: Sequence[Rise], owners: Mapping[UUID, Owner], *, at: datetime
) -> list[tuple[MetricAlert, LatestMetrics]]:
    """Note which alerts these figures hit now, and return them with the figures; one statement where none is near.

    `owners` by delivery; those without are passed over. In the caller's transaction, which has locked the figures.
    """
    alerts = _alerts({owner.workspace_id for owner in owners.values()})
    near = [
        (alert, rise.latest)
        for rise in rises
        if (owner := owners.get(rise.latest.delivery_id)) is not None
        for alert in alerts.get(owner.workspace_id, ())
        if _is_meant(alert, rise.latest, owner) and _crosses(alert, rise)
    ]
    if not near:
        return []
    told = MetricAlertHit.objects.filter(
        alert__in={alert.id for alert, _ in near}, delivery__in={latest.delivery_id for _, latest in near}
    )
    known = set(told.values_list("alert", "delivery"))
    fresh = [(alert, latest) for alert, latest in near if (alert.id, latest.delivery_id) not in known]
    MetricAlertHit.objects.bulk_create(
        MetricAlertHit(alert=alert, delivery_id=latest.delivery_id, value=getattr(latest, alert.figure), at=at)
        for alert, latest in fresh
    )
    return fresh


def _alerts(workspaces: Collection[UUID]) -> dict[UUID, list[MetricAlert]]:
    found: dict[UUID, list[MetricAlert]] = {}
    if workspaces:
        for alert in MetricAlert.objects.filter(workspace__in=workspaces).order_by("created_at", "id"):
            found.setdefault(alert.workspace_id, []).append(alert)
    return found


def _is_meant(alert: MetricAlert, latest: LatestMetrics, owner: Owner) -> bool:
    return alert.platform in {"", owner.platform} and alert.account_id in {None, latest.account_id}


def _crosses(alert: MetricAlert, rise: Rise) -> bool:
    now = getattr(rise.latest, alert.figure)
    return now is not None and now > alert.threshold >= (rise.before[alert.figure] or 0)
