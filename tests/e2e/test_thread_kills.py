"""kill -9 of the worker at every boundary of a thread of five: exactly five parts in the world, in order.

`THREAD_KILLS` says how often each boundary is tried (1 in CI), `THREAD_PLATFORM` where (mastodon in CI).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.client import Client
from tests.faults.crowd import victim_of
from tests.instance import Instance

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TIMES = int(os.environ.get("THREAD_KILLS", "1"))
PLATFORM = os.environ.get("THREAD_PLATFORM", "mastodon")
TEXTS = ["One", "Two", "Three", "Four", "Five"]


@pytest.fixture(scope="module")
def instance(database_url: str) -> Iterator[Instance]:
    with Instance(database_url, PUBLISH_THREADS="4") as running:
        running.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
        running.sandbox.latency(250)
        yield running


@pytest.fixture(scope="module")
def client(instance: Instance) -> Client:
    return instance.client()


def creates(instance: Instance) -> int:
    """How many calls that make a part visible have reached the platform."""
    return sum(request["operation"] == "publish" for request in instance.sandbox.requests(PLATFORM))


@pytest.mark.parametrize("boundary", range(6))
@pytest.mark.parametrize("turn", range(TIMES))
def test_a_thread_survives_a_kill_at_every_boundary(
    instance: Instance, client: Client, boundary: int, turn: int
) -> None:
    # The kill before this one may have ended the whole cluster: this one is for a worker that is at work.
    instance.wait_for(lambda: len(instance.pids("q2_worker")) >= 2, 30, what="whole again")
    handle = f"thread{boundary}{turn}"
    account = client.connect(PLATFORM, handle)
    begun = creates(instance)
    post = client.post("posts", {"thread": TEXTS, "accounts": [account], "publish": True})
    instance.wait_for(lambda: creates(instance) >= begun + boundary, 20, what=f"at part {boundary}")
    time.sleep(0.02 * turn)
    os.kill(victim_of(instance, "busy worker"), signal.SIGKILL)

    instance.wait_for(
        lambda: client.get(f"posts/{post['id']}")["status"] == "published", 90, what="published after the kill"
    )
    seen = [post for post in instance.sandbox.posts(PLATFORM) if post["account"].partition(".")[0] == handle]
    assert [part["text"] for part in seen] == TEXTS
    assert [part["reply_to"] for part in seen] == [None, *(part["id"] for part in seen[:-1])]
    [delivery] = client.get(f"posts/{post['id']}")["deliveries"]
    assert [part["platform_post_id"] for part in delivery["parts"]] == [part["id"] for part in seen]
    assert {part["status"] for part in delivery["parts"]} == {"published"}
