"""What may be uploaded: seven formats, known by their first bytes, and how large each may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import puremagic

MB = 1024 * 1024
FIRST_BLOCK = 4096  # enough to know a format by


@dataclass(frozen=True, slots=True)
class Format:
    """One of the formats; `kind` image or video, `container` as PyAV and Pillow call it."""

    mime_type: str
    kind: str
    container: str
    extension: str
    max_bytes: int


FORMATS = {
    one.mime_type: one
    for one in (
        Format("image/jpeg", "image", "JPEG", "jpg", 10 * MB),
        Format("image/png", "image", "PNG", "png", 10 * MB),
        Format("image/gif", "image", "GIF", "gif", 10 * MB),
        Format("image/webp", "image", "WEBP", "webp", 10 * MB),
        Format("video/mp4", "video", "mp4", "mp4", 500 * MB),
        Format("video/quicktime", "video", "mov", "mov", 500 * MB),
        Format("video/x-msvideo", "video", "avi", "avi", 500 * MB),
    )
}
LARGEST = max(one.max_bytes for one in FORMATS.values())
NAMES = "JPEG, PNG, GIF, WebP, MP4, MOV or AVI"
_SAME = {"video/avi": "video/x-msvideo", "video/msvideo": "video/x-msvideo", "video/x-m4v": "video/mp4"}


def format_of(first_block: bytes) -> Format | None:
    """The format that a file of this beginning claims to be of; None = none of ours. The decoder has the last word."""
    if first_block.startswith(b"\xff\xd8\xff"):  # too short for puremagic to prefer it to whatever else is in there
        return FORMATS["image/jpeg"]
    best = _candidates(first_block)
    for one in best:
        found = FORMATS.get(_SAME.get(one.mime_type, one.mime_type))
        if found is not None and found.container != "JPEG":  # so it calls JPEG 2000
            return found
    if not best and first_block[4:8] == b"ftyp":  # of a brand that nobody has heard of
        return FORMATS["video/mp4"]
    return None


def looks_like(first_block: bytes) -> str:
    """The usual file name extension of what this is, as `.pdf`; "" when nobody can tell."""
    named = [one.extension for one in _candidates(first_block) if one.extension]
    return named[0] if named else ""


def _candidates(first_block: bytes) -> Sequence[puremagic.PureMagicWithConfidence]:
    """The likeliest, all of the same confidence."""
    try:
        found = puremagic.magic_string(first_block[:FIRST_BLOCK])
    except (puremagic.PureError, ValueError):
        return []
    return [one for one in found if one.confidence == found[0].confidence]
