"""Posts that FTS5 finds, on SQLite: all of them in no order, or the first few by time, beside which no others are read.

FTS5 gives what it finds by rowid, forwards or backwards, and one by one. The index numbers its rows by the moment at
which a post was made (`place_in_sql`), so the newest page of a word that is in every post costs what that of a rare one
does. Within one moment the places say nothing; posts of the same moment as the last of a page are asked for besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.core.exceptions import FullResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import UUIDField
from django.db.models.expressions import Col, RawSQL
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.where import WhereNode

from posts.querysets import PostQuerySet

FEW = 100  # posts
PLACES = 17  # bits: how many posts of one moment have places of their own; of 131,073 the last would be refused
_LAST_MOMENT: int = 2 ** (63 - PLACES) - 2  # of 100 µs from 1970: in the year 2192, and as far back

# Words as FTS5 is asked for them within a workspace, whose token is in each of its rows.
_WITHIN = """'"w' || %s || '" AND (' || %s || ')'"""
# Where few posts of anybody have the words, these are read: FTS5 takes longer to skip to a workspace's.
_SOONEST = f"""CASE WHEN
  (SELECT count(*) FROM (SELECT 1 FROM post_search_words WHERE post_search_words MATCH %s LIMIT {FEW})) < {FEW}
  THEN %s ELSE {_WITHIN} END"""
# The tables in this order, whatever SQLite expects of them: FTS5 is read only as far as the page needs. What posts have
# to meet stands behind a +, out of the planner's sight: for each value of a column that limits a partial index, as
# posts_post.status does, it would make the statement anew, which takes ten times as long as to run it.
_TABLES = (
    "post_search_words CROSS JOIN posts_postsearch s ON s.id = post_search_words.rowid "
    "CROSS JOIN posts_post {alias} ON {alias}.id = s.post_id"
)
_ALL = f"SELECT s.post_id FROM {_TABLES} WHERE post_search_words MATCH {_SOONEST} AND +({{conditions}}){{bounds}}"
_PAGE = f"""
WITH page AS (
 SELECT post_search_words.rowid AS place, s.post_id FROM {_TABLES} WHERE post_search_words MATCH {_SOONEST}
   AND +({{conditions}}){{bounds}}
  ORDER BY post_search_words.rowid {{direction}} LIMIT {{count}}
)
SELECT post_id FROM page UNION ALL
SELECT s.post_id FROM (
  SELECT 1 FROM posts_postsearch s
   WHERE (SELECT count(*) FROM page) = {{count}} AND s.id {{of_the_same_moment}} LIMIT 1
 ) CROSS JOIN {_TABLES}
 WHERE post_search_words MATCH {_WITHIN} AND post_search_words.rowid {{of_the_same_moment}} AND +({{conditions}})
