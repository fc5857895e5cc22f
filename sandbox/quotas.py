"""How often a platform lets one person call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Quota:
    """So many calls of one kind in each period, a person."""

    name: str
    limit: int
    period_s: int


@dataclass(slots=True, frozen=True)
class Reading:
    """Where one quota stands."""

    limit: int
    remaining: int
    reset_ms: int


class Meter:
    """Calls counted per person in fixed windows that start at whole multiples of their period."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], tuple[int, int]] = {}

    def read(self, person_id: str, quota: Quota, at_ms: int, *, spend: int = 0) -> Reading:
        """Count `spend` calls and return the reading; `remaining` below 0 means one too many."""
        window = at_ms // (quota.period_s * 1000)
        counted_window, count = self._counts.get((person_id, quota.name), (window, 0))
        count = spend + (count if counted_window == window else 0)
        if spend:
            self._counts[person_id, quota.name] = window, count
        return Reading(quota.limit, quota.limit - count, (window + 1) * quota.period_s * 1000)
