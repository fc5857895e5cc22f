"""`python -m tests [--more | --faults | --all] [pytest options]`: the rings of tests/rings.py, one run after the other.

    (nothing)    what every change must pass: pure and database tests on PostgreSQL, vendor tests on SQLite, core of
                 the whole processes
    --more       the rest: every database test on SQLite too, faults in their short form, browser, fuzzing
    --faults     tests/faults alone; with FAULTS=full in the environment as long as it takes
    --all        the first two

It ends with the time of each run, its slowest tests and what was skipped. The last line is the sum: `N passed`, or
`N passed, M failed` and exit status 1. A test outside the whole processes that takes over 2 s is a failure.
"""

# ruff: noqa: T201  it speaks to the terminal

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tests.databases import sqlite_template
from tests.faults import figures
from tests.pg import NoPostgreSQL, postgresql
from tests.rings import CORE, MOST_SECONDS, PROCESSES, REPORT, VENDOR_PATHS

ROOT = Path(__file__).resolve().parent.parent
NOTHING_COLLECTED = 5
SLOWEST = 20
MOST_RACED = 3  # more failures than that are no bad luck
AGAIN = 2  # how often what took too long may show by itself that it need not
SIDE_BY_SIDE = ("-n", "3", "--dist", "worksteal")
WAITING = ("-n", "3", "--dist", "worksteal")  # whole processes wait more than they work
NOT_OF_ANY = {"PYTHONDONTWRITEBYTECODE"}  # each process that a test starts would compile all modules anew


@dataclass(frozen=True, slots=True)
class Run:
    """One call of pytest: `marks` choose the rings, `options` say how, `paths` spare it from looking elsewhere."""

    title: str
    marks: str
    options: tuple[str, ...] = SIDE_BY_SIDE
    paths: tuple[str, ...] = ()
    on_sqlite: bool = False


TEST = (
    Run("Pure and database, on PostgreSQL", "pure or database"),
    Run("Vendor, on SQLite", "vendor", paths=VENDOR_PATHS, on_sqlite=True),
    Run("Whole processes, core", "core", WAITING, paths=(CORE,)),
)
MORE = (
    Run("Database, on SQLite", "database and not vendor", on_sqlite=True),
    Run("Whole processes, the rest", "processes and not core", WAITING, paths=PROCESSES[1:]),
)
FAULTS = Run("Faults", "processes", ("-v",), paths=("tests/faults",))


@dataclass
class Outcome:
    """What runs came to: rows as tests/rings.py reports them, failures that have no row, and the wall time of each."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    broke_off: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def count(self, outcome: str) -> int:
        return sum(row["outcome"] == outcome for row in self.rows)

    @property
    def failed(self) -> int:
        return self.count("failed") + len(self.broke_off)

    def __iadd__(self, other: Outcome) -> Outcome:
        self.rows += other.rows
        self.broke_off += other.broke_off
        self.seconds |= other.seconds
        return self


def clean_environment(home: Path, **settings: str) -> dict[str, str]:
    """This process's environment without what sets up an instance (also by ./.env), and with `settings`."""
    names = {
        line.split("=")[0].lstrip("# ") for line in (ROOT / ".env.example").read_text().splitlines() if "=" in line
    }
    left_out = names | NOT_OF_ANY
    kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in left_out}
    blank = dict.fromkeys(names, "")  # an empty value counts as not set and keeps ./.env out
    return {**kept, **blank, "MASTABLASTA_TEST_HOME": str(home), "PYTHONPATH": str(ROOT), **settings}


def pytest(run: Run, options: list[str], environment: dict[str, str]) -> Outcome:
    """Call pytest once, and again, twice at most, for what took too long: the machine may have been busy."""
    print(f"\n=== {run.title}", flush=True)
    started = time.monotonic()
    paths = () if any((ROOT / option.partition("::")[0]).exists() for option in options) else run.paths
    outcome = _pytest(run.title, [*run.options, "-m", run.marks, *options, *paths], environment)
    raced(outcome, environment)
    slow = [row for row in outcome.rows if is_slow(row)]
    for _ in range(AGAIN if slow else 0):
        print(f"=== {run.title}: {len(slow)} took over {MOST_SECONDS:.0f} s, once more by themselves", flush=True)
        again = _pytest(run.title, ["-p", "no:xdist", *(row["id"] for row in slow)], environment)
        outcome.broke_off += [f"{row['id']} by itself" for row in again.rows if row["outcome"] == "failed"]
        slow = [row for row in again.rows if is_slow(row)]
        if not slow:
            break
    outcome.broke_off += [f"{row['id']} takes {row['seconds']:.1f} s, more than {MOST_SECONDS:.0f}" for row in slow]
    outcome.seconds[run.title] = time.monotonic() - started
    print(f"=== {run.title}: {outcome.count('passed')} passed, {outcome.failed} failed in ", end="")
    print(f"{outcome.seconds[run.title]:.0f} s", flush=True)
    return outcome


