"""Which names are time zones, and which local times a zone has twice."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from functools import cache

# What lies among the zones on a disk and is none of IANA's names for a place: what a machine was set to, a stand-in
# for "not set", and copies of the whole database.
NO_ZONES = frozenset({"localtime", "Factory", "posixrules"})
COPIES = ("posix/", "right/")


@cache
def zone_names() -> frozenset[str]:
    """The IANA names of time zones."""
    found = zoneinfo.available_timezones()
    return frozenset(name for name in found if name not in NO_ZONES and not name.startswith(COPIES))


def both_moments(local: datetime, zone: zoneinfo.ZoneInfo) -> tuple[datetime, datetime] | None:
    """The two moments (UTC) of a local time that clocks, put back, show twice; None = it comes once, or never."""
    earlier, later = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return (earlier, later) if earlier < later else None
