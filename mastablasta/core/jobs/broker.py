"""django-q2's queue in the database, without asking it five times a second whether something is there."""

from __future__ import annotations

from typing import Any

from django_q.brokers.orm import ORM

from mastablasta.core.database_changes import DatabaseChanges, notify

CHANNEL = "mastablasta_tasks"
LOOK_S = 0.5  # at the latest: a task that a killed process had taken becomes free by time alone


class DatabaseBroker(ORM):  # type: ignore[misc]  # untyped
    """The ORM broker, whose `dequeue` waits until something is there and returns nothing after LOOK_S.

    settings.Q_CLUSTER has it not poll besides.
    """

    _changes: DatabaseChanges | None = None  # of the one process that fetches
    _was_empty = False

    def enqueue(self, task: str) -> Any:
        added = super().enqueue(task)
        notify(CHANNEL)
        return added

    def dequeue(self) -> Any:
        changes = self._changes = self._changes or DatabaseChanges(CHANNEL)
        if self._was_empty:
            changes.wait(LOOK_S)
        self.get_connection()  # closes what is too old, before anything listens on it
        changes.listen()
        tasks = super().dequeue()
        self._was_empty = not tasks
        return tasks
