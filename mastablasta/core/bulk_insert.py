"""Many new rows of one model by one short statement, which PostgreSQL plans once.

Django's `bulk_create` makes a parameter of each value of each row, and its statement grows with them. Most of these
values are the same in all rows: here one text of JSON says those once, another says what differs, and the table's own
row type says what each of them is.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
from django.db import connection, models

from mastablasta.core.compiled_queries import prepared_cursor

# What JSON holds of each kind of field as the database takes it; anything else is prepared by the field first.
_PLAIN: dict[type[models.Field[Any, Any]], frozenset[type]] = {
    models.UUIDField: frozenset({uuid.UUID}),
    models.CharField: frozenset({str}),
    models.TextField: frozenset({str}),
    models.BooleanField: frozenset({bool}),
    models.BigIntegerField: frozenset({int}),
    models.IntegerField: frozenset({int}),
    models.PositiveIntegerField: frozenset({int}),
    models.PositiveSmallIntegerField: frozenset({int}),
    models.DateTimeField: frozenset({datetime}),
    models.DateField: frozenset({date}),
    models.JSONField: frozenset({dict, list, str, int, float, bool}),
}
_NOTHING = frozenset({type(None)})
M = TypeVar("M", bound=models.Model)


class Statement(NamedTuple):
    """An INSERT, to be carried out by itself or with others in one statement."""

    sql: str
    params: Sequence[Any]

    def execute(self) -> None:
        with prepared_cursor() as cursor:
            cursor.execute(self.sql, self.params)


def insert_together(*tables: Sequence[models.Model], told: Statement | None = None) -> None:
    """Store new rows of several models, those of one in one sequence, and `told`; on PostgreSQL one statement.

    So no row may need what a trigger makes of another one's. Else as `insert_rows`; in the caller's transaction.
    """
    statements: list[Statement] = []
    for rows in filter(None, tables):
        statement = _insert(rows)
        if statement is None:
            type(rows[0])._base_manager.bulk_create(rows)
        else:
            statements.append(statement)
    if told is not None:
        statements.append(told)
    if connection.vendor == "postgresql" and statements:
        _together(statements).execute()
        _mark_as_stored(row for rows in tables for row in rows)
    else:
        for statement in statements:
            statement.execute()


def _together(statements: Sequence[Statement]) -> Statement:
    *before, last = statements
    named = ", ".join(f"made_{number} AS ({one.sql})" for number, one in enumerate(before))
    params = [value for one in statements for value in one.params]
    return Statement(f"WITH {named} {last.sql}" if named else last.sql, params)


def insert_rows(rows: Sequence[models.Model]) -> None:
    """Store these new rows of one model, in their order, as `bulk_create` would; one statement, none without rows.

    An id that the database gives is not read back. On SQLite, and where a value has no form in JSON, it is bulk_create.
    """
    insert_together(rows)


def _insert(rows: Sequence[models.Model]) -> Statement | None:
    """None where only bulk_create can."""
    model = type(rows[0])
    written = _written(model, rows) if connection.vendor == "postgresql" else None
    return None if written is None else Statement(_plan(model, has_ids=rows[0].pk is not None).statement, written)


def _mark_as_stored(rows: Iterable[models.Model]) -> None:
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def insert_statement(model: type[models.Model], shared: dict[str, Any], rows: Sequence[dict[str, Any]]) -> Statement:
    """What stores rows that are no instances, by columns, on PostgreSQL: what all share, and what each has besides.

    Every column is named in either. Raises TypeError for a value that JSON has no form for.
    """
    return Statement(_plan(model, has_ids=True).statement, [_json(shared), _json(rows)])


class NewRows(Generic[M]):
    """Makes instances of a model, not yet stored, as its constructor does, in half of the time.

    The constructor asks each field for its default, and each relation whether it may hold what it is given.

        new_tag = NewRows(PostTag)
        tag = new_tag(post=post, name="news")
    """

    def __init__(self, model: type[M]) -> None:
        fields = model._meta.concrete_fields
        self._model = model
        self._relations: dict[str, Any] = {field.name: field for field in fields if field.is_relation}
        self._places = {field.attname: place for place, field in enumerate(fields)}
        self._made = [(place, field.default) for place, field in enumerate(fields) if _is_made(field)]
        self._values = [None if _is_made(field) else field.get_default() for field in fields]

    def __call__(self, **given: Any) -> M:
        """`given`: values by the names of columns (`post_id`), or other rows by those of relations (`post`)."""
        values = self._values.copy()
        for place, make in self._made:
            values[place] = make()
        related = []
        for name, value in given.items():
            relation = self._relations.get(name)
            if relation is None:
                values[self._places[name]] = value
            elif value is not None:
                values[self._places[relation.attname]] = getattr(value, relation.target_field.attname)
                related.append((relation, value))
        row = self._model(*values)
        for relation, other in related:
            relation.set_cached_value(row, other)
        return row


def _is_made(field: models.Field[Any, Any]) -> bool:
    """Whether each row gets a default of its own."""
    return field.has_default() and callable(field.default)


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: how its value is read off a row, and how values that JSON has not as they are become some."""

    name: str
    field: models.Field[Any, Any]
    read: Callable[[models.Model], Any]
    plain: frozenset[type]

    @property
    def is_json(self) -> bool:
        return isinstance(self.field, models.JSONField)

    def prepared(self, values: Sequence[Any]) -> Sequence[Any]:
        if {*map(type, values)} <= self.plain:
            return values
        return [self.field.get_db_prep_save(value, connection) for value in values]

    def is_shared(self, values: Sequence[Any]) -> bool:
        """Whether all rows have the same; of JSON only emptiness, since Python takes `True` and `1` for equal."""
        first = values[0]
        return not (self.is_json and first) and values.count(first) == len(values)


