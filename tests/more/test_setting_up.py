"""`make run` the first time: it says how far it is, and what goes wrong."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.instance import ROOT

PIP = """#!/bin/sh
# Stands for Python in the environment; as pip it does what a test says.
case "$*" in
  *"pip install"*) echo "$*" >> pip.log; {pip} ;;
  *) exit 0 ;;
esac
"""
WELL = """
    echo "Collecting annotated-types==0.8.0 (from -r requirements.lock.txt (line 1))"
    echo "  Downloading annotated_types-0.8.0-py3-none-any.whl (13 kB)"
    echo "Processing /wheels/asgiref-3.13.0-py3-none-any.whl (from -r requirements.lock.txt (line 5))"
    echo "WARNING: Location is ignored"
    echo "Installing collected packages: asgiref"
    echo "Successfully installed asgiref-3.13.0"
"""
BADLY = """
    echo "Collecting asgiref==3.13.0"
    echo "WARNING: Retrying (Retry(total=4)) after connection broken" >&2
    echo "ERROR: No matching distribution found for asgiref==3.13.0" >&2
    exit 1
"""


def set_up(folder: Path, pip: str) -> subprocess.CompletedProcess[str]:
    for name in ("Makefile", "requirements.lock.txt"):
        shutil.copy(ROOT / name, folder / name)
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP.format(pip=pip))
    python.chmod(0o755)
    return subprocess.run(["make", "run-time"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_it_says_how_far_it_is(tmp_path: Path) -> None:
    of = sum("==" in line for line in (ROOT / "requirements.lock.txt").read_text().splitlines())

    done = set_up(tmp_path, WELL)

    assert (done.returncode, done.stdout) == (0, "")
    assert f"  1 of {of} packages: annotated-types==0.8.0" in done.stderr
    assert f"  2 of {of} packages: asgiref-3.13.0-py3-none-any.whl" in done.stderr
    assert f"installing {of} packages" in done.stderr
    assert "Downloading" not in done.stderr
    assert "WARNING" not in done.stderr
    assert list((tmp_path / ".venv").glob(".has-*"))


def test_what_goes_wrong_is_shown_and_tried_again_next_time(tmp_path: Path) -> None:
    done = set_up(tmp_path, BADLY)

    assert done.returncode != 0
    assert "ERROR: No matching distribution found for asgiref==3.13.0" in done.stderr
    assert "WARNING: Retrying" in done.stderr
    assert not list((tmp_path / ".venv").glob(".has-*"))


@pytest.mark.parametrize("word", ["--require-hashes", "-r requirements.lock.txt"])
def test_packages_are_those_of_the_lock(tmp_path: Path, word: str) -> None:
    set_up(tmp_path, WELL)

    assert word in (tmp_path / "pip.log").read_text()
