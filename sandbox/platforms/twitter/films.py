"""How long a film lasts, read from an MP4's own head; nothing is decoded."""

from __future__ import annotations

from collections.abc import Iterator

HEAD = 8


def duration_ms(data: bytes) -> int | None:
    """Return the length that `moov/mvhd` gives; None where there is none."""
    for name, start, end in boxes(data, 0, len(data)):
        if name == b"moov":
            for inner, at, inner_end in boxes(data, start, end):
                if inner == b"mvhd":
                    return _length(data[at:inner_end])
    return None


def boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of what each box between `at` and `end` holds, as far as they can be followed."""
    while at + HEAD <= end:
        size, start = int.from_bytes(data[at : at + 4], "big"), at + HEAD
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        box_end = end if size == 0 else at + size
        if not start <= box_end <= end:
            return
        yield data[at + 4 : at + HEAD], start, box_end
        at = box_end


def _length(head: bytes) -> int | None:
    """Read a movie header: version 0 has numbers of 4 bytes, version 1 times and duration of 8."""
    at, width = (20, 8) if head[:1] == b"\x01" else (12, 4)
    scale = int.from_bytes(head[at : at + 4], "big")
    if len(head) < at + 4 + width or not scale:
        return None
    return int.from_bytes(head[at + 4 : at + 4 + width], "big") * 1000 // scale
