"""Decoders at arm's length: what parses a stranger's bytes runs in a process of its own, with little it may use.

`run` starts a Python that hands MODULE.main() its arguments as JSON, and gives back what it returned. It has no secret
in its environment, no more memory, time and disk than it is given, and ends with whoever started it: a decoder that
crashes, loops or eats memory ends alone, and no web or worker process ever holds a picture. The price: 0.1 to 0.15 s a
file to start it. Nothing here needs Django: it starts quickly.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mastablasta.core import ancestry

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 0.1  # how often `on_wait` is called
MOST_SAID = 1024 * 1024  # bytes of an answer, or of complaints
MOST_WRITTEN = 2 * 1024**3  # bytes of one file
CPU_GRACE_S = 5
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "MASTABLASTA_HOME")  # of the environment: nothing that is a secret
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}

REFUSED, TIMED_OUT, OUT_OF_MEMORY, CRASHED = "refused", "timed_out", "out_of_memory", "crashed"


class Refused(Exception):
    """Raised by a decoder's main(): the file cannot be used, now or ever. `message` is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class DecoderFailed(Exception):
    """No answer came of it. `reason`: one sentence for people.

    `code`: what the decoder refused with (Refused.code), else timed_out, out_of_memory or crashed.
    `is_final`: the same again would end the same. `detail` is for the log: it may name paths.
    """

    def __init__(self, reason: str, *, code: str = CRASHED, is_final: bool = False, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.is_final = is_final
        self.detail = detail


def run(
    module: str,
    arguments: Mapping[str, Any],
    *,
    timeout_s: float,
    memory_bytes: int,
    niceness: int = 0,
    on_wait: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Return what `module`.main(arguments) returns, a JSON object; blocks.

    `memory_bytes` is address space: Python and the decoders' libraries take about 300 MB of it. `on_wait` is called
    every tenth of a second; what it raises ends the process and comes out here. Raises DecoderFailed.
    """
    limits = {"parent": os.getpid(), "timeout_s": timeout_s, "memory_bytes": memory_bytes, "niceness": niceness}
    process = subprocess.Popen(  # noqa: S603  this interpreter and a module of ours
        [sys.executable, "-c", "from media_library.codecs import process; process.serve()", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**{name: os.environ[name] for name in PASSED_ON if name in os.environ}, **ENVIRONMENT},
        start_new_session=True,  # a Ctrl-C for whoever started us is not for it
    )
    try:
        answer, complaint = _talk(process, {"limits": limits, "arguments": dict(arguments)}, timeout_s, on_wait)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
    return _understood(answer, complaint, process.returncode)


def _talk(
    process: subprocess.Popen[bytes], order: Mapping[str, Any], timeout_s: float, on_wait: Callable[[], None] | None
) -> tuple[bytes, bytes]:
    """Give the order, return all that is said until both ends are closed."""
    assert process.stdin is not None  # noqa: S101  they are pipes
    assert process.stdout is not None  # noqa: S101
    assert process.stderr is not None  # noqa: S101
    deadline = time.monotonic() + timeout_s
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(order).encode())
        process.stdin.close()
    said = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    with selectors.DefaultSelector() as selector:
        for pipe in said:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(WAIT_S):
                if not (more := os.read(key.fd, 65_536)):
                    selector.unregister(key.fd)
                elif len(said[key.fd]) < MOST_SAID:
                    said[key.fd] += more
            if on_wait is not None:
                on_wait()
            if time.monotonic() > deadline:
                raise DecoderFailed(_TOO_LONG, code=TIMED_OUT, is_final=True)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    return said[process.stdout.fileno()], said[process.stderr.fileno()]


_TOO_LONG = "It took too long to read or convert this file."
_NO_MEMORY = "There was not enough memory to read or convert this file."
_BROKE_DOWN = "The program that reads this kind of file broke down on it."


def _understood(answer: bytes, complaint: bytes, status: int) -> dict[str, Any]:
    detail = f"status {status}: {complaint[-2000:].decode(errors='replace')}".strip()
    try:
        said = json.loads(answer)
    except ValueError:
        said = {}
    if "value" in said:
        return dict(said["value"])
    if "refused" in said:
        raise DecoderFailed(said["message"], code=said["refused"], is_final=True)
    if status == -signal.SIGXCPU:
        raise DecoderFailed(_TOO_LONG, code=TIMED_OUT, is_final=True)
    if said.get("failed") == OUT_OF_MEMORY or status == -signal.SIGKILL:  # the kernel's killer, when we did not
        raise DecoderFailed(_NO_MEMORY, code=OUT_OF_MEMORY, detail=detail)
    raise DecoderFailed(_BROKE_DOWN, detail=f"{said.get('detail', '')} {detail}".strip())


# --- in the process that decodes ---
def serve() -> None:
    """Be the process that `run` started: do one order, and end."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is not an answer
    json.dump(_answer(sys.argv[1], json.load(sys.stdin)), answer)
    answer.flush()
    os._exit(0)  # the answer is out: no library's clean-up after it


def _answer(module: str, order: Mapping[str, Any]) -> dict[str, Any]:
    _confine(order["limits"])
    try:
        return {"value": importlib.import_module(module).main(order["arguments"])}
    except Refused as refusal:
        return {"refused": refusal.code, "message": refusal.message}
    except MemoryError:
        return {"failed": OUT_OF_MEMORY}
    except Exception as error:  # noqa: BLE001  whatever a decoder throws: who asked decides
        if "Cannot allocate memory" in str(error) or getattr(error, "errno", None) == errno.ENOMEM:
            return {"failed": OUT_OF_MEMORY}
        return {"failed": CRASHED, "detail": f"{type(error).__name__}: {error}"[:2000]}


def _confine(limits: Mapping[str, Any]) -> None:
    ancestry.signal_when_parent_dies(signal.SIGKILL)
    if os.getppid() != limits["parent"]:  # it died before we asked
        os._exit(1)
    seconds = int(limits["timeout_s"] * (os.cpu_count() or 1)) + CPU_GRACE_S
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_AS, limits["memory_bytes"])
    _limit(resource.RLIMIT_FSIZE, MOST_WRITTEN)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 64)
    os.nice(limits["niceness"])
    with suppress(OSError):  # when memory runs out, the kernel ends this process before any other
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(OSError, ValueError):  # macOS knows no limit of address space
        resource.setrlimit(what, (most, most))
