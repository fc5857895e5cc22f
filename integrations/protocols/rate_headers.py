"""When a platform takes calls again, by its headers and on our clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from integrations.protocols.values import moment_of
from mastablasta.core.outbound import Response

DEFAULT_BLOCK = timedelta(minutes=1)
SHORTEST_BLOCK = timedelta(seconds=1)
LONGEST_BLOCK = timedelta(hours=24)


def retry_at(answer: Response, *resets: datetime | None) -> datetime:
    """When to call again: by Retry-After, else the first of `resets` that there is, else in a minute; within a day."""
    named = next((moment for moment in (answer.retry_after(), *resets) if moment is not None), None)
    return bounded(answer, named or answer.received_at + DEFAULT_BLOCK)


def bounded(answer: Response, until: datetime) -> datetime:
    """`until`, but a second from the answer at least and a day at most, whatever a platform says."""
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


def is_used_up(answer: Response, header: str) -> bool:
    """Whether the header says that no call is left in its window."""
    return answer.headers.get(header, "").strip() == "0"
