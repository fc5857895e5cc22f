"""Queries of the hot path whose SQL is made once, and which PostgreSQL plans once.

Measured on every request's authentication: Django's query builder takes ten times the CPU of the query itself, and
planning several times that of running it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Func, JSONField, Model, QuerySet
from django.db.models.query import ModelIterable, get_related_populators
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

Converter = Callable[[Any, Any, Any], Any]
Slot = type[uuid.UUID] | type[str] | type[int] | type[datetime] | type[list[Any]]
Value = uuid.UUID | str | int | datetime | Sequence[uuid.UUID] | Sequence[str]


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
class _Models:
    """How rows become instances: which, of which columns, and what was selected with them."""

    model: type[Model]
    names: tuple[str, ...]
    columns: slice
    populators: tuple[Any, ...]

    def made_of(self, row: tuple[Any, ...]) -> Model:
        one = self.model.from_db(connection.alias, self.names, row[self.columns])
        for populator in self.populators:
            populator.populate(row, one)
        return one


@dataclass(frozen=True, slots=True)
class _Plan:
    sql: str
    params: tuple[Any, ...]
    places: tuple[tuple[int, str], ...]
    converters: tuple[tuple[int, tuple[Converter, ...], Any], ...]
    models: _Models | None

    def filled(self, values: Mapping[str, Any]) -> list[Any]:
        """The parameters with these values in their places."""
        params = list(self.params)
        for index, name in self.places:
            params[index] = _adapted(values[name])
        return params


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

    Likewise one of models, which gives instances, with what `select_related` names; and a slot may be a `datetime`.
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **slots: Slot) -> None:
        self._build = build
        self._slots = slots
        self._plans: dict[str, _Plan] = {}

    def first(self, **values: Value) -> Any:
        """Return the first row, its values as the queryset would give them; None without one."""
        rows = self._rows(values, at_most=1)
        return rows[0] if rows else None

    def all(self, **values: Value) -> list[Any]:
        """Return all rows, their values as the queryset would give them."""
        return self._rows(values)

    def statement(self, **values: Value) -> tuple[str, list[Any]]:
        """Return the SQL and its parameters, for a statement around it."""
        plan = self._plans.get(connection.vendor) or self._prepare()
        return plan.sql, plan.filled(values)

    def _rows(self, values: Mapping[str, Any], at_most: int | None = None) -> list[Any]:
        plan = self._plans.get(connection.vendor) or self._prepare()
        params = plan.filled(values)
        with self._cursor() as cursor:
            cursor.execute(plan.sql, params)
            found = cursor.fetchall() if at_most is None else cursor.fetchmany(at_most)
        rows = [_converted(row, plan.converters) for row in found] if plan.converters else found
        return rows if plan.models is None else [plan.models.made_of(row) for row in rows]

    @staticmethod
    def _cursor() -> Any:
        return prepared_cursor()

    def _prepare(self) -> _Plan:
        markers: Mapping[str, Any] = {name: _marker(kind) for name, kind in self._slots.items()}
        queryset = self._build(**markers)
        compiler = queryset.query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        converters = compiler.get_converters([column for column, _, _ in compiler.select])
        plan = _Plan(
            _shortened(sql) if connection.vendor == "postgresql" else sql,
            tuple(params),
            _places(markers, params, sql),
            tuple((index, tuple(map(_quicker, found)), column) for index, (found, column) in converters.items()),
            _models_of(compiler) if issubclass(queryset._iterable_class, ModelIterable) else None,
        )
        self._plans[connection.vendor] = plan
        return plan


class QueryPlannedByValues(CompiledQuery):
    """Likewise, but PostgreSQL plans it each time: where the best way depends on what is asked for."""

    @staticmethod
    def _cursor() -> Any:
        return connection.cursor()


def _shortened(sql: str) -> str:
    """The same without names of columns that nobody uses, and without needless quotes.

    psycopg 3.3 reads a text of more than 4,096 characters anew each time that it is sent.
    """
    sql = re.sub(r'"([a-z][a-z0-9_]*)"\."([a-z][a-z0-9_]*)"', r"\1.\2", sql)
    for name, times in Counter(re.findall(r' AS ("[a-z][a-z0-9_]*")', sql)).items():
        if sql.count(name) == times:
            sql = sql.replace(f" AS {name}", "")
    return sql


def _quicker(convert: Converter) -> Converter:
    """The same, in less time: a post has six JSON columns, and nearly all of them are empty."""
    field: Any = getattr(convert, "__self__", None)
    is_json = getattr(convert, "__func__", None) is JSONField.from_db_value and field is not None
    return _json_value if is_json and field.decoder is None else convert


def _json_value(value: Any, expression: Any, _: Any) -> Any:
    if value == "[]":
        return []
    if value == "{}":
        return {}
    return _from_json(value, expression, connection)


_from_json = JSONField().from_db_value


class CompiledUpdate:
    """An `update` likewise: `build` returns the queryset and what its columns become; a value may be None.

    rename = CompiledUpdate(lambda id, name: (Tag.objects.filter(id=id), {"name": name}), id=UUID, name=str)
    rename.run(id=tag.id, name="harbour")
    """

    def __init__(self, build: Callable[..., tuple[QuerySet[Any, Any], Mapping[str, Any]]], **slots: Slot) -> None:
        self._build = build
        self._slots = slots
        self._plans: dict[str, _Plan] = {}

    def run(self, **values: Value | None) -> int:
        """Update; how many rows."""
        plan = self._plans.get(connection.vendor) or self._prepare()
        with prepared_cursor() as cursor:
            cursor.execute(plan.sql, plan.filled(values))
            return int(cursor.rowcount)

    @staticmethod
    def _cursor() -> Any:
        return prepared_cursor()

    def _prepare(self) -> _Plan:
        markers: Mapping[str, Any] = {name: _marker(kind) for name, kind in self._slots.items()}
        queryset, becomes = self._build(**markers)
        query: Any = queryset.query.chain(UpdateQuery)
        query.add_update_values(becomes)
        sql, params = query.get_compiler(connection=connection).as_sql()
        plan = _Plan(sql, tuple(params), _places(markers, params, sql), (), None)
        self._plans[connection.vendor] = plan
        return plan


def _places(markers: Mapping[str, Any], params: Sequence[Any], sql: str) -> tuple[tuple[int, str], ...]:
    """Where the slots' values stand among the parameters."""
    names = {_adapted(marker): name for name, marker in markers.items()}
    places = tuple((index, names[param]) for index, param in enumerate(params) if param in names)
    if {name for _, name in places} != set(markers):
        raise ValueError(f"not every one of {sorted(markers)} is a parameter of {sql}")
    return places


