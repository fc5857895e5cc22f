"""Figures as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from accounts.models import Workspace
from analytics.figures import FIGURES, engagement_rate
from analytics.models import AccountSample, LatestMetrics, MetricSample
from analytics.services.overview import Overview
from analytics.services.sums import Sums
from mastablasta.core.api.fields import utc_text
from mastablasta.core.compiled_queries import CompiledQuery


def _figures_query(model: Any, *, with_parts: bool) -> CompiledQuery:
    columns = (*_COLUMNS, "untold") if model is LatestMetrics else _COLUMNS

    def build(post: UUID, workspace: UUID) -> QuerySet[Any, Any]:
        rows: QuerySet[Any, Any] = model.objects.filter(delivery__workspace=workspace, delivery__post=post)
        rows = rows.filter(delivery__post__deleted_at=None, collected_at__isnull=False)
        rows = rows if with_parts else rows.filter(part=0)
        rows = rows.annotate(extra_text=Cast("extra", TextField()))
        return rows.order_by("delivery__created_at", "delivery", "part", "collected_at").values_list(*columns)

    return CompiledQuery(build, post=UUID, workspace=UUID)


_COLUMNS = (
    "delivery",
    "delivery__platform",
    "delivery__account",
    "delivery__collection_plan__gone_at",
    "part",
    "collected_at",
    "extra_text",  # which orjson reads in a tenth of the time
    *FIGURES,
)
_FIGURES = {
    (is_history, with_parts): _figures_query(MetricSample if is_history else LatestMetrics, with_parts=with_parts)
    for is_history in (False, True)
    for with_parts in (False, True)
}


def figures_of_post(post_id: UUID, workspace: Workspace, *, is_history: bool, with_parts: bool) -> list[dict[str, Any]]:
    """What platforms said of a post's deliveries, the newest or all that was collected, and when: one statement.

    [] where nothing was collected, as for a post that is not there.
    """
    rows = _FIGURES[is_history, with_parts].all(post=post_id, workspace=workspace.id)
    return [_present_figures(*row) for row in rows]


def _present_figures(
    delivery_id: UUID,
    platform: str,
    account_id: UUID,
    gone_at: datetime | None,
    part: int,
    collected_at: datetime,
    extra: str,
    *told: Any,
) -> dict[str, Any]:
    figures = dict(zip(FIGURES, told, strict=False))
    for name in told[len(FIGURES)] if len(told) > len(FIGURES) else ():  # the newest: those that it does not tell
        figures[name] = None
    return {
        "platform": platform,
        "account_id": account_id,
        "delivery_id": delivery_id,
        "part": part,
        **figures,
        "extra": orjson.loads(extra),
        "engagement_rate": engagement_rate(figures),
        "collected_at": utc_text(collected_at),
        "gone_at": utc_text(gone_at) if gone_at else None,
    }


def present_account_figures(row: AccountSample, *, platform: str) -> dict[str, Any]:
    """What a platform said of an account as a whole, and when."""
    return {
        "platform": platform,
        "account_id": str(row.account_id),
        "followers": row.followers,
        "following": row.following,
        "posts": row.posts,
        "collected_at": utc_text(row.collected_at),
    }


def present_overview(found: Overview) -> dict[str, Any]:
    return {
        "totals": _sums(found.totals),
        "by_platform": [{"platform": name, **_sums(sums)} for name, sums in found.by_platform.items()],
        "by_account": [
            {"account_id": str(account), "platform": found.platform_of[account], **_sums(sums)}
            for account, sums in found.by_account.items()
        ],
        "by_day": [{"date": day.isoformat(), **sums.shown()} for day, sums in found.by_day.items()],
        "by_tag": [{"tag": name, **sums.shown()} for name, sums in found.by_tag.items()],
        "top_posts": [
            {
                "post_id": str(top.post_id),
                "content": top.content,
                "published_at": utc_text(top.published_at) if top.published_at else None,
                "platforms": top.platforms,
                **top.sums.shown(),
            }
            for top in found.top_posts
        ],
        "collected_at": utc_text(found.collected_at) if found.collected_at else None,
    }


def _sums(sums: Sums) -> dict[str, Any]:
    return {"posts": sums.posts, **sums.shown()}


def present_change(now: Sums, before: Sums) -> dict[str, Any]:
    """By figure the difference, and that in per cent of before; None where either cannot be told."""
    values, old_values = _sums(now), _sums(before)
    return {name: _change(value, old_values[name]) for name, value in values.items()}


def _change(now: float | None, before: float | None) -> dict[str, Any]:
    if now is None or before is None:
        return {"difference": None, "percent": None}
    return {
        "difference": round(now - before, 2),
        "percent": round(100 * (now - before) / before, 2) if before > 0 else None,
    }
