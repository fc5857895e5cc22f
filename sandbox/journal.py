"""The calls that the platforms received, as /_control/requests shows them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.clock import rfc3339
from sandbox.routing import Operation

KEPT_CALLS = 200_000


@dataclass(slots=True)
class Call:
    """One call, with how many bytes its body had; `status` stays None when no answer reached the client."""

    at_ms: int
    site: str
    slug: str
    method: str
    path: str
    operation: Operation
    size: int = 0
    status: int | None = None
    took_ms: int | None = None

    def as_row(self) -> dict[str, Any]:
        return {
            "at": rfc3339(self.at_ms),
            "platform": self.slug,
            "instance": self.site,
            "method": self.method,
            "path": self.path,
            "operation": self.operation.value,
            "bytes": self.size,
            "status": self.status,
            "ms": self.took_ms,
        }


class Journal:
    """The newest 200,000 calls, in the order in which they were complete."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)

    def add(self, call: Call) -> None:
        self._calls.append(call)

    def clear(self) -> None:
        self._calls.clear()

    def calls(self, *, slug: str | None = None, operation: str | None = None) -> Iterator[Call]:
        """Yield the calls, oldest first."""
        for call in self._calls:
            if slug in (None, call.slug) and operation in (None, call.operation):
                yield call
