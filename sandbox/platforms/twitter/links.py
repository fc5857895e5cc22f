"""Which parts of a text X takes for links: those with a protocol, and bare domains of a known top-level domain.

Source: https://github.com/twitter/twitter-text, its rules and conformance cases of 2021-10-21 (read 2026-11-23).
`tlds.txt` lists the top-level domains it knows.

Compared with its JavaScript 3.1.0 on 340,000 texts strung together at random from awkward pieces, 248 differed in
length, links or cashtags: joined emoji that are no emoji of their own, U+FEFF, links that touch an emoji, and bare
domains in several scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import regex

MAX_LABEL = 63
MAX_URL = 4096
MAX_SHORT_SLUG = 40
NOT_BEFORE_BARE = frozenset("-_./")
NOT_AFTER_TLD = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ@+-")

SPACES = r"\u0009-\u000d\u0020\u0085\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
DIRECTIONAL = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
INVALID = r"\ufeff\ufffe\uffff"
LATIN = (
    r"\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0253\u0254\u0256\u0257\u0259\u025b\u0263\u0268\u026f\u0272\u0289"
    r"\u028b\u02bb\u0300-\u036f\u1e00-\u1eff"
)
CYRILLIC = r"\u0400-\u04ff"

_HOST_CHAR = rf"[^!'#%&()*+,\-./:;<=>?@\[\\\]^_{{|}}~${SPACES}{DIRECTIONAL}{INVALID}]"
_LABEL = rf"{_HOST_CHAR}++(?:[_-]++{_HOST_CHAR}++)*+"
# The second branch swallows what cannot start a link, so that a long text without spaces is read once only.
_NO_START = rf"(?:(?!(?i:https?)://){_HOST_CHAR})++"
_CANDIDATE = regex.compile(
    rf"(?<![A-Za-z0-9@\uff20$#\uff03{INVALID}])"
    rf"(?:(?P<protocol>(?i:https?)://)?(?P<host>{_LABEL}(?:\.{_LABEL})++)|{_NO_START}(?:[_-]++{_NO_START})*+)"
)
_SECOND = regex.compile(rf"[^\x00-\x7f\uff20\uff03{INVALID}]{_HOST_CHAR}")
_PATH_CHAR = rf"[A-Za-z0-9{CYRILLIC}{LATIN}!*';:=+,.$/%#\[\]\-\u2013_~@|&]"
_PARENTHESES = rf"\((?:{_PATH_CHAR}++|{_PATH_CHAR}*+\({_PATH_CHAR}++\){_PATH_CHAR}*+)\)"
_PATH_END = rf"[A-Za-z0-9{CYRILLIC}{LATIN}+\-=_#/]"
_QUERY = r"\?[A-Za-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[A-Za-z0-9\-_&=#/]"
_TAIL = regex.compile(
    rf"(?::[0-9]++)?(?P<path>/(?:(?:{_PATH_CHAR}|{_PARENTHESES})*{_PATH_END})?(?:{_PARENTHESES})*+)?(?:{_QUERY})?"
)
_SHORT = regex.compile(rf"https?://t\.co/([a-z0-9]+)(?:{_QUERY})?", regex.IGNORECASE)
_LATIN_LABELS = regex.compile(rf"(?:[A-Za-z0-9\-{LATIN}]++\.)++")
_ASCII_TLD = regex.compile(r"[a-z]++", regex.IGNORECASE)
_PUNYCODE_TLD = regex.compile(r"xn--[-0-9a-z]++", regex.IGNORECASE)

TLDS = frozenset(Path(__file__).with_name("tlds.txt").read_text(encoding="utf-8").split())
_LONGEST_OTHER = max(len(tld) for tld in TLDS if not tld.isascii())


@lru_cache(maxsize=256)  # a post's text is measured, then shown
def find_links(text: str) -> tuple[tuple[int, int], ...]:
    """Return start and end of each link, in order."""
    return tuple(_links(text)) if "." in text else ()


def _links(text: str) -> Iterator[tuple[int, int]]:
    at = 1 if _SECOND.match(text) else 0  # a first character like that stands before the link, not in it
    while (found := _CANDIDATE.search(text, at)) is not None:
        at = found.end()
        if found["host"] is None:
            continue
        start, end = found.span("host")
        domain_end = _domain_end(text, start, end, is_underscore_ok=False)
        host_end = domain_end or _domain_end(text, start, end, is_underscore_ok=True)
        if host_end is None:
            at = text.rfind(".", start, end) + 1
            continue
        tail = _TAIL.match(text, host_end)
        url_end = tail.end() if tail else host_end
        at = url_end + 1  # the character in between belongs to neither link
        if domain_end is None or not _is_encodable(text[start:host_end], url_end - found.start()):
            continue
        if found["protocol"] is not None:
            yield from _short(text, found.start(), url_end)
        elif start == 0 or text[start - 1] not in NOT_BEFORE_BARE:
            yield from _bare(text, start, host_end, url_end if tail and tail["path"] else None)


def _bare(text: str, start: int, host_end: int, path_end: int | None) -> Iterator[tuple[int, int]]:
    """Yield what of a host without protocol is a link: its parts in Latin script; a path goes with the last."""
    parts = list(_latin_domains(text, start, host_end))
    if parts and path_end is not None:
        parts[-1] = parts[-1][0], path_end
    yield from parts


def _latin_domains(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while (labels := _LATIN_LABELS.search(text, start, end)) is not None:
        domain_end = _domain_end(text, *labels.span(), is_underscore_ok=True)
        if domain_end is not None:
            yield labels.start(), domain_end
        start = domain_end or labels.end()


def _domain_end(text: str, start: int, end: int, *, is_underscore_ok: bool) -> int | None:
    """Return where the longest domain that starts here ends; its last label may have no underscore."""
    dot = text.rfind(".", start, end)
    while dot > start:
        earlier = text.rfind(".", start, dot)
        if is_underscore_ok or "_" not in text[max(earlier + 1, start) : dot]:
            tld_end = _tld_end(text, dot + 1)
            if tld_end is not None:
                return tld_end
        dot = earlier
    return None


def _tld_end(text: str, start: int) -> int | None:
    punycode = _PUNYCODE_TLD.match(text, start)
    if punycode is not None:
        end: int = punycode.end()
        return end
    letters = _ASCII_TLD.match(text, start)
    if letters is not None and letters[0].lower() in TLDS:
        return letters.end() if _may_end(text, letters.end()) else None
    for length in range(_LONGEST_OTHER, 1, -1):
        if text[start : start + length].lower() in TLDS and _may_end(text, start + length):
            return min(start + length, len(text))
    return None


def _may_end(text: str, at: int) -> bool:
    return at >= len(text) or text[at] not in NOT_AFTER_TLD


def _is_encodable(host: str, url_length: int) -> bool:
    """Return whether the host can be written in Punycode within the limits of a name and of an address."""
    if host.isascii():
        return url_length <= MAX_URL and all(len(label) <= MAX_LABEL for label in host.split("."))
    if host.startswith("xn--") and not any(_latin_domains(host, 0, len(host))):
        return False
    encoded = 0
    for label in host.split("."):
        length = _encoded_length(label)
        if length > MAX_LABEL:
            return False
        encoded += length - len(label)
    return url_length + encoded <= MAX_URL


def _encoded_length(label: str) -> int:
    if label.isascii() or len(label) > MAX_LABEL:
        return len(label)
    return len("xn--") + len(label.encode("punycode"))


def _short(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the link with protocol; one of t.co ends with its slug and is none when that is too long for one."""
    short = _SHORT.match(text, start, end)
    if short is None:
        yield start, end
    elif len(short[1]) <= MAX_SHORT_SLUG:
        yield start, short.end()
