"""Forgetting how posts went out that are long done with; what came of them stays in their deliveries."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.conf import settings

from posts.models import Attempt
from posts.states import ENDED

AT_ONCE = 5_000
AT_MOST_S = 60.0


def prune_attempts(*, at: datetime, is_rehearsal: bool = False) -> int:
    """Remove attempts older than ATTEMPTS_KEEP_DAYS of deliveries that have ended; returns how many. 0 days = none are.

    A part after the other, for AT_MOST_S: what is left is for the next time. `is_rehearsal`: only count.
    """
    if not settings.ATTEMPTS_KEEP_DAYS:
        return 0
    limit = at - timedelta(days=settings.ATTEMPTS_KEEP_DAYS)
    old = Attempt.objects.filter(started_at__lt=limit, ended_at__isnull=False, delivery__state__in=ENDED)
    if is_rehearsal:
        return old.count()
    removed, ends_at = 0, time.monotonic() + AT_MOST_S
    while time.monotonic() < ends_at:
        ids = list(old.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])  # as they were written: the oldest first
        Attempt.objects.filter(pk__in=ids).delete()
        removed += len(ids)
        if len(ids) < AT_ONCE:
            break
    return removed
