"""manage.py restore"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog
from django.core.management.base import CommandParser
from django.utils import timezone

from mastablasta.checks import SETUP
from mastablasta.core.commands import Outcome, ProgressCommand
from mastablasta.ops import backups
from mastablasta.ops.archive import BackupProblem

log = structlog.get_logger(__name__)


class Command(ProgressCommand):
    help = (
        "Brings back what `manage.py backup` has written, into an empty database of the same kind (not migrated, or "
        "by the same version). All of the archive is checked first: checksums, rows, keys. Afterwards the instance "
        "is held until `manage.py release`: what was due until now waits for a person, as it may have gone out "
        "since. Stopped on the way, it can be run again. Exit status 1 when the archive, the database or a key is "
        "not as it must be; the sentence says what to do. With --json: {path, made_at, rows, files, missing, "
        "missing_keys, restored}."
    )
    requires_system_checks = [SETUP]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("archive", type=Path, metavar="FILE")
        parser.add_argument("--verify", action="store_true", help="check the archive and the keys, and change nothing")
        parser.add_argument("--replace", action="store_true", help="lose what is in the database")
        parser.add_argument(
            "--without-keys", action="store_true", help="go on although no key reads the tokens: accounts sign in again"
        )

    def work(self, **options: Any) -> Outcome:
        path: Path = options["archive"]
        try:
            if options["verify"]:
                found = backups.check(path)
            else:
                with self.progress("copying files") as bar:
                    found = backups.restore(
                        path, at=timezone.now(), replaces=options["replace"], without_keys=options["without_keys"],
                        watch=bar.show,
                    )  # fmt: skip
                log.warning("backup_restored", path=str(path), made_at=found.made_at.isoformat())
        except BackupProblem as reason:
            return Outcome({"error": str(reason)}, [str(reason)], 1)
        shown = {
            "path": found.path, "made_at": found.made_at, "rows": found.rows, "files": found.files,
            "missing": found.missing, "missing_keys": found.missing_keys, "restored": not options["verify"],
        }  # fmt: skip
        is_whole = not found.missing_keys or not options["verify"]
        return Outcome(shown, _lines(found, is_restored=not options["verify"]), 0 if is_whole else 1)


def _lines(found: backups.Checked, *, is_restored: bool) -> list[str]:
    lines = [f"{name}: was missing when the backup was made" for name in found.missing]
    lines += [f"{name}: lacks a key of the backup; {backups.MISSING_KEYS[name]}" for name in found.missing_keys]
    what = f"{found.rows:,} rows and {found.files:,} files of {found.made_at:%Y-%m-%d %H:%M} UTC"
    if not is_restored:
        return [*lines, f"{found.path} is whole: {what}"]
    return [*lines, f"Restored: {what}. Nothing is sent until `manage.py release`"]
