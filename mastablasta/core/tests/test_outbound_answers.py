"""Times in answers, on our clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mastablasta.core.outbound import Response, noting_request_ids
from mastablasta.core.outbound.request_ids import note_request_id

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def an_answer(**headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(429, named, b"", "https://example.com/x", visible=False, received_at=NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("Mon, 23 Nov 2026 12:05:00 GMT", 300),
        ("Monday, 23-Nov-26 12:05:00 GMT", 300),
        ("99999999999999999999", 10**7),
        ("9" * 5000, 10**7),
        ("0" * 5000 + "7", 7),
    ],
)
def test_retry_after_is_read(value: str, seconds: int) -> None:
    assert an_answer(retry_after=value).retry_after() == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "-5",
        "1.5",
        "²",
        "٣",
        "Mon, 99 Nov 2026 12:05:00 GMT",
        "Mon, 23 Nov 99999999999999999999 12:05:00 GMT",
        "Mon, 23 Nov 2026 12:05:00 +99999999999999999999",
    ],
)
def test_retry_after_that_says_nothing_is_none(value: str) -> None:
    assert an_answer(retry_after=value).retry_after() is None


def test_times_of_a_server_whose_clock_is_wrong_are_moved_to_ours() -> None:
    ahead = an_answer(retry_after="Mon, 23 Nov 2026 13:05:00 GMT", date="Mon, 23 Nov 2026 13:00:00 GMT")

    assert ahead.retry_after() == NOW + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 23 Nov 2026 11:00:00 GMT"),
        ("Fri, 31 Dec 9999 23:59:59 -1200", "Mon, 23 Nov 2026 13:00:00 GMT"),
    ],
)
def test_time_at_the_end_of_the_calendar_is_none(said: str, date: str) -> None:
    assert an_answer(retry_after=said, date=date).retry_after() is None


def test_time_of_a_server_whose_own_is_unreadable_is_taken_as_it_is() -> None:
    answer = an_answer(
        retry_after="Mon, 23 Nov 2026 12:05:00 GMT", date="Mon, 23 Nov 99999999999999999999 12:05:00 GMT"
    )

    assert answer.retry_after() == NOW + timedelta(minutes=5)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'"text"', b"\xff\xfe", b"[" * 100_000])
def test_fields_of_a_body_that_is_no_object_are_none(body: bytes) -> None:
    assert Response(500, {}, body, "https://example.com/x", visible=False, received_at=NOW).fields() == {}


def test_the_request_id_is_that_of_the_last_call_and_of_none_that_had_no_answer() -> None:
    note_request_id({"x-request-id": "nobody listens"})
    with noting_request_ids() as noted:
        note_request_id({"x-request-id": "first"})
        note_request_id({"content-type": "text/html", "x-li-uuid": "second\x1b" + "x" * 200})
        assert noted.text == "second" + "x" * 94
        note_request_id(None)
        assert noted.text == ""
        note_request_id({})
        assert noted.text == ""


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"id": "1", "n": 18446744073709551615}', {"id": "1", "n": 2**64 - 1}),
        (b'\xef\xbb\xbf{"id": "1"}', {"id": "1"}),
        ('{"id": "ü"}'.encode("utf-16"), {"id": "ü"}),
        (b'{"text": "\\ud83d\\ude00"}', {"text": "\U0001f600"}),
        (b"\xef\xbb\xbf[18446744073709551615, -9223372036854775808, 1.5, true]", [2**64 - 1, -(2**63), 1.5, True]),
        (b"[18446744073709551616, -9223372036854775809]", [2.0**64, -(2.0**63)]),
        (b"\xef\xbb\xbf[18446744073709551616, -9223372036854775809]", [2.0**64, -(2.0**63)]),
    ],
)
def test_json_is_read_as_python_reads_it_also_where_it_is_not_quite_the_standards(body: bytes, read: object) -> None:
    answer = Response(200, {}, body, "https://example.com/x", visible=False, received_at=NOW)

    assert repr(answer.json()) == repr(read)
    assert answer.fields() == (read if isinstance(read, dict) else {})


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"n": [1e400, -1e400, NaN, Infinity, -Infinity, ' + b"9" * 400 + b", 7]}", {"n": [None] * 6 + [7]}),
        (b'{"text": "a\\u0000b"}', {"text": "a\ufffdb"}),
        (
            b'{"text": "a\\ud83db", "\\udc00": [{"x": ["\\ud800"]}]}',
            {"text": "a\ufffdb", "\ufffd": [{"x": ["\ufffd"]}]},
        ),
        (b'{"text": "\\\\u0000 \\u0000"}', {"text": "\\u0000 \ufffd"}),
        ('{"text": "\x7f\\u0000"}'.encode("utf-16"), {"text": "\x7f\ufffd"}),
        (b'{"text": "\xed\xa0\x80"}', {"text": "\ufffd"}),
    ],
)
def test_json_holds_nothing_that_no_database_keeps(body: bytes, read: object) -> None:
    answer = Response(200, {}, body, "https://example.com/x", visible=False, received_at=NOW)

    assert (answer.json(), answer.fields()) == (read, read)


@pytest.mark.parametrize(("body", "read"), [(b"a\x00b\xed\xa0\x80", "a\ufffdb\ufffd\ufffd\ufffd"), (b"\xff", "\ufffd")])
def test_text_holds_nothing_that_no_database_keeps(body: bytes, read: str) -> None:
    assert Response(200, {}, body, "https://example.com/x", visible=False, received_at=NOW).text == read
