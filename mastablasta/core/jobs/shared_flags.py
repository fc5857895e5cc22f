"""What a cluster's processes tell each other, without a lock: a process that is killed while it holds a
multiprocessing.Event takes the others with it. And what ends them when their parent is gone.
"""

from __future__ import annotations

import mmap
import os
import signal
import threading

from django.db import connections

from mastablasta.core import ancestry

HAND_BACK_S = 16.0  # a drain may take 12 s to let its calls end


class SharedFlags:
    """Shared memory, made before the fork; one writer a field."""

    def __init__(self) -> None:
        self._fields = memoryview(mmap.mmap(-1, 16)).cast("q")

    @property
    def stop(self) -> bool:
        """Tasks hand back what they have not begun."""
        return bool(self._fields[0])

    def say_stop(self) -> None:
        self._fields[0] = 1

    @property
    def heard(self) -> int:
        """The number of the last echo that came back."""
        return self._fields[1]

    def hear(self, number: int) -> None:
        self._fields[1] = number


class _Worker:
    """What a worker process knows of itself."""

    board: SharedFlags | None = None
    forked_by = 0
    is_busy = False
    is_orphan = False


def stop_requested() -> bool:
    """Whether the task that asks should hand back what it has not begun, and end within seconds."""
    return _Worker.is_orphan or (_Worker.board is not None and _Worker.board.stop)


def prepare_forks() -> SharedFlags:
    """Make the board, and let every process forked from here on end with its parent. In the main process."""
    _Worker.board = SharedFlags()
    os.register_at_fork(before=_about_to_fork, after_in_child=_forked)
    return _Worker.board


def _about_to_fork() -> None:
    _Worker.forked_by = os.getpid()


def _forked() -> None:
    """Take no pooled connection along, and end with the parent.

    A psycopg pool that crosses a fork hands one connection to two processes: wrong rows, half transactions.
    """
    if (pools := getattr(connections["default"], "_connection_pools", None)) is not None:
        pools.clear()
    _end_with_parent(signal.SIGKILL)


def _end_with_parent(signum: int) -> None:
    ancestry.signal_when_parent_dies(signum)
    if os.getppid() != _Worker.forked_by:  # it died before we asked
        os._exit(1)


def worker_begins(**_: object) -> None:
    """django-q2 says so in each worker: from now on it may hand back before it ends."""
    signal.signal(signal.SIGUSR1, _orphaned)
    _end_with_parent(signal.SIGUSR1)


def _orphaned(*_: object) -> None:
    _Worker.is_orphan = True
    if not _Worker.is_busy:
        os._exit(0)
    guard = threading.Timer(HAND_BACK_S, os._exit, [1])
    guard.daemon = True
    guard.start()


def task_begins(**_: object) -> None:
    _Worker.is_busy = True


def task_ends(**_: object) -> None:
    _Worker.is_busy = False
    if _Worker.is_orphan:
        os._exit(0)
