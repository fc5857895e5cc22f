"""django-q2's queue in the database, without asking it five times a second whether something is there."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf

from mastablasta.core.database_changes import DatabaseChanges, notify

CHANNEL = "mastablasta_tasks"
SLICE_S = 0.5  # how often django-q2's pusher looks whether it is to stop
CLOCKS_APART = timedelta(minutes=1)  # as far as those of hosts may be
LOOK_S = 5.0  # at the latest: a task that a killed process had taken becomes free by time alone


class DatabaseBroker(ORM):  # type: ignore[misc]  # untyped
    """The ORM broker, whose `dequeue` waits until something is there and returns nothing after SLICE_S.

    It looks at the table when the database says that something is new, and every LOOK_S. Tasks are free from
    CLOCKS_APART ago: who rings may have a clock that is ahead. settings.Q_CLUSTER has it not poll besides.
    """

    _changes: DatabaseChanges | None = None  # of the one process that fetches
    _was_empty = False
    _looked_at = float("-inf")

    def enqueue(self, task: str) -> Any:
        free_at = timezone.now() - CLOCKS_APART
        added = self.get_connection().create(key=self.list_key or Conf.CLUSTER_NAME, payload=task, lock=free_at)
        notify(CHANNEL)
        return added.pk

    def dequeue(self) -> Any:
        changes = self._changes = self._changes or DatabaseChanges(CHANNEL)
        if self._was_empty and not changes.wait(SLICE_S) and time.monotonic() < self._looked_at + LOOK_S:
            return None
        self._looked_at = time.monotonic()
        self.get_connection()  # closes what is too old, before anything listens on it
        changes.listen()
        tasks = super().dequeue()
        self._was_empty = not tasks
        return tasks
