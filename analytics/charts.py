"""What the charts of Django admin are drawn from: `analytics/charts.js` reads it from the page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class Chart(TypedDict):
    """Bars beside each other, from left to right; a value of None = not told, and nothing is drawn.

    `name`: of the figure, by which the page tells its charts apart; `title`: what stands above it.
    """

    name: str
    title: str
    labels: list[str]
    values: list[int | None]


def bar_chart(name: str, title: str, values: Sequence[tuple[str, int | None]]) -> Chart:
    """A chart of these values, each with its label."""
    labels, told = [label for label, _ in values], [value for _, value in values]
    return Chart(name=name, title=title, labels=labels, values=told)
