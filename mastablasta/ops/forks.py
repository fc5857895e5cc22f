"""Children that go on from what this process has loaded: they start at once, and share its memory."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from setproctitle import setproctitle

LOOK_S = 0.02
HANDLED = (signal.SIGTERM, signal.SIGINT)


class Fork:
    """A child in a session of its own that calls `run` and ends; it answers as a subprocess.Popen does.

    `title` is what `ps` shows: short, as it has to fit where our own command line stands. `let_go` is called in the
    child first, for what only the parent may hold.
    """

    def __init__(self, run: Callable[[], object], *, title: str, let_go: Callable[[], None]) -> None:
        self.returncode: int | None = None
        held = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)  # until the child answers to them itself
        try:
            sys.stdout.flush()
            sys.stderr.flush()
            self.pid = os.fork()
            if self.pid == 0:
                _become(run, title=title, let_go=let_go)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)

    def poll(self) -> int | None:
        """Its status, negative for a signal; None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else waited for it
                self.returncode = 1
            else:
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its status. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        until = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(LOOK_S)
        return status

    def terminate(self) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)


def _become(run: Callable[[], object], *, title: str, let_go: Callable[[], None]) -> NoReturn:
    """Be the child from here on: nothing of what waits further up the stack is ever returned to."""
    status = 1
    try:
        os.setsid()
        for signum in HANDLED:
            signal.signal(signum, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        setproctitle(title)  # first: it finds its place by the environment, which the next may change
        let_go()
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        run()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  it has nobody above it to tell
        traceback.print_exc()
    finally:
        with suppress(Exception):
            atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