@dataclass(frozen=True, slots=True)
class _Plan:
    statement: str
    columns: tuple[_Column, ...]


@lru_cache(maxsize=64)
def _plan(model: type[models.Model], *, has_ids: bool) -> _Plan:
    """`has_ids`: the rows bring their primary keys."""
    fields = [
        field for field in model._meta.concrete_fields if not field.generated and (has_ids or not field.primary_key)
    ]
    names = ", ".join(f'"{field.column}"' for field in fields)
    table = f'"{model._meta.db_table}"'
    statement = (
        f"INSERT INTO {table} ({names}) SELECT {names} FROM json_populate_recordset("  # noqa: S608  names of our own
        f"json_populate_record(NULL::{table}, %s::json), %s::json)"
    )
    return _Plan(statement, tuple(map(_column, fields)))


def _column(field: models.Field[Any, Any]) -> _Column:
    stored_as = field
    while isinstance(stored_as, models.ForeignKey):
        stored_as = stored_as.target_field
    plain = _PLAIN.get(type(stored_as), frozenset())
    if getattr(stored_as, "encoder", None) is not None:
        plain = frozenset()
    return _Column(field.column or field.attname, field, _reader(field), plain | _NOTHING)


def _reader(field: models.Field[Any, Any]) -> Callable[[models.Model], Any]:
    is_moment = type(field) is models.DateTimeField and not (field.auto_now or field.auto_now_add)
    if is_moment or type(field).pre_save is models.Field.pre_save:
        return attrgetter(field.attname)
    return lambda row: field.pre_save(row, add=True)


def _written(model: type[models.Model], rows: Sequence[models.Model]) -> list[str] | None:
    """The parameters of the statement; None where JSON has no form for a value."""
    shared: dict[str, Any] = {}
    differing: dict[str, Sequence[Any]] = {}
    for column in _plan(model, has_ids=rows[0].pk is not None).columns:
        values = list(map(column.read, rows))
        if column.is_shared(values):
            shared[column.name] = column.prepared(values[:1])[0]
        else:
            differing[column.name] = column.prepared(values)
    names = tuple(differing)
    each = [dict(zip(names, values, strict=True)) for values in zip(*differing.values(), strict=True)]
    try:
        return [_json(shared), _json(each or [{}] * len(rows))]
    except TypeError:  # a number beyond 64 bits, half of a surrogate pair, an expression
        return None


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
