"""A file while its bytes arrive, from whoever sends them: to scratch, hashed on the way, refused as soon as can be."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings

from mastablasta.core.errors import FieldProblem, NoRoom, TooLarge
from media_library.formats import CALLED, FIRST_BLOCK, LARGEST, MB, Format
from media_library.inspection import claimed_format

AROUND = 64 * 1024  # what a request may hold besides the file: its envelope and the other fields
LOOK_EVERY = 16 * MB
FULL = {errno.ENOSPC, errno.EDQUOT}


class Incoming:
    """A scratch file that is being written. `size` and `sha256` are of what has been written so far.

    `announced`: how many bytes the sender says will come, with what is around them; 0 = it does not say.
    Whoever makes one calls `discard` in the end (or uses it with `with`): it is gone then, unless it was moved.
    """

    def __init__(self, announced: int = 0) -> None:
        """Raises TooLarge and NoRoom when what is announced cannot be taken."""
        refuse_what_is_announced(announced)
        self.size = 0
        self.form: Format | None = None
        self._announced = announced
        self._beginning = b""
        self._looked_at = 0
        self._digest = hashlib.sha256()
        settings.MEDIA_INCOMING.mkdir(parents=True, exist_ok=True)
        self._file, name = tempfile.mkstemp(dir=settings.MEDIA_INCOMING)
        self._is_open = True
        self.path = Path(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, block: bytes) -> None:
        """Take the next bytes. Raises TooLarge, NoRoom, and NotMedia once the first block is there."""
        self._refuse_too_large(self.size + len(block))
        if self.size + len(block) - self._looked_at > LOOK_EVERY:
            self._looked_at = self.size
            refuse_without_room(len(block))
        self._append(block)
        if self.form is None:
            self._beginning += block[: FIRST_BLOCK - len(self._beginning)]
            if len(self._beginning) == FIRST_BLOCK:
                self._look()

    def finish(self) -> None:
        """All is there. Raises NotMedia, TooLarge."""
        if self.form is None:
            self._look()
        self._close()  # no fsync: of 500 MB it took 0.8 to 1.4 s beside the 1.9 s of everything else

    def discard(self) -> None:
        self._close()
        with suppress(FileNotFoundError):
            self.path.unlink()

    def _look(self) -> None:
        self.form = claimed_format(self._beginning)
        self._refuse_too_large(max(self.size, self._announced - AROUND))

    def _refuse_too_large(self, size: int) -> None:
        limit = self.form.max_bytes if self.form else LARGEST
        if size > limit:
            raise too_large(limit, size, CALLED[self.form.kind] if self.form else "videos")

    def _append(self, block: bytes) -> None:
        left = memoryview(block)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            raise no_room(error) from error
        self._digest.update(block)
        self.size += len(block)

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self._file)


def refuse_what_is_announced(size: int) -> None:
    """Refuse before the first byte what cannot be taken: more than any format may have, or than there is room for."""
    if size - AROUND > LARGEST:
        raise too_large(LARGEST, size, "videos")
    refuse_without_room(size)


def refuse_without_room(more: int) -> None:
    """Raises NoRoom when `more` bytes would leave less free disk than MEDIA_RESERVE_BYTES."""
    folder = settings.MEDIA_INCOMING
    while not folder.exists():
        folder = folder.parent
    if shutil.disk_usage(folder).free - more < settings.MEDIA_RESERVE_BYTES:
        raise _full()


def no_room(error: OSError) -> Exception:
    """What to raise for a write that failed: NoRoom where the disk is full, else the error itself."""
    return _full() if error.errno in FULL else error


def _full() -> NoRoom:
    sentence = "The disk for uploads is full; ask the operator of this server to make room, then upload it again."
    return NoRoom("no_room", sentence)


def too_large(limit: int, size: int, what: str) -> TooLarge:
    """What to raise for a file of `size` bytes where `what` ("pictures", "videos") may have `limit`."""
    sentence = f"The file is larger than {limit // MB} MB, the limit for {what}; upload a smaller one."
    return TooLarge(
        "too_large", sentence, [FieldProblem("file", "too_large", sentence, {"limit": limit, "actual": size})]
    )
