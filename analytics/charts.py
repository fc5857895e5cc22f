"""What the charts of Django admin are drawn from: `analytics/charts.js` reads it from the page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class Chart(TypedDict):
    """Bars beside each other, from left to right; a value of None = not told, and nothing is drawn."""

    title: str
    labels: list[str]
    values: list[int | None]


def bar_chart(title: str, values: Sequence[tuple[str, int | None]]) -> Chart:
    """A chart of these values, each with its label."""
    return Chart(title=title, labels=[label for label, _ in values], values=[value for _, value in values])
