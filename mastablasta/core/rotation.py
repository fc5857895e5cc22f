"""Another key for the secrets in the database: all that an older key encrypted, encrypted again with the first.

Row by row, and only where the column still holds what was read, so that nothing is lost that is written meanwhile. What
has the first key already is passed over: stopped at any moment, another run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import BinaryField, ExpressionWrapper, F, Model

from mastablasta.core import crypto
from mastablasta.core.fields import EncryptedTextField

BLOCK = 500


@dataclass(slots=True)
class Block:
    """What became of the secrets of so many `rows`. `kept`: they had the first key. `unreadable`: no key reads them."""

    rows: int = 0
    rotated: int = 0
    kept: int = 0
    unreadable: int = 0


def count_secrets() -> int:
    """How many rows there are in tables that hold secrets."""
    return sum(model._default_manager.count() for model in _columns())


def rotate_secrets() -> Iterator[Block]:
    """Go through all of them, a block of rows at a time. Outside a transaction: each row is one of its own."""
    for model, columns in _columns().items():
        last: Any = None
        while rows := _rows(model, columns, after=last):
            last = rows[-1][0]
            block = Block(len(rows))
            for key, *values in rows:
                for column, value in zip(columns, values, strict=True):
                    if value:
                        _rotate(model, key, column, bytes(value), block)
            yield block


def _columns() -> dict[type[Model], list[str]]:
    found = {
        model: [field.name for field in model._meta.local_fields if isinstance(field, EncryptedTextField)]
        for model in apps.get_models()
    }
    return {model: names for model, names in found.items() if names}


def _rows(model: type[Model], columns: list[str], *, after: Any) -> list[tuple[Any, ...]]:
    """Keys and bytes as they are stored, in the order of the keys."""
    stored = [ExpressionWrapper(F(name), output_field=BinaryField()) for name in columns]
    rows = model._default_manager.order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.values_list("pk", *stored)[:BLOCK])


def _rotate(model: type[Model], key: Any, column: str, value: bytes, block: Block) -> None:
    if crypto.is_current(value):
        block.kept += 1
        return
    try:
        again = crypto.rotate(value)
    except crypto.Undecryptable:
        block.unreadable += 1
        return
    # `value` as bytes is taken as it is; a column that was written meanwhile has the first key by that.
    if model._default_manager.filter(pk=key, **{column: value}).update(**{column: again}):
        block.rotated += 1
    else:
        block.kept += 1
