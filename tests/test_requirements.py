"""The lock files hold what the requirements ask for, and agree with each other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def pins(name: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", package).lower(): version for package, version in found}


def test_requirements_are_locked() -> None:
    assert pins("requirements.txt").items() <= pins("requirements.lock.txt").items()
    assert pins("requirements-dev.txt").items() <= pins("requirements-dev.lock.txt").items()


def test_development_has_run_time_versions() -> None:
    assert pins("requirements.lock.txt").items() <= pins("requirements-dev.lock.txt").items()


def test_every_pin_has_a_reason() -> None:
    lines = [
        line
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (ROOT / name).read_text().splitlines()
        if "==" in line
    ]

    assert [line for line in lines if "#" not in line] == []
