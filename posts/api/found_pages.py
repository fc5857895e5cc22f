"""First pages of what a query finds, alone or beside the usual filters, by statements that are made once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import QuerySet

from mastablasta.core.api.date_ranges import Edge
from mastablasta.core.api.first_pages import CompiledList, ListOf
from mastablasta.core.compiled_queries import CompiledQuery, QueryPlannedByValues, Slot, Value
from posts.api.filters import SearchFilter
from posts.api.presenting import POST_COLUMNS
from posts.models import Post
from posts.search.common_words import enough_months, is_common
from posts.search.index import workspace_token
from posts.search.matching import found_by, newest_by
from posts.search.queries import Query, as_match, as_tsquery

# Filters whose value is filled in; a platform is written into the statement.
_SLOTS: Mapping[str, Slot] = {"status": str, "post_type": str, "date_from": datetime, "date_to": datetime}
FILTERS = ("platform", *_SLOTS)


def pages_of(query: Query, *, workspace: UUID, is_counted: bool, filters: Mapping[str, Any]) -> ListOf | None:
    """What the query finds in the workspace, newest first, or None where that has to be asked otherwise.

    `filters`: values of some of FILTERS as SearchFilter reads them; `is_counted`: with its total.
    """
    given = {name: filters[name] for name in FILTERS if filters.get(name)}
    if not query.groups or any(isinstance(value, list) and len(value) > 1 for value in given.values()):
        return None
    platforms = given.pop("platform", ())
    rows = _found_list(*platforms, among=tuple(given))
    values = {"workspace": workspace, **{name: _value(value) for name, value in given.items()}}
    if connection.vendor == "sqlite":
        return rows.of(**values, text=as_match(query, among=workspace_token(workspace)))
    if is_common(query, using=DEFAULT_DB_ALIAS):
        return None if is_counted else rows.of(**values, text=as_tsquery(query))
    values["text"] = as_tsquery(query, within=[workspace_token(workspace)])
    return rows.of(**values) if given or platforms else _Found(rows, values, query)


class _FoundList(CompiledList):
    """Planned for the words that are asked for, which may be in one post or in most."""

    query_class = QueryPlannedByValues

    def first(self, count: int, values: dict[str, Value], *, counted_to: int = 0) -> tuple[list[Any], int]:
        """On SQLite what fills no page is not asked for again to be counted."""
        if connection.vendor != "sqlite" or not counted_to:
            return super().first(count, values, counted_to=counted_to)
        rows, _ = super().first(count, values)
        return rows, len(rows) if len(rows) < count else super().first(1, values, counted_to=counted_to)[1]

    @staticmethod
    def counted(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
        """The rows as they are counted: in no order on SQLite, which would sort them all by it."""
        return rows.order_by() if connection.vendor == "sqlite" else rows


def _kept(workspace: Any) -> Any:
    return Post.objects.in_workspace(workspace).kept()


def _value(read: Any) -> Value:
    """What fills the slot of a filter that was read so."""
    return read.at if isinstance(read, Edge) else read[0]


@cache
def _found_list(*platforms: str, among: tuple[str, ...]) -> _FoundList:
    """What is found of posts for a platform, or of all, with filters of these names."""

    def build(workspace: Any, text: Any, **values: Any) -> QuerySet[Any, Any]:
        posts = _kept(workspace)
        read = {name: Edge(value) if isinstance(value, datetime) else [value] for name, value in values.items()}
        for name, value in {"platform": platforms, **read}.items():
            posts = SearchFilter.base_filters[name].filter(posts, value)
        return found_by(text, posts, workspace=workspace).order_by("-created_at", "-id")

    slots = {name: _SLOTS[name] for name in among}
    return _FoundList(build, POST_COLUMNS, workspace=UUID, text=str, **slots)


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
