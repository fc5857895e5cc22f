"""Bytes: into the storage, out of it, and the scratch folder beside it. The same code for local disk and S3.

Names in the storage are relative to its root, the folder `media/`: `{user_id}/{stem}.{ext}` for originals,
`thumbnails/{user_id}/thumb_{stem}.jpg`, `renditions/{user_id}/{stem}_{recipe}.{ext}`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage, storages


@contextmanager
def scratch(suffix: str = "") -> Iterator[Path]:
    """The path of a new, empty file beside the storage; what is still there at the end is removed."""
    settings.MEDIA_INCOMING.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=suffix, dir=settings.MEDIA_INCOMING)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


class _Arrived(File):  # type: ignore[type-arg]  # generic in the stubs only
    """A file that a local storage may take over by renaming it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.open("rb"))
        self._path = str(path)

    def temporary_file_path(self) -> str:
        return self._path


def keep(path: Path, name: str) -> str:
    """Move a scratch file into the storage; returns the name it has there. Renamed on local disk, sent to S3."""
    with _Arrived(path) as file:
        return default_storage.save(name, file)


def discard(names: Iterable[str]) -> None:
    """Remove files from the storage; "" and what is gone already are passed over."""
    for name in names:
        if name:
            default_storage.delete(name)


@contextmanager
def local(stored_name: str) -> Iterator[Path]:
    """A stored file as a local path to read: itself on local disk, else a copy that is gone at the end."""
    if is_local():
        yield Path(default_storage.path(stored_name))
        return
    with scratch(Path(stored_name).suffix) as copy:
        with default_storage.open(stored_name, "rb") as stored, copy.open("wb") as out:
            shutil.copyfileobj(stored, out, 1024 * 1024)
        yield copy


def is_local() -> bool:
    """Whether the storage is this host's own disk."""
    return isinstance(storages["default"], FileSystemStorage)
