"""The folder of one instance: one runner at a time, and a record of what it started for the next one."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

from mastablasta.core import processes


class CannotRun(Exception):
    """Why the instance cannot be started, with the remedy, in one line."""


class InstanceDir:
    """MASTABLASTA_HOME, held by the runner that `take`s it until it ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_path = path / "run" / "up.lock"
        self._record_path = path / "run" / "processes.json"
        self._lock: IO[str] | None = None

    def take(self) -> None:
        """Raises CannotRun when the folder cannot be written, or when another runner has it."""
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            while self._lock is None:
                self._lock = self._try_lock()
        except BlockingIOError:
            raise CannotRun(
                f"MastaBlasta already runs on {self.path} (process {self._read().get('runner', 'unknown')}); "
                "stop it, or set MASTABLASTA_HOME to another folder"
            ) from None
        except OSError as error:
            raise CannotRun(
                f"MASTABLASTA_HOME: {self.path} cannot be written ({error.strerror}); name a folder that can be"
            ) from None

    def _try_lock(self) -> IO[str] | None:
        """None when the runner before us removed the file between our opening and locking it."""
        candidate = self._lock_path.open("a")
        try:
            fcntl.flock(candidate, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(candidate.fileno()), os.stat(self._lock_path)):
                return candidate
        except FileNotFoundError:
            pass
        except BaseException:
            candidate.close()
            raise
        candidate.close()
        return None

    def give(self) -> None:
        """Leave no trace of having run."""
        for path in (self._record_path, self._lock_path):
            path.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()

    def let_go(self) -> None:
        """In a child of the runner: the folder is the runner's alone, so that it is free when that one is killed."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def record(self, sessions: dict[str, int]) -> None:
        """Write down the sessions that were started, by name of the part."""
        draft = self._record_path.with_suffix(".new")
        draft.write_text(json.dumps({"runner": os.getpid(), "sessions": sessions}))
        draft.replace(self._record_path)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._record_path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def end_leftovers(self) -> int:
        """End what a runner that was killed has left behind; returns how many processes."""
        sessions = set(self._read().get("sessions", {}).values())
        left = self.members(sessions) if sessions else []
        if left:
            mains = [process for process in left if process.pid in sessions]
            for process in mains:  # they end their own helpers, and hand back what those hold
                with suppress(psutil.NoSuchProcess):
                    process.terminate()
            psutil.wait_procs(mains, timeout=10)
            processes.end(lambda: self.members(sessions), patience_s=1.0)
        return len(left)

    def members(self, sessions: set[int]) -> list[psutil.Process]:
        """The live processes of these sessions that belong to this folder: numbers alone may have been reused."""
        return [
            process
            for process in psutil.process_iter()
            if _session(process.pid) in sessions and self._owns(process) and processes.is_running(process)
        ]

    def _owns(self, process: psutil.Process) -> bool:
        with suppress(psutil.Error):
            return process.environ().get("MASTABLASTA_HOME") == str(self.path)
        return False


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1
