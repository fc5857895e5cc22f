"""Forgetting events, with all that was sent of them."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from webhooks.models import Event

KEPT_FOR = timedelta(days=30)
AT_ONCE = 500
AT_MOST_S = 20.0


def prune_events(*, at: datetime) -> int:
    """Remove events older than 30 days, whatever became of them, and return how many; what is in hand stays.

    A part after the other, for AT_MOST_S: what is left is for the next time.
    """
    removed, ends_at = 0, time.monotonic() + AT_MOST_S
    old = Event.objects.filter(created_at__lt=at - KEPT_FOR).exclude(
        deliveries__state="pending", deliveries__endpoint__lane__lease_token__isnull=False
    )
    while time.monotonic() < ends_at:
        ids = list(old.order_by("created_at").values_list("id", flat=True)[:AT_ONCE])
        Event.objects.filter(id__in=ids).delete()
        removed += len(ids)
        if len(ids) < AT_ONCE:
            break
    return removed
