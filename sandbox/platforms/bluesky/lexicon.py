"""What a post may be: app.bsky.feed.post and what it refers to, as of 2026-08-20.

Source: https://github.com/bluesky-social/atproto/tree/main/lexicons (read 2026-11-23). As on the real service, names
that a lexicon does not know pass, and nobody checks that a facet lies inside the text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import regex

from sandbox.platforms.bluesky.syntax import (
    POSTS,
    is_at_uri,
    is_cid,
    is_datetime,
    is_did,
    is_language,
    is_uri,
)

Check = Callable[[Any, str], None]
"""Takes a value and where it stands; raises Unfit."""

_GRAPHEME = regex.compile(r"\X")
_TYPES = {str: "string", bool: "boolean", int: "integer", list: "array", dict: "object", type(None): "null"}


class Unfit(Exception):
    """A record that is refused; `name` is the error's."""

    def __init__(self, message: str, name: str = "InvalidRequest") -> None:
        super().__init__(message)
        self.name = name


def expect(kind: type, value: Any, at: str) -> None:
    if type(value) is not kind:
        found = _TYPES.get(type(value), "float")
        raise Unfit(f"Expected {_TYPES[kind]} value type (got {found}) at {at}")


def string(
    max_bytes: int | None = None,
    max_graphemes: int | None = None,
    form: Callable[[str], bool] | None = None,
    called: str = "string",
) -> Check:
    def check(value: Any, at: str) -> None:
        expect(str, value, at)
        size = len(value.encode())
        if max_bytes is not None and size > max_bytes:
            raise Unfit(f"string too big (maximum {max_bytes}, got {size}) at {at}")
        if max_graphemes is not None and size > max_graphemes:
            count = len(_GRAPHEME.findall(value))
            if count > max_graphemes:
                raise Unfit(f"grapheme too big (maximum {max_graphemes}, got {count}) at {at}")
        if form is not None and not form(value):
            raise Unfit(f"Invalid {called} at {at}")

    return check


def offset(value: Any, at: str) -> None:
    expect(int, value, at)
    if value < 0:
        raise Unfit(f"integer too small (minimum 0, got {value}) at {at}")


def array(item: Check, most: int | None = None) -> Check:
    def check(value: Any, at: str) -> None:
        expect(list, value, at)
        if most is not None and len(value) > most:
            raise Unfit(f"array too big (maximum {most}, got {len(value)}) at {at}")
        for place, one in enumerate(value):
            item(one, f"{at}[{place}]")

    return check


def fields(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    def check(value: Any, at: str) -> None:
        expect(dict, value, at)
        for name in required:
            if name not in value:
                raise Unfit(f'Missing required key "{name}" at {at}')
        for name, one in {**required, **(optional or {})}.items():
            if name in value:
                one(value[name], f"{at}.{name}")

    return check


def union(known: Mapping[str, Check]) -> Check:
    """Return a check of one of these types; a type that is none of them passes."""

    def check(value: Any, at: str) -> None:
        expect(dict, value, at)
        if not isinstance(value.get("$type"), str):
            raise Unfit(f'Expected an object with a "$type" at {at}')
        if value["$type"] in known:
            known[value["$type"]](value, at)

    return check


def blob(value: Any, at: str) -> None:
    expect(dict, value, at)
    link = value.get("ref", {}).get("$link") if isinstance(value.get("ref"), dict) else None
    if not isinstance(link, str):
        raise Unfit(f"Expected blob value type (got object) at {at}")
    raise Unfit(f"Could not find blob: {link}", "BlobNotFound")


def not_simulated(value: Any, at: str) -> None:
    raise Unfit(f"{value['$type']} is not simulated at {at}")


STRONG_REF = fields(
    {"uri": string(form=is_at_uri, called="AT URI"), "cid": string(form=is_cid, called="CID")},
)
FACET = fields(
    {
        "index": fields({"byteStart": offset, "byteEnd": offset}),
        "features": array(
            union(
                {
                    "app.bsky.richtext.facet#mention": fields({"did": string(form=is_did, called="DID")}),
                    "app.bsky.richtext.facet#link": fields({"uri": string(form=is_uri, called="URI")}),
                    "app.bsky.richtext.facet#tag": fields({"tag": string(640, 64)}),
                }
            )
        ),
    }
)
LINK_CARD = fields(
    {
        "external": fields(
            {"uri": string(form=is_uri, called="URI"), "title": string(), "description": string()}, {"thumb": blob}
        )
    }
)
MEDIA_EMBEDS = ("images", "gallery", "video", "record", "recordWithMedia")
SELF_LABELS = fields({"values": array(fields({"val": string(128)}), 10)})
POST = fields(
    {"text": string(3_000, 300), "createdAt": string(form=is_datetime, called="datetime")},
    {
        "facets": array(FACET),
        "reply": fields({"root": STRONG_REF, "parent": STRONG_REF}),
        "embed": union(
            {
                "app.bsky.embed.external": LINK_CARD,
                **{f"app.bsky.embed.{name}": not_simulated for name in MEDIA_EMBEDS},
            }
        ),
        "langs": array(string(form=is_language, called="language"), 3),
        "labels": union({"com.atproto.label.defs#selfLabels": SELF_LABELS}),
        "tags": array(string(640, 64), 8),
    },
)


def check_post(record: dict[str, Any]) -> None:
    """Raise Unfit unless the record is a post as the lexicon has it."""
    try:
        POST(record, "$.record")
    except Unfit as unfit:
        if unfit.name != "InvalidRequest":
            raise
        raise Unfit(f"Invalid {POSTS} record: {unfit}") from None
