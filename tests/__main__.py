"""`python -m tests [--more | --faults | --processes | --all] [options of pytest]`: the rings of tests/rings.py.

    (nothing)    what every change must pass: pure and database tests on PostgreSQL, vendor tests on SQLite, core of
                 the whole processes
    --more       the rest: every database test on SQLite too, faults in their short form, browser, fuzzing
    --faults     tests/faults alone; with FAULTS=full in the environment as long as it takes
    --processes  the whole processes of both, and nothing beside them
    --all        the first two

It ends with the time of each run, what it computed, its slowest tests and what was skipped. The last line is the sum:
`N passed`, or `N passed, M failed` and exit status 1. A test outside the whole processes that takes over 2 s, among
others and by itself, is named as SLOW; one that takes half as much again has failed.
"""

# ruff: noqa: T201  it speaks to the terminal

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import timeit
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

from tests.databases import sqlite_template
from tests.faults import figures
from tests.pg import NoPostgreSQL, postgresql
from tests.rings import CORE, MOST_SECONDS, PROCESSES, REPORT, VENDOR_PATHS
from tests.started import nothing_left

ROOT = Path(__file__).resolve().parent.parent
NOTHING_COLLECTED = 5
SLOWEST = 20
MOST_RACED = 3  # more failures than that are no bad luck
AGAIN = 2  # how often what took too long may show by itself that it need not
LENIENCE = 1.5  # the clock of a shared machine is no judge of the last half second
REFERENCE_S, PROCESS_S = 0.055, 0.26  # what `a_piece_of_work` and `a_process` take on the machine of docs/testing.md
NOT_OF_ANY = {"PYTHONDONTWRITEBYTECODE"}  # each process that a test starts would compile all modules again


@dataclass(frozen=True, slots=True)
class Run:
    """One call of pytest: `marks` choose the rings, `processes` share them, `paths` spare it from looking elsewhere."""

    title: str
    marks: str
    processes: int
    paths: tuple[str, ...] = ()
    on_sqlite: bool = False


# Runs of one stage go side by side: whole processes wait more often than they compute, and what only computes fills in.
TEST = (
    (
        Run("Pure and database, on PostgreSQL", "pure or database", 3),
        Run("Whole processes, core", "core", 1, (CORE,)),
    ),
    (Run("Vendor, on SQLite", "vendor", 3, VENDOR_PATHS, on_sqlite=True),),
)
MORE = (
    (
        Run("Whole processes, the rest", "processes and not core", 3, PROCESSES[1:]),
        Run("Database, on SQLite", "database and not vendor", 1, on_sqlite=True),
    ),
)
ALL_PROCESSES = ((Run("Whole processes", "processes", 4, PROCESSES),),)
FAULTS = Run("Faults", "processes", 0, ("tests/faults",))


