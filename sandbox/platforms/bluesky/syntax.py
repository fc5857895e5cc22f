"""The identifiers of the AT Protocol: https://atproto.com/specs (read 2026-11-23)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

POSTS = "app.bsky.feed.post"
THREADGATES, POSTGATES = "app.bsky.feed.threadgate", "app.bsky.feed.postgate"
TID_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HANDLE = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?")
DID = re.compile(r"(?=.{1,2048}\Z)did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._-]")
NSID = re.compile(
    r"(?=.{1,317}\Z)[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+"
    r"\.[A-Za-z][A-Za-z0-9]{0,62}"
)
RECORD_KEY = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_~.:-]{1,512}")
TID = re.compile(r"[234567a-j][234567a-z]{12}")
CID = re.compile(r"[A-Za-z0-9+=]{8,256}")
URI = re.compile(r"[A-Za-z][A-Za-z0-9.+-]*:\S+")
LANGUAGE = re.compile(  # well-formed as in RFC 5646 §2.1, whether or not there is such a language
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|[ix](?:-[a-z0-9]{1,8})+|en-gb-oed|sgn-be-(?:fr|nl)|sgn-ch-de",
    re.ASCII | re.IGNORECASE,
)
DATETIME = re.compile(
    r"(?!000)[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:\.[0-9]{1,20})?"
    r"(?:Z|(?!-00:00)[+-][0-2][0-9]:[0-5][0-9])"
)


def is_handle(text: str) -> bool:
    return HANDLE.fullmatch(text) is not None


def is_did(text: str) -> bool:
    return DID.fullmatch(text) is not None


def is_identifier(text: str) -> bool:
    return is_did(text) or is_handle(text)


def is_nsid(text: str) -> bool:
    return NSID.fullmatch(text) is not None


def is_record_key(text: str) -> bool:
    return RECORD_KEY.fullmatch(text) is not None


def is_tid(text: str) -> bool:
    return TID.fullmatch(text) is not None


def is_cid(text: str) -> bool:
    return CID.fullmatch(text) is not None


def is_uri(text: str) -> bool:
    return URI.fullmatch(text) is not None


def is_language(text: str) -> bool:
    return LANGUAGE.fullmatch(text) is not None


def is_datetime(text: str) -> bool:
    return DATETIME.fullmatch(text) is not None and ms_of(text) is not None


def is_at_uri(text: str) -> bool:
    """Return whether it is `at://<handle or DID>`, with a collection and a record key or without."""
    head, *path = text.removeprefix("at://").split("/")
    if not text.startswith("at://") or not is_identifier(head) or len(path) > 2:
        return False
    return all(fits(part) for fits, part in zip((is_nsid, is_record_key), path, strict=False))


def ms_of(text: str) -> int | None:
    """Return milliseconds since the epoch, None for a moment that the calendar does not have."""
    try:
        moment = datetime.fromisoformat(text)
        return round(moment.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def tid_of(microseconds: int, clock: int = 0) -> str:
    """Return the TID of a moment: 53 bits of microseconds since the epoch and 10 bits of a clock's own."""
    number = microseconds << 10 | clock & 1023
    return "".join(TID_ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))
