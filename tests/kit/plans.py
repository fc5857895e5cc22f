"""What PostgreSQL reads for the statements that something sends: their plans, and how many rows each step looks at."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import sqlparse
from django.db import connection
from django.test.utils import CaptureQueriesContext

WRITES = frozenset({"UPDATE", "DELETE"})
ASKED_FOR = WRITES | {"SELECT", "WITH"}


def whole_scans(captured: CaptureQueriesContext, growing: Collection[str]) -> list[str]:
    """The statements among these that read a growing table from one end to the other, with its name."""
    return [
        f"{node['Relation Name']}: {statement[:400]}"
        for statement in _statements(captured)
        for node in _steps(statement, growing)
        if node["Node Type"] == "Seq Scan"
    ]


def long_reads(captured: CaptureQueriesContext, growing: Collection[str], *, most: int, seen: set[str]) -> list[str]:
    """Likewise, and those that look at more than `most` rows of one, by index too: each that only reads is carried out.

    What is in `seen` is left out, and all of them are put there.
    """
    found = []
    for statement in _statements(captured):
        if statement in seen:
            continue
        seen.add(statement)
        for node in _steps(statement, growing, is_carried_out=_verb(statement) not in WRITES | {"WITH"}):
            if node["Node Type"] == "Seq Scan" or _rows_looked_at(node) > most:
                told = f"{node['Relation Name']} ({node['Node Type']}, {_rows_looked_at(node)} rows)"
                found.append(f"{told}: {statement[:600]}")
    return found


def _statements(captured: CaptureQueriesContext) -> Iterator[str]:
    for query in list(captured.captured_queries):
        for statement in sqlparse.split(query["sql"]):
            if _verb(statement) in ASKED_FOR:
                yield statement.rstrip(";")


def _verb(statement: str) -> str:
    return statement.lstrip("( ").split(None, 1)[0].upper()


def _steps(statement: str, growing: Collection[str], *, is_carried_out: bool = False) -> Iterator[dict[str, Any]]:
    """The steps of the plan that read a growing table."""
    options = "ANALYZE, TIMING OFF, FORMAT JSON" if is_carried_out else "FORMAT JSON"
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN ({options}) {statement}")
        found = cursor.fetchone()[0]
    waiting = [one["Plan"] for one in (json.loads(found) if isinstance(found, str) else found)]
    while waiting:
        node = waiting.pop()
        if node.get("Relation Name") in growing and node["Node Type"] != "ModifyTable":
            yield node
        waiting += node.get("Plans", ())


def _rows_looked_at(node: dict[str, Any]) -> int:
    """In all runs of the step; 0 = it was not carried out."""
    removed = sum(node.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return int((node.get("Actual Rows", 0) + removed) * node.get("Actual Loops", 0))
