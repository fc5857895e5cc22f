"""How many calls are left in the windows that platforms declare: our app's at a host, and an account's longer ones.

An account's shortest window is counted in its lane, with the statement that frees it (posts/queue).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from integrations.capabilities import RateRule
from integrations.models import RateBudget
from mastablasta.core.compiled_queries import prepared_cursor


def reserve(key: str, rules: Sequence[RateRule], *, calls: int, at: datetime) -> tuple[int, datetime]:
    """Take up to `calls` calls out of the running window of every rule.

    Returns how many there were to take in all of them, and when there are more: the end of the last window that had
    too few, or `at`. What one rule gives and another does not is given back. For many workers at once.
    """
    granted, until = calls, at
    taken: list[tuple[str, int]] = []
    for rule in rules:
        left, resets_at = _reserve(row_key(key, rule), rule, calls=granted, at=at)
        if left < granted:
            until = max(until, resets_at)
        granted = left
        taken.append((row_key(key, rule), left))
    for name, count in taken:
        if count > granted:
            RateBudget.objects.filter(key=name).update(remaining=F("remaining") + (count - granted))
    return granted, until


def count_calls(made: Mapping[str, tuple[RateRule, int]], *, at: datetime) -> dict[str, datetime]:
    """Count calls that were made, by `row_key`; returns the ends of the windows that are used up now, by the same key.

    For windows that only one worker at a time counts in, as it holds their account: two queries for all.
    """
    if not made:
        return {}
    rows = RateBudget.objects.in_bulk(list(made))
    counted = [_counted(rows.get(key), key, rule, calls, at=at) for key, (rule, calls) in sorted(made.items())]
    columns = ["limit", "remaining", "resets_at"]
    RateBudget.objects.bulk_create(counted, update_conflicts=True, unique_fields=["key"], update_fields=columns)
    return {row.key: row.resets_at for row in counted if row.remaining == 0}


def row_key(key: str, rule: RateRule) -> str:
    """The row that counts the calls which `key` names by this rule."""
    return f"{key}:{rule.resets_in or rule.window_s}"


def _counted(row: RateBudget | None, key: str, rule: RateRule, calls: int, *, at: datetime) -> RateBudget:
    if row is None or row.resets_at <= at:
        row = RateBudget(key=key, remaining=rule.limit, resets_at=rule.window_end(at))
    row.limit, row.remaining = rule.limit, max(0, row.remaining - calls)
    return row


_TAKE = (
    f"UPDATE {RateBudget._meta.db_table} SET remaining = remaining - %s "  # noqa: S608  a constant
    "WHERE key = %s AND resets_at > %s AND remaining >= %s"
)


def _take(key: str, calls: int, *, at: datetime) -> bool:
    with prepared_cursor() as cursor:
        cursor.execute(_TAKE, [calls, key, connection.ops.adapt_datetimefield_value(at), calls])
        return bool(cursor.rowcount)


def _reserve(key: str, rule: RateRule, *, calls: int, at: datetime) -> tuple[int, datetime]:
    """One UPDATE where there is enough; returns how many were left to take, and when there are more: then at once."""
    if _take(key, calls, at=at):
        return calls, at
    row = RateBudget.objects.filter(key=key)
    with transaction.atomic():
        fresh = {"limit": rule.limit, "remaining": rule.limit, "resets_at": rule.window_end(at)}
        RateBudget.objects.bulk_create([RateBudget(key=key, **fresh)], ignore_conflicts=True)
        budget = row.select_for_update().get()
        if budget.resets_at <= at:
            budget.remaining, budget.resets_at = rule.limit, rule.window_end(at)
        granted = min(calls, budget.remaining)
        budget.remaining -= granted
        budget.limit = rule.limit
        budget.save()
    return granted, budget.resets_at
