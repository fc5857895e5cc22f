"""The rings sort the tests as tests/rings.py says, and nothing that depends on the database escapes SQLite."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.__main__ import FAULTS, MORE, ROOT, TEST, Run
from tests.rings import LONG, LONGEST_S, SQL_OF_OUR_OWN, TOGETHER, VENDOR, VENDOR_PATHS, marks_of, rings_of, spread

PACKAGES = ("accounts", "analytics", "integrations", "mastablasta", "media_library", "posts", "webhooks")
OWN_SQL = re.compile(
    r"connection\.vendor|[._]cursor\(\)|RawSQL|\.raw\(|select_for_update|RunSQL|RunPython|SearchVector|NOTIFY|pg_advisory"
)


def test_code_with_sql_of_its_own_is_named_with_its_tests() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "tests" not in path.parts and OWN_SQL.search(path.read_text())
    }

    assert found == set(SQL_OF_OUR_OWN)


def test_what_is_named_is_there() -> None:
    assert [path for path in (*VENDOR_PATHS, *LONG) if not (ROOT / path).is_file()] == []
    assert set(TOGETHER) < set(LONG)
    functions = [one.split("::") for one in VENDOR if "::" in one]
    assert [(path, name) for path, name in functions if f"def {name}(" not in (ROOT / path).read_text()] == []


def test_every_command_is_walked_on_both_databases_or_starts_processes() -> None:
    commands = {path.stem for path in ROOT.glob("*/management/commands/*.py")} - {"__init__"}
    walked = {Path(path).stem.removeprefix("test_") for path in VENDOR_PATHS}
    # by the name of its tests
    named = {"prune": "storage_audit", "rebuild_search": "search_index", "rebuild_rollups": "rollups"}
    named |= {"restore": "backup"}
    processes = {"up", "run_clock", "run_worker", "demo"}  # tests/e2e and tests/more start them

    assert {command for command in commands if named.get(command, command) not in walked} == processes


def item(path: str, *fixtures: str, marks: tuple[str, ...] = (), name: str = "test_it") -> Any:
    """As much of a pytest item as tells its rings."""
    return SimpleNamespace(
        path=ROOT / path,
        name=f"{name}[case]",
        originalname=name,
        fixturenames=list(fixtures),
        get_closest_marker=lambda mark: mark if mark in marks else None,
    )


@pytest.mark.parametrize(
    ("one", "rings"),
    [
        (item("posts/tests/test_composing.py", "sandbox"), ("pure",)),
        (item("posts/tests/test_composing.py", "workspace", "db"), ("database",)),
        (item("posts/tests/test_composing.py", marks=("django_db",)), ("database",)),
        (item("posts/tests/test_claims.py", marks=("django_db",)), ("database", "vendor")),
        (item("posts/tests/test_claims.py"), ("pure",)),
        (
            item(
                "tests/test_tenancy.py",
                "db",
                name="test_owner_is_let_through_and_the_audit_log_hears_of_what_they_change",
            ),
            ("database", "vendor"),
        ),
        (item("tests/test_tenancy.py", "db", name="test_viewer_writes_nothing"), ("database",)),
        (item("tests/e2e/test_running.py", "db"), ("processes", "core")),
        (item("tests/faults/test_kills.py"), ("processes",)),
        (item("tests/more/test_fuzzing.py"), ("processes",)),
    ],
)
def test_ring_is_told_by_place_and_fixtures(one: Any, rings: tuple[str, ...]) -> None:
    assert rings_of(one) == rings


@pytest.mark.parametrize(
    ("one", "limits"),
    [
        (item("tests/more/test_backup.py"), [LONGEST_S]),
        (item("tests/e2e/test_running.py", "db"), [LONGEST_S]),
        (item("tests/faults/test_kills.py", marks=("timeout",)), []),  # its own
        (item("posts/tests/test_claims.py", marks=("django_db",)), []),  # that of pytest.ini
    ],
)
def test_only_what_starts_processes_may_take_minutes(one: Any, limits: list[int]) -> None:
    assert [mark.args[0] for mark in marks_of(one) if mark.name == "timeout"] == limits


def chosen(run: Run) -> set[str]:
    """The rings, as sets of marks, whose tests a run takes."""
    kinds = [{"pure"}, {"database"}, {"database", "vendor"}, {"processes"}, {"processes", "core"}]
    names = ("pure", "database", "vendor", "processes", "core")
    return {" ".join(sorted(k)) for k in kinds if eval(run.marks, {}, {name: name in k for name in names})}


def test_every_ring_runs_where_it_should() -> None:
    """Each ring once in the two commands, what uses a database on both."""
    runs = [run for stage in TEST + MORE for run in stage]
    on_postgresql = [ring for run in runs if not run.on_sqlite for ring in chosen(run)]
    on_sqlite = [ring for run in runs if run.on_sqlite for ring in chosen(run)]

    assert sorted(on_postgresql) == ["core processes", "database", "database vendor", "processes", "pure"]
    assert sorted(on_sqlite) == ["database", "database vendor"]
    assert "database vendor" in {ring for stage in TEST for run in stage if run.on_sqlite for ring in chosen(run)}
    assert chosen(FAULTS) == {"core processes", "processes"}


@pytest.mark.parametrize(
    ("tests", "processes", "order"),
    [
        ("- - - - - - -", 3, [0, 1, 2, 3, 4, 5, 6]),
        ("- - A - - B C -", 2, [2, 6, 0, 1, 5, 3, 4, 7]),
        ("- A B C - - - - - -", 3, [1, 0, 4, 2, 5, 6, 3, 7, 8, 9]),
        ("- A A A - B - - - -", 2, [1, 2, 3, 0, 4, 5, 6, 7, 8, 9]),
        ("A B C -", 2, [0, 2, 1, 3]),
        ("A", 3, [0]),
        ("", 2, []),
    ],
)
def test_each_process_begins_with_its_share_of_the_long_ones(tests: str, processes: int, order: list[int]) -> None:
    """xdist cuts the order into stretches of equal length."""
    assert spread([name.strip("-") for name in tests.split()], processes) == order
