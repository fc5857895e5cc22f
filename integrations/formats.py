"""The formats that a text option may have, by the name that stands under `format` in its JSON schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlsplit
from uuid import UUID

# Well formed as RFC 5646 §2.1 says, whether or not there is such a language.
_LANGUAGE = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"
    r"(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*(?:-[0-9a-wy-z](?:-[a-z\d]{2,8})+)*(?:-x(?:-[a-z\d]{1,8})+)?"
    r"|[ix](?:-[a-z\d]{1,8})+",
    re.ASCII | re.IGNORECASE,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NUMERIC_ID = re.compile(r"\d{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Format:
    """`remedy`: what to write instead, as it ends a sentence."""

    is_met: Callable[[str], bool]
    remedy: str


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _is_language(text: str) -> bool:
    return _LANGUAGE.fullmatch(text) is not None


def _is_uuid(text: str) -> bool:
    return _reads(UUID, text) and str(UUID(text)) == text.lower()


def _is_numeric_id(text: str) -> bool:
    return _NUMERIC_ID.fullmatch(text) is not None


def _is_web_address(text: str) -> bool:
    if not _reads(urlsplit, text) or not text.isprintable() or " " in text:
        return False
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and _reads(lambda _: parts.port, text)


def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None and _reads(date.fromisoformat, text)


def _is_date_time(text: str) -> bool:
    return _DATE_TIME.fullmatch(text) is not None and _reads(datetime.fromisoformat, text.upper())


FORMATS: dict[str, Format] = {
    "bcp47": Format(_is_language, "write a BCP 47 language tag, such as en or pt-BR"),
    "uuid": Format(_is_uuid, "write an id such as 0190a1b2-0000-7000-8000-000000000000"),
    "numeric-id": Format(_is_numeric_id, "write the id in digits, such as 1346889436626259968"),
    "uri": Format(_is_web_address, "write a whole web address, such as https://example.com/page"),
    "date": Format(_is_date, "write a date such as 2026-01-31"),
    "date-time": Format(_is_date_time, "write a time with its offset, such as 2026-01-31T09:00:00Z"),
}
