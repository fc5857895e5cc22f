"""The bell for work on files: thumbnails and renditions. Rows say what is to be done; losing a bell loses nothing."""

from __future__ import annotations

from mastablasta.core import jobs

WORK = "mastablasta.chores.work_on_media"


def ring() -> None:
    """Say that there is work, when the current transaction commits."""
    jobs.enqueue(WORK)
