"""manage.py prune"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from analytics.services.pruning import prune_samples
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.commands import Outcome, ProgressCommand, duration
from media_library.models import Asset, Rendition
from media_library.services.storage_audit import GRACE, Pruned, prune
from posts.services.pruning import prune_attempts


class Command(ProgressCommand):
    help = (
        "Removes what nobody needs any more: files in the storage that no row names, what broken uploads left, rows of "
        "deleted files that no post has, what platforms counted longer than ANALYTICS_KEEP_DAYS ago, how posts went "
        "out longer than ATTEMPTS_KEEP_DAYS ago, entries of the audit log older than AUDIT_KEEP_DAYS. Thumbnails and "
        "renditions that the storage has lost are made again. Safe beside a running program and safe to run twice. "
        "Exit status 1 when the storage has lost files of the library: they are listed, and nothing is done about "
        "them. With --json: {orphans, orphan_bytes, scratch, rows, made_again, lost: [{id, workspace, filename}], "
        "samples, attempts, audit_entries}."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than", type=duration, default=GRACE, metavar="24h", help="remove only this old: 90s, 15m, 24h, 7d"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")

    def work(self, **options: Any) -> Outcome:
        expected = Asset.objects.kept().count() * 2 + Rendition.objects.count()
        with self.progress("looking") as bar:
            done = prune(
                at=timezone.now(),
                grace=options["older_than"],
                is_rehearsal=options["dry_run"],
                watch=lambda count: bar.show(count, expected),
            )
        at, is_rehearsal = timezone.now(), options["dry_run"]
        old = {
            "samples": prune_samples(at=at, is_rehearsal=is_rehearsal),
            "attempts": prune_attempts(at=at, is_rehearsal=is_rehearsal),
            "audit_entries": AuditEntry.objects.prune(at=at, is_rehearsal=is_rehearsal),
        }
        lines = _lines(done, old, is_rehearsal=is_rehearsal)
        return Outcome({**asdict(done), **old}, lines, 1 if done.lost else 0)


def _lines(done: Pruned, old: Mapping[str, int], *, is_rehearsal: bool) -> list[str]:
    would = "would be " if is_rehearsal else ""
    lines = [f"{one['id']} {one['filename']}: its bytes are lost; upload it again or delete it" for one in done.lost]
    return [
        *lines,
        f"{done.orphans} files without a row ({done.orphan_bytes:,} bytes), {done.scratch} leftovers of uploads and "
        f"{done.rows} rows {would}removed; {done.made_again} {would}made again; {len(done.lost)} lost",
        f"{old['samples']} old samples of figures, {old['attempts']} old attempts and {old['audit_entries']} old "
        f"entries of the audit log {would}removed",
    ]
