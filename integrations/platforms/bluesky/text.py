"""Text as Bluesky counts and marks it: graphemes, and facets at UTF-8 byte offsets, which we have to give ourselves.

Sources: https://docs.bsky.app/docs/advanced-guides/post-richtext, and the expressions of the official client,
https://github.com/bluesky-social/atproto/blob/main/packages/api/src/rich-text/util.ts (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import regex

from integrations.platforms.bluesky.capabilities import MAX_TAG_BYTES, MAX_TAG_GRAPHEMES
from integrations.protocols.domains import TLDS

_GRAPHEME = regex.compile(r"\X")
_MENTION = regex.compile(r"(?:^|[\s(])@([a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?![a-zA-Z0-9_@-])")
_URL = regex.compile(r"(?:^|[\s(])((?:https?://\S+)|(?:[a-zA-Z][a-zA-Z0-9-]*+(?:\.[a-zA-Z0-9-]+)++\S*))")
_DOMAIN = regex.compile(r"[a-zA-Z][a-zA-Z0-9-]*+(?:\.[a-zA-Z0-9-]+)++")
_TAG = regex.compile(r"(?:^|\s)[#\uFF03]((?!\uFE0F)[^\s\u00AD\u2060\u200A\u200B\u200C\u200D\u20E2]+)")
_TRAILING = regex.compile(r"[\p{P}\p{S}]+$")
_ENDS_URL = ".,;:!?'\""


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
    """What is to be marked, in order and never overlapping; of two that overlap the first counts."""
    found = sorted([*_links(text), *_mentions(text), *_tags(text)], key=lambda one: (one.start, one.end))
    kept: list[Stretch] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


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
    for match in _URL.finditer(text):
        shown = match[1].rstrip(_ENDS_URL)
        if shown.endswith(")") and "(" not in shown:
            shown = shown[:-1].rstrip(_ENDS_URL)
        is_whole = shown.lower().startswith(("http://", "https://"))
        if is_whole and len(shown.partition("://")[2]) == 0:
            continue
        if not is_whole and not _is_domain(shown):
            continue
        yield Stretch(match.start(1), match.start(1) + len(shown), "link", shown if is_whole else f"https://{shown}")


def _is_domain(text: str) -> bool:
    match = _DOMAIN.match(text)
    return match is not None and match[0].rpartition(".")[2].lower() in TLDS


def _mentions(text: str) -> Iterator[Stretch]:
    for match in _MENTION.finditer(text):
        handle = match[1]
        if "." in handle and (_is_domain(handle) or handle.endswith(".test")):
            yield Stretch(match.start(1) - 1, match.end(1), "mention", handle)


def _tags(text: str) -> Iterator[Stretch]:
    for match in _TAG.finditer(text):
        tag = _TRAILING.sub("", match[1])
        if not tag or tag.isdigit() or graphemes(tag) > MAX_TAG_GRAPHEMES or len(tag.encode()) > MAX_TAG_BYTES:
            continue
        yield Stretch(match.start(1) - 1, match.start(1) + len(tag), "tag", tag)
