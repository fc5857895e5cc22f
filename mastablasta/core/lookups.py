"""What a filter asks of a row, alike on both databases: words in its text, rows that belong to it."""

from __future__ import annotations

from typing import Any

from django.db.backends.signals import connection_created
from django.db.models import CharField, QuerySet, Subquery, TextField
from django.db.models.lookups import IContains, IsNull

UPPER = "UPPER_IN_EVERY_SCRIPT"


class Holds(IContains):
    """`column__holds="word"`: the word is in the text, whatever its case. SQLite itself knows that of ASCII only."""

    def as_sqlite(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        column, column_params = self.process_lhs(compiler, connection)
        word, word_params = self.process_rhs(compiler, connection)
        sql = f"{UPPER}({column}) LIKE {UPPER}({word}) ESCAPE '\\'"
        return sql, [*column_params, *word_params]


def has_any(rows: QuerySet[Any]) -> IsNull:
    """Whether there is any of these rows, which name the row asked about by `OuterRef`: looked up by index, row by row.

    For an EXISTS that many rows pass PostgreSQL reads and hashes the whole table; a single value it looks up.
    """
    return IsNull(Subquery(rows.order_by().values("pk")[:1]), False)


def upper(text: str | None) -> str | None:
    """Capitals as PostgreSQL makes them: letter by letter, so `ß`, which has none of its own, stays."""
    if text is None or text.isascii():
        return text and text.upper()
    return "".join(capital if len(capital := letter.upper()) == 1 else letter for letter in text)


def _teach_sqlite(*, connection: Any, **_: Any) -> None:
    if connection.vendor == "sqlite":
        connection.connection.create_function(UPPER, 1, upper, deterministic=True)


def register() -> None:
    for field in (CharField, TextField):
        field.register_lookup(Holds, lookup_name="holds")
    connection_created.connect(_teach_sqlite)
