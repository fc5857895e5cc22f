"""Jobs: the only door to django-q2. A task is a wake-up; losing, doubling or delaying one changes nothing.

`enqueue` rings, `waiting` counts what is rung and not begun, `stop_requested` tells a long task to hand back.
`run_cluster` runs django-q2's cluster, notices when it hangs, and ends its whole tree in time.
"""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ, Task
from django_q.signing import BadSignature, SignedPackage
from django_q.tasks import async_task

from mastablasta.core.jobs.shared_flags import stop_requested
from mastablasta.core.models import Heartbeat

__all__ = [
    "enqueue",
    "forget_failures",
    "process_name",
    "queue_age",
    "ring",
    "run_cluster",
    "stop_requested",
    "waiting",
]

BEAT = "mastablasta.core.jobs.beat"
FAILURES_KEPT_FOR = timedelta(days=30)


def enqueue(task: str, *ids: UUID | int | str, group: str = "", timeout_s: int | None = None) -> None:
    """Ring for `task`, a dotted path, when the current transaction commits, or now if there is none.

    Only ids travel, UUIDs as text. A queue that is out of reach is logged, not raised: the clock rings again.
    `timeout_s`: how long the task may take, where that is longer than others; it may be rung again meanwhile.
    """
    transaction.on_commit(lambda: ring(task, *ids, group=group, timeout_s=timeout_s), robust=True)


def ring(task: str, *ids: UUID | int | str, group: str = "", timeout_s: int | None = None) -> None:
    """Ring for `task` now. Raises what the broker raises when it cannot be reached."""
    options: dict[str, Any] = {"group": group} if group else {}
    if timeout_s is not None:
        options["timeout"] = timeout_s
    async_task(task, *(str(each) if isinstance(each, UUID) else each for each in ids), **options)


def waiting(at_most: int = 200) -> Counter[str]:
    """How often each task was rung and not yet taken by a cluster.

    What a killed process had taken does not count: it stays locked for the broker's retry time, then runs.
    """
    payloads: list[str]
    if settings.REDIS_URL:
        broker = get_broker()
        payloads = [bytes(each).decode() for each in broker.connection.lrange(broker.list_key, 0, at_most - 1)]
    else:
        rows = OrmQ.objects.filter(key=Conf.CLUSTER_NAME, lock__lte=timezone.now())
        payloads = list(rows.order_by("id").values_list("payload", flat=True)[:at_most])
    return Counter(str(package["func"]) for package in map(_unpack, payloads) if package)


def forget_stale(*, older_than: timedelta = timedelta(hours=1)) -> int:
    """Remove bells rung so long ago: a task that kills its worker comes back for ever. Returns how many."""
    if settings.REDIS_URL:
        return 0
    limit = timezone.now() - older_than
    stale = [
        row_id
        for row_id, payload in OrmQ.objects.order_by("id").values_list("id", "payload")[:1000]
        if (_unpack(payload) or {"started": limit})["started"] <= limit
    ]
    return OrmQ.objects.filter(id__in=stale).delete()[0] if stale else 0


def forget_failures(*, at: datetime) -> int:
    """Remove django-q2's record of tasks that ended FAILURES_KEPT_FOR ago, and return how many."""
    return int(Task.objects.filter(stopped__lt=at - FAILURES_KEPT_FOR).delete()[0])


def _unpack(payload: str) -> dict[str, Any] | None:
    try:
        return cast("dict[str, Any]", SignedPackage.loads(payload))
    except (BadSignature, TypeError):
        return None


def beat() -> None:
    """The task that shows that the queue works: rung every few seconds, it leaves the heartbeat 'q2'."""
    Heartbeat.objects.beat("q2", at=timezone.now(), by=process_name())


def queue_age(*, at: datetime) -> timedelta:
    """How long ago something came through the queue: a heartbeat, or a beat of a drain that a worker runs."""
    last = Heartbeat.objects.through_queue().order_by("-at").values_list("at", flat=True).first()
    return timedelta.max if last is None else at - last


def process_name() -> str:
    """This process among all of all hosts."""
    return f"{platform.node()}:{os.getpid()}"


def run_cluster(beside: Callable[[Callable[[], bool]], None], *, has_own_command: bool) -> None:
    """Run a cluster until SIGTERM or SIGINT; the process ends with status 0 within 20 s of it.

    `beside` runs in a thread of this process from the start and gets a function that says when to return. A cluster
    that hangs starts this process's own command again; a fork of another command has none (`has_own_command`): it
    ends with status 1.
    """
    from mastablasta.core.jobs.cluster import run  # web processes and the clock do without

    run(beside, has_own_command=has_own_command)
