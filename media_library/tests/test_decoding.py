"""Decoders in processes of their own: what they may take, and that none outlives its purpose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import psutil
import pytest

from media_library import decoding
from media_library.decoding import DecoderFailed, run

MODULE = "media_library.tests.test_decoding"
MB = 1024 * 1024


def work(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """As the arguments say; runs in the process of its own."""
    match arguments["do"]:
        case "sleep":
            time.sleep(60)
        case "spin":
            while True:
                pass
        case "eat":
            return {"size": len(bytes(1024 * MB))}
        case "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "fail":
            raise ValueError("no such codec")
    return {"environment": sorted(os.environ), "pid": os.getpid()}


def ask(do: str, **how: Any) -> dict[str, Any]:
    return run(MODULE, {"do": do}, **{"timeout_s": 20, "memory_bytes": 800 * MB, **how})


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_answer_comes_from_another_process_that_sees_no_secret(monkeypatch):
    monkeypatch.setenv("JWT_SECRET_KEY", "canary")

    answer = ask("tell")

    assert answer["pid"] != os.getpid()
    assert set(answer["environment"]) <= {*decoding.SEEN, "LC_CTYPE"}


@pytest.mark.parametrize(
    ("do", "how"),
    [
        ("sleep", {"timeout_s": 2}),
        ("spin", {"timeout_s": 2}),
        ("eat", {}),
        ("die", {}),
        ("fail", {}),
    ],
)
def test_process_that_gives_no_answer_is_ended_and_said(do, how):
    before, began = children(), time.monotonic()

    with pytest.raises(DecoderFailed):
        ask(do, **how)

    assert children() == before
    assert time.monotonic() - began < 15


def test_who_waits_is_called_and_may_end_it():
    calls = []

    def stop() -> None:
        calls.append(time.monotonic())
        raise KeyboardInterrupt

    before = children()
    with pytest.raises(KeyboardInterrupt):
        ask("sleep", on_wait=stop)

    assert (len(calls), children()) == (1, before)


def test_process_dies_with_its_parent():
    call = f"run({MODULE!r}, {{'do': 'sleep'}}, timeout_s=60, memory_bytes=2**30)"
    code = f"from media_library.decoding import run; {call}"
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=decoding.ROOT)
    deadline = time.monotonic() + 10
    while not (found := psutil.Process(parent.pid).children()) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)

    parent.kill()
    parent.wait()

    gone, alive = psutil.wait_procs(found, timeout=5)
    assert (len(gone), alive) == (1, [])


if __name__ == "__main__":
    decoding.serve(work)
