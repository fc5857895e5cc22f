"""Forgetting old samples; the newest figures and the sums stay."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.conf import settings

from analytics.models import AccountSample, MetricSample

AT_ONCE = 5000
AT_MOST_S = 20.0


def prune_samples(*, at: datetime, is_rehearsal: bool = False) -> int:
    """Remove samples older than ANALYTICS_KEEP_DAYS, and return how many; 0 days = none are.

    A part after the other, for AT_MOST_S: what is left is for the next time. `is_rehearsal`: only count.
    """
    if not settings.ANALYTICS_KEEP_DAYS:
        return 0
    removed, ends_at = 0, time.monotonic() + AT_MOST_S
    for model in (MetricSample, AccountSample):
        old = model._default_manager.filter(collected_at__lt=at - timedelta(days=settings.ANALYTICS_KEEP_DAYS))
        if is_rehearsal:
            removed += old.count()
            continue
        while time.monotonic() < ends_at:
            ids = list(old.order_by("collected_at").values_list("pk", flat=True)[:AT_ONCE])
            model._default_manager.filter(pk__in=ids).delete()
            removed += len(ids)
            if len(ids) < AT_ONCE:
                break
    return removed
