"""The main process of a cluster: starts django-q2's sentinel, tries its queues, replaces it when it hangs.

It hangs when an idle worker is killed that holds the lock of the task queue, or the monitor with the lock of the
result queue, or a worker under its timer's lock. django-q2 notices none of these, and then does not even end on
SIGTERM.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from multiprocessing import Event
from typing import Any, NoReturn, cast

import psutil
import structlog
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connections
from django.utils import timezone
from django_q import signals
from django_q.cluster import Cluster, Conf, Sentinel, get_mp_context, worker
from django_q.queues import Queue
from setproctitle import setproctitle

from mastablasta.core import ancestry, jobs, processes
from mastablasta.core.jobs import shared_flags
from mastablasta.core.models import Heartbeat

log = structlog.get_logger(__name__)

ECHO = "mastablasta.core.jobs.cluster.echo"
ECHO_EVERY_S = 2.0
PATIENCE_S = 5.0  # an idle worker that does not serve its queue for so long never will
SILENCE = timedelta(seconds=20)  # no heartbeat through the queue, though rung: nothing is fetched any more
TURN_S = 5.0
HAND_BACK_S = 5.0  # before a cluster that hangs is killed


def echo(number: int) -> int:
    """The task by which the main process tries its own queues; the monitor notices its result."""
    return number


class _Sentinel(Sentinel):  # type: ignore[misc]
    """django-q2's sentinel over queues that its main process reaches; its processes say what they are."""

    def __init__(self, queues: tuple[Queue, Queue], *rest: Any) -> None:
        self.queues = queues
        self.spawned = 0
        super().__init__(*rest)

    def start(self) -> None:
        self.task_queue, self.result_queue = self.queues
        setproctitle("qcluster sentinel")
        super().start()

    def spawn_process(self, target: Callable[..., Any], *args: Any) -> Any:
        self.spawned += 1
        process: Any = get_mp_context().Process(
            target=target, args=args, name=f"{target.__name__}-{self.spawned}", daemon=True
        )
        if target is worker:
            process.timer = args[2]
            self.pool.append(process)
        process.start()
        return process


