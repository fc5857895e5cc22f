"""manage.py import_v1"""

from __future__ import annotations

from posts.import_export.demo_rows import import_demo_rows
from posts.management.commands import import_posts


class Command(import_posts.Command):
    help = (
        "Makes a post of each post of the demo API in a file that GET /api/export gave (docs/v1.md). What lies ahead "
        "is scheduled, everything else becomes a draft; nothing is published. Safe beside running workers, and safe to "
        "run twice: what is there already is left as it is. Exit status 1 when a row was refused, 2 when an argument "
        "or the file as a whole is wrong, which changes nothing. With --json: {dry_run, created, updated, unchanged, "
        "refused, failed: [{row, external_id, error, code, details}]}."
    )
    import_rows = staticmethod(import_demo_rows)
