"""Children that go on from what their parent has loaded: how they end, and what they do not take along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mastablasta.ops.forks import Fork
from mastablasta.ops.instance_dir import InstanceDir


def fork(run: Callable[[], object], let_go: Callable[[], None] = lambda: None) -> Fork:
    return Fork(run, title="a child", let_go=let_go)


def refuse() -> None:
    raise RuntimeError("that goes wrong")


@pytest.mark.parametrize(
    ("run", "status"),
    [(lambda: "done", 0), (lambda: sys.exit(3), 3), (sys.exit, 0), (lambda: sys.exit("no"), 1), (refuse, 1)],
    ids=["returns", "exits with a number", "exits", "exits with a word", "raises"],
)
def test_status_is_what_a_program_would_end_with(run: Callable[[], object], status: int) -> None:
    child = fork(run)

    assert child.wait(10) == status
    assert child.poll() == status


def test_what_it_raises_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    fork(refuse).wait(10)

    assert capfd.readouterr().err.endswith("RuntimeError: that goes wrong\n")


def test_terminate_ends_one_whose_parent_answers_to_that_signal_itself() -> None:
    told = []
    before = signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    try:
        child = fork(lambda: time.sleep(60))
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.01)
        child.terminate()

        assert child.wait(10) == -signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == []


def test_it_has_a_session_a_title_and_no_terminal(tmp_path: Path) -> None:
    def report() -> None:
        title = Path("/proc/self/cmdline").read_bytes().strip(b"\0").decode()
        said = [os.getsid(0) == os.getpid(), title, os.path.realpath("/proc/self/fd/0")]
        (tmp_path / "said").write_text(repr(said))

    assert fork(report).wait(10) == 0

    assert (tmp_path / "said").read_text() == repr([True, "a child", "/dev/null"])


def test_folder_is_free_when_its_runner_is_gone_though_a_child_lives_on(tmp_path: Path) -> None:
    def run() -> None:
        (tmp_path / "runs").touch()
        time.sleep(60)

    home = InstanceDir(tmp_path)
    home.take()
    child = fork(run, home.let_go)
    try:
        while not (tmp_path / "runs").exists():
            assert child.poll() is None
            time.sleep(0.01)
        home.let_go()  # as the kernel does for a runner that is killed

        again = InstanceDir(tmp_path)
        again.take()
        again.give()
    finally:
        child.terminate()
        child.wait(10)
