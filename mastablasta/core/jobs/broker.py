"""django-q2's queue in the database, without asking it five times a second whether something is there."""

from __future__ import annotations

import time
from typing import Any

from django_q.brokers.orm import ORM

from mastablasta.core.database_changes import DatabaseChanges, notify

CHANNEL = "mastablasta_tasks"
SLICE_S = 0.5  # how often django-q2's pusher looks whether it is to stop
LOOK_S = 5.0  # at the latest: a task that a killed process had taken becomes free by time alone


class DatabaseBroker(ORM):  # type: ignore[misc]  # untyped
    """The ORM broker, whose `dequeue` waits until something is there and returns nothing after SLICE_S.

    It looks at the table when the database says that something is new, and every LOOK_S. For LOOK_S after such a word
    it looks in every slice: a host whose clock is ahead of ours rings for what we see a moment later.
    settings.Q_CLUSTER has it not poll besides.
    """

    _changes: DatabaseChanges | None = None  # of the one process that fetches
    _was_empty = False
    _looked_at = _told_at = float("-inf")

    def enqueue(self, task: str) -> Any:
        added = super().enqueue(task)
        notify(CHANNEL)
        return added

    def dequeue(self) -> Any:
        changes = self._changes = self._changes or DatabaseChanges(CHANNEL)
        if self._was_empty and not self._is_to_look(changes.wait(SLICE_S)):
            return None
        self._looked_at = time.monotonic()
        self.get_connection()  # closes what is too old, before anything listens on it
        changes.listen()
        tasks = super().dequeue()
        self._was_empty = not tasks
        return tasks

    def _is_to_look(self, is_told: bool) -> bool:
        now = time.monotonic()
        if is_told:
            self._told_at = now
        return now < self._told_at + LOOK_S or now >= self._looked_at + LOOK_S
