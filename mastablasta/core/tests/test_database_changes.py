"""What waits for the database instead of asking it again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mastablasta.core import jobs
from mastablasta.core.database_changes import DatabaseChanges, notify
from mastablasta.core.jobs import broker as queue
from mastablasta.core.jobs import get_broker
from mastablasta.core.models import Tally

pytestmark = pytest.mark.django_db(transaction=True)
CHANNEL = "changes_of_a_test"


def beside(work: Callable[[], object]) -> threading.Thread:
    """Do it in another thread, on a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def commit() -> None:
    with transaction.atomic():
        Tally.objects.note("something_new")
        notify(CHANNEL)


def test_what_others_commit_wakes_who_listened_before() -> None:
    changes = DatabaseChanges(CHANNEL)

    changes.listen()
    thread = beside(commit)
    assert changes.wait(30.0)
    thread.join()

    changes.listen()
    began = time.monotonic()
    assert not changes.wait(0.1)  # nothing more
    assert time.monotonic() - began >= 0.1


def test_what_was_committed_between_looking_and_waiting_is_not_missed() -> None:
    changes = DatabaseChanges(CHANNEL)

    changes.listen()
    Tally.objects.count()  # the look
    beside(commit).join()

    assert changes.wait(30.0)


def test_what_listened_on_a_connection_that_is_gone_looks_again_at_once() -> None:
    changes = DatabaseChanges(CHANNEL)
    changes.listen()
    connection.close()

    changes.wait(0.0)
    changes.listen()
    beside(commit).join()

    assert changes.wait(30.0)


def test_queue_hands_out_what_is_rung_while_it_waits() -> None:
    broker = get_broker()
    assert not broker.dequeue()  # empty: the next call waits

    thread = beside(lambda: jobs.ring(jobs.BEAT))
    taken = next(tasks for tasks in iter(broker.dequeue, object()) if tasks)
    thread.join()

    assert [jobs._unpack(payload)["func"] for _, payload in taken] == [jobs.BEAT]  # type: ignore[index]
    assert not broker.dequeue()


def looks(of: queue.DatabaseBroker, slices: int) -> int:
    """How often it asks for tasks while it hands out nothing so many times."""
    with CaptureQueriesContext(connection) as captured:
        for _ in range(slices):
            assert not of.dequeue()
    return sum("django_q_ormq" in one["sql"] for one in captured)


def test_queue_is_not_looked_at_while_nobody_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "SLICE_S", 0.01)
    broker = queue.DatabaseBroker("a queue without tasks")

    assert looks(broker, 4) == 1  # when it begins
    monkeypatch.setattr(queue, "LOOK_S", 0.0)
    assert looks(broker, 4) == 4


def test_queue_hands_out_at_once_what_a_host_rings_whose_clock_is_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "SLICE_S", 0.1)
    monkeypatch.setattr(queue, "LOOK_S", 0.2)
    broker = get_broker()
    broker.dequeue()

    def ahead() -> None:
        with time_machine.travel(timezone.now() + timedelta(seconds=40), tick=True):
            jobs.ring(jobs.BEAT)

    ahead()
    began = time.monotonic()

    assert next(tasks for tasks in iter(broker.dequeue, object()) if tasks)
    assert time.monotonic() - began < 20  # not LOOK_S after LOOK_S until its time has come
