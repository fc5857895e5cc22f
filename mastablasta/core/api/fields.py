"""Serializer fields: times with an offset, names of time zones."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers

from mastablasta.core.zones import both_moments, zone_names

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)


def utc_text(moment: datetime) -> str:
    """`2026-01-31T09:00:00Z`: how a moment is written in every answer."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class OffsetDateTimeField(serializers.DateTimeField):
    """A moment: RFC 3339 with any offset in, UTC with `Z` out (microseconds only where there are any).

    A time without offset is taken as local time of the zone that the field `timezone` beside it names, else
    refused. Local times that a change of clocks skips are refused; of two that it makes, the earlier is
    meant, and `twice` is both until the next value is read. `zone_field` names another field beside it; None = an
    offset is always required.
    """

    default_error_messages = {
        "invalid": "This is not an RFC 3339 time; write 2026-01-31T09:00:00Z.",
        "no_offset": "The time has no offset; write 2026-01-31T09:00:00+01:00 or ...Z{or_zone}.",
        "unknown_zone": "{zone!r} is not an IANA time zone; write for example Europe/Berlin.",
        "skipped": "{local} does not exist in {zone}: clocks skip it; choose another time or send an offset.",
        "overflow": "The time is out of range; choose one between the years 1 and 9999.",
    }

    def __init__(self, *, zone_field: str | None = "timezone", **kwargs: Any) -> None:
        self.zone_field = zone_field
        self._zone: object = None
        self.twice: tuple[datetime, datetime] | None = None
        super().__init__(**kwargs)

    def get_value(self, dictionary: Mapping[Any, Any]) -> Any:
        self._zone = dictionary.get(self.zone_field) if self.zone_field else None
        self.twice = None
        return super().get_value(dictionary)

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
            self.fail("invalid")
        try:
            moment = datetime.fromisoformat(value.upper())
        except ValueError:
            self.fail("invalid")
        try:
            return (moment if moment.tzinfo else self._localised(moment)).astimezone(UTC)
        except OverflowError:
            self.fail("overflow")

    def _localised(self, local: datetime) -> datetime:
        if not self._zone:
            or_zone = f", or name the zone in `{self.zone_field}`" if self.zone_field else ""
            self.fail("no_offset", or_zone=or_zone)
        if self._zone not in zone_names():
            self.fail("unknown_zone", zone=str(self._zone)[:64])
        zone = zoneinfo.ZoneInfo(str(self._zone))
        moment = local.replace(tzinfo=zone)
        if moment.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local:
            self.fail("skipped", local=local.isoformat(), zone=zone.key)
        self.twice = both_moments(local, zone)
        return moment

    def to_representation(self, value: Any) -> Any:
        return utc_text(value) if isinstance(value, datetime) else value


class ZoneNameField(serializers.CharField):
    """The IANA name of a time zone; "" where `allow_blank` says so."""

    default_error_messages = {
        "unknown_zone": "{zone!r} is not an IANA time zone; write for example Europe/Berlin.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 64, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name not in zone_names():
            self.fail("unknown_zone", zone=name[:64])
        return name
