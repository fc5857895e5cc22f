"""Where the world outlives the process: a folder that it is written to when it is quiet, and at the end.

`world.json` is a checksum and what `sandbox.snapshot` made of the world; beside it is each uploaded file.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from time import monotonic

from sandbox.snapshot import Damaged, dumps, loads
from sandbox.world import World

QUIET_S = 0.5
MOST_POSTS, MOST_FILE_BYTES = 2_000, 16 << 20
"""Of more, writing would hold up the next call: they are written at the end only."""


class Store:
    """Keeps a world in `folder`; None = it ends with the process."""

    def __init__(self, world: World, folder: Path | None) -> None:
        self.world = world
        self.folder = folder
        self._saved_at = 0.0
        self._has_complained = False

    def load(self) -> None:
        """Take over the world that is kept; of one that cannot be read say so, lay it aside and begin afresh."""
        if self.folder is None:
            return
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as exc:
            self._say(f"{self._path} cannot be read ({exc.strerror}); the world begins afresh")
            return
        try:
            kept = loads(checked(data))
            self.world.restore(kept["world"])
            self._load_files(kept["files"])
        except (Damaged, AttributeError, LookupError, TypeError, ValueError) as exc:
            aside = self._path.with_suffix(".damaged")
            os.replace(self._path, aside)
            self.world.forget_everything()
            self._say(f"{self._path} is damaged ({exc}); it is kept as {aside.name}, and the world begins afresh")

    def look(self) -> None:
        """Write the world when it has changed and nobody calls at the moment; to be called now and then."""
        touched_at = self.world.touched_at
        is_quiet = self._saved_at < touched_at < monotonic() - QUIET_S
        is_small = len(self.world.posts) <= MOST_POSTS and self.world.files.size <= MOST_FILE_BYTES
        if is_quiet and is_small:
            self.save()

    def save(self) -> None:
        """Write the world as it is now, if it has changed; whoever reads meanwhile finds the old one or the new."""
        if self.folder is None or self.world.touched_at <= self._saved_at:
            return
        self._saved_at = monotonic()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files.mkdir(mode=0o700, exist_ok=True)
            self._save_files(self._files)
            body = dumps({"world": self.world.kept(), "files": self.world.files.names()})
            write(self._path, checksum(body) + b"\n" + body)
        except (OSError, TypeError) as exc:
            if not self._has_complained:
                self._say(f"the world cannot be kept in {self.folder}: {exc}")
            self._has_complained = True

    def forget(self) -> None:
        """Drop what is kept."""
        if self.folder is None:
            return
        self._path.unlink(missing_ok=True)
        for path in self._files.glob("*"):
            path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return Path(self.folder or "") / "world.json"

    @property
    def _files(self) -> Path:
        return Path(self.folder or "") / "files"

    def _save_files(self, folder: Path) -> None:
        """Write what is new of the uploaded files, and remove what is gone."""
        wanted = {name_of(site, file_id): (site, file_id) for site, file_id in self.world.files.names()}
        there = {path.name for path in folder.iterdir()}
        for name in there - wanted.keys():
            (folder / name).unlink()
        for name in wanted.keys() - there:
            write(folder / name, self.world.files.find(*wanted[name]) or b"")

    def _load_files(self, keys: list[tuple[str, str]]) -> None:
        """Take the uploaded files over; one that is gone is shown as such."""
        for site, file_id in keys:
            path = self._files / name_of(site, file_id)
            if path.exists():
                self.world.files.keep(site, file_id, path.read_bytes())

    def _say(self, sentence: str) -> None:
        print(f"sandbox: {sentence}", file=sys.stderr, flush=True)


def checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def checked(data: bytes) -> bytes:
    """Return what stands behind its checksum. Raises Damaged."""
    told, _, body = data.partition(b"\n")
    if told != checksum(body):
        raise Damaged("its checksum is wrong")
    return body


def name_of(site: str, file_id: str) -> str:
    return hashlib.sha256(f"{site}/{file_id}".encode()).hexdigest()


def write(path: Path, data: bytes) -> None:
    """Put a file there, whole or not at all, for nobody else to read. Raises OSError."""
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
