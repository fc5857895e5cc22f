"""Files of posts that a worker takes in, as it does other bulk work: what a request would do with them, chunk by chunk.

A chunk's rows are stored in the transaction that notes what became of them, so that a worker which is ended at any
moment makes no row twice, also where rows have no external id.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from accounts.models import User, Workspace
from mastablasta.core.errors import FieldProblem
from posts.import_export.importing import flag_repeated, import_rows
from posts.import_export.report import present_outcomes
from posts.import_export.row import Row
from posts.models import BulkJob, BulkKind
from posts.services import bulk_jobs
from posts.services.bulk_jobs import Result

KINDS = frozenset({BulkKind.IMPORT, BulkKind.REHEARSAL})


def begin(rows: Iterable[Row], *, total: int, workspace: Workspace, by: User, is_rehearsal: bool = False) -> BulkJob:
    """Store the rows of a file, `total` of them; a worker begins with them when the transaction commits."""
    kind = BulkKind.REHEARSAL if is_rehearsal else BulkKind.IMPORT
    items = (_item_of(row) for row in flag_repeated(rows, workspace))
    return bulk_jobs.begin(workspace, by=by, kind=kind, items=items, total=total)


def read(items: Sequence[str]) -> list[Row]:
    """The rows that a chunk holds."""
    return [_row_of(json.loads(item)) for item in items]


def carry_out(job: BulkJob, rows: Sequence[Row]) -> Result:
    """Import these rows as of when the job began, in the caller's transaction."""
    is_rehearsal = job.kind == BulkKind.REHEARSAL
    outcomes = import_rows(rows, workspace=job.workspace, by=job.author, is_rehearsal=is_rehearsal, at=job.created_at)
    told = _storable(present_outcomes(outcomes, is_rehearsal=is_rehearsal))
    return Result(told["successful"], told["failed"])


def _item_of(row: Row) -> str:
    """The row as a text of JSON: a column of JSON would refuse NUL in one of its texts, and this is the row's fault."""
    problems = [[one.field, one.code, one.message, dict(one.params)] for one in row.problems]
    return json.dumps([row.number, row.values, problems])


def _row_of(item: Sequence[Any]) -> Row:
    number, values, problems = item
    return Row(number, values, [FieldProblem(*problem) for problem in problems])


def _storable(value: Any) -> Any:
    """The same with what stands for NUL in texts, which a database does not take."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_storable(one) for one in value]
    return {name: _storable(one) for name, one in value.items()} if isinstance(value, dict) else value
