"""manage.py backup"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import CommandParser
from django.utils import timezone

from mastablasta.core.commands import Outcome, ProgressCommand
from mastablasta.ops import backups
from mastablasta.ops.archive import BackupProblem

log = structlog.get_logger(__name__)


class Command(ProgressCommand):
    help = (
        "Writes the database, the media files and digests of the keys (never a key) into one archive in BACKUP_DIR, "
        "whole or not at all, and checks it. Needs nothing beside Python, and runs beside a running program. Keep "
        "the keys somewhere else: without ENCRYPTION_KEY no token in a backup can be read. Exit status 1 when it "
        "could not be made, or when the storage has lost files that rows name. With --json: {path, size, rows, "
        "files, missing, removed}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--keep", type=int, default=0, metavar="N", help="then remove all but the newest N")
        parser.add_argument("--to", type=Path, metavar="FOLDER", help="instead of BACKUP_DIR")
        parser.add_argument(
            "--without-media", action="store_true", help="leave the files out: they are in S3, which keeps versions"
        )

    def work(self, **options: Any) -> Outcome:
        folder = options["to"] or settings.BACKUP_DIR
        if options["keep"] < 0:
            self.stderr.write("--keep: is not a number of backups; say 0 (keep all) or more", style_func=str)
            sys.exit(2)
        try:
            with self.progress("copying files") as bar:
                made = backups.make(
                    folder,
                    at=timezone.now(),
                    keep=options["keep"],
                    with_media=not options["without_media"],
                    watch=bar.show,
                )
            backups.check(made.path)
        except BackupProblem as reason:
            log.error("backup_failed", reason=str(reason))  # noqa: TRY400  it is no traceback
            return Outcome({"error": str(reason)}, [str(reason)], 1)
        log.info("backup_made", path=str(made.path), size=made.size, rows=made.rows, files=made.files)
        shown = {
            "path": made.path, "size": made.size, "rows": made.rows, "files": made.files, "missing": made.missing,
            "removed": made.removed,
        }  # fmt: skip
        return Outcome(shown, _lines(made), 1 if made.missing else 0)


def _lines(made: backups.Made) -> list[str]:
    lines = [f"{name}: the storage has lost it" for name in made.missing]
    size = f"{made.size / 1_000_000:,.1f} MB"
    removed = f"; {len(made.removed)} older ones removed" if made.removed else ""
    return [*lines, f"{made.path}: {made.rows:,} rows and {made.files:,} files in {size}{removed}"]
