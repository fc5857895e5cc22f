"""manage.py import_posts"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.command_arguments import named_editor, named_workspace
from accounts.models import User, Workspace
from mastablasta.core.commands import Outcome, ProgressCommand
from mastablasta.core.errors import Invalid
from posts.import_export.importing import REFUSED, RowOutcome, import_rows
from posts.import_export.report import present_counts, present_refused
from posts.import_export.rows import count_rows, read_rows


class Command(ProgressCommand):
    help = (
        "Makes a post of each row of a CSV or JSON file, or changes the post that the row names, by the rules of the "
        "API; docs/import-and-export.md says what a file holds. Any number of rows. Safe beside running workers, and "
        "safe to run twice where each row has an external_id: what is there already is left as it is. Exit status 1 "
        "when a row was refused, 2 when an argument or the file as a whole is wrong, which changes nothing. With "
        "--json: {dry_run, created, updated, unchanged, refused, failed: [{row, external_id, error, code, details}]}."
    )

    import_rows = staticmethod(import_rows)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--workspace", type=UUID, required=True, metavar="ID", help="whose posts they are")
        parser.add_argument("--user", metavar="EMAIL", help="who wrote them; left out: nobody")
        parser.add_argument("--dry-run", action="store_true", help="say what would become of each row, change nothing")

    def work(self, **options: Any) -> Outcome:
        workspace = named_workspace(options["workspace"])
        person = named_editor(options["user"], workspace) if options["user"] else None
        try:
            with options["file"].open("rb") as file:
                return self._import(file, workspace, person, is_rehearsal=options["dry_run"])
        except OSError as error:
            raise CommandError(f"FILE: it cannot be read ({error.strerror}).", returncode=2) from error
        except Invalid as error:
            raise CommandError(f"FILE: {error.detail}", returncode=2) from error

    def _import(self, file: BinaryIO, workspace: Workspace, person: User | None, *, is_rehearsal: bool) -> Outcome:
        total = count_rows(file)  # so that a file which breaks off half-way is refused before anything is stored
        counts: Counter[str] = Counter()
        refused: list[RowOutcome] = []
        with self.progress("importing") as bar:
            rows = read_rows(file)
            outcomes = self.import_rows(
                rows, workspace=workspace, by=person, is_rehearsal=is_rehearsal, at=timezone.now()
            )
            for number, outcome in enumerate(outcomes, 1):
                counts[outcome.status] += 1
                if outcome.status == REFUSED:
                    refused.append(outcome)
                bar.show(number, total)
        told = present_counts(counts)
        failed = [present_refused(one) for one in refused]
        lines = [f"row {one['row']}: {one['error']}" for one in failed]
        sentence = ", ".join(f"{count} {status}" for status, count in told.items())
        lines.append(f"{'This would come of it: ' if is_rehearsal else ''}{sentence}")
        return Outcome({"dry_run": is_rehearsal, **told, "failed": failed}, lines, 1 if refused else 0)
