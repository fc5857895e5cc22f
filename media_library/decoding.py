"""Decoders run in a process of their own, with limits, a deadline, and their parent's fate."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class DecoderFailed(Exception):
    """The process did not answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def run(
    module: str,
    arguments: Mapping[str, Any],
    *,
    timeout_s: float,
    memory_bytes: int,
    on_wait: Callable[[], None] | None = None,  # noqa: ARG001
) -> dict[str, Any]:
    """Run `module` in a process of its own and return its answer. Raises DecoderFailed."""
    given = json.dumps({"memory_bytes": memory_bytes, "cpu_s": int(timeout_s) + 1, "arguments": arguments})
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        out, _ = process.communicate(given.encode(), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise DecoderFailed("it takes too long") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    if process.returncode:
        raise DecoderFailed("it ended with an error")
    answer: dict[str, Any] = json.loads(out)
    return answer


def main(work: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """What the module does in its process."""
    from mastablasta.core.processes import signal_when_parent_dies

    signal_when_parent_dies(signal.SIGKILL)
    given = json.load(sys.stdin)
    resource.setrlimit(resource.RLIMIT_AS, (given["memory_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (given["cpu_s"],) * 2)
    json.dump(work(given["arguments"]), sys.stdout)
