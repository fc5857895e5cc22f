"""Queries of the hot path whose SQL is made once.

Measured on every request's authentication: Django's query builder takes ten times the CPU of the query itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

Converter = Callable[[Any, Any, Any], Any]


@dataclass(frozen=True, slots=True)
class _Plan:
    sql: str
    params: tuple[Any, ...]
    places: tuple[tuple[int, str], ...]
    converters: tuple[tuple[int, tuple[Converter, ...], Any], ...]


class CompiledQuery:
    """A `values_list` queryset, to be run with other values for its slots.

    `build` is called once, with a marker for each slot; a slot's type is `uuid.UUID` or `str`, and each must reach the
    SQL as a parameter of its own.

        by_name = CompiledQuery(lambda name: Post.objects.filter(content=name).values_list("id", "status"), name=str)
        row = by_name.first(name="Hello")
    """

    def __init__(self, build: Callable[..., QuerySet[Any, Any]], **slots: type[uuid.UUID] | type[str]) -> None:
        self._build = build
        self._slots = slots
        self._plans: dict[str, _Plan] = {}

    def first(self, **values: uuid.UUID | str) -> tuple[Any, ...] | None:
        """Return the first row, its values as the queryset would give them; None without one."""
        plan = self._plans.get(connection.vendor) or self._prepare()
        params = list(plan.params)
        for index, name in plan.places:
            params[index] = _adapted(values[name])
        with connection.cursor() as cursor:
            cursor.execute(plan.sql, params)
            found = cursor.fetchone()
        if found is None:
            return None
        row = list(found)
        for index, converters, expression in plan.converters:
            for convert in converters:
                row[index] = convert(row[index], expression, connection)
        return tuple(row)

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


def _adapted(value: Any) -> Any:
    """As the database takes it: SQLite has no type for UUIDs."""
    is_foreign = isinstance(value, uuid.UUID) and not connection.features.has_native_uuid_field
    return value.hex if is_foreign else value
