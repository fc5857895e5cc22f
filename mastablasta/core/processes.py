"""Process trees: who buries the dead, and how to end what is left. Who dies with whom: mastablasta.core.ancestry."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psutil


def bury_orphans(except_for: Iterable[int]) -> None:
    """Reap adopted descendants that have ended; children in `except_for` are left to who waits for them."""
    if not hasattr(os, "waitid"):  # macOS, where nothing is adopted either
        return
    own = set(except_for)
    while True:
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if dead is None or dead.si_pid in own:  # the first one found is ours: those behind it wait for the next call
            return
        with suppress(ChildProcessError):
            os.waitpid(dead.si_pid, os.WNOHANG)


def descendants() -> list[psutil.Process]:
    """Every process below this one, adopted ones too; zombies are left out."""
    return [process for process in psutil.Process().children(recursive=True) if is_running(process)]


def is_running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def end(find: Callable[[], list[psutil.Process]], *, patience_s: float) -> int:
    """End every process that `find` gives: SIGTERM, after `patience_s` SIGKILL. Returns how many were found.

    `find` is asked again, since what is told to end may still start others.
    """
    found = find()
    deadline = time.monotonic() + patience_s
    if patience_s > 0:
        _send(found, signal.SIGTERM)
        while any(map(is_running, found)) and time.monotonic() < deadline:
            time.sleep(0.05)
    for _ in range(100):
        left = find()
        if not left:
            break
        _send(left, signal.SIGKILL)
        time.sleep(0.02)
    return len(found)


def _send(processes: Iterable[psutil.Process], signum: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signum)
