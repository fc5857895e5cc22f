"""kill -9 of a worker in the middle of a burst on all platforms at once, again and again, at every point of a send.

Where a delivery stood when its worker died is read afterwards, from what the world had and when, and from the attempt:

    before      claimed, and the world never got the call
    during      the world had it, and its answer had not been sent yet
    answered    the answer was out, the result was not committed
    committed   a result of this worker had been committed less than 100 ms ago (its side effects are in that commit)
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.faults.crowd import IS_FULL, PLATFORMS, SETTLE_S, Burst, Crowd, victim_of
from tests.instance import Instance

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4000 if IS_FULL else 400)]

KILLS = 30 if IS_FULL else 3
AT_LEAST = 4
EACH = 30 if IS_FULL else 20
POINTS = ("before", "during", "answered", "committed")
JUST = timedelta(milliseconds=100)
SETTLED_WITHIN_S = 60

OF_WORKER = """
SELECT d.platform, p.content AS text, a.started_at, a.ended_at
  FROM posts_attempt a JOIN posts_delivery d ON d.id = a.delivery_id JOIN posts_post p ON p.id = d.post_id
 WHERE a.worker LIKE %s AND a.kind = 'send' AND a.started_at > %s
"""


def points_hit(crowd: Crowd, burst: Burst, pid: int, killed_at: datetime, latency: timedelta) -> Counter[Any]:
    """How many deliveries of the killed worker stood at which point, by (platform, point)."""
    seen = {
        post["text"]: datetime.fromisoformat(post["created_at"])
        for platform in PLATFORMS
        for post in crowd.instance.sandbox.posts(platform)
    }
    texts = {text for _, text in burst.texts.values()}
    hits: Counter[Any] = Counter()
    for row in crowd.rows(OF_WORKER, f"%:{pid}", burst.due_at - timedelta(seconds=5)):
        if row["text"] not in texts:
            continue
        if row["ended_at"] is not None and row["ended_at"] <= killed_at:
            if killed_at - row["ended_at"] < JUST:
                hits[row["platform"], "committed"] += 1
        elif row["text"] not in seen or seen[row["text"]] > killed_at:
            hits[row["platform"], "before"] += 1
        elif seen[row["text"]] + latency > killed_at:
            hits[row["platform"], "during"] += 1
        else:
            hits[row["platform"], "answered"] += 1
    return hits


def test_each_post_is_out_once_whenever_its_worker_is_killed(instance: Instance, crowd: Crowd) -> None:
    chance = random.Random(20_261_124)
    kills: Counter[Any] = Counter()  # by (platform, point): kills that hit it
    slowest_s = 0.0
    for turn in range(KILLS * 3):
        if turn >= KILLS and (not IS_FULL or all(kills[p, point] >= AT_LEAST for p in PLATFORMS for point in POINTS)):
            break
        instance.wait_for(lambda: len(instance.pids("q2_worker")) >= 3, 60, what="a whole cluster")
        latency = timedelta(milliseconds=chance.choice([20, 60, 250]))
        instance.sandbox.latency(round(latency.total_seconds() * 1000))
        burst = crowd.burst(EACH)
        moment = burst.due_at + timedelta(seconds=chance.uniform(0.0, 1.2))
        time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
        pid = victim_of(instance, "busy worker")
        os.kill(pid, signal.SIGKILL)
        killed_at = datetime.now(UTC)

        found = points_hit(crowd, burst, pid, killed_at, latency)
        kills.update(dict.fromkeys(found, 1))
        slowest_s = max(slowest_s, crowd.wait_settled(burst, SETTLED_WITHIN_S + max(SETTLE_S.values())))
        crowd.check_truth(burst)
    instance.sandbox.latency(0)
    print(f"kills: {turn}, by point: {dict(sorted(kills.items()))}, slowest settled after {slowest_s:.0f} s")  # noqa: T201
    assert sum(kills.values()) > 0
    if IS_FULL:
        assert all(kills[platform, point] >= AT_LEAST for platform in PLATFORMS for point in POINTS), kills
