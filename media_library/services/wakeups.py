"""Wake-ups for work on files: thumbnails and renditions. Rows say what is to be done; a lost one loses nothing."""

from __future__ import annotations

from mastablasta.core import jobs

TASK = "mastablasta.ops.tasks.work_on_media"
TIMEOUT_S = 2100  # of the task: a video may take half an hour


def enqueue() -> None:
    """Say that there is work, when the current transaction commits."""
    jobs.enqueue(TASK, timeout_s=TIMEOUT_S)
