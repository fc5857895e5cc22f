"""When a loop does what it does now and then."""

from __future__ import annotations

import time


class Turns:
    """Keeps, by name, when each thing has its next turn; what never had one has it at once.

    For one thread. Seconds of a clock that nobody sets.
    """

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def take(self, name: str, period_s: float) -> bool:
        """Whether it has its turn now; if so the next one is in `period_s`."""
        if time.monotonic() < self._next.get(name, 0.0):
            return False
        self.put_off(name, period_s)
        return True

    def put_off(self, name: str, period_s: float) -> None:
        """It has its next turn in `period_s`, whenever it had one."""
        self._next[name] = time.monotonic() + period_s
