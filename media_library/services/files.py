"""Bytes: into the storage, out of it, and the scratch folder beside it. The same code for local disk and S3.

Names in the storage are relative to its root, the folder `media/`: `{user_id}/{stem}.{ext}` for originals,
`thumbnails/{user_id}/thumb_{stem}.jpg`, `renditions/{user_id}/{stem}_{recipe}.{ext}`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from weakref import WeakKeyDictionary

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage, storages
from django.utils.translation import gettext

from mastablasta.core.errors import NotThere, Unreachable

log = structlog.get_logger(__name__)

BLOCK = 512 * 1024
REST_S = 3.0  # how long a storage is left alone that answered nobody
_silent_until: WeakKeyDictionary[Any, float] = WeakKeyDictionary()


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
    """Move a scratch file into the storage; returns the name it has there. Renamed on local disk, sent to S3.

    Raises Unreachable when the storage does not answer. Not synced to the disk first, which takes about a second for
    500 MB: a power cut just after may leave a row without its bytes, and `prune` tells of it.
    """
    try:
        with _Arrived(path) as file, _reaching_storage(name):
            return default_storage.save(name, file)
    except NotThere as error:  # the bucket is not
        raise _unreachable() from error


def discard(names: Iterable[str]) -> None:
    """Remove files from the storage; "" and what is gone already are passed over. Raises Unreachable."""
    for name in names:
        if name:
            with _reaching_storage(name):
                default_storage.delete(name)


@contextmanager
def local(stored_name: str) -> Iterator[Path]:
    """A stored file as a local path to read: itself on local disk, else a copy that is gone at the end.

    Raises FileNotFoundError, Unreachable.
    """
    if is_local():
        yield Path(default_storage.path(stored_name))
        return
    with scratch(Path(stored_name).suffix) as copy:
        with _reaching_storage(stored_name), default_storage.open(stored_name, "rb") as stored, copy.open("wb") as out:
            shutil.copyfileobj(stored, out, 1024 * 1024)
        yield copy


def is_local() -> bool:
    """Whether the storage is this host's own disk."""
    return isinstance(storages["default"], FileSystemStorage)


class Part:
    """Bytes of a stored file, block by block; closed at their end, or by whoever stops before."""

    def __init__(self, source: Any, length: int, stored_name: str) -> None:
        self._source, self._left, self._stored_name = source, length, stored_name

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        with _reaching_storage(self._stored_name):
            block: bytes = self._source.read(min(BLOCK, self._left)) if self._left else b""
        if not block:
            self.close()
            raise StopIteration
        self._left -= len(block)
        return block

    def close(self) -> None:
        self._source.close()


def part(stored_name: str, *, start: int, length: int) -> Part:
    """`length` bytes of a stored file from `start` on, read as they are asked for; no more than these leave S3.

    Raises NotThere when the storage does not have the file, Unreachable when it does not answer.
    """
    if not is_local():
        end = f"{start + length - 1}" if length else ""
        return Part(_from_s3(stored_name, f"bytes={start}-{end}"), length, stored_name)
    try:
        file = default_storage.open(stored_name, "rb")
    except FileNotFoundError as error:
        raise _lost(stored_name) from error
    file.seek(start)
    return Part(file, length, stored_name)


