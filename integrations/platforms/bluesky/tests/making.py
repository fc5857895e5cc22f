"""Files as the engine hands them to a connector."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

from integrations.contract import MediaUse


def png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def mp4(tail: bytes = b"") -> bytes:
    return b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00" * 64 + tail


class Desk:
    """Lays files into a folder, each under a name of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def use(self, data: bytes, mime_type: str, **more: Any) -> MediaUse:
        self.count += 1
        path = self.folder / f"file-{self.count}"
        path.write_bytes(data)
        return MediaUse(f"asset-{self.count}", str(path), mime_type, len(data), **more)

    def picture(self, width: int = 3, height: int = 2, **more: Any) -> MediaUse:
        return self.use(png(width, height), "image/png", width=width, height=height, **more)

    def video(self, tail: bytes = b"", **more: Any) -> MediaUse:
        shape: dict[str, Any] = {"kind": "video", "width": 16, "height": 9, "duration_s": 1.0, **more}
        return self.use(mp4(tail), "video/mp4", **shape)
