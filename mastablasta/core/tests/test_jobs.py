"""Ringing django-q2."""

from __future__ import annotations

import os
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.db import connections, transaction
from django.utils import timezone

from mastablasta.core import jobs
from mastablasta.core.jobs import get_broker, shared_flags
from mastablasta.core.models import Heartbeat

TASK = "mastablasta.core.jobs.beat"


@pytest.mark.django_db(transaction=True)
def test_enqueue_rings_when_the_transaction_commits() -> None:
    with transaction.atomic():
        jobs.enqueue(TASK)
        before = jobs.waiting()

    assert before[TASK] == 0
    assert jobs.waiting()[TASK] == 1


@pytest.mark.django_db(transaction=True)
def test_enqueue_forgets_when_the_transaction_is_rolled_back() -> None:
    with transaction.atomic():
        jobs.enqueue(TASK)
        transaction.set_rollback(True)

    assert jobs.waiting() == {}


@pytest.mark.django_db
def test_ids_travel_as_text() -> None:
    jobs.ring(TASK, UUID(int=7), 3, "mastodon")

    ((_, payload),) = get_broker().dequeue()
    assert jobs._unpack(payload)["args"] == (str(UUID(int=7)), 3, "mastodon")  # type: ignore[index]


@pytest.mark.django_db
@pytest.mark.parametrize("timeout_s", [None, 600])
def test_task_may_have_more_time_than_others(timeout_s: int | None) -> None:
    jobs.ring(TASK, timeout_s=timeout_s)

    ((_, payload),) = get_broker().dequeue()
    assert jobs._unpack(payload).get("timeout") == timeout_s  # type: ignore[union-attr]


@pytest.mark.django_db
def test_waiting_leaves_out_what_a_cluster_has_taken() -> None:
    jobs.ring(TASK)
    jobs.ring(TASK)
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False):
        get_broker().dequeue()

        assert jobs.waiting()[TASK] == 1


@pytest.mark.django_db
def test_forget_stale_removes_old_bells_only() -> None:
    jobs.ring("posts.tasks.drain")
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        jobs.ring(TASK)

        assert jobs.forget_stale() == 1
        assert jobs.waiting() == {TASK: 1}


@pytest.mark.django_db
def test_beat_leaves_the_heartbeat_of_the_queue() -> None:
    at = timezone.now()
    assert jobs.queue_age(at=at) == timedelta.max

    jobs.beat()

    assert jobs.queue_age(at=timezone.now()) < timedelta(seconds=5)


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "counts"), [("drain:host:1", True), ("drain:clock@host:1", False), ("clock", False)])
def test_only_what_workers_do_is_a_sign_of_the_queue(name: str, counts: bool) -> None:
    Heartbeat.objects.beat(name, at=timezone.now())

    assert (jobs.queue_age(at=timezone.now()) < timedelta(seconds=5)) is counts


def test_stop_is_requested_in_processes_forked_after_the_board(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = shared_flags.SharedFlags()
    monkeypatch.setattr(shared_flags._Worker, "board", shared)
    before = jobs.stop_requested()
    child = os.fork()
    if child == 0:
        shared.say_stop()
        os._exit(0)
    os.waitpid(child, 0)

    assert not before
    assert jobs.stop_requested()


def test_forked_process_takes_no_pool_along(monkeypatch: pytest.MonkeyPatch) -> None:
    pools = {"default": object()}
    monkeypatch.setattr(connections["default"], "_connection_pools", pools, raising=False)
    monkeypatch.setattr(shared_flags, "_end_with_parent", lambda _: None)

    shared_flags._forked()

    assert pools == {}
