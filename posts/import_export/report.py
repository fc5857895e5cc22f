"""What became of the rows of a file, as API, command and admin tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from mastablasta.core.errors import summary
from posts.import_export.importing import REFUSED, STORED, RowOutcome

STATUSES = (*STORED, REFUSED)


def present_outcomes(outcomes: Iterable[RowOutcome], *, is_rehearsal: bool) -> dict[str, Any]:
    """How many rows came to what, and every one of them."""
    successful: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    for one in outcomes:
        counts[one.status] += 1
        if one.status == REFUSED:
            failed.append(present_refused(one))
        else:
            shown_id = None if one.post_id is None else str(one.post_id)
            successful.append(
                {"row": one.row, "status": one.status, "id": shown_id, "external_id": one.external_id or None}
            )
    return {"dry_run": is_rehearsal, **present_counts(counts), "successful": successful, "failed": failed}


def present_counts(counts: Counter[str]) -> dict[str, int]:
    return {status: counts[status] for status in STATUSES}


def present_refused(one: RowOutcome) -> dict[str, Any]:
    code = one.problems[0].code if len(one.problems) == 1 else "invalid"
    details = [{"field": fault.field, "code": fault.code, "message": fault.message} for fault in one.problems]
    return {
        "row": one.row,
        "external_id": one.external_id or None,
        "error": summary(one.problems),
        "code": code,
        "details": details,
    }
