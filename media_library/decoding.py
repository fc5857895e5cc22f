"""Decoders run in a process of their own, with limits, a deadline, and their parent's fate.

A file that breaks a decoder breaks that process; the memory it took is given back whole.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mastablasta.core.processes import signal_when_parent_dies

ROOT = Path(__file__).resolve().parent.parent
# All that a decoder sees of our environment: no secret. MASTABLASTA_HOME says whose process it is.
SEEN = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "MASTABLASTA_HOME")
LOOK_EVERY_S = 1.0


class DecoderFailed(Exception):
    """The process gave no answer; `reason` is for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def run(
    module: str,
    arguments: Mapping[str, Any],
    *,
    timeout_s: float,
    memory_bytes: int,
    on_wait: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Run `module`, which ends with `serve(work)`, in a process of its own and return its answer. All is JSON.

    `on_wait` is called every second meanwhile; if it raises, the process is ended and its exception passes through.
    Raises DecoderFailed when the process is late, takes too much memory, or dies.
    """
    limits = {"memory_bytes": memory_bytes, "cpu_s": int(timeout_s) + 1, "parent": os.getpid()}
    given = json.dumps({**limits, "arguments": arguments}).encode()
    deadline = time.monotonic() + timeout_s
    with subprocess.Popen(  # noqa: S603  our own module
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={name: os.environ[name] for name in SEEN if name in os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            out, err = _answer(process, given, deadline=deadline, on_wait=on_wait)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise DecoderFailed(f"{module} ended with status {process.returncode}: {_last_line(err)}")
    answer: dict[str, Any] = json.loads(out)
    return answer


def _answer(
    process: subprocess.Popen[bytes], given: bytes, *, deadline: float, on_wait: Callable[[], None] | None
) -> tuple[bytes, bytes]:
    to_send: bytes | None = given
    while True:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise DecoderFailed("it takes too long")
        try:
            return process.communicate(to_send, timeout=min(LOOK_EVERY_S, left_s))
        except subprocess.TimeoutExpired:
            to_send = None  # it is on its way
            if on_wait is not None:
                on_wait()


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else ""


def serve(work: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """What such a module does when it is run: take its limits, do the work, answer."""
    signal_when_parent_dies(signal.SIGKILL)
    given = json.load(sys.stdin)
    if os.getppid() != given["parent"]:  # it died before the line above
        return
    resource.setrlimit(resource.RLIMIT_AS, (given["memory_bytes"], given["memory_bytes"]))
    resource.setrlimit(resource.RLIMIT_CPU, (given["cpu_s"], given["cpu_s"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    json.dump(work(given["arguments"]), sys.stdout)
