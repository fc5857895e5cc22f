"""multipart/form-data whose files are read block by block, never whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

BLOCK = 64 * 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file by path, or as bytes. Of a path, `length` bytes from `offset` on; None = to its end."""

    filename: str
    mime_type: str
    path: str = ""
    content: bytes = field(default=b"", repr=False)
    offset: int = 0
    length: int | None = None

    @property
    def size(self) -> int:
        if not self.path:
            return len(self.content)
        rest = max(0, os.stat(self.path).st_size - self.offset)
        return rest if self.length is None else min(rest, self.length)

    def blocks(self) -> Iterator[bytes]:
        if not self.path:
            yield self.content
            return
        left = self.size
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            while left and (block := file.read(min(BLOCK, left))):
                left -= len(block)
                yield block


class Form:
    """The body: can be iterated once for each call, `length` bytes long."""

    def __init__(self, pieces: Sequence[bytes | File]) -> None:
        self._pieces = pieces

    @property
    def length(self) -> int:
        return sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in self._pieces)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from piece.blocks()


def multipart(
    fields: Mapping[str, Any] | Sequence[tuple[str, Any]] | bytes | None, files: Mapping[str, File]
) -> tuple[Form, str]:
    """Return the body and its Content-Type."""
    if isinstance(fields, bytes):
        raise TypeError("files go with fields, not with a ready-made body")
    boundary = secrets.token_hex(16)
    pieces: list[bytes | File] = []
    for name, value in fields.items() if isinstance(fields, Mapping) else fields or ():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'
        pieces.append(f"{head}{value}\r\n".encode())
    for name, file in files.items():
        disposition = f'form-data; name="{_quoted(name)}"; filename="{_quoted(file.filename)}"'
        head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: {_quoted(file.mime_type)}\r\n\r\n"
        pieces += [head.encode(), file, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return Form(pieces), f"multipart/form-data; boundary={boundary}"


def _quoted(text: str) -> str:
    """As browsers write names: https://html.spec.whatwg.org/#multipart-form-data (read 2026-11-23)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
