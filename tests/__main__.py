"""`python -m tests [pytest options]`: the suite on SQLite, on PostgreSQL, then the slow tests on PostgreSQL.

The last line is the sum: `N passed`, or `N passed, M failed` and exit status 1.
"""

# ruff: noqa: T201  it speaks to the terminal

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tests.faults import figures
from tests.pg import NoPostgreSQL, postgresql

ROOT = Path(__file__).resolve().parent.parent
NOTHING_COLLECTED = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one pytest run came to."""

    passed: int
    failed: int

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.passed + other.passed, self.failed + other.failed)


def clean_environment(home: Path, **settings: str) -> dict[str, str]:
    """This process's environment without what sets up an instance (also by ./.env), and with `settings`."""
    names = {
        line.split("=")[0].lstrip("# ") for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line
    }
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in names}
    blank = dict.fromkeys(names, "")  # an empty value counts as not set and keeps ./.env out
    return {**kept, **blank, "MASTABLASTA_TEST_HOME": str(home), "PYTHONPATH": str(ROOT), **settings}


def run(title: str, options: list[str], environment: dict[str, str]) -> Outcome:
    print(f"\n=== {title}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mb-report-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", f"--junitxml={report}", *options]
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        outcome = read_report(report, status)
    lasted_s = round(time.monotonic() - started)
    print(f"=== {title}: {outcome.passed} passed, {outcome.failed} failed in {lasted_s} s", flush=True)
    return outcome


def read_report(report: Path, status: int) -> Outcome:
    """Count; a run that broke off counts as a failure, and so does a report that pytest did not write."""
    passed = failed = 0
    if report.is_file():
        for suite in ET.parse(report).iter("testsuite"):
            total, errors, failures, skipped = (
                int(suite.get(name, 0)) for name in ("tests", "errors", "failures", "skipped")
            )
            failed += errors + failures
            passed += total - errors - failures - skipped
    if status not in (0, NOTHING_COLLECTED) and not failed:
        failed = 1
    return Outcome(passed, failed)


def main(options: list[str]) -> int:
    if "--faults" in options:
        return faults([option for option in options if option != "--faults"])
    quick = ["-n", "2", "--dist", "worksteal", "-m", "not slow"]
    slow = ["-n", "2", "--dist", "loadfile", "-m", "slow"]  # they wait more than they work
    home = Path(tempfile.mkdtemp(prefix="mb-test-"))
    try:
        with postgresql() as url:
            outcome = run("SQLite", [*quick, *options], clean_environment(home / "sqlite"))
            on_postgresql = {"DATABASE_URL": url, "MASTABLASTA_MODE": "development"}
            outcome += run("PostgreSQL", [*quick, *options], clean_environment(home / "pg", **on_postgresql))
            outcome += run(
                "Whole processes, on PostgreSQL",
                [*slow, *options],
                clean_environment(home / "slow", **on_postgresql),
            )
    except NoPostgreSQL as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"{outcome.passed} passed" + (f", {outcome.failed} failed" if outcome.failed else ""))
    return 1 if outcome.failed or not outcome.passed else 0


def faults(options: list[str]) -> int:
    """Only tests/faults, on PostgreSQL; FAULTS=full in the environment makes it the long form.

    The long form writes what it measured into the table of docs/reliability.md.
    """
    home = Path(tempfile.mkdtemp(prefix="mb-test-"))
    try:
        with postgresql() as url:
            settings = {"DATABASE_URL": url, "MASTABLASTA_MODE": "development", figures.VARIABLE: str(home / "figures")}
            outcome = run("Faults", ["-v", "-m", "slow", "tests/faults", *options], clean_environment(home, **settings))
        found = figures.noted(home / "figures")
    except NoPostgreSQL as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(home, ignore_errors=True)
    for fault, figure in found.items():
        print(f"{fault}: {figure}")
    if os.environ.get("FAULTS") == "full":
        page = ROOT / "docs/reliability.md"
        page.write_text(figures.put_into(page.read_text(), found))
    return 1 if outcome.failed or not outcome.passed else 0


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupted)  # so that PostgreSQL stops and what was made is removed
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("interrupted")
