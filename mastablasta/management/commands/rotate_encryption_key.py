"""manage.py rotate_encryption_key"""

from __future__ import annotations

from typing import Any

from mastablasta.core.commands import Outcome, ProgressCommand
from mastablasta.core.rotation import count_secrets, rotate_secrets


class Command(ProgressCommand):
    help = (
        "Encrypts again, with the first key of ENCRYPTION_KEY, whatever an older one of it encrypted. Put a new key "
        "before the old one (new,old), restart all processes, run this, and take the old key out. Safe beside a "
        "running program; stopped, it goes on where it was. Exit status 1 when something could be read with none of "
        "the keys: it is left as it is. With --json: {rotated, kept, unreadable}."
    )

    def work(self, **options: Any) -> Outcome:  # noqa: ARG002
        total, done = count_secrets(), 0
        rotated = kept = unreadable = 0
        with self.progress("encrypting") as bar:
            for block in rotate_secrets():
                rotated, kept, unreadable = rotated + block.rotated, kept + block.kept, unreadable + block.unreadable
                done += block.rows
                bar.show(min(done, total), max(total, 1))
        lines = [f"{rotated} secrets are encrypted with the first key now, {kept} were already"]
        if unreadable:
            lines.append(f"{unreadable} can be read with none of the keys and are as they were")
        shown = {"rotated": rotated, "kept": kept, "unreadable": unreadable}
        return Outcome(shown, lines, 1 if unreadable else 0)
