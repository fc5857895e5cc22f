"""Decoders for a test run, forked from a process that has their libraries loaded: a tenth of a second less for a file.

`media_library.codecs.process` starts a Python for each file, which loads Pillow and PyAV and ends. Here it is given one
that was forked instead: the same code then confines itself and decodes, in the environment that it was to have. That it
does so when started in earnest is for media_library/tests/test_process.py, and for whole instances.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any, NoReturn

from media_library.codecs import process

LOADED = ("media_library.codecs.documents", "media_library.codecs.probe", "media_library.codecs.render")
SERVE = "from tests.kit.forked_decoders import serve_forks; serve_forks()"
MOST_ORDER = 64 * 1024
IS_POSSIBLE = hasattr(os, "pidfd_open")  # on Linux


@contextmanager
def forked_decoders() -> Iterator[None]:
    """Within the block, decoders of this process are forked; elsewhere than on Linux they are started as ever."""
    if not IS_POSSIBLE:
        yield
        return
    forks = Forks()
    names = {"Popen": forks.popen, "PIPE": subprocess.PIPE, "TimeoutExpired": subprocess.TimeoutExpired}
    with _instead(SimpleNamespace(**names)):
        try:
            yield
        finally:
            forks.end()


@contextmanager
def started_decoders() -> Iterator[None]:
    """Within the block they are started in earnest."""
    with _instead(subprocess):
        yield


@contextmanager
def _instead(of_subprocess: Any) -> Iterator[None]:
    before = process.subprocess
    process.subprocess = of_subprocess
    try:
        yield
    finally:
        process.subprocess = before


class Forks:
    """The process that forks, from its first use on; a fork of ours gets one of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: int | None = None

    def popen(self, command: list[str], *, env: dict[str, str], **_: Any) -> Forked:
        """In place of subprocess.Popen with pipes for all three, in a session of its own."""
        with self._lock:
            if self._of != os.getpid():
                self._begin()
            return Forked(self._orders, command[-1], env)

    def end(self) -> None:
        if self._of == os.getpid():
            self._orders.close()  # which it takes for the end
            self._server.wait()

    def _begin(self) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: os.environ[name] for name in process.PASSED_ON if name in os.environ}
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                cwd=process.ROOT,
                env=kept | process.ENVIRONMENT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._of = os.getpid()


class Forked:
    """As much of subprocess.Popen as `process.run` knows."""

    def __init__(self, orders: socket.socket, module: str, env: dict[str, str]) -> None:
        pipes = [os.pipe() for _ in range(4)]
        (its_stdin, stdin), (stdout, its_stdout), (stderr, its_stderr), (self._status, its_status) = pipes
        theirs = [its_stdin, its_stdout, its_stderr, its_status]
        order = {"module": module, "environment": env, "parent": os.getpid()}
        try:
            socket.send_fds(orders, [json.dumps(order).encode()], theirs)
            self.pid = int(orders.recv(32))
        finally:
            for fd in theirs:
                os.close(fd)
        self.stdin, self.stdout, self.stderr = os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"), os.fdopen(stderr, "rb")
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            ready, _, _ = select.select([self._status], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            self.returncode = int(os.read(self._status, 32) or -signal.SIGKILL)  # nothing: who forked it is dead
            os.close(self._status)
        return self.returncode

    def kill(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


# --- in the process that forks ---
def serve_forks() -> None:
    """Fork for whoever is at the other end of the socket that argv names, until they close it."""
    for module in LOADED:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what is forked need not copy what a collector would touch
    orders = socket.socket(fileno=int(sys.argv[1]))
    with selectors.DefaultSelector() as selector:
        selector.register(orders, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is not orders:
                    _tell_end(selector, key)
                elif not _take_order(selector, orders):
                    return


def _take_order(selector: selectors.BaseSelector, orders: socket.socket) -> bool:
    said, fds, _, _ = socket.recv_fds(orders, MOST_ORDER, 4)
    if not said:
        return False
    *streams, status = fds
    pid = os.fork()
    if not pid:
        _decode(json.loads(said), streams)
    for fd in streams:
        os.close(fd)
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, status))
    orders.send(str(pid).encode())
    return True


def _tell_end(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, status = key.data
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(status, str(ended).encode())
    os.close(status)
    selector.unregister(key.fd)
    os.close(key.fd)


def _decode(order: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be what `process.run` would have started."""
    try:
        os.setsid()
        for number, fd in enumerate(streams):
            os.dup2(fd, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.environ.clear()
        os.environ.update(order["environment"])
        sys.argv = ["-c", order["module"]]
        os.getppid = lambda: int(order["parent"])
        process.serve()
    except Exception:  # noqa: BLE001  said as a Python of its own says it
        traceback.print_exc()
    finally:
        os._exit(1)
