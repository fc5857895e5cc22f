"""A run of tests that is told to end takes along what its tests have started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.__main__ import ROOT

RUN = """
import os, sys
from tests.__main__ import called, end_in_order

end_in_order()
with called(sys.argv[1:], dict(os.environ)) as call:
    call.process.wait()
"""
TEST = """
import pathlib, subprocess, sys, time

def test_that_lasts():
    instance = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    pathlib.Path(__file__).with_name("started").write_text(f"{instance.pid}.")
    time.sleep(600)
"""


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def runs(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_run_that_is_interrupted_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]")
    (tmp_path / "test_it.py").write_text(TEST)
    started = tmp_path / "started"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-c", RUN, "-q", "-c", str(tmp_path / "pytest.ini"), str(tmp_path)]
    run = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for(lambda: started.is_file() and started.read_text().endswith("."))
    pid = int(started.read_text()[:-1])
    assert runs(pid)

    run.send_signal(signal.SIGTERM)
    run.send_signal(signal.SIGTERM)
    run.communicate(timeout=60)

    assert run.returncode != 0
    assert not runs(pid)
