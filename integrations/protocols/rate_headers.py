"""When a platform takes calls again, by its headers and on our clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from integrations.protocols.values import moment_of
from mastablasta.core.outbound import Response

DEFAULT_BLOCK = timedelta(minutes=1)
SHORTEST_BLOCK = timedelta(seconds=1)
LONGEST_BLOCK = timedelta(hours=24)

Whose = Literal["account", "host"]


def retry_at(answer: Response, *resets: datetime | None) -> datetime:
    """When to call again: by Retry-After, else the first of `resets` that there is, else in a minute; within a day."""
    named = next((moment for moment in (answer.retry_after(), *resets) if moment is not None), None)
    until = named or answer.received_at + DEFAULT_BLOCK
    return min(max(until, answer.received_at + SHORTEST_BLOCK), answer.received_at + LONGEST_BLOCK)


def epoch_reset(answer: Response, header: str) -> datetime | None:
    """The moment that a header names in seconds since 1970, on our clock; None without one."""
    value = answer.headers.get(header, "")
    is_moment = value.isascii() and value.isdecimal() and len(value) < 12
    return answer.on_our_clock(datetime.fromtimestamp(int(value), UTC)) if is_moment else None


def iso_reset(answer: Response, header: str) -> datetime | None:
    """The moment that a header names as ISO 8601, on our clock; None without one."""
    moment = moment_of(answer.headers.get(header))
    return None if moment is None else answer.on_our_clock(moment)


@dataclass(frozen=True, slots=True)
class RateWindows:
    """The windows that a platform tells of in headers `<name>-remaining` and `<name>-reset`.

    `names`: whose each is. `reset`: how the platform writes the moment at which one opens.
    """

    names: Mapping[str, Whose] = field(default_factory=dict)
    reset: Callable[[Response, str], datetime | None] = epoch_reset

    def rests_until(self, answer: Response) -> datetime | None:
        """When the account may call again, where this call was its last one in a window; None = it may go on."""
        return max((opens for opens, whose in self._used_up(answer, untold="") if whose == "account"), default=None)

    def opens_at(self, answer: Response) -> tuple[datetime, Whose]:
        """When to call again after a 429, and who has to wait."""
        used_up = self._used_up(answer, untold="0")
        if not used_up:
            return retry_at(answer), "account"
        opens, whose = max(used_up)
        return retry_at(answer, opens), whose

    def _used_up(self, answer: Response, *, untold: str) -> list[tuple[datetime, Whose]]:
        """When those open in which no call is left; `untold`: how many are, where a header does not say it."""
        return [
            (opens, whose)
            for name, whose in self.names.items()
            if answer.headers.get(f"{name}-remaining", untold).strip() == "0"
            and (opens := self.reset(answer, f"{name}-reset")) is not None
        ]
