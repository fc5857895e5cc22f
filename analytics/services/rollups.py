"""Making rollups again from samples, set-based: for those who doubt them, and after samples were changed by hand.

`recording.record` keeps them right by itself, also when samples arrive late.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from analytics.figures import FIGURES
from analytics.models import Rollup

_NAMES = ", ".join(FIGURES)
_LOCK = "LOCK TABLE analytics_rollup IN SHARE ROW EXCLUSIVE MODE"


def _sums(quarter: str, begin: str, end: str) -> str:
    told = " OR ".join(f"s.{name}_gain IS NOT NULL" for name in FIGURES)
    sums = ", ".join(f"sum(s.{name}_gain) AS {name}" for name in FIGURES)
    return (
        f"SELECT d.account_id, {quarter} AS starts_at, {sums} "  # noqa: S608  constants
        "FROM analytics_metricsample s JOIN posts_delivery d ON d.id = s.delivery_id "
        f"WHERE s.part = 0 AND s.collected_at >= {begin} AND s.collected_at < {end} AND ({told}) GROUP BY 1, 2"
    )


# What has no samples becomes 0, not away: where repeated samples were thinned the platform told it all the same; null
# stays null. Rows that are right already, as most are, are not written.
_REBUILD = f"""
WITH sums AS MATERIALIZED (
  {_sums("date_bin('15 minutes', s.collected_at, 'epoch'::timestamptz)", "%(begin)s", "%(end)s")}),
emptied AS (
  UPDATE analytics_rollup r SET {", ".join(f"{name} = r.{name} * 0" for name in FIGURES)}
   WHERE r.starts_at >= %(begin)s AND r.starts_at < %(end)s AND ({" OR ".join(f"r.{name} <> 0" for name in FIGURES)})
     AND NOT EXISTS (SELECT 1 FROM sums WHERE sums.account_id = r.account_id AND sums.starts_at = r.starts_at)),
written AS (
  INSERT INTO analytics_rollup AS r (account_id, starts_at, {_NAMES}) SELECT * FROM sums
  ON CONFLICT (account_id, starts_at) DO UPDATE
     SET {", ".join(f"{name} = coalesce(excluded.{name}, r.{name} * 0)" for name in FIGURES)}
   WHERE {" OR ".join(f"r.{name} IS DISTINCT FROM coalesce(excluded.{name}, r.{name} * 0)" for name in FIGURES)})
SELECT count(*) FROM sums
"""  # noqa: S608  constants
# There no statement writes in a WITH: all become 0, then those that have samples get their sums.
_QUARTER_IN_SQLITE = "datetime(CAST(strftime('%%s', s.collected_at) AS INTEGER) / 900 * 900, 'unixepoch')"
_REBUILD_IN_SQLITE = (
    f"INSERT INTO analytics_rollup AS r (account_id, starts_at, {_NAMES}) {_sums(_QUARTER_IN_SQLITE, '%s', '%s')} "
    f"ON CONFLICT (account_id, starts_at) DO UPDATE SET "
    + ", ".join(f"{name} = coalesce(excluded.{name}, r.{name})" for name in FIGURES)
)


def rebuild_rollups(begin: datetime, end: datetime) -> int:
    """Sum the samples of whole quarters of an hour from `begin` to before `end` again; returns how many rollups it is.

    What is recorded meanwhile waits. Not for a time of which samples were removed by age: their gains would be lost.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_LOCK)  # whoever records adds what is not committed yet after this
            cursor.execute(_REBUILD, {"begin": begin, "end": end})
            return int(cursor.fetchone()[0])
        moments = [connection.ops.adapt_datetimefield_value(moment) for moment in (begin, end)]
        span = Rollup.objects.filter(starts_at__gte=begin, starts_at__lt=end)
        span.update(**{name: F(name) * 0 for name in FIGURES})
        cursor.execute(_REBUILD_IN_SQLITE, moments)
        return int(cursor.rowcount)
