"""What a web page says of itself, for the card of a link: title, description and the address of a picture.

The page is a stranger's: read through the guarded door, bounded in time, size and redirects. Its bytes are searched for
the tags that count, each within a bounded stretch; Python's own HTML parser takes minutes for some pages of 256 KB.
Sources: https://ogp.me and https://html.spec.whatwg.org/multipage/semantics.html#the-meta-element (read 2026-11-29).
"""

from __future__ import annotations

import codecs
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from itertools import islice
from urllib.parse import urljoin, urlsplit

from mastablasta.core.outbound import CallFailed, Http, Response

TIMEOUT_S = 8.0  # of all redirects together
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PAGE_BYTES = 256 << 10  # what describes a page stands at its beginning
MOST_TAGS = 300
LONGEST_TAG = 4_096
LONGEST_TITLE, LONGEST_DESCRIPTION = 300, 1_000
PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"GIF8": "image/gif"}

# Of what Python decodes, the encodings of the web; others raise errors or take minutes.
ENCODINGS = ("utf-8", "utf-16", "iso8859", "cp125", "cp866", "koi8", "mac", "big5", "gb", "euc", "shift_jis", "cp932")

_TAG = re.compile(r"<(?:meta\s|title[\s>])", re.IGNORECASE)
_META = re.compile(r"<meta\s(?:[^\"'>]|\"[^\"]*\"|'[^']*')*+>", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]*)", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([a-zA-Z:-]++)\s*+=\s*+(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]++))")
_CHARSET = re.compile(rb"charset=[\"']?([a-zA-Z0-9_-]{1,40})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PageSummary:
    """`picture`: the address of the page's picture, "" where it names none."""

    title: str
    description: str
    picture: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A whole picture, of the type that its bytes show."""

    data: bytes
    mime_type: str


def read_page(url: str) -> PageSummary | None:
    """What the page says of itself; None where it is not a page, or cannot or may not be read. Never raises CallFailed.

    `title` is the host's name where the page has none.
    """
    found = _fetch(url, accept="text/html, application/xhtml+xml", cut_at=PAGE_BYTES)
    if found is None or "html" not in found[1].headers.get("content-type", ""):
        return None
    address, answer = found
    told = _told(_text_of(answer))
    return PageSummary(
        title=_line(told, LONGEST_TITLE, "og:title", "twitter:title", "title") or (urlsplit(address).hostname or ""),
        description=_line(told, LONGEST_DESCRIPTION, "og:description", "twitter:description", "description"),
        picture=_picture_address(address, told),
    )


def read_picture(url: str, *, max_bytes: int) -> Picture | None:
    """The picture at this address; None where there is none, or one that is too large, or it cannot be read."""
    found = _fetch(url, accept="image/jpeg, image/png, image/gif, image/webp", max_bytes=max_bytes)
    data = found[1].body if found else b""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Picture(data, "image/webp")
    kind = next((kind for start, kind in PICTURES.items() if data.startswith(start)), "")
    return Picture(data, kind) if kind else None


def _fetch(url: str, *, accept: str, **limits: int) -> tuple[str, Response] | None:
    """The answer 200 and the address where it came from in the end; None for everything else."""
    deadline = time.monotonic() + TIMEOUT_S
    for _ in range(MOST_REDIRECTS + 1):
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        try:
            answer = Http(url, purpose="media").get(url, headers={"Accept": accept}, timeout_s=left, **limits)
        except CallFailed:
            return None
        if answer.status == 200:
            return url, answer
        location = answer.headers.get("location", "")
        if answer.status not in REDIRECTS or not location:
            return None
        try:
            url = urljoin(url, location)
        except ValueError:
            return None
    return None


def _text_of(answer: Response) -> str:
    said = answer.headers.get("content-type", "").encode("latin-1", errors="replace")
    named = _CHARSET.search(said) or _CHARSET.search(answer.body[:2_048])
    try:
        encoding = codecs.lookup(named[1].decode("ascii") if named else "utf-8").name
    except LookupError:
        return answer.text
    is_taken = encoding.startswith(ENCODINGS)
    return answer.body.decode(encoding, errors="replace") if is_taken else answer.text


def _told(text: str) -> dict[str, str]:
    """What the page's tags say, by name; the first of a name counts."""
    told: dict[str, str] = {}
    for begin in islice(_TAG.finditer(text), MOST_TAGS):
        stretch = text[begin.start() : begin.start() + LONGEST_TAG]
        if title := _TITLE.match(stretch):
            told.setdefault("title", title[1])
        elif meta := _META.match(stretch):
            said = {name.lower(): one or two or bare for name, one, two, bare in _ATTRIBUTE.findall(meta[0])}
            told.setdefault((said.get("property") or said.get("name") or "").lower(), said.get("content", ""))
    return told


def _line(told: Mapping[str, str], longest: int, *names: str) -> str:
    """The first of these that says something, as one line."""
    for name in names:
        shown = "".join(char if char.isprintable() else " " for char in unescape(told.get(name, "")))
        if line := " ".join(shown.split()):
            return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"
    return ""


def _picture_address(page: str, told: Mapping[str, str]) -> str:
    names = ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src")
    named = next((told[name] for name in names if told.get(name)), "")
    try:
        return urljoin(page, unescape(named).strip()) if named else ""
    except ValueError:
        return ""
