"""Which kind of file some bytes are, and how large the picture in them is, read from the bytes alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass

AUDIO_BRANDS = (b"M4A ", b"M4B ")
JPEG_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(slots=True, frozen=True)
class Kind:
    """`width` and `height` in pixels are known for pictures only."""

    mime_type: str
    width: int | None = None
    height: int | None = None


def kind_of(data: bytes) -> Kind | None:
    """Return the kind, None for bytes that are no picture, video, sound or PDF."""
    if data.startswith(b"%PDF-"):
        return Kind("application/pdf")
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        return Kind("image/png", *struct.unpack(">II", data[16:24]))
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return Kind("image/gif", *struct.unpack("<HH", data[6:10]))
    if data.startswith(b"\xff\xd8\xff"):
        return Kind("image/jpeg", *_jpeg_size(data))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Kind("image/webp", *_webp_size(data))
    return _moving_kind(data)


def _moving_kind(data: bytes) -> Kind | None:
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand in AUDIO_BRANDS:
            return Kind("audio/mp4")
        return Kind("video/quicktime" if brand == b"qt  " else "video/mp4")
    if data.startswith(b"\x1aE\xdf\xa3"):
        return Kind("video/webm")
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return Kind("audio/wav")
    if data.startswith(b"OggS"):
        return Kind("audio/ogg")
    if data.startswith((b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2")):
        return Kind("audio/mpeg")
    return None


def _jpeg_size(data: bytes) -> tuple[int | None, int | None]:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None, None
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in JPEG_SIZE_MARKERS:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return None, None


def _webp_size(data: bytes) -> tuple[int | None, int | None]:
    form, head = data[12:16], data[20:30]
    if len(head) < 10:
        return None, None
    if form == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if form == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack("<HH", head[6:10])
    return width & 0x3FFF, height & 0x3FFF


def gif_frames(data: bytes) -> int:
    """Return how many pictures a GIF holds, up to where it can be read.

    Source: https://www.w3.org/Graphics/GIF/spec-gif89a.txt.
    """
    frames, at = 0, 13 + _colours(data, 10)
    while at < len(data):
        if data[at] == 0x2C:
            frames += 1
            at = _after_blocks(data, at + 11 + _colours(data, at + 9))
        elif data[at] == 0x21:
            at = _after_blocks(data, at + 2)
        else:
            break
    return frames


def _colours(data: bytes, at: int) -> int:
    """Return the size of the table of colours that the flags at this place announce."""
    flags = data[at] if at < len(data) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1
