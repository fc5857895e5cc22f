"""`main(database, kill_at)`, to be run in a process of its own: works on media as a job, and is killed at a step of it.

`kill_at`: claimed, made (nothing is in the storage), half_kept, kept (all is), settled (before the commit), done.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import django
from django.db import connection

django.setup()

from media_library.codecs import process  # noqa: E402  now that Django is set up
from media_library.services import files, render_worker  # noqa: E402


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(database: str, kill_at: str) -> None:
    connection.settings_dict["NAME"] = database
    kept = []
    keep = files.keep

    def keep_and_die(path: Path, name: str) -> str:
        if kill_at == "made" or (kill_at == "half_kept" and kept):
            die()
        kept.append(keep(path, name))
        if kill_at == "kept" and len(kept) == 2:
            die()
        return kept[-1]

    def settled(_: Any) -> None:
        if kill_at == "settled":
            die()

    files.keep = keep_and_die
    if kill_at == "claimed":
        process.run = lambda *_, **__: die()  # type: ignore[assignment,return-value]
    render_worker.work(should_stop=lambda: False, on_settled=settled)
    die()