def raced(outcome: Outcome, environment: dict[str, str]) -> None:
    """Let tests that failed show by themselves that only the machine was against them; tell of it.

    They are to wait for facts, not for times: each that is named as raced is a test to mend.
    """
    failed = {row["id"]: row for row in outcome.rows if row["outcome"] == "failed"}
    if not failed or len(failed) > MOST_RACED:
        return
    again = _pytest("once more", ["-p", "no:xdist", *failed], environment)
    for row in again.rows:
        if row["outcome"] == "passed":
            failed[row["id"]] |= {"outcome": "passed", "raced": True}


def _pytest(title: str, options: list[str], environment: dict[str, str]) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="mb-report-") as folder:
        report = Path(folder) / "report"
        command, variables = [sys.executable, "-m", "pytest", *options], environment | {REPORT: str(report)}
        status = subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode
        rows = [json.loads(line) for line in report.read_text().splitlines()] if report.is_file() else []
    outcome = Outcome(rows)
    if status not in (0, NOTHING_COLLECTED) and not outcome.failed:
        outcome.broke_off.append(f"{title}: pytest ended with status {status}")
    return outcome


def is_slow(row: dict[str, Any]) -> bool:
    return row["ring"] != "processes" and row["seconds"] > MOST_SECONDS


@contextmanager
def home_folder() -> Iterator[Path]:
    """A folder for what instances write, gone in the end."""
    home = Path(tempfile.mkdtemp(prefix="mb-test-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def rings(runs: tuple[Run, ...], options: list[str], *, durable: bool) -> Outcome:
    """Run them one after the other, on one PostgreSQL."""
    outcome = Outcome()
    sqlite_template()  # once, not by each process of a run
    with home_folder() as home, postgresql(durable=durable) as url:
        for number, run in enumerate(runs):
            on = {} if run.on_sqlite else {"DATABASE_URL": url, "MASTABLASTA_MODE": "development"}
            outcome += pytest(run, options, clean_environment(home / str(number), **on))
    return outcome


def faults(options: list[str]) -> Outcome:
    """Only tests/faults; the long form writes what it measured into the table of docs/reliability.md."""
    with home_folder() as home, postgresql(durable=True) as url:
        settings = {"DATABASE_URL": url, "MASTABLASTA_MODE": "development", figures.VARIABLE: str(home / "figures")}
        outcome = pytest(FAULTS, options, clean_environment(home, **settings))
        found = figures.noted(home / "figures")
    for fault, figure in found.items():
        print(f"{fault}: {figure}")
    if os.environ.get("FAULTS") == "full":
        page = ROOT / "docs/reliability.md"
        page.write_text(figures.put_into(page.read_text(), found))
    return outcome


def say(outcome: Outcome) -> None:
    """Print what took longest, how long each ring took, what was skipped and why, what failed, and the sum."""
    print(f"\nThe {SLOWEST} slowest:")
    for row in sorted(outcome.rows, key=lambda row: -row["all"])[:SLOWEST]:
        print(f"  {row['all']:6.2f} s  {row['ring']:9}  {row['id']}")
    tests, seconds = Counter(row["ring"] for row in outcome.rows), Counter[str]()
    for row in outcome.rows:
        seconds[row["ring"]] += row["all"]
    print("Tests: " + ", ".join(f"{ring} {tests[ring]} in {seconds[ring]:.0f} s of work" for ring in tests))
    print("Wall time: " + ", ".join(f"{title} {took:.0f} s" for title, took in outcome.seconds.items()))
    skipped: dict[str, list[str]] = {}
    for row in outcome.rows:
        if row["outcome"] == "skipped":
            skipped.setdefault(row["why"], []).append(row["id"])
    for why, ids in skipped.items():
        print(f"Skipped {len(ids)}: {why} ({ids[0]}{' …' if len(ids) > 1 else ''})")
    for row in outcome.rows:
        if row.get("raced"):
            print(f"RACED {row['id']}: failed among others, passed by itself; mend it")
        if row["outcome"] == "failed":
            print(f"FAILED {row['id']}")
    for line in outcome.broke_off:
        print(f"FAILED {line}")
    print(f"{outcome.count('passed')} passed" + (f", {outcome.failed} failed" if outcome.failed else ""))


def main(arguments: list[str]) -> int:
    options = [one for one in arguments if one not in {"--more", "--faults", "--all"}]
    try:
        if "--faults" in arguments:
            outcome = faults(options)
        elif "--all" in arguments:
            outcome = rings(TEST + MORE, options, durable=False)
        elif "--more" in arguments:
            outcome = rings(MORE, options, durable=True)
        else:
            outcome = rings(TEST, options, durable=False)
    except NoPostgreSQL as error:
        print(error, file=sys.stderr)
        return 1
    say(outcome)
    return 1 if outcome.failed or not outcome.count("passed") else 0


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupted)  # so that PostgreSQL stops and what was made is removed
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("interrupted")
