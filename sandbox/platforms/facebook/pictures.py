"""Pictures that wait for a post or a story to take them.

Source: https://developers.facebook.com/docs/graph-api/reference/page/photos (read 2026-11-23).
"""

from __future__ import annotations

import hashlib

import orjson

from sandbox.graph import refused
from sandbox.media_kinds import kind_of
from sandbox.platforms.facebook.server import Facebook
from sandbox.records import Media, Person

TAKEN = frozenset({"image/jpeg", "image/png", "image/gif"})
MAX_BYTES = 10_000_000


def keep(server: Facebook, owner: Person, data: bytes, alt_text: str, at_ms: int) -> Media:
    """Judge a picture and keep it. Raises Refused."""
    kind = kind_of(data)
    if kind is None or kind.mime_type not in TAKEN:
        raise refused("(#324) Missing or invalid image file", 324, 2069019)
    if len(data) > MAX_BYTES:
        raise refused("(#1) Your photo is too large.", 100, 1366046)
    media = Media(
        id=server.site.ids.next_at(at_ms),
        owner=owner,
        kind="photo",
        mime_type=kind.mime_type,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        filename="",
        alt_text=alt_text or None,
        ready_ms=at_ms,
        width=kind.width,
        height=kind.height,
    )
    server.site.media[media.id] = media
    server.world.files.keep(server.site.name, media.id, data)
    return media


def attached_photos(server: Facebook, owner: Person, given: object) -> tuple[Media, ...]:
    """Return the pictures that a post names in `attached_media`. Raises Refused."""
    if given is None:
        return ()
    try:
        named = orjson.loads(str(given))
        ids = [str(item["media_fbid"]) for item in named]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        raise refused("(#100) Param attached_media must be an array.", 100) from None
    return tuple(own_photo(server, owner, media_id) for media_id in ids)


def own_photo(server: Facebook, owner: Person, media_id: str) -> Media:
    """Return a picture that nothing has taken yet. Raises Refused."""
    media = server.site.media.get(media_id)
    if media is None or media.owner is not owner or media.kind != "photo":
        raise refused(f"Object with ID '{media_id}' does not exist", 100, 33, type="GraphMethodException")
    if media.post is not None:
        raise refused("(#100) This photo was already posted.", 100, 1366051)
    return media
