"""Charts as SVG, drawn by a template: no script, so that the strictest policy of a browser lets them be. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 160


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in the chart's own units; `value` None = not told, and nothing is drawn."""

    x: float
    y: float
    width: float
    height: float
    label: str
    value: int | None


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars beside each other, from left to right; those of values below 0 hang from `zero`."""

    title: str
    bars: list[Bar]
    zero: float
    width: int = WIDTH
    height: int = HEIGHT


def bar_chart(title: str, values: Sequence[tuple[str, int | None]]) -> Chart:
    """A chart of these values, each with its label, as high as its largest."""
    told = [value for _, value in values if value is not None]
    top, bottom = max([0, *told]), min([0, *told])
    scale = HEIGHT / ((top - bottom) or 1)
    zero, step = top * scale, WIDTH / max(1, len(values))
    bars = [
        Bar(
            x=round(number * step + step * 0.1, 2),
            y=round(zero - max(0, value or 0) * scale, 2),
            width=round(step * 0.8, 2),
            height=round(abs(value or 0) * scale, 2),
            label=label,
            value=value,
        )
        for number, (label, value) in enumerate(values)
    ]
    return Chart(title, bars, round(zero, 2))
