"""Indexes that Django has for one database only."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import BrinIndex
from django.db.models import Index


class BlockRangeIndex(BrinIndex):
    """A column's lowest and highest value of every few pages of the table (BRIN); on SQLite an index as any other.

    For a column that rises more or less as rows are added. It finds a period by reading the pages of that period and
    some beside them, and costs a write next to nothing: it has no entry for each row, and does not keep PostgreSQL from
    updating a row in place (since 16: https://www.postgresql.org/docs/16/storage-hot.html, read on 2026-11-30).
    """

    def create_sql(self, model: Any, schema_editor: Any, using: str = "", **kwargs: Any) -> Any:
        if schema_editor.connection.vendor == "postgresql":
            return super().create_sql(model, schema_editor, using=using, **kwargs)
        return Index.create_sql(self, model, schema_editor, using=using, **kwargs)
