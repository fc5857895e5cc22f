"""The runner's patience, and the folder that only one runner has. Whole instances: tests/e2e/test_running.py."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mastablasta.ops.instance_dir import CannotRun, InstanceDir
from mastablasta.ops.runner import LONGEST_DELAY_S, STABLE_S, Part, Runner, inherited, python


@pytest.fixture
def home(tmp_path: Path) -> InstanceDir:
    taken = InstanceDir(tmp_path)
    taken.take()
    return taken


def runner_of(home: InstanceDir, part: Part) -> Runner:
    environment = inherited(MASTABLASTA_HOME=str(home.path))
    return Runner(home, [part], folder=home.path, environment=environment, is_ready=lambda: True, announce=lambda: None)


def die_once(runner: Runner, part: Part, *, after_s: float = 0) -> float:
    """Start `part`, see it end as if it had run for `after_s`, and return the wait before the next start."""
    runner._start(part)
    assert part.process is not None
    part.process.wait(10)
    part.changed_at -= after_s
    runner._look_after(part)
    return part.delay_s


def test_wait_doubles_up_to_its_limit_and_begins_anew_after_a_good_run(home: InstanceDir) -> None:
    part = Part("web", python("-c", "raise SystemExit(3)"))
    runner = runner_of(home, part)

    waits = [die_once(runner, part) for _ in range(6)]

    assert waits == [1, 2, 4, 8, LONGEST_DELAY_S, LONGEST_DELAY_S]
    assert die_once(runner, part, after_s=STABLE_S) == 1


def test_what_a_part_left_is_ended_before_it_starts_again(home: InstanceDir) -> None:
    leaves_a_child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    part = Part("web", python("-c", leaves_a_child))
    runner = runner_of(home, part)
    die_once(runner, part)
    left = home.members(set(runner.sessions.values()))
    assert len(left) == 1

    part.changed_at -= 10
    runner._look_after(part)

    assert not left[0].is_running() or left[0].status() == psutil.STATUS_ZOMBIE
    assert part.process is not None
    part.process.wait(10)
    runner._end()


def test_home_has_one_runner(home: InstanceDir) -> None:
    home.record({})

    with pytest.raises(CannotRun, match="already runs on"):
        InstanceDir(home.path).take()


def test_home_is_free_when_given_back(home: InstanceDir) -> None:
    home.give()

    again = InstanceDir(home.path)
    again.take()
    again.give()

    assert list((home.path / "run").iterdir()) == []


def test_leftovers_are_ended_by_session_and_folder(home: InstanceDir, tmp_path_factory: pytest.TempPathFactory) -> None:
    def sleeper(folder: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "import time; time.sleep(60)"]
        return subprocess.Popen(command, env=inherited(MASTABLASTA_HOME=str(folder)), start_new_session=True)

    ours, others = sleeper(home.path), sleeper(tmp_path_factory.mktemp("other"))
    try:
        home.record({"web": ours.pid, "clock": others.pid})  # a number that was used again by somebody else
        time.sleep(0.1)

        home.end_leftovers()

        assert ours.poll() is not None
        assert others.poll() is None
    finally:
        others.kill()
        others.wait()
