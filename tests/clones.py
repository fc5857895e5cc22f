"""A row as often as one wants, in a statement a table: for tests that ask what a list costs however long it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, DateTimeField, Field, ForeignKey, JSONField, Model, UniqueConstraint

from mastablasta.core.ids import new_id


def clones(row: Model, count: int) -> list[Model]:
    """Store `count` more rows like this one; each differs in the columns that have to, and refers to clones of what the
    row refers to where only that makes it another one.
    """
    model = type(row)
    varied = {model._meta.pk, *_to_vary(model)}
    values = {field: _varied(field, row, count) for field in varied if not field.auto_created}
    made = [
        model(**{
            field.attname: values[field][number] if field in values else getattr(row, field.attname)
            for field in model._meta.concrete_fields
            if not (field.primary_key and field not in values)
        })
        for number in range(count)
    ]  # fmt: skip
    return model._default_manager.bulk_create(made)


def _to_vary(model: type[Model]) -> set[Any]:
    """A column of each set of columns that must be unique, no reference where it can be helped."""
    sets = [[field] for field in model._meta.concrete_fields if field.unique and not field.primary_key]
    for constraint in model._meta.total_unique_constraints + _conditional(model):
        sets.append([model._meta.get_field(name) for name in constraint.fields])
    sets += [[model._meta.get_field(name) for name in names] for names in model._meta.unique_together]
    return {min((one for one in fields if _can_vary(one)), key=_dearness) for fields in sets if fields}


def _conditional(model: type[Model]) -> list[UniqueConstraint]:
    found = [one for one in model._meta.constraints if isinstance(one, UniqueConstraint) and one.condition is not None]
    return [one for one in found if one.fields]


def _can_vary(field: Field[Any, Any]) -> bool:
    return not isinstance(field, BooleanField | JSONField) and not field.choices


def _dearness(field: Field[Any, Any]) -> tuple[bool, str]:
    return isinstance(field, ForeignKey), field.name


def _varied(field: Any, row: Model, count: int) -> list[Any]:
    if isinstance(field, ForeignKey):
        return [one.pk for one in clones(getattr(row, field.name), count)]
    value = getattr(row, field.attname)
    return [_another(field, value, number) for number in range(1, count + 1)]


def _another(field: Any, value: Any, number: int) -> Any:
    if isinstance(value, UUID):
        return new_id()
    if isinstance(field, DateTimeField):
        return value and value + timedelta(seconds=number)
    if isinstance(value, int):
        return value + number
    if value is None:
        return None
    text = f"{number}-{value}" if field.get_internal_type() != "CharField" or "@" in str(value) else f"{value}-{number}"
    return (
        text[: field.max_length]
        if len(text) <= (field.max_length or 10**6)
        else f"{number}-{value}"[: field.max_length]
    )
