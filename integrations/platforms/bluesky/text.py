"""Text as Bluesky counts and marks it: graphemes, and facets at UTF-8 byte offsets, which we have to give ourselves.

Sources: https://docs.bsky.app/docs/advanced-guides/post-richtext, and what the official client finds:
https://github.com/bluesky-social/atproto, `rich-text` (read 2026-11-28).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unicodedata import normalize

import regex

from integrations.platforms.bluesky.capabilities import MAX_TAG_BYTES, MAX_TAG_GRAPHEMES
from integrations.platforms.bluesky.links import (
    CJK_MARKS,
    character_before,
    domain_goes_on,
    find_links,
    is_domain,
    is_part_of_a_word,
)

_GRAPHEME = regex.compile(r"\X")
_MENTION = regex.compile(r"@([a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?![a-zA-Z0-9_@]|-+[a-zA-Z0-9])")

# A tag ends at a space, at what takes no room, at a mark of CJK, and at a comma before the next tag.
_NOT_IN_TAG = rf"\s\u00AD\u2060\u200A\u200B\u200C\u200D\u20E2{CJK_MARKS}"
_TAG = regex.compile(rf"[#\uFF03](?![\uFE0F\u20E3])((?:(?![,;|]++[#\uFF03])[^{_NOT_IN_TAG}])++)")
_BEFORE_TAG = regex.compile(rf"[\s\p{{Ps}}\p{{Pi}}\p{{Pf}}\p{{So}}\"'*,.!?;:|…–—・{CJK_MARKS}]")
_IS_TAG = regex.compile(r"[^\p{Nd}\p{P}]")  # more than numbers and punctuation
_PUNCTUATION = regex.compile(r"\p{P}")

_CASHTAG = regex.compile(r"(?:^|(?<=[\s(]))\$([A-Za-z][A-Za-z0-9]{0,4})(?=\s|$|[.,;:!?)\"'’])")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of text, in code points, that is to be marked as `kind`: link, mention or tag, with its `value`."""

    start: int
    end: int
    kind: str
    value: str


def graphemes(text: str) -> int:
    return sum(1 for _ in _GRAPHEME.finditer(text))


def stretches(text: str) -> list[Stretch]:
    """What is to be marked, in order and never overlapping: what stands in a link is a part of the link."""
    kept: list[Stretch] = []
    for found in (_links(text), _mentions(text), _tags(text), _cashtags(text)):
        kept = _merged(kept, found)
    return kept


def _merged(kept: list[Stretch], found: Iterator[Stretch]) -> list[Stretch]:
    """Both, in order, without what of `found` touches something kept. Both are in order."""
    merged: list[Stretch] = []
    at = 0
    for one in found:
        while at < len(kept) and kept[at].end <= one.start:
            merged.append(kept[at])
            at += 1
        if at == len(kept) or one.end <= kept[at].start:
            merged.append(one)
    return merged + kept[at:]


def has_mentions(text: str) -> bool:
    return any(one.kind == "mention" for one in stretches(text))


def facets(text: str, *, did_of: Callable[[str], str | None]) -> list[dict[str, Any]]:
    """The facets of a text. `did_of` says whose handle it is; None = nobody's, and it stays plain text."""
    marks = []
    for one in stretches(text):
        feature: dict[str, Any] = {"$type": f"app.bsky.richtext.facet#{one.kind}"}
        if one.kind == "mention":
            did = did_of(one.value)
            if did is None:
                continue
            feature["did"] = did
        else:
            feature["uri" if one.kind == "link" else "tag"] = one.value
        start = len(text[: one.start].encode())
        end = start + len(text[one.start : one.end].encode())
        marks.append({"index": {"byteStart": start, "byteEnd": end}, "features": [feature]})
    return marks


def _links(text: str) -> Iterator[Stretch]:
    for link in find_links(text):
        yield Stretch(link.start, link.end, "link", link.address)


def _mentions(text: str) -> Iterator[Stretch]:
    for match in _MENTION.finditer(text):
        handle = match[1]
        is_handle = "." in handle and (is_domain(handle) or handle.lower().endswith(".test"))
        if not is_handle or is_part_of_a_word(text, match.start()) or domain_goes_on(text, match.end()):
            continue
        if character_before(text, match.start()) not in ("/", "_", "+", "-"):  # a path or an e-mail address
            yield Stretch(match.start(), match.end(), "mention", handle)


def _tags(text: str) -> Iterator[Stretch]:
    for match in _TAG.finditer(text):
        tag = _without_trailing_punctuation(match[1])
        before = character_before(text, match.start())
        if not _IS_TAG.search(tag) or (before and not _BEFORE_TAG.match(before)):
            continue
        if graphemes(tag) <= MAX_TAG_GRAPHEMES and len(tag.encode()) <= MAX_TAG_BYTES:
            yield Stretch(match.start(), match.start() + 1 + len(tag), "tag", normalize("NFC", tag))


def _without_trailing_punctuation(tag: str) -> str:
    while tag and _PUNCTUATION.match(tag[-1]):
        tag = tag[:-1]
    return tag


def _cashtags(text: str) -> Iterator[Stretch]:
    for match in _CASHTAG.finditer(text):
        yield Stretch(match.start(), match.end(), "tag", f"${match[1].upper()}")
