"""What may be uploaded: ten formats, known by their first bytes, and how large each may be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import puremagic

from media_library.codecs.captions import SRT, VTT

MB = 1024 * 1024
FIRST_BLOCK = 4096  # enough to know a format by


@dataclass(frozen=True, slots=True)
class Format:
    """One of the formats; `kind` image, video, document or captions, `container` as PyAV and Pillow call it."""

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
        Format("application/pdf", "document", "PDF", "pdf", 100 * MB),
        Format(SRT, "captions", "SRT", "srt", MB),
        Format(VTT, "captions", "VTT", "vtt", MB),
    )
}
LARGEST = max(one.max_bytes for one in FORMATS.values())
NAMES = "JPEG, PNG, GIF, WebP, MP4, MOV, AVI, PDF, SRT or WebVTT"
# How files are called in their kind's limits, and which kinds have pictures to show.
CALLED = {"image": "pictures", "video": "videos", "document": "documents", "captions": "captions"}
HAVE_PICTURES = frozenset({"image", "video"})
# What a file with an `ftyp` box says it is: its own brand, then those that it is compatible with.
# https://mp4ra.org/registered-types/brands (read 2026-11-28)
MP4_BRANDS = frozenset(
    {b"isom", b"avc1", b"mp41", b"mp42", b"mp71", b"dash", b"cmfc", b"M4V ", b"MSNV", b"XAVC", b"f4v "}
    | {b"iso%d" % number for number in range(2, 10)}
    | {b"3g%c%d" % (kind, number) for kind in b"pg2" for number in range(1, 8)}
)
_OTHER_BOXES = (  # the narrower ones first: an AVIF is a HEIF too
    ({b"avif", b"avis"}, ".avif"),
    ({b"mif1", b"mif2", b"msf1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"miaf"}, ".heif"),
    ({b"M4A ", b"M4B ", b"M4P "}, ".m4a"),
)
_SAME = {"video/avi": "video/x-msvideo", "video/msvideo": "video/x-msvideo", "video/x-m4v": "video/mp4"}


def format_of(first_block: bytes) -> Format | None:
    """The format that a file of this beginning claims to be of; None = none of ours. The decoder has the last word."""
    if first_block.startswith(b"\xff\xd8\xff"):  # too short for puremagic to prefer it to whatever else is in there
        return FORMATS["image/jpeg"]
    if first_block.startswith(b"%PDF-"):
        return FORMATS["application/pdf"]
    if captions := _captions(first_block):
        return captions
    best = _candidates(first_block)
    for one in best:
        found = FORMATS.get(_SAME.get(one.mime_type, one.mime_type))
        if found is not None and found.container != "JPEG":  # so it calls JPEG 2000
            return found
    if not best and MP4_BRANDS & {*_brands(first_block)}:  # of a brand that puremagic has not heard of
        return FORMATS["video/mp4"]
    return None


_WEBVTT = re.compile(r"WEBVTT(?:[ \t\r\n]|$)")
_SUBRIP = re.compile(r"\s*\d{1,9}[ \t]*(?:\r\n|\r|\n)[^\r\n]{1,60}-->")


def _captions(first_block: bytes) -> Format | None:
    """Which captions a text begins like; in UTF-16 too, so that they can be told to be UTF-8."""
    is_wide = first_block.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = first_block.decode("utf-16" if is_wide else "utf-8-sig", "replace").removeprefix("\ufeff")
    if _WEBVTT.match(text):
        return FORMATS[VTT]
    return FORMATS[SRT] if _SUBRIP.match(text) else None


def looks_like(first_block: bytes) -> str:
    """The usual file name extension of what this is, as `.pdf`, or the brand that it names; "" when nobody can tell."""
    if brands := _brands(first_block):
        for family, extension in _OTHER_BOXES:
            if family & {*brands}:
                return extension
        return f"an MP4 of the brand {brands[0].decode('ascii', 'replace').strip()!r}"
    named = [one.extension for one in _candidates(first_block) if one.extension]
    return named[0] if named else ""


def _brands(first_block: bytes) -> list[bytes]:
    """The brands of an `ftyp` box, the file's own first; [] without one."""
    if first_block[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(first_block[:4], "big"), len(first_block))
    return [first_block[8:12], *(first_block[at : at + 4] for at in range(16, end - 3, 4))]


def _candidates(first_block: bytes) -> Sequence[puremagic.PureMagicWithConfidence]:
    """The likeliest, all of the same confidence."""
    try:
        found = puremagic.magic_string(first_block[:FIRST_BLOCK])
    except (puremagic.PureError, ValueError):
        return []
    return [one for one in found if one.confidence == found[0].confidence]
