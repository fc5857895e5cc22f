"""Pages of lists: a named envelope by limit and offset, or keyset pages by cursor.

The view names its rows (`rows_name = "posts"`). `next` and `previous` are absolute and built from PUBLIC_URL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from mastablasta.core.api.first_pages import ListOf
from mastablasta.core.api.keyset import Keyset
from mastablasta.core.api.problems import fault

if TYPE_CHECKING:  # DRF imports this module while it imports its views
    from rest_framework.views import APIView

DEFAULT_LIMIT = 50
MOST = 200
TOTAL_CAP = 10_000
LARGEST_OFFSET = 2**31 - 1


class EnvelopePagination(BasePagination):
    """`?limit=` (default 50, at most 200) with `?offset=` and a total, or with `?cursor=` (empty to start) and none.

    `total` is exact up to 10,000; beyond it is 10,000 and `total_capped` is true. One query when the page
    shows the end of the list or is the first of a CompiledList, else two.
    """

    query_parameters = ("limit", "offset", "cursor")
    rows_name = "results"

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any]:
        self.rows_name = getattr(view, "rows_name", None) or self.rows_name
        self.request = request
        self.limit = _number(request, "limit", default=DEFAULT_LIMIT, least=1, most=MOST)
        if "cursor" in request.query_params:
            return self._page_by_cursor(queryset, request)
        return self._page_by_offset(queryset, request)

    def _page_by_offset(self, listed: QuerySet[Any] | ListOf, request: Request) -> list[Any]:
        offset = _number(request, "offset", default=0, least=0, most=LARGEST_OFFSET)
        if isinstance(listed, ListOf) and not offset:
            rows, total = listed.first(self.limit + 1, counted_to=TOTAL_CAP + 1)
        else:
            queryset = _queryset(listed)
            rows = list(_in_total_order(queryset)[offset : offset + self.limit + 1])
            is_last = bool(rows) and len(rows) <= self.limit
            total = offset + len(rows) if is_last else _count(queryset)
        has_more = len(rows) > self.limit
        rows = rows[: self.limit]
        self.meta: dict[str, Any] = {"total": min(total, TOTAL_CAP)}
        if total > TOTAL_CAP:
            self.meta["total_capped"] = True
        before = max(offset - self.limit, 0)
        self.meta |= {
            "limit": self.limit,
            "offset": offset,
            "next": self._link(offset=str(offset + self.limit)) if has_more else None,
            "previous": self._link(offset=str(before)) if offset else None,
        }
        return rows

    def _page_by_cursor(self, listed: QuerySet[Any] | ListOf, request: Request) -> list[Any]:
        if "offset" in request.query_params:
            raise ValidationError({"cursor": [fault("with_offset", "Send either cursor or offset, not both.")]})
        cursor = request.query_params["cursor"]
        if isinstance(listed, ListOf) and not cursor:
            page = listed.first_page(self.limit)
        else:
            page = Keyset.of(_queryset(listed)).page(cursor, limit=self.limit)
        self.meta = {
            "limit": self.limit,
            "next": self._link(cursor=page.next) if page.next else None,
            "previous": self._link(cursor=page.previous) if page.previous else None,
        }
        return page.rows

    def _link(self, **changed: str) -> str:
        """The address of another page: every other parameter as it was asked for."""
        asked = [(name, value) for name, values in self.request.query_params.lists() for value in values]
        kept = [(name, value) for name, value in asked if name not in {*changed, "limit"}]
        query = urlencode([*kept, ("limit", str(self.limit)), *changed.items()])
        return f"{settings.PUBLIC_URL}{self.request.path}?{query}"

    def get_paginated_response(self, data: Sequence[Any]) -> Response:
        return Response({self.rows_name: data, **self.meta})

    def get_results(self, data: Any) -> Any:
        """The rows of an answer (the browsable API looks for them)."""
        return data[self.rows_name]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": [self.rows_name, "limit", "next", "previous"],
            "properties": {
                self.rows_name: schema,
                "total": {"type": "integer", "description": "Left out of pages by cursor."},
                "total_capped": {"type": "boolean", "description": "There are more than `total`."},
                "limit": {"type": "integer"},
                "offset": {"type": "integer", "description": "Left out of pages by cursor."},
                "next": link,
                "previous": link,
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        limit = {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT}
        offset = {"type": "integer", "minimum": 0, "maximum": LARGEST_OFFSET, "default": 0}
        described: list[tuple[str, dict[str, Any], str]] = [
            ("limit", limit, "How many rows a page holds."),
            ("offset", offset, "How many rows to leave out at the start."),
            (
                "cursor",
                {"type": "string"},
                "Pages by position, fast at any depth, without total; empty to start.",
            ),
        ]
        return [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": description,
                "schema": schema,
                **({"allowEmptyValue": True} if name == "cursor" else {}),
            }
            for name, schema, description in described
        ]


def _queryset(listed: QuerySet[Any] | ListOf) -> QuerySet[Any]:
    return listed.queryset() if isinstance(listed, ListOf) else listed


def _in_total_order(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows and order, with the primary key last: rows of equal rank would else move between pages."""
    order = list(queryset.query.order_by or queryset.model._meta.ordering or [])
    key = queryset.model._meta.pk.name
    if any(str(name).removeprefix("-") in {"pk", key} for name in order):
        return queryset
    is_descending = bool(order) and str(order[-1]).startswith("-")
    return queryset.order_by(*order, f"-{key}" if is_descending else key)


def _count(queryset: QuerySet[Any]) -> int:
    """How many rows there are, counted up to one more than the cap."""
    return queryset.order_by().values("pk")[: TOTAL_CAP + 1].count()


def _number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None
    if value is None or not least <= value <= most:
        sentence = f"{text[:20]!r} is not a whole number from {least} to {most}."
        raise ValidationError({name: [fault("out_of_range", sentence, least=least, limit=most, actual=text[:20])]})
    return value
