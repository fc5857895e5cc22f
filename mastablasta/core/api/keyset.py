"""Keyset pages: where a page begins is a row, not a number, so page 1,000 costs what page 1 does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import signing
from django.core.exceptions import FieldDoesNotExist
from django.core.exceptions import ValidationError as BadValue
from django.db.models import F, Field, Model, OrderBy, Q, QuerySet
from rest_framework.exceptions import ValidationError

from mastablasta.core.api.problems import fault

BAD_CURSOR = "The cursor is not one of ours for this list and ordering; begin again with an empty one."


@dataclass(frozen=True, slots=True)
class Page:
    """`next` and `previous` are cursors; "" where there is nothing more on that side."""

    rows: list[Any]
    next: str
    previous: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an order, by its ORM name. `has_nulls`: rows without a value come last, whatever the direction."""

    name: str
    is_descending: bool
    has_nulls: bool = False

    @property
    def text(self) -> str:
        return f"-{self.name}" if self.is_descending else self.name

    def order(self, backwards: bool) -> str | OrderBy:
        is_descending = self.is_descending != backwards
        if not self.has_nulls:
            return f"-{self.name}" if is_descending else self.name
        return OrderBy(F(self.name), is_descending, nulls_first=backwards or None, nulls_last=not backwards or None)

    def equal(self, value: Any) -> Q:
        return Q(**{f"{self.name}__isnull": True}) if value is None else Q(**{self.name: value})

    def beyond(self, value: Any, backwards: bool, *, or_equal: bool = False) -> Q:
        """What comes after `value`, or before it."""
        if value is None:
            return (Q() if or_equal else Q(**{f"{self.name}__isnull": False})) if backwards else self.equal(None)
        side = "lt" if self.is_descending != backwards else "gt"
        beyond = Q(**{f"{self.name}__{side}{'e' if or_equal else ''}": value})
        return beyond | self.equal(None) if self.has_nulls and not backwards else beyond


@dataclass(frozen=True, slots=True)
class Keyset:
    """The order of a queryset, the last column unique."""

    queryset: QuerySet[Any]
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, queryset: QuerySet[Any]) -> Keyset:
        """Read the order off `queryset`; the primary key is added where it is missing.

        Raises ValidationError when the order has a column that is computed, or may be null without saying
        `nulls_last`: such lists are paged by offset.
        """
        names = list(queryset.query.order_by or queryset.model._meta.ordering or [])
        columns = [column for column in (_column(queryset.model, name) for name in names) if column]
        if len(columns) < len(names):
            sentence = "This ordering has no pages by cursor; leave cursor out and use offset."
            raise ValidationError({"cursor": [fault("not_with_ordering", sentence)]})
        key = queryset.model._meta.pk.name
        if key not in {column.name for column in columns}:
            columns.append(Column(key, columns[-1].is_descending if columns else False))
        return cls(queryset, tuple(columns))

    def page(self, cursor: str, *, limit: int) -> Page:
        """Return the page at `cursor` ("" = the first). Raises ValidationError for another list's cursor."""
        backwards, values = self._read(cursor) if cursor else (False, None)
        queryset = self.queryset.order_by(*self._order(backwards))
        if values is not None:
            queryset = queryset.filter(self._beyond(values, backwards))
        return self.page_of(list(queryset[: limit + 1]), limit=limit, backwards=backwards, is_first=values is None)

    def page_of(self, rows: list[Any], *, limit: int, backwards: bool = False, is_first: bool = True) -> Page:
        """The page that begins with these rows, of which there is one more than `limit` where it is not the last."""
        has_more = len(rows) > limit
        rows = rows[:limit]
        if backwards:
            rows.reverse()
        begins = is_first or not rows
        has_next, has_previous = (bool(rows), has_more) if backwards else (has_more, not begins)
        return Page(
            rows,
            self._cursor(rows[-1], backwards=False) if has_next else "",
            self._cursor(rows[0], backwards=True) if has_previous else "",
        )

    def _order(self, backwards: bool) -> list[str | OrderBy]:
        return [column.order(backwards) for column in self.columns]

    def _beyond(self, values: list[Any], backwards: bool) -> Q:
        """Rows after `values`: equal in the columns before, beyond in one.

        The bound on the first column lets an index find the place; an OR alone would be read from the start.
        """
        condition, equal = Q(), Q()
        for column, value in zip(self.columns, values, strict=True):
            if value is not None or backwards:  # nothing comes after those without a value
                condition |= equal & column.beyond(value, backwards)
            equal &= column.equal(value)
        return self.columns[0].beyond(values[0], backwards, or_equal=True) & condition

    def _cursor(self, row: Any, *, backwards: bool) -> str:
        names = [column.name for column in self.columns]
        values = [row[name] if isinstance(row, dict) else getattr(row, name) for name in names]
        return signing.dumps([backwards, [_text(value) for value in values]], salt=self._salt())

    def _salt(self) -> str:
        """A cursor counts only for the model and order that it was made for."""
        return ":".join(["keyset", self.queryset.model._meta.label, *(column.text for column in self.columns)])

    def _read(self, cursor: str) -> tuple[bool, list[Any]]:
        try:
            backwards, texts = signing.loads(cursor, salt=self._salt())
            fields = [self.queryset.model._meta.get_field(column.name) for column in self.columns]
            values = [field.to_python(text) for field, text in zip(fields, texts, strict=True)]
        except (signing.BadSignature, ValueError, TypeError, BadValue) as error:
            raise ValidationError({"cursor": [fault("bad_cursor", BAD_CURSOR)]}) from error
        return bool(backwards), values


def _column(model: type[Model], order: Any) -> Column | None:
    """The column that an entry of an order names; None when it is not a plain one."""
    has_nulls = isinstance(order, OrderBy) and bool(order.nulls_last) and isinstance(order.expression, F)
    text = f"{'-' if order.descending else ''}{order.expression.name}" if has_nulls else order
    if not isinstance(text, str):
        return None
    name = text.removeprefix("-")
    if name == "pk":
        name = model._meta.pk.name
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    if not isinstance(field, Field) or not field.concrete or (field.null and not has_nulls):
        return None
    return Column(name, text.startswith("-"), has_nulls)


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.isoformat() if isinstance(value, datetime) else str(value)
