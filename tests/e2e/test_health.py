"""/readyz and /api/v2/status: red when what is due does not go out, and green again by themselves.

Red within 30 s is what the ages in mastablasta/ops/health.py are for (mastablasta/tests/test_time_scale.py); here they
are scaled, and what a busy machine needs for the rest is added.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from tests.client import Client
from tests.crowd import Crowd
from tests.instance import Instance
from tests.scale import scaled

RED_WITHIN_S = scaled(30) + 15
CLUSTER = ("worker", "sentinel", "q2_worker", "pusher", "monitor")


class Author:
    """A person with one account, who promises a post for in 2 s, however long it takes to store it."""

    def __init__(self, instance: Instance) -> None:
        self.crowd = Crowd(instance, platforms=["mastodon"])

    def promise(self) -> None:
        """`due_at`: when it is due, as time.monotonic."""
        burst = self.crowd.burst(1)
        self.due_at = time.monotonic() + (burst.due_at - datetime.now(UTC)).total_seconds()
        [self.post] = burst.texts

    def status(self) -> str:
        return str(self.crowd.post(self.post)["status"])

    def is_out_once(self) -> bool:
        return self.status() == "published" and len(self.crowd.instance.sandbox.posts("mastodon")) == 1


@contextmanager
def stopped(instance: Instance, *roles: str) -> Iterator[None]:
    """All processes of these roles hang meanwhile; the runner too, so that nothing is replaced."""
    pids = [pid for role in ("runner", *roles) for pid in instance.pids(role)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def red_checks(instance: Instance) -> list[str]:
    status, answer = instance.readyz()
    return [name for name, check in answer["checks"].items() if not check["ok"]] if status == 503 else []


def is_publishing(instance: Instance) -> bool:
    return bool(Client(instance.url).get("status")["publishing"])


def check_red(instance: Instance, name: str, *, since: float) -> None:
    """Wait for this check to be red in /readyz, and `publishing` false in /status, and hold both to their promise."""
    limit_s = RED_WITHIN_S + since - time.monotonic()
    instance.wait_for(lambda: name in red_checks(instance), limit_s, what=f"{name} red")
    if name == "due_work":
        limit_s = RED_WITHIN_S + since - time.monotonic()
        instance.wait_for(lambda: not is_publishing(instance), limit_s, what="said in /status")


def check_green(instance: Instance, author: Author) -> None:
    instance.wait_ready()
    instance.wait_for(author.is_out_once, what=f"out once: {author.status()}")
    instance.wait_for(lambda: is_publishing(instance), what="said in /status")


def test_cluster_that_hangs_is_red_though_the_clock_publishes(instance: Instance) -> None:
    author = Author(instance)

    with stopped(instance, *CLUSTER):
        began_at = time.monotonic()
        author.promise()
        check_red(instance, "worker", since=began_at)
        instance.wait_for(author.is_out_once, what="published by the clock")

    check_green(instance, author)


def test_nobody_at_work_is_red(instance: Instance) -> None:
    author = Author(instance)

    with stopped(instance, *CLUSTER, "clock"):
        author.promise()
        check_red(instance, "due_work", since=author.due_at)
        assert author.status() == "scheduled"

    check_green(instance, author)


def test_dead_clock_without_a_stand_by_is_red(instance: Instance) -> None:
    author = Author(instance)

    with stopped(instance, "worker"):  # the stand-by lives in its main process; its workers go on
        instance.kill("clock")
        author.promise()
        check_red(instance, "clock", since=author.due_at)

    check_green(instance, author)


@contextmanager
def refused_attempts(instance: Instance) -> Iterator[None]:
    """The database takes no attempt within the block."""
    if instance.database_url:
        instance.execute(
            "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE 'no'; END $$ LANGUAGE plpgsql",
            "CREATE TRIGGER refuse BEFORE INSERT ON posts_attempt EXECUTE FUNCTION refuse()",
        )
    else:
        instance.execute("CREATE TRIGGER refuse BEFORE INSERT ON posts_attempt BEGIN SELECT RAISE(ABORT, 'no'); END")
    try:
        yield
    finally:
        if instance.database_url:
            instance.execute("DROP TRIGGER refuse ON posts_attempt", "DROP FUNCTION refuse()")
        else:
            instance.execute("DROP TRIGGER refuse")


def test_drains_that_are_up_and_get_nothing_done_are_red(instance: Instance) -> None:
    author = Author(instance)

    with refused_attempts(instance):
        author.promise()
        check_red(instance, "due_work", since=author.due_at)
        said = "at work, and nothing comes of it."
        instance.wait_for(lambda: instance.readyz()[1]["checks"]["due_work"]["detail"].endswith(said), what=said)

    check_green(instance, author)


def test_platform_that_answers_nobody_is_no_fault_of_ours(instance: Instance) -> None:
    author = Author(instance)
    simulator = instance.pid("simulator")
    os.kill(simulator, signal.SIGSTOP)
    try:
        author.promise()
        reds = set()
        while time.monotonic() < author.due_at + scaled(40):  # by then what hangs would be red
            reds.update(red_checks(instance))
            time.sleep(0.25)
    finally:
        os.kill(simulator, signal.SIGCONT)

    assert reds == set()
    check_green(instance, author)
