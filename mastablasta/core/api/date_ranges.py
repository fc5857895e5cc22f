"""Spans of time in query parameters: moments with an offset, or days of a time zone."""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from rest_framework.exceptions import ValidationError

from mastablasta.core.api.fields import OffsetDateTimeField, ZoneNameField
from mastablasta.core.api.problems import fault
from mastablasta.core.api.serializers import StrictSerializer

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_LEAST = timedelta(microseconds=1)


class _Moment(StrictSerializer):
    moment = OffsetDateTimeField(
        error_messages={
            "invalid": "This is neither a date nor an RFC 3339 time; write 2026-01-31 or 2026-01-31T09:00:00Z."
        }
    )
    timezone = ZoneNameField(required=False)


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of a span. `at` (UTC): `from` begins there, `to` ends just before; `day` when a date was given."""

    at: datetime
    day: date | None = None


def is_day(text: str) -> bool:
    """Whether it is a date without a time."""
    return bool(_DATE.fullmatch(text))


def read_edge(text: str, *, is_end: bool, zone: str, day_zone: str = "") -> Edge:
    """Read a moment or a date. Both ends belong to the span; a date as its end stands for that whole day.

    `zone` is what the request names, for times without offset; dates are days of `day_zone` or else of that.
    Raises ValidationError with a list of faults.
    """
    day_zone = day_zone or zone
    if is_day(text) and day_zone:
        return _edge_of_day(text, day_zone, is_end=is_end)
    given = {"moment": f"{text}T00:00" if is_day(text) else text}
    serializer = _Moment(data={**given, "timezone": zone} if zone else given)
    if not serializer.is_valid():
        raise ValidationError(serializer.errors["moment"])
    moment: datetime = serializer.validated_data["moment"]
    return Edge(moment + _LEAST if is_end and moment < datetime.max.replace(tzinfo=UTC) else moment)


def start_of(day: date, zone: str) -> datetime:
    """The moment (UTC) at which a day begins: midnight, or where clocks skip it, when they do."""
    return datetime.combine(day, time(), tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)


def _edge_of_day(text: str, zone: str, *, is_end: bool) -> Edge:
    try:
        day = date.fromisoformat(text)
        return Edge(start_of(day + timedelta(days=1) if is_end else day, zone), day)
    except ValueError as error:
        raise ValidationError([fault("invalid", "There is no such day; write 2026-01-31.")]) from error
    except OverflowError as error:
        sentence = "The day is out of range; choose one between the years 1 and 9999."
        raise ValidationError([fault("overflow", sentence)]) from error
