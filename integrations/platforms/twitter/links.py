"""Which parts of a text X makes links of: those with a protocol, and bare domains under a known top-level domain.

Source: https://github.com/twitter/twitter-text, its rules and conformance cases as of 2021-10-21 (read 2026-11-23).
Its own expressions take cubic time over texts like "a.a.a.a…"; this reads any text in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import regex

from integrations.protocols.twitter_text import (
    DIRECTIONS,
    INVALID,
    LATIN,
    MAX_SHORT_SLUG,
    MAX_URL,
    MAY_PRECEDE,
    SPACES,
    domain_end,
)

MAX_LABEL = 63

PUNCTUATION = r"!'#%&()*+,\\\-./:;<=>?@\[\]^_{|}~$"

_LETTER = rf"[^{PUNCTUATION}{SPACES}{INVALID}{DIRECTIONS}]"  # of a host's name
_LABEL = rf"{_LETTER}++(?:[-_]++{_LETTER}++)*+"
_NAME = regex.compile(rf"{_LABEL}(?:\.{_LABEL})*+")
_INNER_START = regex.compile(rf"(?<={MAY_PRECEDE.pattern}){_LETTER}")
_LATIN_LABELS = regex.compile(rf"(?:[-A-Za-z0-9{LATIN}]++\.)++")

_IN_PATH = rf"[A-Za-z0-9!*';:=+,.$/%#\[\]\-\u2013_~@|&\u0400-\u04FF{LATIN}]"
_ENDS_PATH = rf"[A-Za-z0-9+\-=_#/\u0400-\u04FF{LATIN}]"
_BRACKETS = rf"\((?:{_IN_PATH}++|{_IN_PATH}*+\({_IN_PATH}++\){_IN_PATH}*+)\)"
_QUERY = r"\?[A-Za-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[A-Za-z0-9\-_&=#/]"
_TAIL = regex.compile(
    rf"(?::[0-9]++)?(?P<path>/(?:(?:{_IN_PATH}|{_BRACKETS})*{_ENDS_PATH})?(?:{_BRACKETS})*+)?(?:{_QUERY})?"
)
_SHORT = regex.compile(rf"[Hh][Tt][Tt][Pp][Ss]?://[Tt]\.[Cc][Oo]/([A-Za-z0-9]+)(?:{_QUERY})?")

_PUNYCODE = regex.compile(r"[Xx][Nn]--[-0-9A-Za-z]++")


@dataclass(frozen=True, slots=True)
class _Address:
    """A stretch of text that reads like an address. `start`: of its protocol, else of its host."""

    start: int
    host: int
    host_end: int
    end: int
    has_path: bool
    is_link: bool

    @property
    def has_protocol(self) -> bool:
        return self.start < self.host


def find_links(text: str) -> list[tuple[int, int]]:
    """Return start and end of each link, in order. `text` is in Unicode's form NFC."""
    if "." not in text:
        return []
    links: list[tuple[int, int]] = []
    for address in _addresses(text):
        if address.is_link and _is_encodable(text, address):
            links += _whole(text, address) if address.has_protocol else _bare(text, address)
    return links


def _addresses(text: str) -> Iterator[_Address]:
    at = used = 0
    while (name := _NAME.search(text, at)) is not None:
        address = _address(text, name.start(), name.end(), used)
        if address is None:
            at = name.end()
            continue
        yield address
        used = address.end
        at = used + 1  # the character after an address may stand before the next one, not in it


def _address(text: str, start: int, end: int, used: int) -> _Address | None:
    """The address in the name from `start` to `end`; what is before `used` belongs to an earlier one."""
    protocol = _protocol_start(text, start, used)
    host = _host_start(text, start, end) if protocol is None else start
    if host is None:
        return None
    host_end = domain_end(text, host, end, punycode=_PUNYCODE)
    is_link = host_end is not None
    if host_end is None:  # a name like a_b.com is passed over, with what follows it
        host_end = domain_end(text, host, end, punycode=_PUNYCODE, with_underscore=True)
    if host_end is None:
        return None
    tail = _TAIL.match(text, host_end)
    assert tail is not None  # noqa: S101  it may be empty
    return _Address(host if protocol is None else protocol, host, host_end, tail.end(), bool(tail["path"]), is_link)


def _protocol_start(text: str, host: int, used: int) -> int | None:
    for protocol in ("https://", "http://"):
        start = host - len(protocol)
        if start >= 0 and text[start:host].lower() == protocol:
            return start if start == 0 or (start > used and MAY_PRECEDE.match(text, start - 1)) else None
    return None


def _host_start(text: str, start: int, end: int) -> int | None:
    """Where a host without protocol begins: after a character that may stand before it."""
    if start == 0:  # the first character stands before the host if it can
        second = _INNER_START.match(text, 1, end)
        return 1 if second else 0
    if MAY_PRECEDE.match(text, start - 1) or ord(text[start]) > 0xFFFF:  # of two UTF-16 halves the first may precede
        return start
    inner = _INNER_START.search(text, start + 1, end)
    return inner.start() if inner else None


def _is_encodable(text: str, address: _Address) -> bool:
    """Whether DNS could hold the host, and X the whole."""
    host = text[address.host : address.host_end]
    if host.startswith("xn--") and not any(_latin_domains(host, 0, len(host))):
        return False  # Punycode of what is not Latin
    length = address.end - address.start + (address.host - address.start or len("https://"))
    return length <= MAX_URL and all(_encoded_length(label) <= MAX_LABEL for label in host.split("."))


def _encoded_length(label: str) -> int:
    if label.isascii() or len(label) > MAX_LABEL:
        return len(label)
    return len("xn--") + len(label.encode("punycode"))


def _whole(text: str, address: _Address) -> Iterator[tuple[int, int]]:
    """The address as it stands; one of t.co ends with its slug, and is none when that is too long."""
    short = _SHORT.match(text, address.start, address.end)
    if short is None:
        yield address.start, address.end
    elif len(short[1]) <= MAX_SHORT_SLUG:
        yield address.start, short.end()


def _bare(text: str, address: _Address) -> list[tuple[int, int]]:
    """What of a host without protocol is a link: its parts in Latin script; a path goes with the last of them."""
    if address.host > 0 and text[address.host - 1] in "-_./":
        return []
    parts = list(_latin_domains(text, address.host, address.host_end))
    if parts and address.has_path:
        parts[-1] = parts[-1][0], address.end
    return parts


def _latin_domains(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while (labels := _LATIN_LABELS.search(text, start, end)) is not None:
        found = domain_end(text[:end], labels.start(), labels.end(), punycode=_PUNYCODE, with_underscore=True)
        if found is not None:
            yield labels.start(), found
        start = found or labels.end()
