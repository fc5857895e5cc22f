"""Queries of the hot path whose SQL is made once, and which PostgreSQL plans once.

Measured on every request's authentication: Django's query builder takes ten times the CPU of the query itself, and
planning several times that of running it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Func, QuerySet
from django.db.models.sql.compiler import SQLCompiler

Converter = Callable[[Any, Any, Any], Any]
Slot = type[uuid.UUID] | type[str] | type[list[Any]]
Value = uuid.UUID | str | Sequence[uuid.UUID] | Sequence[str]


class IsOneOf(Func):
    """A condition: the column `name` is one of the values, UUIDs or texts, that a slot of type `list` is given."""

    output_field = BooleanField()

    def __init__(self, name: str, ids: str) -> None:
        super().__init__(name)
        self.ids = ids

    def as_sql(self, compiler: SQLCompiler, connection: Any, **_: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        column, params = compiler.compile(self.source_expressions[0])
        kind = self.source_expressions[0].output_field.db_type(connection)
        is_native = connection.features.has_native_uuid_field
        among = f"= ANY(%s::{kind}[])" if is_native else "IN (SELECT value FROM json_each(%s))"
        return f"{column} {among}", [*params, self.ids]


@dataclass(frozen=True, slots=True)
class _Plan:
    sql: str
    params: tuple[Any, ...]
    places: tuple[tuple[int, str], ...]
    converters: tuple[tuple[int, tuple[Converter, ...], Any], ...]


def prepared_cursor() -> Any:
    """Like `connection.cursor()`, but PostgreSQL gets the values beside the text, and keeps the plan of that text.

    For statements whose text is the same each time and whose values have types by where they stand. settings.DATABASES
    sets the `prepare_threshold` that it takes. Where statements are logged, they are logged with their values.
    """
    if connection.vendor != "postgresql" or connection.queries_logged:
        return connection.cursor()
    from psycopg import Cursor

    with connection.wrap_database_errors:
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        driver: Any = connection
        return driver._prepare_cursor(Cursor(driver.connection))


class CompiledQuery:
    """A `values_list` queryset, to be run with other values for its slots.

    `build` is called once, with a marker for each slot; a slot's type is `uuid.UUID`, `str`, or `list` of UUIDs or
    texts (for IsOneOf), and each must reach the SQL as a parameter of its own.

        by_name = CompiledQuery(lambda name: Post.objects.filter(content=name).values_list("id", "status"), name=str)
        row = by_name.first(name="Hello")
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **slots: Slot) -> None:
        self._build = build
        self._slots = slots
        self._plans: dict[str, _Plan] = {}

    def first(self, **values: Value) -> tuple[Any, ...] | None:
        """Return the first row, its values as the queryset would give them; None without one."""
        rows = self._rows(values, at_most=1)
        return rows[0] if rows else None

    def all(self, **values: Value) -> list[tuple[Any, ...]]:
        """Return all rows, their values as the queryset would give them."""
        return self._rows(values)

    def _rows(self, values: Mapping[str, Any], at_most: int | None = None) -> list[tuple[Any, ...]]:
        plan = self._plans.get(connection.vendor) or self._prepare()
        params = list(plan.params)
        for index, name in plan.places:
            params[index] = _adapted(values[name])
        with prepared_cursor() as cursor:
            cursor.execute(plan.sql, params)
            found = cursor.fetchall() if at_most is None else cursor.fetchmany(at_most)
        return [_converted(row, plan.converters) for row in found] if plan.converters else found

    def _prepare(self) -> _Plan:
        markers: Mapping[str, Any] = {
            name: uuid.uuid4() if kind is uuid.UUID else uuid.uuid4().hex for name, kind in self._slots.items()
        }
        compiler = self._build(**markers).query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        names = {_adapted(marker): name for name, marker in markers.items()}
        places = tuple((index, names[param]) for index, param in enumerate(params) if param in names)
        if {name for _, name in places} != set(self._slots):
            raise ValueError(f"not every one of {sorted(self._slots)} is a parameter of {sql}")
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        plan = _Plan(
            sql,
            tuple(params),
            places,
            tuple((index, tuple(found), column) for index, (found, column) in converters.items()),
        )
        self._plans[connection.vendor] = plan
        return plan


def _converted(row: tuple[Any, ...], converters: Sequence[tuple[int, tuple[Converter, ...], Any]]) -> tuple[Any, ...]:
    values = list(row)
    for index, found, expression in converters:
        for convert in found:
            values[index] = convert(values[index], expression, connection)
    return tuple(values)


def _adapted(value: Any) -> Any:
    """As the database takes it: SQLite has no type for UUIDs, and none for lists."""
    if connection.features.has_native_uuid_field:
        return value
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, str):
        return value
    return json.dumps([each.hex if isinstance(each, uuid.UUID) else each for each in value])
