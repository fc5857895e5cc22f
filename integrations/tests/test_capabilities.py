"""When the windows that platforms declare end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

import pytest

from integrations.capabilities import RateRule, Source

SOURCE = Source("https://example.org", "2026-11-28")


def a_day_in(zone: str) -> RateRule:
    return RateRule("publish", 10, 86_400, "app", SOURCE, resets_in=zone)


def test_rolling_window_ends_after_its_length() -> None:
    noon = datetime(2026, 11, 28, 12, tzinfo=UTC)

    assert RateRule("publish", 10, 900, "app", SOURCE).window_end(noon) == noon + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("zone", "at", "end"),
    [
        ("UTC", "2026-11-28T23:59:59Z", "2026-11-29T00:00:00Z"),
        ("UTC", "2026-11-29T00:00:00Z", "2026-11-30T00:00:00Z"),
        ("America/Los_Angeles", "2026-11-28T07:59:59Z", "2026-11-28T08:00:00Z"),
        ("America/Los_Angeles", "2026-11-28T08:00:00Z", "2026-11-29T08:00:00Z"),
        ("America/Los_Angeles", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"),  # a day of 23 hours
        ("America/Los_Angeles", "2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z"),  # a day of 25 hours
    ],
)
def test_calendar_day_ends_at_midnight_of_its_zone(zone: str, at: str, end: str) -> None:
    assert a_day_in(zone).window_end(datetime.fromisoformat(at)) == datetime.fromisoformat(end)


def test_rule_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        a_day_in("Pacific/Nowhere")
    with pytest.raises(ValueError, match="lasts 86,400 s"):
        RateRule("publish", 10, 900, "app", SOURCE, resets_in="UTC")
