"""kill -9 in the middle of a burst, by seed: every post is in the world exactly once, and we know under which id.

The platform's own guard (Idempotency-Key) is off, so that a blind second send would show.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from tests.client import Client
from tests.instance import Instance

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

POSTS, ACCOUNTS = 30, 10
SETTLED_WITHIN_S = 60
VICTIMS = ("busy worker", "idle worker", "worker", "clock", "busy worker")


@pytest.fixture(scope="module")
def instance(database_url: str) -> Iterator[Instance]:
    with Instance(database_url, PUBLISH_THREADS="8") as running:
        running.sandbox.limits(idempotency=False, quotas=False)
        yield running


@pytest.fixture(scope="module")
def client(instance: Instance) -> Client:
    return instance.client()


@pytest.fixture(scope="module")
def accounts(client: Client) -> list[str]:
    return [client.connect_mastodon(f"person{i}") for i in range(ACCOUNTS)]


def victim_of(instance: Instance, name: str) -> int:
    """The process to kill; of the queue's workers one that publishes ("busy worker") or waits, if there is one.

    The last kill may have ended the whole cluster, which is then being started again: waits until it is there.
    """
    if not name.endswith(" worker"):
        return instance.pid(name)
    workers: list[int] = instance.wait_for(lambda: instance.pids("q2_worker"), 30, what="a queue worker")
    return next((pid for pid in workers if is_busy(pid) == (name == "busy worker")), workers[0])


def is_busy(pid: int) -> bool:
    """Whether a queue worker has a task in hand; its process title says so."""
    try:
        return not " ".join(psutil.Process(pid).cmdline()).strip().endswith("idle")
    except psutil.Error:
        return False


@pytest.mark.parametrize("seed", range(10))
def test_each_post_is_out_once_whatever_is_killed(
    instance: Instance, client: Client, accounts: list[str], seed: int
) -> None:
    chance = random.Random(seed)
    victim, moment_s = VICTIMS[seed % len(VICTIMS)], chance.uniform(-0.2, 1.2)
    instance.sandbox.latency(chance.choice([50, 200, 400]))
    due_at = datetime.now(UTC) + timedelta(seconds=4)
    ids = {}
    for number in range(POSTS):
        text = f"seed {seed} number {number}"
        body = {"content": text, "accounts": [accounts[number % ACCOUNTS]], "scheduled_time": due_at.isoformat()}
        ids[client.post("posts", body)["id"]] = text

    time.sleep(max(0.0, (due_at - datetime.now(UTC)).total_seconds() + moment_s))
    os.kill(victim_of(instance, victim), signal.SIGKILL)
    killed_at = time.monotonic()

    def settled() -> bool:
        shown = client.get("posts", limit=200)["posts"]
        return all(post["status"] == "published" for post in shown if post["id"] in ids)

    instance.wait_for(settled, SETTLED_WITHIN_S, what=f"settled after the end of the {victim}")
    settled_s = time.monotonic() - killed_at
    instance.sandbox.latency(0)

    seen = [post for post in instance.sandbox.posts() if post["text"].startswith(f"seed {seed} ")]
    assert Counter(post["text"] for post in seen) == Counter(ids.values()), f"{victim} at {moment_s:.2f} s"
    known = {post["text"]: post["id"] for post in seen}
    for post_id, text in ids.items():
        [delivery] = client.get(f"posts/{post_id}")["deliveries"]
        assert (delivery["status"], delivery["platform_post_id"]) == ("published", known[text])
        attempts = client.get(f"posts/{post_id}/attempts")["attempts"]
        assert all(attempt["ended_at"] for attempt in attempts)
    assert settled_s < SETTLED_WITHIN_S
    instance.wait_ready(30)
