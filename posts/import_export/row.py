"""A row of a file that people bring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mastablasta.core.errors import FieldProblem


@dataclass(frozen=True, slots=True)
class Row:
    """`values` as POST /posts takes them (and maybe an `id`), or the problems with reading it.

    `number`: of CSV the row that a spreadsheet shows, where the header is row 1; of JSON the item, from 1.
    """

    number: int
    values: Any
    problems: list[FieldProblem] = field(default_factory=list)
