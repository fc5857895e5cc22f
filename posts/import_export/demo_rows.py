"""Posts out of the demo API: what `GET /api/export` gave (docs/v1.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

from accounts.models import User, Workspace
from mastablasta.core.errors import FieldProblem
from posts.import_export.importing import CHUNK, UNCHANGED, RowOutcome, import_rows
from posts.import_export.row import Row
from posts.services import external_ids

NO_NAME = "This row has no external_id, by which it is known again; make the file with GET /api/export."


def import_demo_rows(
    rows: Iterable[Row], *, workspace: Workspace, by: User | None, is_rehearsal: bool = False, at: datetime
) -> Iterator[RowOutcome]:
    """Make a post of each row that the workspace does not have yet, by its `external_id`; as `import_rows` otherwise.

    What is there stays as it is, whatever became of it. A time that is past by `at` makes a draft.
    """
    waiting = iter(rows)
    while chunk := [_in_time(_named(row), at) for row in islice(waiting, CHUNK)]:
        there = external_ids.holders(workspace, {_name_of(row) for row in chunk})
        new = [row for row in chunk if _name_of(row) not in there]
        made = import_rows(new, workspace=workspace, by=by, is_rehearsal=is_rehearsal, at=at)
        outcomes = [
            RowOutcome(row.number, UNCHANGED, name, there[name]) for row in chunk if (name := _name_of(row)) in there
        ]
        yield from sorted([*outcomes, *made], key=lambda one: one.row)


def _named(row: Row) -> Row:
    if row.problems or _name_of(row):
        return row
    return replace(row, problems=[FieldProblem("external_id", "required", NO_NAME)])


def _name_of(row: Row) -> str:
    name: Any = row.values.get("external_id") if isinstance(row.values, dict) else None
    return name.strip() if isinstance(name, str) else ""


def _in_time(row: Row, at: datetime) -> Row:
    """The row without a time that is past; what is not a time is left to the rules for posts."""
    text = row.values.get("scheduled_time") if isinstance(row.values, dict) else None
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return row
    if moment is None or moment.tzinfo is None or moment > at:
        return row
    return replace(row, values={name: value for name, value in row.values.items() if name != "scheduled_time"})
