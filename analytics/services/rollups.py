"""Making rollups anew from samples, set-based: for whoever doubts them, and after samples were changed by hand.

`recording.record` keeps them right by itself, also when samples arrive late.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from analytics.figures import FIGURES
from analytics.models import Rollup

# Quarters of an hour, as both databases keep times.
_QUARTER = {
    "postgresql": "date_bin('15 minutes', s.collected_at, 'epoch'::timestamptz)",
    "sqlite": "datetime(CAST(strftime('%%s', s.collected_at) AS INTEGER) / 900 * 900, 'unixepoch')",
}
_NAMES = ", ".join(FIGURES)
_SUMS = ", ".join(f"sum(s.{name}_gain)" for name in FIGURES)
_TOLD = " OR ".join(f"s.{name}_gain IS NOT NULL" for name in FIGURES)
_TAKEN = ", ".join(f"{name} = COALESCE(excluded.{name}, r.{name})" for name in FIGURES)
_LOCK = "LOCK TABLE analytics_rollup IN SHARE ROW EXCLUSIVE MODE"


def rebuild_rollups(begin: datetime, end: datetime) -> int:
    """Sum the samples of whole quarters of an hour from `begin` to before `end` anew; returns how many rollups it is.

    What is recorded meanwhile waits. Not for a time of which samples were removed by age: their gains would be lost.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(_LOCK)  # whoever records adds what is not committed yet after this
        # To 0, not away: where repeated samples were thinned the platform told it all the same; null stays null.
        span = Rollup.objects.filter(starts_at__gte=begin, starts_at__lt=end)
        span.update(**{name: F(name) * 0 for name in FIGURES})
        moments = [connection.ops.adapt_datetimefield_value(moment) for moment in (begin, end)]
        with connection.cursor() as cursor:
            cursor.execute(_statement(), moments)
            return int(cursor.rowcount)


def _statement() -> str:
    return (
        f"INSERT INTO analytics_rollup AS r (account_id, starts_at, {_NAMES}) "  # noqa: S608  constants
        f"SELECT d.account_id, {_QUARTER[connection.vendor]} AS starts_at, {_SUMS} "
        "FROM analytics_metricsample s JOIN posts_delivery d ON d.id = s.delivery_id "
        f"WHERE s.part = 0 AND s.collected_at >= %s AND s.collected_at < %s AND ({_TOLD}) GROUP BY 1, 2 "
        f"ON CONFLICT (account_id, starts_at) DO UPDATE SET {_TAKEN}"
    )
