"""kill -9 of the collector of figures between the platform's answer and what is stored: they are read again."""

from __future__ import annotations

import os
import signal
from uuid import UUID

from tests.crowd import Crowd
from tests.instance import Instance


def collectors(instance: Instance) -> list[int]:
    """The processes that say that they collect."""
    rows = instance.rows("SELECT name FROM core_heartbeat WHERE name LIKE 'collector:%'")
    return [pid for (name,) in rows if (pid := int(name.rpartition(":")[2])) in instance.pids("q2_worker")]


def test_figures_are_there_though_their_collector_was_killed(instance: Instance) -> None:
    crowd, sandbox = Crowd(instance, platforms=["bluesky"]), instance.sandbox
    post_id = crowd.publish("bluesky")
    instance.wait_for(lambda: crowd.post(post_id)["status"] == "published", what="published")
    [seen] = sandbox.posts("bluesky")
    sandbox.metrics("bluesky", seen["id"], likes=45, shares=12, comments=8)
    sandbox.fault("bluesky", "metrics", "slow", ms=4000)

    assert crowd.client.post("analytics/refresh", {"post_ids": [post_id]})["queued"] == 1
    instance.wait_for(lambda: "metrics" in operations(instance), what="asked for")
    pids = collectors(instance)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    likes = instance.wait_for(lambda: stored_likes(instance, post_id), what="read again")

    assert len(pids) == 1
    assert likes == [45]
    assert crowd.client.get(f"analytics/posts/{post_id}")["analytics"][0]["likes"] == 45


def operations(instance: Instance) -> list[str]:
    return [call["operation"] for call in instance.sandbox.requests("bluesky")]


def stored_likes(instance: Instance, post_id: str) -> list[int]:
    rows = instance.rows(
        "SELECT d.post_id, s.likes FROM analytics_metricsample s JOIN posts_delivery d ON d.id = s.delivery_id"
    )
    return [likes for post, likes in rows if UUID(str(post)) == UUID(post_id)]
