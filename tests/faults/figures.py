"""What the fault tests measured: noted by each of them, written into the table of docs/reliability.md."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "FAULTS_FIGURES"
MEASURED = 4  # the column, counted from the bar at the left


def note(fault: str, figure: str) -> None:
    """Keep what was measured for the row that begins with `fault`; several of one row are joined. Else nothing."""
    if path := os.environ.get(VARIABLE):
        with Path(path).open("a") as file:
            file.write(json.dumps([fault, figure]) + "\n")


def noted(path: Path) -> dict[str, str]:
    """What was noted in that file, in its order."""
    figures: dict[str, list[str]] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        fault, figure = json.loads(line)
        figures.setdefault(fault, []).append(figure)
    return {fault: "; ".join(found) for fault, found in figures.items()}


def put_into(page: str, figures: Mapping[str, str]) -> str:
    """The page with these figures in its table. Raises ValueError when a figure has no row, or several."""
    lines = page.splitlines()
    for fault, figure in figures.items():
        [number] = [number for number, line in enumerate(lines) if line.startswith(f"| {fault}")]
        cells = lines[number].split("|")
        cells[MEASURED] = f" {figure} "
        lines[number] = "|".join(cells)
    return "\n".join(lines) + "\n"