class _Cluster(Cluster):  # type: ignore[misc]
    """django-q2's cluster, watched by echoes through its own queues: no database, no other cluster helps."""

    def __init__(self) -> None:
        super().__init__()
        self.is_told_to_stop = False
        self.is_leaving = False
        self.board = shared_flags.prepare_forks()
        self.queues = (Queue(maxsize=Conf.QUEUE_LIMIT), Queue())
        self.started_at = self.asked_at = self.served_at = self.turn_at = time.monotonic()
        self.asked = 0
        self.is_asked = True
        self.lacks = False

    def sig_handler(self, *_: object) -> None:
        self.is_told_to_stop = True

    def start(self) -> int:
        signals.post_spawn.connect(shared_flags.worker_begins)
        signals.pre_execute.connect(shared_flags.task_begins)
        signals.post_execute_in_worker.connect(shared_flags.task_ends)
        signals.post_execute.connect(self._ended)
        self.stop_event, self.start_event = Event(), Event()
        arguments = (self.queues, self.stop_event, self.start_event, self.cluster_id)
        self.sentinel = get_mp_context().Process(target=_Sentinel, args=arguments, name="sentinel")
        self.sentinel.start()
        self.queues[0].cancel_join_thread()  # in this process only, which is not to wait for its echoes
        return cast("int", self.pid)

    def _ended(self, task: dict[str, Any], **_: object) -> None:
        """In the monitor: a result came through both queues."""
        if task["func"] == ECHO:
            self.board.hear(task["args"][0])

    # --- watching ---
    def watch(self) -> str:
        """Return "" when told to stop, else why this cluster is of no use any more."""
        while not self.is_told_to_stop:
            processes.bury_orphans(except_for=[self.sentinel.pid])
            if not self.sentinel.is_alive():
                return "its sentinel died"
            if self._is_deaf():
                return "its workers or its monitor do not serve their queue"
            if self._is_turn():
                if self._lacks_workers():
                    return "a worker that died is not replaced"
                if self._fetches_nothing():
                    return "no heartbeat comes through the queue"
            time.sleep(0.2)
        return ""

    def _is_deaf(self) -> bool:
        now = time.monotonic()
        if self.is_asked and self.board.heard == self.asked:
            self.served_at = now
            if now < self.asked_at + ECHO_EVERY_S:
                return False
            self.asked, self.asked_at, self.is_asked = self.asked + 1, now, False
        if not self.is_asked:
            with suppress(queue.Full):  # as good as no answer
                self.queues[0].put(self._echo_package(), block=False)
                self.is_asked = True
        if now < max(self.served_at, self.asked_at) + PATIENCE_S:
            return False
        if self._workers(" idle"):
            return True
        self.served_at = now  # all are busy: no reproach
        return False

    def _echo_package(self) -> dict[str, Any]:
        name = f"echo-{self.asked}"
        package: dict[str, Any] = {
            "id": name,
            "name": name,
            "func": ECHO,
            "args": (self.asked,),
            "kwargs": {},
        }
        return {**package, "started": timezone.now()}

    def _workers(self, ending: str = "") -> list[psutil.Process]:
        """The worker processes whose title ends so: ' idle', or anything."""
        found = []
        for process in processes.descendants():
            with suppress(psutil.Error):
                title = " ".join(process.cmdline()).rstrip()
                if title.startswith("qcluster worker") and title.endswith(ending):
                    found.append(process)
        return found

    def _lacks_workers(self) -> bool:
        """Twice in a row: one that ended just now is not reproached."""
        did, self.lacks = self.lacks, len(self._workers()) < Conf.WORKERS
        return did and self.lacks

    def _is_turn(self) -> bool:
        now = time.monotonic()
        if now < self.turn_at + TURN_S:
            return False
        self.turn_at = now
        return True

    def _fetches_nothing(self) -> bool:
        """Beat for this cluster; True when a clock rings and neither heartbeat nor drain comes of it."""
        at = timezone.now()
        try:
            Heartbeat.objects.beat(f"cluster:{jobs.process_name()}", at=at, workers=settings.WORKERS)
            if self.turn_at < self.started_at + SILENCE.total_seconds() or jobs.queue_age(at=at) < SILENCE:
                return False
            clock_age = Heartbeat.objects.age("clock", at=at)
            return clock_age is not None and clock_age < timedelta(seconds=3) and jobs.waiting()[jobs.BEAT] > 0
        except DatabaseError:
            connections.close_all()
            return False

    # --- ending ---
    def finish(self) -> None:
        """End the tree: drains hand back, the sentinel ends its children; what is left then is killed."""
        self._leave()
        if self.sentinel.is_alive():  # in a thread: setting an Event blocks for ever when its waiter was killed
            threading.Thread(target=self.stop_event.set, daemon=True).start()
        deadline = time.monotonic() + shared_flags.HAND_BACK_S
        while self.sentinel.is_alive() and time.monotonic() < deadline:
            processes.bury_orphans(except_for=[self.sentinel.pid])
            time.sleep(0.05)
        processes.end(processes.descendants, patience_s=0)

    def start_over(self, reason: str, beside: threading.Thread, *, has_own_command: bool) -> NoReturn:
        """Replace this process by a fresh one of the same pid: no lock, queue or thread is carried along.

        A fork has no command of its own (its parent's would start everything): it ends, and its parent forks again.
        """
        lasted_s = time.monotonic() - self.started_at
        log.error("cluster_starts_over", reason=reason, after_s=round(lasted_s))
        self._leave()
        deadline = time.monotonic() + HAND_BACK_S
        while len(self._workers(" idle")) < len(self._workers()) and time.monotonic() < deadline:
            time.sleep(0.1)
        processes.end(processes.descendants, patience_s=0)
        beside.join(HAND_BACK_S)
        if lasted_s < 10 and not self.is_told_to_stop:
            time.sleep(1)
        if self.is_told_to_stop:
            os._exit(0)
        if not has_own_command:
            os._exit(1)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  the same command again

    def _leave(self) -> None:
        self.board.say_stop()
        self.is_leaving = True


def run(beside: Callable[[Callable[[], bool]], None], *, has_own_command: bool) -> None:
    """See jobs.run_cluster."""
    os.environ.setdefault("SPT_NOENV", "1")  # titles leave the environment readable, by which a runner knows its own
    ancestry.adopt_orphans()
    connections.close_all()
    cluster = _Cluster()
    cluster.start()
    thread = threading.Thread(target=beside, args=[lambda: cluster.is_leaving], name="stand-by", daemon=True)
    thread.start()
    if reason := cluster.watch():
        cluster.start_over(reason, thread, has_own_command=has_own_command)
    cluster.finish()
    thread.join(2)
    log.info("cluster_ended")
    sys.stderr.flush()
    os._exit(0)  # threads that still wait for an answer are not waited for; their leases end
