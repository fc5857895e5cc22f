"""Which parts of a text Mastodon's server makes links of, and so counts as one fixed length.

Source: the server's `Extractor.extract_urls_with_indices` with `extract_url_without_protocol: false`: twitter-text 3.1
for Ruby with the expressions that https://github.com/mastodon/mastodon/blob/main/config/initializers/twitter_regex.rb
puts in place of its own (read 2026-11-28).
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

_PROTOCOL = regex.compile(r"(?i:https?|dat|dweb|ipfs|ipns|ssb|gopher|gemini)://")
_LETTER = rf"[^{DIRECTIONS}{INVALID}{SPACES}\x00-\x1F\x7F!\"#$%&'()*+,\-./:;<=>?@\[\]^_`{{|}}~]"  # of a host's name
_LABEL = rf"{_LETTER}++(?:[-_]++{_LETTER}++)*+"
_NAME = regex.compile(rf"{_LABEL}(?:\.{_LABEL})++")
_INNER_START = regex.compile(rf"(?<={MAY_PRECEDE.pattern}){_LETTER}")
_PUNYCODE = regex.compile(r"[Xx][Nn]--[0-9A-Za-z]++")

# The path is the server's own, but for the brackets that may end it: these are still twitter-text's.
_IN_PATH = r"[^\p{White_Space}<>()?]"
_BRACKETS = rf"\((?:{_IN_PATH}++|{_IN_PATH}*+\({_IN_PATH}++\){_IN_PATH}*+)\)"
_IN_LAST_BRACKETS = rf"[A-Za-z0-9!*';:=+,.$/%#\[\]\p{{Cyrillic}}\p{{Pd}}_~&|@{LATIN}]"
_LAST_BRACKETS = rf"\((?:{_IN_LAST_BRACKETS}++|{_IN_LAST_BRACKETS}*+\({_IN_LAST_BRACKETS}++\){_IN_LAST_BRACKETS}*+)\)"
_ENDS_PATH = r"[^\p{White_Space}()?!*\"'「」<>;:=,.$%\[\]~&|@]"
_BEYOND_ASCII = (
    r"\u00A0-\uD7FF\uE000-\uFDCF\uFDF0-\uFFEF\U00010000-\U0001FFFD\U00020000-\U0002FFFD\U00030000-\U0003FFFD"
    r"\U00040000-\U0004FFFD\U00050000-\U0005FFFD\U00060000-\U0006FFFD\U00070000-\U0007FFFD\U00080000-\U0008FFFD"
    r"\U00090000-\U0009FFFD\U000A0000-\U000AFFFD\U000B0000-\U000BFFFD\U000C0000-\U000CFFFD\U000D0000-\U000DFFFD"
    r"\U000E1000-\U000EFFFD\U000F0000-\U000FFFFD\U00100000-\U0010FFFD"
)
_QUERY = rf"\?[A-Za-z0-9!?*'();:&=+$/%#\[\]\-_.,~|@^{_BEYOND_ASCII}]*[A-Za-z0-9_&=#/\-{_BEYOND_ASCII}]"
_TAIL = regex.compile(
    rf"(?::[0-9]++)?(?:/(?:(?:{_IN_PATH}|{_BRACKETS})*(?:{_ENDS_PATH}|{_LAST_BRACKETS}))?)?(?:{_QUERY})?"
)
_SHORT = regex.compile(r"https?://t\.co/([a-z0-9]+)", regex.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Address:
    """A stretch of text that reads like an address. `start`: of its protocol, else of its host."""

    start: int
    host: int
    host_end: int
    end: int


def find_links(text: str) -> list[tuple[int, int]]:
    """Return start and end of each link, in order."""
    if "://" not in text:
        return []
    links: list[tuple[int, int]] = []
    for address in _addresses(text):
        if address.start < address.host:
            links += _with_protocol(text, address)
    return links


def _addresses(text: str) -> Iterator[_Address]:
    """Each address, those without a protocol too: what one of these takes in is not a link of its own."""
    at = used = 0
    while (name := _NAME.search(text, at)) is not None:
        address = _address(text, name.start(), name.end(), used)
        if address is None:
            at = name.end()
            continue
        yield address
        at = used = address.end


def _address(text: str, start: int, end: int, used: int) -> _Address | None:
    """The address in the name from `start` to `end`; what is before `used` belongs to an earlier one."""
    protocol = _protocol_start(text, start, used)
    host = _bare_start(text, start, end, used) if protocol is None else start
    host_end = domain_end(text, host, end, punycode=_PUNYCODE) if host is not None else None
    if host is None or host_end is None:
        return None
    tail = _TAIL.match(text, host_end)
    return _Address(host if protocol is None else protocol, host, host_end, tail.end() if tail else host_end)


def _protocol_start(text: str, host: int, used: int) -> int | None:
    """Where the protocol right before the host starts; None without one, or when a word runs into it."""
    colon = text.rfind("://", max(host - 3, used), host)
    if colon < 0:
        return None
    for start in range(max(colon - len("gopher"), used), colon):
        found = _PROTOCOL.match(text, start, host)
        if found is not None and found.end() == host and _may_start(text, start, used):
            return start
    return None


def _may_start(text: str, at: int, used: int) -> bool:
    """Whether an address may: at the start of a line, or after one more character than is used, no letter."""
    return at == 0 or text[at - 1] == "\n" or (at > used and MAY_PRECEDE.match(text, at - 1) is not None)


def _bare_start(text: str, start: int, end: int, used: int) -> int | None:
    if _may_start(text, start, used):
        return start
    inner = _INNER_START.search(text, start + 1, end)
    return inner.start() if inner else None


def _with_protocol(text: str, address: _Address) -> Iterator[tuple[int, int]]:
    """The address, when DNS can hold its host; one of t.co ends with its slug, and is none when that is too long."""
    end = address.end
    short = _SHORT.match(text, address.start, end)
    if short is not None:
        end = short.end()
        if len(short[1]) > MAX_SHORT_SLUG:
            return
    if _encoded_length(text, address, end) <= MAX_URL:
        yield address.start, end


def _encoded_length(text: str, address: _Address, end: int) -> int:
    """How long the address is with its host in Punycode; more than any may be when there is no such host."""
    host = text[address.host : address.host_end]
    try:
        encoded = len(host.encode("idna"))
    except UnicodeError:
        return MAX_URL + 1
    return end - address.start + max(encoded - len(host), 0)
