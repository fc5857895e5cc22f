"""One file that holds a backup: a tar whose members are checked against its manifest, and which is whole or not there.

Members are what was put in, then `manifest.json` (what they are, with the SHA-256 and size in bytes of each) and
`manifest.sha256`. Uncompressed as a whole: media is compressed already, and the database's members are gzipped.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

MANIFEST, MANIFEST_SUM = "manifest.json", "manifest.sha256"
BLOCK = 1024 * 1024
PARTIAL = ".partial"


class BackupProblem(Exception):
    """Why a backup cannot be made, read or restored, with the remedy, in one sentence."""


class _Hashing:
    """A readable that remembers what went through it."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source = source
        self.sum = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self.source.read(size)
        self.sum.update(block)
        return block


class ArchiveWriter:
    """An archive that is being written. Use `writing`."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.members: dict[str, dict[str, Any]] = {}

    def add(self, name: str, source: IO[bytes], *, size: int) -> None:
        """Put in `size` bytes of `source`. Raises OSError when there are fewer, or the disk is full."""
        about = tarfile.TarInfo(name)
        about.size, about.mode = size, 0o600
        hashing = _Hashing(source)
        self._tar.addfile(about, hashing)
        self.members[name] = {"size": size, "sha256": hashing.sum.hexdigest()}

    def close(self, manifest: Mapping[str, Any]) -> None:
        text = json.dumps({**manifest, "members": self.members}, indent=1).encode()
        self._add_text(MANIFEST, text)
        self._add_text(MANIFEST_SUM, hashlib.sha256(text).hexdigest().encode())

    def _add_text(self, name: str, text: bytes) -> None:
        about = tarfile.TarInfo(name)
        about.size, about.mode = len(text), 0o600
        self._tar.addfile(about, io.BytesIO(text))


@contextmanager
def writing(path: Path) -> Iterator[ArchiveWriter]:
    """A new archive that stands at `path` once the block has ended well and it is on the disk; else nothing does."""
    draft = path.with_name(path.name + PARTIAL)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w|", bufsize=BLOCK, format=tarfile.PAX_FORMAT) as tar:
                yield ArchiveWriter(tar)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Each member with its bytes, in the order in which they were put in.

    Raises tarfile.TarError and OSError: `verified_manifest` is to be asked first.
    """
    with tarfile.open(path, mode="r|", bufsize=BLOCK) as tar:
        for about in tar:
            source = tar.extractfile(about)
            if source is None:
                raise tarfile.ReadError(f"{about.name} is not a file")
            yield about.name, source


def verified_manifest(path: Path) -> dict[str, Any]:
    """What the archive says of itself, once every byte of it was compared. Raises BackupProblem."""
    try:
        found, texts = _read_all(path)
    except tarfile.TarError as error:
        raise BackupProblem(f"{path} is damaged ({error}); take another backup") from error
    except OSError as error:
        raise BackupProblem(f"{path} cannot be read ({error.strerror or error}); name a backup") from error
    text = texts.get(MANIFEST, b"")
    if not text or hashlib.sha256(text).hexdigest().encode() != texts.get(MANIFEST_SUM):
        raise BackupProblem(f"{path} is not whole: its manifest is missing or damaged; take another backup")
    manifest: dict[str, Any] = json.loads(text)
    wrong = sorted(
        name for name in manifest["members"].keys() | found if manifest["members"].get(name) != found.get(name)
    )
    if wrong:
        raise BackupProblem(f"{path} is damaged: {', '.join(wrong[:5])}; take another backup")
    return manifest


def _read_all(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, bytes]]:
    """Size and SHA-256 of what was put in, and the texts of the manifest."""
    found: dict[str, dict[str, Any]] = {}
    texts: dict[str, bytes] = {}
    for name, source in members(path):
        if name in {MANIFEST, MANIFEST_SUM}:
            texts[name] = source.read()
            continue
        total, size = hashlib.sha256(), 0
        while block := source.read(BLOCK):
            total.update(block)
            size += len(block)
        found[name] = {"size": size, "sha256": total.hexdigest()}
    return found, texts
