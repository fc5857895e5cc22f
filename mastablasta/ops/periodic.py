"""What the clock looks after: when the next work is due, and the tasks that are run again and again."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from analytics.collection import queue as collection
from mastablasta.core import jobs, mail
from mastablasta.core.models import Heartbeat, Mail
from mastablasta.core.time_scale import scaled
from media_library.services import render_worker, wakeups
from posts.queue import claims
from posts.services import bulk_jobs

DRAIN = "posts.tasks.drain"
WEBHOOKS = "webhooks.tasks.drain"


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """A task without arguments that is rung every `period_s` seconds, by one clock of all.

    `timeout_s`: after which it is ended; None = as every task. `is_needed`: a look that costs less than the way through
    the queue and says whether there is anything to do.
    """

    name: str
    period_s: float
    task: str
    timeout_s: int | None = None
    is_needed: Callable[[datetime], bool] = lambda _: True


def _media_is_due(at: datetime) -> bool:
    due_at = render_worker.next_due_at()
    return due_at is not None and due_at <= at


PERIODIC_TASKS = (
    PeriodicTask("q2", scaled(5), jobs.BEAT),
    PeriodicTask(
        "unpark_lanes", scaled(2), "posts.tasks.unpark_lanes", is_needed=lambda _: claims.something_is_parked()
    ),
    PeriodicTask("sweep_lanes", 60, "posts.tasks.sweep_lanes"),
    PeriodicTask("bulk_jobs", scaled(10), bulk_jobs.TASK, is_needed=lambda _: bulk_jobs.something_is_open()),
    PeriodicTask("media", 5, wakeups.TASK, timeout_s=wakeups.TIMEOUT_S, is_needed=_media_is_due),
    PeriodicTask("refresh_tokens", 60, "integrations.tasks.refresh_tokens"),
    PeriodicTask("deleted_workspaces", 60, "integrations.tasks.disconnect_deleted"),
    PeriodicTask("unused_grants", 3600, "integrations.tasks.end_unused_grants"),
    PeriodicTask("plan_collections", 60, "analytics.tasks.plan"),
    PeriodicTask("plan_all_collections", 3600, "analytics.tasks.plan_all"),
    PeriodicTask("collect", 10, "analytics.tasks.collect", is_needed=collection.needs_collector),
    PeriodicTask("mail", 30, mail.TASK, is_needed=lambda at: Mail.objects.due(at).exists()),
    PeriodicTask("host_info", 600, "mastablasta.ops.tasks.refresh_host_info"),
    PeriodicTask("tidy", 600, "mastablasta.ops.tasks.tidy"),
)


def next_work_at() -> datetime | None:
    """When work is due next, maybe in the past: a lane to look at, or one whose holder vanished; None = never."""
    moments = (claims.next_ready_at(), claims.next_lease_end())
    return min((moment for moment in moments if moment is not None), default=None)


def turn_of(periodic_task: PeriodicTask) -> str:
    """The heartbeat that says when it was rung last."""
    return f"chore:{periodic_task.name}"


def forget_last_run() -> None:
    """Let no sign of life of processes that are gone count, nor that they just rang for one: the next clock rings
    at once.

    Where other hosts beat, theirs would be lost too.
    """
    rung = [turn_of(one) for one in PERIODIC_TASKS if one.task == jobs.BEAT]
    Heartbeat.objects.filter(name__in=["clock", "q2", *rung]).delete()


def import_tasks() -> None:
    """Load all that the tasks need: done before the fork, it is shared, and the first drain is not late for it."""
    for task in (DRAIN, WEBHOOKS, *(periodic_task.task for periodic_task in PERIODIC_TASKS)):
        importlib.import_module(task.rpartition(".")[0])
