"""Commands for operators: what goes to stdout, what goes to a terminal, and the exit status."""

from __future__ import annotations

import io
import json
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from mastablasta.core.commands import Outcome, ProgressCommand, duration


class Count(ProgressCommand):
    help = "Counts to three."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--status", type=int, default=0)

    def work(self, **options: Any) -> Outcome:
        with self.progress("counting") as bar:
            for number in range(4):
                bar.show(number, 3)
        return Outcome({"counted": 3}, ["3 counted"], options["status"])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_people_get_lines_and_programs_one_object() -> None:
    people, programs = io.StringIO(), io.StringIO()

    call_command(Count(), stdout=people)
    call_command(Count(), "--json", stdout=programs)

    assert people.getvalue() == "3 counted\n"
    assert json.loads(programs.getvalue()) == {"counted": 3}


def test_no_bar_without_a_terminal() -> None:
    seen = io.StringIO()

    call_command(Count(), stdout=io.StringIO(), stderr=seen)

    assert seen.getvalue() == ""


def test_bar_on_a_terminal_is_gone_at_the_end() -> None:
    seen, out = Terminal(), io.StringIO()

    call_command(Count(), stdout=out, stderr=seen)

    assert "\rcounting [##############################] 3 of 3\x1b[K" in seen.getvalue()
    assert seen.getvalue().endswith("\r\x1b[K")
    assert out.getvalue() == "3 counted\n"


def test_status_is_the_exit_status() -> None:
    with pytest.raises(SystemExit) as ended:
        call_command(Count(), "--status", "1", stdout=io.StringIO())

    assert ended.value.code == 1


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86400), ("7d", 604800)])
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "h", "-1h", "1.5h", "1w", "²h"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="write 90s, 15m, 24h or 7d"):
        duration(text)
