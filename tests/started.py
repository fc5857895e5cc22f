"""What a run of tests has started, wherever it went: instances have sessions of their own, and outlive their parents.

Each process inherits a variable of its environment that nobody else has, and is found by it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

GRACE_S = 5.0  # after SIGTERM: PostgreSQL gives back its shared memory, a simulator writes what it has


@contextmanager
def nothing_left() -> Iterator[dict[str, str]]:
    """Give a variable for the environment of what is started in the block; whatever carries it in the end is ended."""
    name = f"MASTABLASTA_TEST_RUN_{secrets.token_hex(4).upper()}"
    try:
        yield {name: "1"}
    finally:
        _end(name)


def _end(name: str) -> None:
    """Ask all to end, and kill who has not; those that they start meanwhile too."""
    left = _carrying(name)
    for process in left:
        with suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(left, timeout=GRACE_S)
    while left := _carrying(name):
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=GRACE_S)


def _carrying(name: str) -> list[psutil.Process]:
    mark, found = f"{name}=1".encode(), []
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):  # it ended meanwhile, or is somebody else's
            is_ours = mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            if is_ours and (process := psutil.Process(pid)).status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
