"""Storing samples that are later than all that is stored of their posts, in PostgreSQL: what a collector does all day.

It is what `analytics.recording` does in Python, set-based: two statements and one value for any number of samples, of
which nothing is read back but what webhooks and alerts are to be told. The price is a second form of the same rules;
analytics/tests/test_recording.py compares both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from analytics.alerts import Rise
from analytics.figures import FIGURES, LARGEST, credible
from analytics.models import LatestMetrics
from mastablasta.core.compiled_queries import prepared_cursor
from webhooks.outbox import HAS_ENDPOINT_SQL

if TYPE_CHECKING:
    from analytics.recording import Sample


def _rows_of(value: str, columns: Mapping[str, str]) -> str:
    """A table out of one JSON value, the list of its columns, in this order: each a list of as many as there are rows.

    By columns no name is written, sent and read for each row.
    """
    lists = ", ".join(
        f"jsonb_array_elements{'' if kind == 'jsonb' else '_text'}({value} -> {place})"
        for place, kind in enumerate(columns.values())
    )
    cells = ", ".join(f"{name}::{kind}" for name, kind in columns.items())
    return f"(SELECT {cells} FROM ROWS FROM ({lists}) AS lists ({', '.join(columns)}))"


_KEY = {"delivery_id": "uuid", "collected_at": "timestamptz", "part": "int"}
# In the order of a sample's fields.
_TOLD_COLUMNS = {**_KEY, **dict.fromkeys(FIGURES, "numeric"), "extra": "jsonb", "answer": "jsonb"}
_KEYS = f"{_rows_of('%(keys)s', _KEY)} i"
_MISSING = f"""
INSERT INTO analytics_latestmetrics (delivery_id, part, account_id, published_at, extra, answer, untold, is_repeat)
SELECT d.id, i.part, d.account_id, d.published_at, '{{}}', '{{}}', '[]', false
  FROM {_KEYS} JOIN posts_delivery d ON d.id = i.delivery_id AND d.published_at IS NOT NULL
 WHERE NOT EXISTS (SELECT 1 FROM analytics_latestmetrics l WHERE l.delivery_id = i.delivery_id AND l.part = i.part)
 ORDER BY d.id, i.part ON CONFLICT (delivery_id, part) DO NOTHING
"""
# A statement of its own: only the next one sees what was committed while this one waited for a lock.
_LOCK = f"""
SELECT count(*), count(DISTINCT id), coalesce(bool_or(is_late), false) FROM (
  SELECT l.id, l.collected_at >= i.collected_at AS is_late
    FROM {_KEYS} JOIN analytics_latestmetrics l ON l.delivery_id = i.delivery_id AND l.part = i.part
   ORDER BY l.delivery_id, l.part FOR UPDATE OF l) locked
"""


def _each(form: str, between: str = ", ") -> str:
    """The form once for each figure, `{0}` its name."""
    return between.join(form.format(name) for name in FIGURES)


_RECORD = f"""
WITH i AS MATERIALIZED (
  SELECT delivery_id, part, collected_at, extra, answer,
         {_each("CASE WHEN {0} BETWEEN 0 AND %(largest)s THEN {0}::bigint END AS {0}")}
    FROM {_rows_of("%(samples)s", _TOLD_COLUMNS)} told),
m AS MATERIALIZED (
  SELECT i.*, l.account_id, l.published_at, l.collected_at AS last_at, l.is_repeat,
         {_each("l.{0} AS old_{0}")}, {_each("i.{0} - coalesce(l.{0}, 0) AS {0}_gain")},
         l.collected_at IS NOT NULL AND l.extra = i.extra AND
         {_each("i.{0} IS NOT DISTINCT FROM (CASE WHEN NOT l.untold ? '{0}' THEN l.{0} END)", " AND ")} AS is_same
    FROM i JOIN analytics_latestmetrics l ON l.delivery_id = i.delivery_id AND l.part = i.part),
thinned AS (
  DELETE FROM analytics_metricsample s USING m WHERE m.is_same AND m.is_repeat
     AND s.delivery_id = m.delivery_id AND s.part = m.part AND s.collected_at = m.last_at),
