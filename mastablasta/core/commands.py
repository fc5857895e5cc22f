"""What commands for operators share: one outcome for people or programs, and a bar where somebody looks on."""

from __future__ import annotations

import json
import sys
import time
from abc import abstractmethod
from argparse import ArgumentTypeError
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from mastablasta.core.audit.actors import Actor, Via, acting

BAR = 30
REDRAW_S = 0.1
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did: `shown` with --json, else `lines`. `status` 0 = all is well, 1 = see the command's help."""

    shown: Mapping[str, Any]
    lines: list[str] = field(default_factory=list)
    status: int = 0


class ProgressCommand(BaseCommand):
    """A command that may take long. Subclasses have `help` with what status 1 means, `work`, and further arguments.

    With --json stdout gets one JSON object and nothing else. The bar goes to stderr, and only to a terminal.
    """

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
        return parser

    def handle(self, **options: Any) -> None:
        command = type(self).__module__.rpartition(".")[2]
        with acting(Actor(Via.COMMAND, name=f"manage.py {command}")):
            outcome = self.work(**options)
        if options["json"]:
            self.stdout.write(json.dumps(outcome.shown, default=str))
        else:
            for line in outcome.lines:
                self.stdout.write(line)
        if outcome.status:
            sys.exit(outcome.status)

    @abstractmethod
    def work(self, **options: Any) -> Outcome:
        """Do it and say what became of it."""

    @contextmanager
    def progress(self, label: str) -> Iterator[Bar]:
        """A bar to `show` how far it is; it is gone at the end, and never there when nobody looks on."""
        bar = Bar(self, label)
        try:
            yield bar
        finally:
            bar.clear()


class Bar:
    """Draws `label [#####     ] 17 of 40`, at most ten times a second."""

    def __init__(self, command: BaseCommand, label: str) -> None:
        self.out = command.stderr
        self.label = label
        self.is_seen = self.out.isatty()
        self.drawn_at = 0.0

    def show(self, done: int, total: int) -> None:
        """`done` of `total`, which may grow meanwhile."""
        now = time.monotonic()
        if not self.is_seen or (now < self.drawn_at + REDRAW_S and done < total):
            return
        self.drawn_at = now
        total = max(done, total)
        full = BAR * done // total if total else 0
        self._write(f"\r{self.label} [{'#' * full:{BAR}}] {done} of {total}\x1b[K")

    def clear(self) -> None:
        if self.is_seen and self.drawn_at:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self.out.write(text, style_func=str, ending="")
        self.out.flush()


def duration(text: str) -> timedelta:
    """The type of arguments such as `90s`, `15m`, `24h`, `7d`."""
    number, unit = text[:-1], text[-1:]
    if unit not in UNITS or not (number.isascii() and number.isdecimal()):
        raise ArgumentTypeError(f"{text!r} is not a duration; write 90s, 15m, 24h or 7d")
    return timedelta(seconds=int(number) * UNITS[unit])
