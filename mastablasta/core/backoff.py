"""When to try again."""

from __future__ import annotations

from datetime import datetime, timedelta

from mastablasta.core.time_scale import scaled

LONGEST_S = 60


def retry_wait(tries: int) -> timedelta:
    """The wait before retry number `tries` (from 1): 1, 2, 4, 8 … s, at most 60 s."""
    return timedelta(seconds=scaled(min(2 ** (tries - 1), LONGEST_S) if tries < 8 else LONGEST_S))


def next_try_at(tries: int, *, at: datetime) -> datetime:
    return at + retry_wait(tries)
