"""kill -9 of the worker at every boundary of a thread of five: exactly five parts in the world, in order."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.crowd import WITH_THREADS, Crowd
from tests.faults.figures import note
from tests.instance import Instance
from tests.scale import IS_FULL, SETTLE_S

WHERE = WITH_THREADS if IS_FULL else ("mastodon",)
BOUNDARIES = range(6) if IS_FULL else (0, 2, 5)
SETTLED_WITHIN_S = 60


def creates(instance: Instance, platform: str) -> int:
    """How many calls that make a part visible have reached the platform."""
    return sum(request["operation"] == "publish" for request in instance.sandbox.requests(platform))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("platform", WHERE)
def test_a_thread_survives_a_kill_at_every_boundary(
    instance: Instance, crowd: Crowd, platform: str, boundary: int
) -> None:
    instance.sandbox.latency(500)
    texts = [f"{time.time_ns()} {part}" for part in ("One", "Two", "Three", "Four", "Five")]
    begun = creates(instance, platform)
    body = {"thread": texts, "accounts": crowd.accounts[platform], "publish": True}
    post_id = crowd.client.post("posts", body)["id"]
    instance.wait_for(lambda: creates(instance, platform) >= begun + boundary, what=f"at part {boundary}")
    os.kill(crowd.wait_for_holder([post_id]), signal.SIGKILL)
    killed_at = time.monotonic()

    instance.wait_for(
        lambda: crowd.post(post_id)["status"] == "published",
        SETTLED_WITHIN_S + SETTLE_S[platform],
        what="published after the kill",
    )

    instance.sandbox.latency(0)
    seen = [post for post in instance.sandbox.posts(platform) if post["text"] in texts]
    assert [part["text"] for part in seen] == texts
    assert [part["reply_to"] for part in seen] == [None, *(part["id"] for part in seen[:-1])]
    [delivery] = crowd.post(post_id)["deliveries"]
    assert [part["platform_post_id"] for part in delivery["parts"]] == [part["id"] for part in seen]
    assert {part["status"] for part in delivery["parts"]} == {"published"}
    note("`kill -9` at every boundary", f"{platform} {boundary}: {time.monotonic() - killed_at:.0f} s")
