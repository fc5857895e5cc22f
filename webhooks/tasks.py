"""What the queue runs: each calls one service. Lost, doubled or late, a wake-up changes nothing."""

from __future__ import annotations

from mastablasta.core import jobs
from webhooks import sender


def drain() -> None:
    sender.drain(worker=jobs.process_name(), should_stop=jobs.stop_requested)
