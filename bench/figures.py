"""A figure: one JSON line."""

from __future__ import annotations

import json
from collections.abc import Sequence


def say(name: str, value: float, unit: str, *, limit: float | None = None, ratio: float | None = None) -> None:
    """Print `{"name","value","unit","limit","ratio"}`; `limit` is the bare limit, or the bar, of the same run."""
    figure = {
        "name": name,
        "value": round(value, 4),
        "unit": unit,
        "limit": None if limit is None else round(limit, 4),
        "ratio": None if ratio is None else round(ratio, 3),
    }
    print(json.dumps(figure), flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie: the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
