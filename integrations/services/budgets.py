"""How many calls our app at a host has left, by the platform's declared rules; shared by all workers."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from integrations.capabilities import RateRule
from integrations.models import RateBudget


def reserve(key: str, rule: RateRule, *, calls: int, at: datetime) -> tuple[int, datetime]:
    """Take up to `calls` calls out of the running window; returns how many were left to take, and when it ends.

    One UPDATE where there is enough; a window begins with its first call.
    """
    row = RateBudget.objects.filter(key=key)
    enough = row.filter(resets_at__gt=at, remaining__gte=calls)
    if enough.update(remaining=F("remaining") - calls):
        return calls, row.values_list("resets_at", flat=True).get()
    with transaction.atomic():
        fresh = {"limit": rule.limit, "remaining": rule.limit, "resets_at": at + timedelta(seconds=rule.window_s)}
        RateBudget.objects.bulk_create([RateBudget(key=key, **fresh)], ignore_conflicts=True)
        budget = row.select_for_update().get()
        if budget.resets_at <= at:
            budget.remaining, budget.resets_at = rule.limit, at + timedelta(seconds=rule.window_s)
        granted = min(calls, budget.remaining)
        budget.remaining -= granted
        budget.limit = rule.limit
        budget.save()
    return granted, budget.resets_at
