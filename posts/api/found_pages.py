"""First pages of what a query alone finds: asked for most, by statements that are made once; PostgreSQL only."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet

from mastablasta.core.api.first_pages import CompiledList, ListOf
from mastablasta.core.compiled_queries import CompiledQuery, IsOneOf, QueryPlannedByValues, Value
from posts.api.presenting import POST_COLUMNS
from posts.models import Post
from posts.search.matching import found_by, newest_in_index, wanted_by
from posts.search.queries import Query


def pages_of(query: Query, *, workspace: UUID, is_counted: bool) -> ListOf | None:
    """What the query finds in the workspace, newest first; `is_counted`: with its total. None = by other means."""
    wanted = wanted_by(query, workspace=workspace, using=DEFAULT_DB_ALIAS)
    if wanted is None or (wanted.is_common and is_counted):
        return None
    found = _WALKED if wanted.is_common else _IN_INDEX
    return found.of(workspace=workspace, tsquery=wanted.tsquery)


def _kept(workspace: Any) -> Any:
    return Post.objects.in_workspace(workspace).kept()


def _found(workspace: Any, tsquery: Any) -> QuerySet[Post]:
    return found_by(tsquery, _kept(workspace)).order_by("-created_at", "-id")


_BY_ID = CompiledQuery(
    lambda workspace, ids: _kept(workspace).filter(IsOneOf("id", ids)).values_list(*POST_COLUMNS),
    workspace=UUID, ids=list[Any],
)  # fmt: skip
_ID = POST_COLUMNS.index("id")


class _Walked(CompiledList):
    """Post by post, newest first. Planned for the words that are asked for, which may be in one post or in most."""

    query_class = QueryPlannedByValues


class _InIndex(_Walked):
    """The newest by the index, then their posts: two short statements, and one more for a total beyond the page."""

    def first(self, count: int, values: dict[str, Value], *, counted_to: int = 0) -> tuple[list[Any], int]:
        ids = newest_in_index(str(values["tsquery"]), count, using=DEFAULT_DB_ALIAS)
        found = {row[_ID]: row for row in _BY_ID.all(workspace=values["workspace"], ids=ids)} if ids else {}
        if ids is None or len(found) < len(ids):  # some are deleted, and others come in their place
            return super().first(count, values, counted_to=counted_to)
        rows = [self._row(found[post_id]) for post_id in ids]
        is_all = not counted_to or len(rows) < count
        return rows, len(rows) if is_all else self.rows(values).order_by().values("pk")[:counted_to].count()


_WALKED = _Walked(_found, POST_COLUMNS, workspace=UUID, tsquery=str)
_IN_INDEX = _InIndex(_found, POST_COLUMNS, workspace=UUID, tsquery=str)
