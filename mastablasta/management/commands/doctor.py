"""manage.py doctor"""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from mastablasta.ops.diagnosis import Diagnosis, examine


class Command(BaseCommand):
    help = (
        "Examines the set-up and what runs, one line each, and says how to mend it: settings, database and its "
        "connections, migrations, queue, workers, storage, disks, rights, clocks, keys, platforms, e-mail, backups. "
        "Ends with status 1 when there is a fault. With --json: {ok, findings: [{level, subject, sentence, remedy}]}."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, for programs")

    def handle(self, *, json: bool, **_: Any) -> None:
        found = examine()
        (self._print_json if json else self._print)(found)
        if any(each.level == "fault" for each in found):
            sys.exit(1)

    def _print(self, found: list[Diagnosis]) -> None:
        styles = {"ok": self.style.SUCCESS, "doubt": self.style.WARNING, "fault": self.style.ERROR}
        for each in found:
            remedy = f" To mend it: {each.remedy}." if each.remedy else ""
            self.stdout.write(f"{styles[each.level](f'{each.level:6}')} {each.subject}: {each.sentence}{remedy}")

    def _print_json(self, found: list[Diagnosis]) -> None:
        rows = [
            {"level": each.level, "subject": each.subject, "sentence": each.sentence, "remedy": each.remedy}
            for each in found
        ]
        self.stdout.write(json.dumps({"ok": all(row["level"] != "fault" for row in rows), "findings": rows}))
