from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from rest_framework.exceptions import ValidationError

from mastablasta.core.api.fields import OffsetDateTimeField, ZoneNameField
from mastablasta.core.api.serializers import StrictSerializer
from mastablasta.core.zones import zone_names


class Moment(StrictSerializer):
    at = OffsetDateTimeField()
    timezone = ZoneNameField(required=False)


class Exact(StrictSerializer):
    at = OffsetDateTimeField(zone_field=None)


def read(kind: type[StrictSerializer] = Moment, **data: Any) -> datetime:
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    found: datetime = serializer.validated_data["at"]
    return found


def fault_of(kind: type[StrictSerializer] = Moment, **data: Any) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        read(kind, **data)
    detail: Any = caught.value.detail
    return detail["at"][0].code, str(detail["at"][0])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T09:00:00Z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31t09:00:00z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31 09:00:00Z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31T09:00Z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31T09:00:00+01:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T00:30:00-03:30", datetime(2026, 1, 31, 4, tzinfo=UTC)),
        ("2026-01-31T09:00:00.5Z", datetime(2026, 1, 31, 9, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T09:00:00.1234567Z", datetime(2026, 1, 31, 9, 0, 0, 123_456, tzinfo=UTC)),
    ],
)
def test_any_offset_in_is_the_same_moment_in_utc(text, moment):
    assert read(at=text) == moment
    assert read(at=text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-31",
        "2026-02-30T09:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31T09:00:60Z",
        "20260131T090000Z",
        "2026-01-31T09:00:00+25:00",
        "2026-W05-6T09:00:00Z",
        "2026-01-31T09:00:00Z ",
        "١٩٢٦-01-31T09:00:00Z",
    ],
)
def test_what_is_no_rfc_3339_time_is_refused(text):
    assert fault_of(at=text) == ("invalid", "This is not an RFC 3339 time; write 2026-01-31T09:00:00Z.")


@pytest.mark.parametrize("value", [1_767_225_600, 1.5, True, [], {}])
def test_a_time_is_text(value):
    assert fault_of(at=value)[0] == "wrong_type"


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_beyond_the_calendar_is_refused(text):
    assert fault_of(at=text)[0] == "overflow"


def test_time_without_offset_is_local_time_of_the_zone_beside_it():
    assert read(at="2026-07-01T09:00:00", timezone="Europe/Berlin") == datetime(2026, 7, 1, 7, tzinfo=UTC)


def test_an_offset_counts_more_than_the_zone():
    assert read(at="2026-07-01T09:00:00Z", timezone="Europe/Berlin") == datetime(2026, 7, 1, 9, tzinfo=UTC)


def test_time_without_offset_and_zone_is_refused():
    assert fault_of(at="2026-07-01T09:00:00") == (
        "no_offset",
        "The time has no offset; write 2026-01-31T09:00:00+01:00 or ...Z, or name the zone in `timezone`.",
    )
    assert fault_of(Exact, at="2026-07-01T09:00:00") == (
        "no_offset",
        "The time has no offset; write 2026-01-31T09:00:00+01:00 or ...Z.",
    )


NO_ZONES = [
    "Mars/Olympus", "../../etc/passwd", "europe/berlin", "CEST", "localtime", "Factory", "posix/Europe/Berlin",
    "right/UTC", "posixrules",
]  # fmt: skip


@pytest.mark.parametrize("zone", NO_ZONES)
def test_unknown_zone_is_refused(zone):
    assert fault_of(at="2026-07-01T09:00:00", timezone=zone)[0] == "unknown_zone"


@pytest.fixture
def files_of_zones(monkeypatch):
    """A machine that has more files among its zones than there are zones."""
    found = {*zoneinfo.available_timezones(), "posix/Europe/Berlin", "right/UTC", "posixrules", "localtime", "Factory"}
    monkeypatch.setattr(zoneinfo, "available_timezones", lambda: found)
    zone_names.cache_clear()
    yield
    zone_names.cache_clear()


@pytest.mark.usefixtures("files_of_zones")
@pytest.mark.parametrize("zone", NO_ZONES)
def test_name_that_is_no_zone_is_refused_by_itself(zone):
    serializer = Moment(data={"at": "2026-07-01T09:00:00Z", "timezone": zone})

    assert not serializer.is_valid()
    [fault] = serializer.errors["timezone"]
    assert (fault.code, str(fault)) == (
        "unknown_zone",
        f"{zone!r} is not an IANA time zone; write for example Europe/Berlin.",
    )


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "Etc/GMT+5", "America/Argentina/Ushuaia", "GB", "EST5EDT"])
def test_zones_by_every_iana_name_are_fine(zone):
    assert Moment(data={"at": "2026-07-01T09:00:00", "timezone": zone}).is_valid()


def test_local_time_that_clocks_skip_is_refused():
    assert fault_of(at="2026-03-29T02:30:00", timezone="Europe/Berlin") == (
        "skipped",
        "2026-03-29T02:30:00 does not exist in Europe/Berlin: clocks skip it; choose another time or send an offset.",
    )


def test_of_a_local_time_that_comes_twice_the_earlier_is_meant():
    twice = read(at="2026-10-25T02:30:00", timezone="Europe/Berlin")

    assert twice == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_zone_of_one_row_does_not_reach_the_next():
    rows = Moment(many=True, data=[{"at": "2026-07-01T09:00", "timezone": "Europe/Berlin"}, {"at": "2026-07-01T09:00"}])

    assert not rows.is_valid()
    assert list(rows.errors) == [1]
    assert rows.errors[1]["at"][0].code == "no_offset"


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 9, tzinfo=UTC), "2026-01-31T09:00:00Z"),
        (datetime(2026, 1, 31, 9, tzinfo=timezone(timedelta(hours=2))), "2026-01-31T07:00:00Z"),
        (datetime(2026, 1, 31, 9, 0, 0, 120, tzinfo=UTC), "2026-01-31T09:00:00.000120Z"),
    ],
)
def test_moment_out_is_utc_with_z(moment, text):
    assert Moment({"at": moment, "timezone": "UTC"}).data["at"] == text