stored AS (
  INSERT INTO analytics_metricsample (delivery_id, part, collected_at, {_each("{0}")}, extra, {_each("{0}_gain")},
                                      has_fallen)
  SELECT delivery_id, part, collected_at, {_each("{0}")}, extra, {_each("{0}_gain")},
         coalesce(least({_each("{0}_gain")}) < 0, false) FROM m),
moved AS (
  UPDATE analytics_latestmetrics l
     SET {_each("{0} = coalesce(m.{0}, l.{0})")}, extra = m.extra, collected_at = m.collected_at, answer = m.answer,
         is_repeat = m.is_same, untold = to_jsonb(array_remove(ARRAY[
           {_each("CASE WHEN m.{0} IS NULL AND l.{0} IS NOT NULL THEN '{0}' END")}], NULL))
    FROM m WHERE l.delivery_id = m.delivery_id AND l.part = m.part),
gained AS (
  INSERT INTO analytics_rollup AS r (account_id, starts_at, {_each("{0}")})
  SELECT account_id, date_bin('15 minutes', collected_at, 'epoch'::timestamptz), {_each("sum({0}_gain)")}
    FROM m WHERE part = 0 AND num_nonnulls({_each("{0}_gain")}) > 0 GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (account_id, starts_at) DO UPDATE SET {
    _each("{0} = CASE WHEN excluded.{0} IS NULL THEN r.{0} ELSE coalesce(r.{0}, 0) + excluded.{0} END")
})
SELECT m.delivery_id, m.account_id, m.published_at, m.collected_at, m.extra, {_each("m.{0}")}, {_each("m.old_{0}")}
  FROM m JOIN posts_delivery d ON d.id = m.delivery_id
 WHERE m.part = 0 AND NOT m.is_same AND ({HAS_ENDPOINT_SQL.format(workspace="d.workspace_id")}
    OR EXISTS (SELECT 1 FROM analytics_metricalert a WHERE a.workspace_id = d.workspace_id))
 ORDER BY m.delivery_id
"""


_TOLD = ("delivery_id", "account_id", "published_at", "collected_at")


def record_in_order(samples: Sequence[Sample]) -> tuple[int, list[Rise]] | None:
    """Store these; how many, and which figures of roots differ now.

    Of the latter only those of workspaces that may want to be told. None = one at least is not later than what is
    stored, or two are of the same part of a delivery: then no sample was stored. In the caller's transaction; all of
    the newest figures are locked, by delivery and part, until it ends.
    """
    columns = list(zip(*samples, strict=True))
    values = {"keys": _json(columns[: len(_KEY)])}
    with prepared_cursor() as cursor:
        cursor.execute(_LOCK, values)
        count, parts, is_late = cursor.fetchone()
        if count < len(samples):
            cursor.execute(_MISSING, values)
            cursor.execute(_LOCK, values)
            count, parts, is_late = cursor.fetchone()
        if is_late or parts < count:
            return None
        cursor.execute(_RECORD, {"samples": _json_of(columns), "largest": LARGEST})
        return count, [_rise(row) for row in cursor.fetchall()]


def _json_of(columns: Sequence[Sequence[Any]]) -> Any:
    try:
        return _json(columns)
    except orjson.JSONEncodeError:  # a number of more than 64 bits
        figures = slice(len(_KEY), len(_KEY) + len(FIGURES))
        told = [[credible(figure) for figure in column] for column in columns[figures]]
        return _json([*columns[: figures.start], *told, *columns[figures.stop :]])


def _json(value: Any) -> Any:
    from psycopg.types.json import Jsonb  # where SQLite serves, psycopg is not loaded

    return Jsonb(orjson.dumps(value, default=dict), dumps=bytes)


def _rise(row: Sequence[Any]) -> Rise:
    about, figures = dict(zip(_TOLD, row, strict=False)), row[len(_TOLD) + 1 :]
    now, before = figures[: len(FIGURES)], dict(zip(FIGURES, figures[len(FIGURES) :], strict=True))
    kept = {name: before[name] if value is None else value for name, value in zip(FIGURES, now, strict=True)}
    untold = [name for name, value in zip(FIGURES, now, strict=True) if value is None and before[name] is not None]
    extra = orjson.loads(row[len(_TOLD)]) if isinstance(row[len(_TOLD)], str) else row[len(_TOLD)]
    return Rise(LatestMetrics(**about, part=0, extra=extra, untold=untold, **kept), before)
