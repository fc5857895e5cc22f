"""Figures as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from analytics.figures import engagement_rate
from analytics.models import AccountSample, LatestMetrics, MetricSample
from analytics.services.overview import Overview
from analytics.services.sums import Sums
from mastablasta.core.api.fields import utc_text


def present_figures(row: LatestMetrics | MetricSample, *, gone_at: datetime | None) -> dict[str, Any]:
    """What a platform said of one part of a delivery, and when."""
    figures = row.figures()
    delivery = row.delivery
    return {
        "platform": delivery.platform,
        "account_id": str(delivery.account_id),
        "delivery_id": str(row.delivery_id),
        "part": row.part,
        **figures,
        "extra": row.extra,
        "engagement_rate": engagement_rate(figures),
        "collected_at": utc_text(row.collected_at) if row.collected_at else None,
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
