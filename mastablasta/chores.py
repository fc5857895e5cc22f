"""What the clock rings: when the next work is due, the bell for it, and what is done again and again."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from mastablasta.core import jobs
from mastablasta.core.models import Heartbeat, IdempotencyKey
from mastablasta.core.time_scale import scaled
from media_library.services import bell
from posts.queue import claims

DRAIN = "posts.tasks.drain"
KEEP_HEARTBEATS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chore:
    """A task without arguments that is rung every `period_s` seconds, by one clock of all.

    `timeout_s`: after which it is ended; None = as every task.
    """

    name: str
    period_s: float
    task: str
    timeout_s: int | None = None


CHORES = (
    Chore("q2", scaled(5), jobs.BEAT),
    Chore("unpark_lanes", scaled(2), "posts.tasks.unpark_lanes"),
    Chore("sweep_lanes", 60, "posts.tasks.sweep_lanes"),
    Chore("media", 5, bell.WORK, timeout_s=bell.TIMEOUT_S),
    Chore("refresh_tokens", 60, "integrations.tasks.refresh_tokens"),
    Chore("host_info", 600, "mastablasta.chores.refresh_host_info"),
    Chore("tidy", 600, "mastablasta.chores.tidy"),
)


def next_work_at() -> datetime | None:
    """When work is due next, maybe in the past: a lane to look at, or one whose holder vanished; None = never."""
    moments = (claims.next_ready_at(), claims.next_lease_end())
    return min((moment for moment in moments if moment is not None), default=None)


def import_tasks() -> None:
    """Load all that the tasks need: done before the fork, it is shared, and the first drain is not late for it."""
    for task in (DRAIN, *(chore.task for chore in CHORES)):
        importlib.import_module(task.rpartition(".")[0])


def refresh_host_info() -> None:
    """Ask hosts again what they allow, before what is known of them is a day old."""
    from integrations.services.hosts import refresh_host_info

    refresh_host_info(at=timezone.now(), most=5)  # a dead host takes 10 s, a task may take 120


def work_on_media() -> None:
    """Make thumbnails, previews and renditions that are due; tell the posts that wait for them."""
    from media_library.services import processing
    from posts.services import post_renditions

    def tell(assets: set[UUID]) -> None:  # after the commit: nothing that posts do can undo what was made
        transaction.on_commit(lambda: post_renditions.on_renditions_finished(assets, at=timezone.now()), robust=True)

    processing.work(should_stop=jobs.stop_requested, on_settled=tell)


def tidy() -> None:
    """Remove heartbeats of processes that are no more, sign-ins never finished, and bells that nobody can answer."""
    from integrations.services.connecting import prune_states

    at = timezone.now()
    Heartbeat.objects.filter(at__lt=at - KEEP_HEARTBEATS).exclude(name__startswith="chore:").delete()
    prune_states(at=at)
    IdempotencyKey.objects.prune(at=at)
    jobs.forget_stale()
