"""axe-core in a page: what keeps somebody from using it, by WCAG 2.2 AA (https://github.com/dequelabs/axe-core)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from tests.browser import Page

SOURCE = Path(__file__).resolve().parent / "vendor" / "axe-4.14.1.min.js"
GRAVE = ("serious", "critical")
OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


@cache
def _source() -> str:
    return SOURCE.read_text()


def faults_of(page: Page) -> list[str]:
    """The serious and critical faults of what the page shows now: rule, what is wrong, and the element.

    What the console says meanwhile is of axe's own styles, which the page's
    policy forbids; it is not kept.
    """
    said_before = len(page.complaints)
    if not page.run("!!window.axe"):
        page.run(f"{_source()}; true")
    page.run("window.axeFound = null")
    page.run(
        f"void axe.run(document, {json.dumps(OPTIONS)}).then((found) => {{ window.axeFound = found.violations; }})"
    )
    page.wait("window.axeFound !== null")
    found = page.run(
        "window.axeFound.flatMap(({id, impact, nodes}) => nodes.map(({html, any, all, none}) =>"
        "[impact, `${id}: ${[...any, ...all, ...none][0]?.message ?? ''} ${html.slice(0, 160)}`]))"
    )
    del page.complaints[said_before:]
    return [fault for impact, fault in found if impact in GRAVE]
