"""axe-core in a page: what keeps somebody from using it, by WCAG 2.2 AA (https://github.com/dequelabs/axe-core)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.browser import Page

SOURCE = Path(__file__).resolve().parent / "vendor" / "axe.min.js"
GRAVE = ("serious", "critical")
OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


@cache
def _source() -> str:
    return SOURCE.read_text()


def faults_of(page: Page) -> list[dict[str, Any]]:
    """The serious and critical faults of what the page shows now: rule, impact and up to five elements of each."""
    page.run(f"{_source()}; window.axeFound = null; true")
    page.run(
        f"void axe.run(document, {json.dumps(OPTIONS)}).then((found) => {{ window.axeFound = found.violations; }})"
    )
    page.wait("window.axeFound !== null")
    shown = page.run(
        "window.axeFound.map(({id, impact, nodes}) => ({id, impact, nodes: nodes.slice(0, 5)"
        ".map(({html, any}) => [html.slice(0, 160), any[0]?.message ?? ''])}))"
    )
    return [one for one in shown if one["impact"] in GRAVE]