def content(stored_name: str) -> bytes:
    """All bytes of a small file, as a thumbnail. Raises NotThere, Unreachable."""
    if not is_local():
        with closing(_from_s3(stored_name)) as body, _reaching_storage(stored_name):
            return bytes(body.read())
    try:
        with default_storage.open(stored_name, "rb") as file:
            return bytes(file.read())
    except FileNotFoundError as error:
        raise _lost(stored_name) from error


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the storage says of a file. `size` in bytes."""

    name: str
    size: int
    modified_at: datetime


def stored() -> Iterator[StoredFile]:
    """Every file of the storage, whoever put it there; without scratch files."""
    storage: Any = storages["default"]
    if not is_local():
        prefix = f"{storage.location}/".lstrip("/")
        for found in storage.bucket.objects.filter(Prefix=prefix):
            yield StoredFile(found.key.removeprefix(prefix), found.size, found.last_modified)
        return
    root = Path(storage.location)
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if Path(folder, name) != settings.MEDIA_INCOMING]
        for name in names:
            yield from _on_disk(Path(folder, name), root)


def abandoned(*, before: datetime) -> Iterator[Path]:
    """Scratch files that nobody has written to since `before`: of processes that ended in the middle."""
    for folder, _, names in os.walk(settings.MEDIA_INCOMING):
        for name in names:
            path = Path(folder, name)
            yield from (path for one in _on_disk(path, settings.MEDIA_INCOMING) if one.modified_at < before)


def _on_disk(path: Path, root: Path) -> Iterator[StoredFile]:
    with suppress(FileNotFoundError):  # gone meanwhile
        about = path.stat()
        modified_at = datetime.fromtimestamp(about.st_mtime, UTC)
        yield StoredFile(path.relative_to(root).as_posix(), about.st_size, modified_at)


def link(stored_name: str, *, lasts_s: int, mime_type: str, disposition: str, is_for_all: bool) -> str:
    """An address of the file at S3 itself. Signed, and good for `lasts_s`; `is_for_all` may have the CDN's instead."""
    storage: Any = storages["default"]
    if is_for_all and storage.custom_domain:
        return str(storage.url(stored_name))
    how = {"ResponseContentType": mime_type, "ResponseContentDisposition": disposition}
    at = {"Bucket": storage.bucket_name, "Key": _key(storage, stored_name)}
    return str(storage.bucket.meta.client.generate_presigned_url("get_object", Params=at | how, ExpiresIn=lasts_s))


@contextmanager
def _reaching_storage(stored_name: str) -> Iterator[None]:
    """Say in our words that S3 does not have a file (NotThere) or does not do what it is asked (Unreachable).

    Where it has just kept somebody waiting in vain, the next ones are told so at once.
    """
    if is_local():
        yield
        return
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

    storage = storages["default"]
    if time.monotonic() < _silent_until.get(storage, 0.0):
        raise _unreachable()
    try:
        yield
    except (ConnectTimeoutError, ReadTimeoutError) as error:
        _silent_until[storage] = time.monotonic() + REST_S
        raise _silent(stored_name) from error
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in {404, 416}:
            raise _lost(stored_name) from error
        raise _silent(stored_name) from error
    except (BotoCoreError, Boto3Error) as error:
        raise _silent(stored_name) from error


def _from_s3(stored_name: str, *ranges: str) -> Any:
    storage: Any = storages["default"]
    which = {"Range": ranges[0]} if ranges else {}
    with _reaching_storage(stored_name):
        return storage.bucket.Object(_key(storage, stored_name)).get(**which)["Body"]


def _key(storage: Any, stored_name: str) -> str:
    return f"{storage.location}/{stored_name}".lstrip("/")


def _lost(stored_name: str) -> NotThere:
    log.warning("file_lost", stored_name=stored_name)
    sentence = "The bytes of this file are lost; upload it again, and tell the operator of this server."
    return NotThere("file_lost", sentence)


def _silent(stored_name: str) -> Unreachable:
    log.warning("storage_unreachable", stored_name=stored_name, exc_info=True)
    return _unreachable()


def _unreachable() -> Unreachable:
    return Unreachable(
        "storage_unreachable", "The storage of files does not answer just now; try again a little later."
    )


def place() -> str:
    """Where files are, for operators: the disk of this host, or which bucket."""
    storage: Any = storages["default"]
    if is_local():
        return gettext("this host's disk")
    return gettext("the bucket %(bucket)s, below %(path)s/") % {"bucket": storage.bucket_name, "path": storage.location}
