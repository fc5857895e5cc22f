"""The same picture, byte for byte, without what it tells: EXIF with its place and its camera, XMP, comments, names.

Kept is only what a decoder needs to show pixels and colours rightly; what is not known here is left out. Whatever lies
behind the end of the picture, such as a second one or a hidden archive, is left out too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path


class Malformed(Exception):
    """The file is not built as its type says. A decoder may be more patient: encode it again."""


def strip(source: Path, to: Path, mime_type: str) -> None:
    """Write `source`, a JPEG, PNG, GIF or WebP, to `to` without its metadata. Raises Malformed."""
    try:
        parts = list(_STRIPPERS[mime_type](source.read_bytes()))
    except (KeyError, IndexError) as error:
        raise Malformed(f"{mime_type}: {error!r}") from error
    to.write_bytes(b"".join(parts))


# --- JPEG ---
_END, _SCAN = 0xD9, 0xDA
_APP0, _APP2, _APP14 = 0xE0, 0xE2, 0xEE
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_NEEDED = {*range(0xC0, 0xD0), *range(0xDB, 0xE0), _SCAN} - {0xC8}  # frames, tables, restarts, scans
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _jpeg(data: bytes) -> Iterator[bytes]:
    if data[:2] != b"\xff\xd8":
        raise Malformed("no JPEG")
    yield data[:2]
    at = 2
    while at < len(data):
        if data[at] != 0xFF:
            raise Malformed("no marker where one belongs")
        marker = data[at + 1]
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker == _END:
            break
        if marker in _WITHOUT_LENGTH:
            raise Malformed("a marker out of place")
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(data):
            raise Malformed("a segment that is too long")
        yield _jpeg_segment(marker, data[at + 4 : end])
        if marker == _SCAN:
            found = _AFTER_SCAN.search(data, end)
            at, end = end, found.start() if found else len(data)
            yield data[at:end]
        at = end
    yield b"\xff\xd9"


def _jpeg_segment(marker: int, content: bytes) -> bytes:
    if marker == _APP0 and content.startswith(b"JFIF\0"):
        content = content[:12] + b"\0\0"  # without its thumbnail
    elif marker == _APP14 and content.startswith(b"Adobe"):
        content = content[:12]  # says how colours are stored
    elif marker not in _NEEDED and not (marker == _APP2 and content.startswith(b"ICC_PROFILE\0")):
        return b""
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


# --- PNG ---
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_NEEDED = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"sBIT"}


def _png(data: bytes) -> Iterator[bytes]:
    if data[:8] != _PNG:
        raise Malformed("no PNG")
    yield _PNG
    at = 8
    while at < len(data):
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            raise Malformed("a chunk that is too long")
        if kind in _PNG_NEEDED:
            yield data[at:end]
        if kind == b"IEND":
            return
        at = end
    raise Malformed("no end")


# --- WebP ---
_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04
_WEBP_NEEDED = {b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ICCP"}


def _webp(data: bytes) -> Iterator[bytes]:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise Malformed("no WebP")
    kept = b"".join(_webp_chunks(data, 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))))
    yield b"RIFF" + (len(kept) + 4).to_bytes(4, "little") + b"WEBP" + kept


def _webp_chunks(data: bytes, at: int, end: int) -> Iterator[bytes]:
    while at + 8 <= end:
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > end:
            raise Malformed("a chunk that is too long")
        content = data[at + 8 : at + 8 + size]
        if kind == b"VP8X":
            yield _webp_chunk(kind, bytes((content[0] & ~(_EXIF_FLAG | _XMP_FLAG),)) + content[1:])
        elif kind == b"ANMF":
            yield _webp_chunk(kind, content[:16] + b"".join(_webp_chunks(content, 16, len(content))))
        elif kind in _WEBP_NEEDED:
            yield _webp_chunk(kind, content)
        at += 8 + size + size % 2


def _webp_chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(4, "little") + content + b"\0" * (len(content) % 2)


# --- GIF ---
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


def _gif(data: bytes) -> Iterator[bytes]:
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        raise Malformed("no GIF")
    at = 13 + _table_size(data[10])
    yield data[:at]
    while at < len(data):
        kind = data[at]
        if kind == _TRAILER:
            break
        if kind == _EXTENSION:
            end = _end_of_blocks(data, at + 2)
            is_loop = data[at + 1] == _APPLICATION and data[at + 3 : at + 14] in _LOOPS
            if is_loop or data[at + 1] == _GRAPHIC_CONTROL:
                yield data[at:end]
        elif kind == _IMAGE:
            end = _end_of_blocks(data, at + 11 + _table_size(data[at + 9]))
            yield data[at:end]
        else:
            raise Malformed("a block that is not known")
        at = end
    yield bytes((_TRAILER,))


def _table_size(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _end_of_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1


_STRIPPERS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "image/jpeg": _jpeg,
    "image/png": _png,
    "image/webp": _webp,
    "image/gif": _gif,
}