def _converted(row: tuple[Any, ...], converters: Sequence[tuple[int, tuple[Converter, ...], Any]]) -> tuple[Any, ...]:
    values = list(row)
    for index, found, expression in converters:
        for convert in found:
            values[index] = convert(values[index], expression, connection)
    return tuple(values)


def _models_of(compiler: SQLCompiler) -> _Models:
    """As Django's ModelIterable has it."""
    about: Any = compiler.klass_info
    columns = slice(about["select_fields"][0], about["select_fields"][-1] + 1)
    fields: Any = [column for column, _, _ in compiler.select[columns]]
    names = tuple(field.target.attname for field in fields)
    related: Any = get_related_populators  # which takes one more in the stubs, those of a later Django
    populators = tuple(related(about, compiler.select, connection.alias))
    return _Models(about["model"], names, columns, populators)


def _marker(kind: Any) -> Any:
    """A value that no query holds otherwise."""
    one = uuid.uuid4()
    if kind is datetime:
        return datetime(1, 1, 2, tzinfo=UTC) + timedelta(microseconds=one.int % 10**16)
    if kind is int:
        return one.int % 2**31
    return one if kind is uuid.UUID else one.hex


def _adapted(value: Any) -> Any:
    """As the database takes it: SQLite has no type for UUIDs, and none for lists."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if connection.features.has_native_uuid_field or value is None:
        return value
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, str | int):
        return value
    return json.dumps([each.hex if isinstance(each, uuid.UUID) else each for each in value])