@dataclass
class Outcome:
    """What runs came to: rows as tests/rings.py reports them, failures that have no row, what is too slow, and the
    wall time of each run."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    broke_off: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def count(self, outcome: str) -> int:
        return sum(row["outcome"] == outcome for row in self.rows)

    @property
    def failed(self) -> int:
        return self.count("failed") + len(self.broke_off)

    def __iadd__(self, other: Outcome) -> Outcome:
        self.rows += other.rows
        self.broke_off += other.broke_off
        self.slow += other.slow
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


def side_by_side(stage: tuple[Run, ...], options: list[str], environments: list[dict[str, str]]) -> list[Outcome]:
    """Call pytest for each run at once. Only the first one speaks meanwhile, the others when all have ended."""
    with ExitStack() as stack:
        calls = []
        for run, environment in zip(stage, environments, strict=True):
            print(f"\n=== {run.title}", flush=True)
            paths = () if any((ROOT / option.partition("::")[0]).exists() for option in options) else run.paths
            shared = ("-n", str(run.processes), "--dist", "worksteal") if run.processes else ("-v",)
            arguments = [*shared, "-m", run.marks, *options, *paths]
            calls.append(stack.enter_context(called(arguments, environment, speaks=not calls)))
        took = seconds_of([call.process for call in calls])
        outcomes = []
        for run, call, seconds in zip(stage, calls, took, strict=True):
            outcome = call.outcome(run.title)
            outcome.seconds[run.title] = seconds
            outcomes.append(outcome)
            print(f"=== {run.title}: {outcome.count('passed')} passed, {outcome.failed} failed in ", end="")
            print(f"{seconds:.0f} s", flush=True)
        return outcomes


def seconds_of(processes: list[subprocess.Popen[bytes]]) -> list[float]:
    """Wait until all have ended; returns how long each one took from now."""
    began, took = time.monotonic(), dict[int, float]()
    while len(took) < len(processes):
        time.sleep(0.1)
        for number, process in enumerate(processes):
            if process.poll() is not None:
                took.setdefault(number, time.monotonic() - began)
    return [took[number] for number in range(len(processes))]


@dataclass(slots=True)
class Call:
    """pytest under way; it writes what comes of each test to `report`, and what it says to `said`, unless it speaks."""

    process: subprocess.Popen[bytes]
    report: Path
    said: Path | None

    def outcome(self, title: str) -> Outcome:
        """Wait for its end and return what came of it."""
        status = self.process.wait()
        if self.said is not None:
            print(self.said.read_text(errors="replace"), end="", flush=True)
        rows = [json.loads(line) for line in self.report.read_text().splitlines()] if self.report.is_file() else []
        outcome = Outcome(rows)
        if status not in (0, NOTHING_COLLECTED) and not outcome.failed:
            outcome.broke_off.append(f"{title}: pytest ended with status {status}")
        return outcome


@contextmanager
def called(arguments: list[str], environment: dict[str, str], *, speaks: bool = True) -> Iterator[Call]:
    """pytest with these arguments; neither it nor anything that its tests started outlasts the block."""
    with tempfile.TemporaryDirectory(prefix="mb-report-") as folder, ExitStack() as stack, nothing_left() as mark:
        report, said = Path(folder) / "report", None if speaks else Path(folder) / "said"
        output = stack.enter_context(said.open("wb")) if said else None
        command, variables = [sys.executable, "-m", "pytest", *arguments], environment | mark | {REPORT: str(report)}
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=output, stderr=output)
        try:
            yield Call(process, report, said)
        finally:
            process.terminate()
            process.wait()


def second_look(title: str, outcome: Outcome, environment: dict[str, str], crowd: float) -> None:
    """Let what failed or took too long show by itself that only the machine was against it.

    `crowd`: how many processes shared a core. Tests are to wait for facts, not for times: each that is named as raced
    is a test to mend.
    """
    failed = {row["id"]: row for row in outcome.rows if row["outcome"] == "failed"}
    if 0 < len(failed) <= MOST_RACED:
        with called(["-p", "no:xdist", *failed], environment) as call:
            for row in call.outcome("once more").rows:
                if row["outcome"] == "passed":
                    failed[row["id"]] |= {"outcome": "passed", "raced": True}
    most_s = MOST_SECONDS * crowd
    slow = [row for row in outcome.rows if is_slow(row, most_s)]
    for _ in range(AGAIN):
        if not slow:
            break
        print(f"=== {title}: {len(slow)} took over {most_s:.1f} s, once more by themselves", flush=True)
        before = slowness()
        with called(["-p", "no:xdist", *(row["id"] for row in slow)], environment) as call:
            again = call.outcome("once more")
        outcome.broke_off += [f"{row['id']} by itself" for row in again.rows if row["outcome"] == "failed"]
        most_s = MOST_SECONDS * max(before, slowness())
        slow = [row for row in again.rows if is_slow(row, most_s)]
    for row in slow:
        verdict = f"{row['id']} takes {row['seconds']:.1f} s, more than {most_s:.1f}"
        (outcome.broke_off if row["seconds"] > most_s * LENIENCE else outcome.slow).append(verdict)


def is_slow(row: dict[str, Any], most_s: float) -> bool:
    return row["ring"] != "processes" and row["seconds"] > most_s


def slowness() -> float:
    """How many times as long as on the machine of docs/testing.md two pieces of work take here and now; at least 1.

    The greater: what starts processes is slowed down most by others of whom one's own machine says nothing.
    """
    pieces = ((a_piece_of_work, REFERENCE_S), (a_process, PROCESS_S))
    return max(1.0, *(median(timeit.repeat(piece, number=1, repeat=7)) / usual_s for piece, usual_s in pieces))


def a_piece_of_work() -> None:
    for _ in range(100):
        json.loads(json.dumps([{"number": number, "text": str(number)} for number in range(400)]))


def a_process() -> None:
    subprocess.run([sys.executable, "-c", "import django.db.models"], cwd=ROOT, check=True)


@contextmanager
def home_folder() -> Iterator[Path]:
    """A folder for what instances write, gone in the end."""
    home = Path(tempfile.mkdtemp(prefix="mb-test-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def rings(stages: tuple[tuple[Run, ...], ...], options: list[str], *, durable: bool) -> Outcome:
    """Run the stages one after the other, on one PostgreSQL."""
    outcome = Outcome()
    sqlite_template()  # once, not by each process of a run
    with home_folder() as home, postgresql(durable=durable) as url:
        on_postgresql = {"DATABASE_URL": url, "MASTABLASTA_MODE": "development"}
        homes = (home / str(number) for number in itertools.count())
        for stage in stages:
            environments = [clean_environment(next(homes), **({} if run.on_sqlite else on_postgresql)) for run in stage]
            outcomes = side_by_side(stage, options, environments)
            crowd = max(1.0, sum(run.processes for run in stage) / len(os.sched_getaffinity(0)))
            for run, part, environment in zip(stage, outcomes, environments, strict=True):
                second_look(run.title, part, environment, crowd)
                outcome += part
    return outcome


def faults(options: list[str]) -> Outcome:
    """Only tests/faults; the long form writes what it measured into the table of docs/reliability.md."""
    with home_folder() as home, postgresql(durable=True) as url:
        settings = {"DATABASE_URL": url, "MASTABLASTA_MODE": "development", figures.VARIABLE: str(home / "figures")}
        [outcome] = side_by_side((FAULTS,), options, [clean_environment(home, **settings)])
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
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"Computing: {used.ru_utime + used.ru_stime:.0f} s in all processes but PostgreSQL's")
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
    for line in outcome.slow:
        print(f"SLOW {line}; make it cheaper")
    for line in outcome.broke_off:
        print(f"FAILED {line}")
    print(f"{outcome.count('passed')} passed" + (f", {outcome.failed} failed" if outcome.failed else ""))


def main(arguments: list[str]) -> int:
    options = [one for one in arguments if one not in {"--more", "--faults", "--processes", "--all"}]
    try:
        if "--faults" in arguments:
            outcome = faults(options)
        elif "--all" in arguments:
            outcome = rings(TEST + MORE, options, durable=False)
        elif "--processes" in arguments:
            outcome = rings(ALL_PROCESSES, options, durable=True)
        elif "--more" in arguments:
            outcome = rings(MORE, options, durable=True)
        else:
            outcome = rings(TEST, options, durable=False)
    except NoPostgreSQL as error:
        print(error, file=sys.stderr)
        return 1
    say(outcome)
    return 1 if outcome.failed or not outcome.count("passed") else 0


def end_in_order() -> None:
    """From now on SIGTERM and SIGINT raise KeyboardInterrupt, once: what was started is ended, and made removed."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, _interrupted)


def _interrupted(*_: object) -> NoReturn:
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, signal.SIG_IGN)  # a second one would leave half of it behind
    raise KeyboardInterrupt


if __name__ == "__main__":
    end_in_order()
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("interrupted")