"""
_LAST_OF_PAGE = "(SELECT {side}(place) FROM page)"
_OLDER = f"BETWEEN {_LAST_OF_PAGE} >> {PLACES} << {PLACES} AND {_LAST_OF_PAGE} - 1".replace("{side}", "min")
_NEWER = f"BETWEEN {_LAST_OF_PAGE} + 1 AND {_LAST_OF_PAGE} | {2**PLACES - 1}".replace("{side}", "max")
_ORDERS: dict[tuple[Any, ...], tuple[str, str]] = {
    ("-created_at", "-id"): ("DESC", _OLDER),
    ("created_at", "id"): ("ASC", _NEWER),
}


def place_in_sql(created_at: str) -> str:
    """The first place in the index of posts made at this moment; the next moment's is 2 ** PLACES later.

    `created_at` is SQL of a time as Django writes it into SQLite, and stands in this twice.
    """
    second = f"CAST(round((julianday(substr({created_at}, 1, 19)) - 2440587.5) * 86400) AS INTEGER)"  # since 1970
    moment = f"{second} * 10000 + CAST(substr({created_at} || '.0000', 21, 4) AS INTEGER)"
    return f"(min(max({moment}, {-_LAST_MOMENT}), {_LAST_MOMENT}) << {PLACES})"


_FROM, _UNTIL = f">= {place_in_sql('%s')}", f"< {place_in_sql('%s')} + {2**PLACES}"
_SIDES = {GreaterThan: _FROM, GreaterThanOrEqual: _FROM, LessThan: _UNTIL, LessThanOrEqual: _UNTIL}


def free_place_in_sql(created_at: str) -> str:
    """The place in SQL for one more post of that moment: behind those that have one."""
    taken = f"id BETWEEN first AND first + {2**PLACES - 1}"
    last = f"SELECT id + 1 FROM posts_postsearch WHERE {taken} ORDER BY id DESC LIMIT 1"
    return f"(SELECT coalesce(({last}), first) FROM (SELECT {place_in_sql(created_at)} AS first))"


def found_among(posts: PostQuerySet, words: Any, *, workspace: UUID) -> PostQuerySet:
    """Those of a workspace's posts that an FTS5 expression finds.

    The conditions of `posts` go to where FTS5 is asked. Beside what it finds they would have SQLite read all posts of
    the workspace in their order, which it takes to be few.
    """
    is_joined = sum(map(bool, posts.query.alias_refcount.values())) > 1
    conditions = WhereNode() if is_joined else posts.query.where
    found = posts.all()
    if not is_joined:
        found.query.where = WhereNode()
    return found.filter(pk__in=_FoundByWords(words, workspace, conditions))


_ID = UUIDField()


class _FoundByWords(RawSQL):
    """The ids of a workspace's posts that meet the conditions and that an FTS5 expression finds.

    Where a query asks for its first few by time, or for a few in no order, only those that it takes are given.
    """

    def __init__(self, words: Any, workspace: UUID, conditions: WhereNode) -> None:
        super().__init__(_ALL, (), _ID)
        self.words, self.workspace, self.conditions = words, workspace, conditions

    def relabeled_clone(self, change_map: Any) -> Self:
        clone = super().relabeled_clone(change_map)
        clone.conditions = self.conditions.relabeled_clone(change_map)
        return clone

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        query, workspace = compiler.query, self.workspace.hex
        alias, within = connection.ops.quote_name(str(query.get_initial_alias())), (workspace, self.words)
        soonest = (self.words, self.words, *within)
        others = _conditions_beside(self, query)
        wheres = [self.conditions, *([] if others is None else [others])]
        conditions, params = _compiled(wheres, compiler)
        params = [workspace, *params]
        bounds, places = _bounds((one for where in wheres for one in where.children), connection)
        page = {
            "alias": alias,
            "conditions": " AND ".join([f"{alias}.workspace_id = %s", *conditions]),
            "bounds": bounds,
            "count": query.high_mark,
        }
        if others is None:
            return f"({_ALL.format(**page)})", (*soonest, *params, *places)
        if not query.order_by:
            return f"({_ALL.format(**page)} LIMIT {query.high_mark})", (*soonest, *params, *places)
        direction, of_the_same_moment = _ORDERS[tuple(query.order_by)]
        sql = _PAGE.format(**page, direction=direction, of_the_same_moment=of_the_same_moment)
        return f"({sql})", (*soonest, *params, *places, *within, *params)


def _conditions_beside(own: _FoundByWords, query: Query) -> WhereNode | None:
    """The conditions of a query for a few posts by time or in no order, but for `own`; None = it is another query."""
    is_in_time = query.order_by in _ORDERS and query.standard_ordering
    is_of_posts_alone = sum(map(bool, query.alias_refcount.values())) <= 1
    if query.high_mark is None or not (is_in_time or not query.order_by) or not is_of_posts_alone:
        return None
    if query.distinct or query.group_by is not None:
        return None
    others = query.where.clone()
    others.children = [one for one in others.children if getattr(one, "rhs", None) is not own]
    return others if len(others.children) == len(query.where.children) - 1 else None


def _compiled(wheres: Sequence[WhereNode], compiler: SQLCompiler) -> tuple[list[str], list[Any]]:
    """The conditions in SQL with their parameters."""
    found: list[str] = []
    params: list[Any] = []
    for where in wheres:
        with suppress(FullResultSet):  # = there are none
            sql, own = where.as_sql(compiler, compiler.connection)
            found.append(sql)
            params += own
    return found, params


def _bounds(conditions: Iterable[Any], connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
    """Where FTS5 begins and ends for the times of creation that are asked for, in SQL with its parameters."""
    bounds: list[str] = []
    params: list[Any] = []
    for one in conditions:
        column, at = getattr(one, "lhs", None), getattr(one, "rhs", None)
        is_of_creation = isinstance(column, Col) and column.target.name == "created_at"
        if type(one) in _SIDES and is_of_creation and isinstance(at, datetime):
            bounds.append(f" AND post_search_words.rowid {_SIDES[type(one)]}")
            params += [connection.ops.adapt_datetimefield_value(at)] * 2
    return "".join(bounds), params
