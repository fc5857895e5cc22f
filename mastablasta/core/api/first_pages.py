"""First pages of lists that nobody filters: what is asked for most, by queries that are made once.

Making the query of a page of 50 and that of its total takes Django longer than PostgreSQL takes to plan and run both.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import IntegerField, QuerySet, Subquery

from mastablasta.core.api.keyset import Keyset, Page
from mastablasta.core.compiled_queries import CompiledQuery, Slot, Value


class CountOf(Subquery):
    """How many rows a queryset has."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


class CompiledList:
    """A list in total order of which rows show `columns`; `build` gives its rows for values of `slots`.

    newest = CompiledList(lambda workspace: Post.objects.in_workspace(workspace)…, COLUMNS, workspace=UUID)
    self.paginate_queryset(newest.of(workspace=self.workspace.pk))
    """

    query_class = CompiledQuery

    def __init__(self, build: Callable[..., QuerySet[Any]], columns: Sequence[str], **slots: Slot) -> None:
        self._build = build
        self._columns = tuple(columns)
        self._slots = slots
        make: Any = namedtuple  # whose fields mypy wants to see written out
        self.row = make("Row", self._columns)._make
        self._queries: dict[tuple[int, int], CompiledQuery] = {}

    def of(self, **values: Value) -> ListOf:
        return ListOf(self, values)

    @staticmethod
    def counted(rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
        """The rows as they are counted.

        In their order: the page's own index is read for it, where PostgreSQL would else read the table.
        """
        return rows

    def rows(self, values: dict[str, Value]) -> QuerySet[Any, Any]:
        """All of them, as a queryset."""
        return self._build(**values).values_list(*self._columns, named=True)

    def first(self, count: int, values: dict[str, Value], *, counted_to: int = 0) -> tuple[list[Any], int]:
        """The first `count` rows, and how many there are of all, counted up to `counted_to` (0 = not); one query."""
        found = self._query(count, counted_to).all(**values)
        return [self.row(row[:-1]) for row in found], found[0][-1] if found else 0

    def _query(self, count: int, counted_to: int) -> CompiledQuery:
        key = (count, counted_to)
        if key not in self._queries:

            def build(**markers: Any) -> QuerySet[Any, Any]:
                rows = self._build(**markers)
                total = CountOf(self.counted(rows).values("pk")[:counted_to])
                return rows.values_list(*self._columns, total)[:count]

            self._queries[key] = self.query_class(build, **self._slots)
        return self._queries[key]

    @cached_property
    def keyset(self) -> Keyset:
        """Its order; of no rows in particular."""
        return Keyset.of(self._build(**dict.fromkeys(self._slots)))


@dataclass(frozen=True, slots=True)
class ListOf:
    """A CompiledList for these values: what `paginate_queryset` takes instead of a queryset that nobody filtered."""

    rows: CompiledList
    values: dict[str, Value]

    def queryset(self) -> QuerySet[Any, Any]:
        return self.rows.rows(self.values)

    def first(self, count: int, *, counted_to: int = 0) -> tuple[list[Any], int]:
        return self.rows.first(count, self.values, counted_to=counted_to)

    def first_page(self, limit: int) -> Page:
        """As `Keyset.page` gives it."""
        return self.rows.keyset.page_of(self.first(limit + 1)[0], limit=limit)
