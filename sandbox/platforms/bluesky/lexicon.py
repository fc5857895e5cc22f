"""What a post and its gates may be: app.bsky.feed.post and what it refers to, threadgate and postgate, of 2026-08-20.

Source: https://github.com/bluesky-social/atproto/tree/main/lexicons (read 2026-11-23). As on the real service, names
that a lexicon does not know pass, and nobody checks that a facet lies inside the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import regex

from sandbox.platforms.bluesky.syntax import (
    POSTGATES,
    POSTS,
    THREADGATES,
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
    """A record that is refused."""


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


def integer(least: int) -> Check:
    def check(value: Any, at: str) -> None:
        expect(int, value, at)
        if value < least:
            raise Unfit(f"integer too small (minimum {least}, got {value}) at {at}")

    return check


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


def blob(accept: str, max_bytes: int) -> Check:
    """Return a check of what a reference to a file says of it; whether there is such a file is asked later."""

    def check(value: Any, at: str) -> None:
        expect(dict, value, at)
        if not is_blob(value):
            raise Unfit(f"Expected blob value type (got object) at {at}")
        if value["size"] > max_bytes:
            raise Unfit(f"blob too big (maximum {max_bytes}, got {value['size']}) at {at}")
        if value["mimeType"] != accept and not value["mimeType"].startswith(accept.removesuffix("*")):
            raise Unfit(f'Expected "{accept}" (got "{value["mimeType"]}") at {at}.mimeType')

    return check


def is_blob(value: Any) -> bool:
    match value:
        case {"$type": "blob", "ref": {"$link": str(link)}, "mimeType": str(), "size": int()}:
            return is_cid(link)
    return False


def pictures_in(items: list[Any]) -> list[dict[str, Any]]:
    """Return the pictures of an embed; without validation anything may stand between them."""
    return [item for item in items if isinstance(item, dict) and is_blob(item.get("image"))]


def blobs_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the references to files anywhere in a record, in order."""
    if isinstance(value, dict):
        if is_blob(value):
            yield value
            return
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from blobs_in(item)


STRONG_REF = fields(
    {"uri": string(form=is_at_uri, called="AT URI"), "cid": string(form=is_cid, called="CID")},
)
QUOTE = fields({"record": STRONG_REF})
FACET = fields(
    {
        "index": fields({"byteStart": integer(0), "byteEnd": integer(0)}),
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
ASPECT_RATIO = fields({"width": integer(1), "height": integer(1)})
VIDEO_MAX_BYTES = 300_000_000
CAPTION = fields({"lang": string(form=is_language, called="language"), "file": blob("text/vtt", 20_000)})
VIDEO = fields(
    {"video": blob("video/mp4", VIDEO_MAX_BYTES)},
    {"captions": array(CAPTION, 20), "alt": string(), "aspectRatio": ASPECT_RATIO, "presentation": string()},
)
THUMB_MAX_BYTES = 1_000_000
LINK_CARD = fields(
    {
        "external": fields(
            {"uri": string(form=is_uri, called="URI"), "title": string(), "description": string()},
            {"thumb": blob("image/*", THUMB_MAX_BYTES)},
        )
    }
)
SELF_LABELS = fields({"values": array(fields({"val": string(128)}), 10)})


@lru_cache
def post(image_max_bytes: int) -> Check:
    """Return the check of a post; how large its pictures may be has changed over time."""
    picture = blob("image/*", image_max_bytes)
    image = fields({"image": picture, "alt": string()}, {"aspectRatio": ASPECT_RATIO})
    shown = fields({"image": picture, "alt": string(), "aspectRatio": ASPECT_RATIO})
    shown_beside = {
        "app.bsky.embed.external": LINK_CARD,
        "app.bsky.embed.images": fields({"images": array(image, 4)}),
        "app.bsky.embed.gallery": fields({"items": array(union({"app.bsky.embed.gallery#image": shown}), 20)}),
        "app.bsky.embed.video": VIDEO,
    }
    with_media = fields({"record": QUOTE, "media": union(shown_beside)})
    embeds = {**shown_beside, "app.bsky.embed.record": QUOTE, "app.bsky.embed.recordWithMedia": with_media}
    return fields(
        {"text": string(3_000, 300), "createdAt": string(form=is_datetime, called="datetime")},
        {
            "facets": array(FACET),
            "reply": fields({"root": STRONG_REF, "parent": STRONG_REF}),
            "embed": union(embeds),
            "langs": array(string(form=is_language, called="language"), 3),
            "labels": union({"com.atproto.label.defs#selfLabels": SELF_LABELS}),
            "tags": array(string(640, 64), 8),
        },
    )


AT_URI = string(form=is_at_uri, called="AT URI")
GATE = {"post": AT_URI, "createdAt": string(form=is_datetime, called="datetime")}
REPLY_RULES = {
    **{f"{THREADGATES}#{name}Rule": fields({}) for name in ("mention", "follower", "following")},
    f"{THREADGATES}#listRule": fields({"list": AT_URI}),
}
QUOTE_RULES = {f"{POSTGATES}#disableRule": fields({})}
GATES = {
    THREADGATES: fields(GATE, {"allow": array(union(REPLY_RULES), 5), "hiddenReplies": array(AT_URI, 300)}),
    POSTGATES: fields(
        GATE, {"embeddingRules": array(union(QUOTE_RULES), 5), "detachedEmbeddingUris": array(AT_URI, 50)}
    ),
}
KNOWN = frozenset({POSTS, *GATES})


def check_record(collection: str, record: dict[str, Any], *, image_max_bytes: int) -> None:
    """Raise Unfit unless the record is as the lexicon of its collection, one of KNOWN, has it."""
    check = GATES.get(collection) or post(image_max_bytes)
    try:
        check(record, "$.record")
    except Unfit as unfit:
        raise Unfit(f"Invalid {collection} record: {unfit}") from None
