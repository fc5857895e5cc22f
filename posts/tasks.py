"""What the queue rings: each fetches nothing and calls one service. Lost, doubled or late, a bell changes nothing."""

from __future__ import annotations

import os
import socket

from mastablasta.core import jobs
from posts.services import claims, publishing


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def drain() -> None:
    publishing.drain(worker=worker_name(), should_stop=jobs.stop_requested)


def sweep_lanes() -> None:
    claims.sweep_lanes()


def unpark_lanes() -> None:
    claims.unpark_lanes()
