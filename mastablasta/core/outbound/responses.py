"""What came back: an answer as plain values, and what its headers and body say in general."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from mastablasta.core.outbound.errors import CallFailed, OutcomeUnknown, Unavailable

NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"
# NUL, which PostgreSQL keeps in no text, and halves of surrogate pairs, which UTF-8 cannot hold: one of them in a
# platform's answer, as JSON can spell it, would make the database refuse what is written of that.
_NOT_KEEPABLE = re.compile("[\x00\ud800-\udfff]")
_ESCAPED_NUL = rb"\u0000"


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, whatever its status. `headers` have lower-case names; `url` is without its query.

    `visible`: the call could have made something visible, so an answer that cannot be trusted means "unknown".
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str
    visible: bool
    received_at: datetime

    @property
    def is_ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def server_trouble(self) -> bool:
        return self.status >= 500

    @property
    def text(self) -> str:
        """The body, read as UTF-8; what is none of it, and NUL, are U+FFFD."""
        return self.body.decode("utf-8", errors="replace").replace("\x00", NO_CHARACTER)

    def json(self) -> Any:
        """Return the body, read as JSON, with what no database keeps replaced (`keepable`).

        Raises OutcomeUnknown for an unreadable 2xx of a visible call, Unavailable for any other unreadable one.
        """
        try:
            return _read(self.body)
        except (ValueError, RecursionError):
            raise self.in_doubt("is not JSON", code="unreadable") from None

    def fields(self) -> dict[str, Any]:
        """Return the JSON object of the body; {} when it holds none, as error pages of proxies do. Never raises."""
        try:
            read = _read(self.body)
        except (ValueError, RecursionError):
            return {}
        return read if isinstance(read, dict) else {}

    def in_doubt(self, what: str, *, code: str) -> CallFailed:
        """Return what to raise when this answer cannot be trusted: `what` ends the sentence "the answer …".

        OutcomeUnknown where the call was visible and is not plainly refused, else Unavailable.
        """
        sentence = f"the answer of {self.url} (status {self.status}) {what}"
        if self.visible and (self.is_ok or self.server_trouble or self.status == 408):
            return OutcomeUnknown(sentence, code=code, http_status=self.status)
        return Unavailable(sentence, code=code, http_status=self.status)

    def retry_after(self) -> datetime | None:
        """Return the moment that `Retry-After` names (seconds or HTTP date), on our clock; None without one.

        Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 (read 2026-11-23).
        """
        value = self.headers.get("retry-after", "").strip()
        seconds = number_of(value, most=10**7)
        if seconds is not None:
            return self.received_at + timedelta(seconds=seconds)
        moment = _http_date(value)
        return None if moment is None else self.on_our_clock(moment)

    def on_our_clock(self, moment: datetime) -> datetime | None:
        """Return a moment of the server's clock on ours: the two differ by what its `Date` header shows.

        None for one at the very ends of the calendar.
        """
        said = _http_date(self.headers.get("date", ""))
        try:
            return moment if said is None else moment + (self.received_at - said)
        except OverflowError:
            return None


def _read(body: bytes) -> Any:
    """In a third of the time that Python takes, which is the judge of what orjson refuses, as a BOM."""
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:  # for halves of surrogate pairs, too
        return keepable(json.loads(body))
    return keepable(read) if _ESCAPED_NUL in body else read


def keepable(value: Any) -> Any:
    """What JSON was read as, with U+FFFD for what its texts can hold, and None for numbers, that no database keeps."""
    if isinstance(value, str):
        return _NOT_KEEPABLE.sub(NO_CHARACTER, value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, list):
        return [keepable(item) for item in value]
    if isinstance(value, dict):
        return {keepable(name): keepable(item) for name, item in value.items()}
    return value


def number_of(value: str, *, most: int) -> int | None:
    """The whole number that a header's digits say, `most` where it is more; None for anything else."""
    if not (value.isascii() and value.isdecimal()):
        return None
    digits = value.lstrip("0")[: len(str(most)) + 1]
    return min(int(digits or "0"), most)


def _number(value: float) -> float | None:
    """A whole number of more than 64 bits as a float, as orjson reads it; None for one beyond a float, and for NaN."""
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        return value
    return float(value) if abs(value) < 2**1023 else None


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
