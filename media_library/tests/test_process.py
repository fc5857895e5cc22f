"""Decoders in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from media_library.codecs import process
from media_library.codecs.process import DecoderFailed
from tests.kit.forked_decoders import forked_decoders, started_decoders

MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def _started() -> Iterator[None]:
    """Other tests have their decoders forked."""
    with started_decoders():
        yield


def run(do: str, **how: Any) -> dict[str, Any]:
    limits = {name: how.pop(name) for name in ("timeout_s", "on_wait", "niceness") if name in how}
    return process.run(
        "media_library.tests.decoders",
        {"do": do, **how},
        **{"timeout_s": 20, "memory_bytes": 1024 * MEGABYTE, **limits},
    )


def failure(do: str, **how: Any) -> DecoderFailed:
    with pytest.raises(DecoderFailed) as failed:
        run(do, **how)
    return failed.value


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 5
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_answer_comes_back_and_no_secret_goes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCRYPTION_KEY", "secret")

    answer = run("echo", say="Grüße 🙂", niceness=5)

    assert answer["said"] == "Grüße 🙂"
    assert answer["heavy"] == []  # each file waits for the start
    assert answer["niceness"] == min(os.nice(0) + 5, 19)
    assert set(answer["environment"]) <= {*process.PASSED_ON, *process.ENVIRONMENT, "LC_CTYPE"}


def test_refusal_is_final_and_carries_its_words() -> None:
    failed = failure("refuse")

    assert (failed.code, failed.reason, failed.is_final) == ("not_a_picture", "This is no picture.", True)


@pytest.mark.parametrize(
    ("do", "how", "code", "is_final"),
    [
        ("raise", {}, "crashed", False),
        ("die", {"signal": "SIGSEGV"}, "crashed", False),
        ("die", {"signal": "SIGKILL"}, "out_of_memory", False),
        ("eat", {}, "out_of_memory", False),
        ("burn", {"timeout_s": 0.5}, "timed_out", True),
    ],
    ids=["bug", "crash", "killed", "memory", "time"],
)
def test_break_down_says_what_broke(do: str, how: dict[str, Any], code: str, is_final: bool) -> None:
    failed = failure(do, **how)

    assert (failed.code, failed.is_final) == (code, is_final)
    assert failed.reason.endswith(".")
    assert "Error" not in failed.reason


def test_chatter_neither_blocks_nor_counts() -> None:
    assert run("chatter") == {}


@pytest.mark.parametrize("raised", [KeyboardInterrupt, ValueError])
def test_process_ends_when_the_one_who_waits_gives_up(tmp_path: Path, raised: type[BaseException]) -> None:
    pid_file = tmp_path / "pid"

    with pytest.raises(raised):
        run("sleep", pid_file=str(pid_file), on_wait=raise_once_there(pid_file, raised))

    assert is_gone(int(pid_file.read_text()))


def raise_once_there(path: Path, error: type[BaseException]) -> Callable[[], None]:
    def on_wait() -> None:
        if path.is_file() and path.read_text():
            raise error

    return on_wait


def test_process_dies_with_its_parent(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = (
        "from media_library.codecs import process;"
        f"process.run('media_library.tests.decoders', {{'do': 'sleep', 'pid_file': {str(pid_file)!r}}},"
        " timeout_s=60, memory_bytes=2**30)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=process.ROOT)
    while not (pid_file.is_file() and pid_file.read_text()):
        time.sleep(0.02)

    parent.kill()
    parent.wait()

    assert is_gone(int(pid_file.read_text()))


def test_forked_as_in_other_tests_it_does_the_same(tmp_path: Path) -> None:
    started = run("echo", say="Grüße 🙂", niceness=5)

    with forked_decoders():
        assert {**run("echo", say="Grüße 🙂", niceness=5), "heavy": []} == started
        assert failure("refuse").code == "not_a_picture"
        assert failure("die", signal="SIGSEGV").code == "crashed"
        assert failure("eat").code == "out_of_memory"
        assert failure("burn", timeout_s=0.2).code == "timed_out"
        assert run("chatter") == {}
        pid_file = tmp_path / "pid"
        with pytest.raises(KeyError):
            run("sleep", pid_file=str(pid_file), on_wait=raise_once_there(pid_file, KeyError))
    assert is_gone(int(pid_file.read_text()))
