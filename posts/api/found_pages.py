"""First pages of what a query alone finds: asked for most, by statements that are made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet

from mastablasta.core.api.first_pages import CompiledList, ListOf
from mastablasta.core.compiled_queries import CompiledQuery, QueryPlannedByValues
from posts.api.presenting import POST_COLUMNS
from posts.models import Post
from posts.search.common_words import enough_months, is_common
from posts.search.index import workspace_token
from posts.search.matching import found_by, newest_by
from posts.search.queries import Query, as_match, as_tsquery


def pages_of(query: Query, *, workspace: UUID, is_counted: bool) -> ListOf | None:
    """What the query finds in the workspace, newest first; `is_counted`: with its total. None = by other means."""
    if not query.groups:
        return None
    if connection.vendor == "sqlite":
        return _FOUND.of(workspace=workspace, text=as_match(query, among=workspace_token(workspace)))
    if not is_common(query, using=DEFAULT_DB_ALIAS):
        tsquery = as_tsquery(query, within=[workspace_token(workspace)])
        return _Found(_FOUND, {"workspace": workspace, "text": tsquery}, query)
    return None if is_counted else _FOUND.of(workspace=workspace, text=as_tsquery(query))


class _FoundList(CompiledList):
    """Planned for the words that are asked for, which may be in one post or in most."""

    query_class = QueryPlannedByValues

    @staticmethod
    def counted(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
        """The rows as they are counted: in no order on SQLite, which would sort them all by it."""
        return rows.order_by() if connection.vendor == "sqlite" else rows


def _kept(workspace: Any) -> Any:
    return Post.objects.in_workspace(workspace).kept()


_FOUND = _FoundList(
    lambda workspace, text: found_by(text, _kept(workspace), workspace=workspace).order_by("-created_at", "-id"),
    POST_COLUMNS, workspace=UUID, text=str,
)  # fmt: skip
_NEWEST = CompiledQuery(
    lambda workspace, tsquery, count: newest_by(tsquery, count, _kept(workspace))
    .order_by("-created_at", "-id").values_list(*POST_COLUMNS),
    workspace=UUID, tsquery=str, count=int,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Found(ListOf):
    """Where some hundred are found, a page is looked for in the newest months, and only then in all."""

    query: Query

    def first(self, count: int, *, counted_to: int = 0) -> tuple[list[Any], int]:
        workspace: Any = self.values["workspace"]
        months = enough_months(self.query, count, workspace=workspace, using=DEFAULT_DB_ALIAS)
        tsquery = as_tsquery(self.query, within=months)
        found = _NEWEST.all(workspace=workspace, tsquery=tsquery, count=count) if months else []
        if len(found) < count:  # fewer were found, or some of them are deleted and others come in their place
            return self.rows.first(count, self.values, counted_to=counted_to)
        total = self.queryset().order_by().values("pk")[:counted_to].count() if counted_to else 0
        return [self.rows.row(row) for row in found], total
