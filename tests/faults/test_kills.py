"""kill -9 of a worker in the middle of a burst on all platforms at once, again and again, at every point of a send.

Where a delivery stood when its worker died is read afterwards, from what the world had and when, and from the attempt:

    before      claimed, and the world never got the call
    during      the world had it, and its answer had not been sent yet
    answered    the answer was out, the result was not committed
    committed   a result of this worker had been committed less than 100 ms ago (its side effects are in that commit)

Every fourth kill holds the commit back by a lock, so that what was answered is sure not to be committed.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.crowd import WITH_TEXTS, Burst, Crowd
from tests.faults.figures import note
from tests.instance import CLUSTER_WORKERS, Instance
from tests.rings import LONGEST_S
from tests.scale import IS_FULL, SETTLE_S

pytestmark = pytest.mark.timeout(4800 if IS_FULL else LONGEST_S)

KILLS = 30 if IS_FULL else 2
AT_LEAST = 4 if IS_FULL else 0
EACH = 30 if IS_FULL else 20
ACCOUNTS = 10  # of a burst, on each platform
AT_ONCE = 4 if IS_FULL else 2  # bursts on their way
POINTS = ("before", "during", "answered", "committed")
JUST = timedelta(milliseconds=100)
SETTLED_WITHIN_S = 60

OF_WORKER = """
SELECT d.platform, p.content AS text, a.started_at, a.ended_at
  FROM posts_attempt a JOIN posts_delivery d ON d.id = a.delivery_id JOIN posts_post p ON p.id = d.post_id
 WHERE a.worker LIKE %s AND a.kind = 'send' AND a.started_at > %s
"""
LAST_WORD = """
SELECT d.platform, max(a.ended_at) AS at FROM posts_attempt a JOIN posts_delivery d ON d.id = a.delivery_id
 WHERE d.post_id = ANY(%s::uuid[]) GROUP BY d.platform
"""


@contextmanager
def held_commits(instance: Instance, latency: timedelta) -> Iterator[None]:
    """No attempt begins or ends within the block; the calls that were under way have been answered when it starts."""
    with psycopg.connect(instance.database_url) as connection:
        connection.execute("LOCK TABLE posts_attempt IN SHARE ROW EXCLUSIVE MODE")
        time.sleep(latency.total_seconds() + 0.2)
        yield
        connection.rollback()


def points_hit(crowd: Crowd, burst: Burst, pid: int, killed_at: datetime, latency: timedelta) -> set[tuple[str, str]]:
    """At which points deliveries of the killed worker stood: (platform, point)."""
    seen = {
        post["text"]: datetime.fromisoformat(post["created_at"])
        for platform in WITH_TEXTS
        for post in crowd.instance.sandbox.posts(platform)
    }
    texts = {text for _, text in burst.texts.values()}
    hit = set()
    for row in crowd.rows(OF_WORKER, f"%:{pid}", burst.due_at - timedelta(seconds=5)):
        if row["text"] not in texts:
            continue
        if row["ended_at"] is not None and row["ended_at"] <= killed_at:
            if killed_at - row["ended_at"] < JUST:
                hit.add((row["platform"], "committed"))
        elif row["text"] not in seen or seen[row["text"]] > killed_at:
            hit.add((row["platform"], "before"))
        elif seen[row["text"]] + latency > killed_at:
            hit.add((row["platform"], "during"))
        else:
            hit.add((row["platform"], "answered"))
    return hit


def test_each_post_is_out_once_whenever_its_worker_is_killed(instance: Instance) -> None:
    """Bursts of other accounts go on while what a kill left behind is looked for."""
    crowd = Crowd(instance, WITH_TEXTS, size=ACCOUNTS * AT_ONCE)
    chance = random.Random(20_261_124)
    kills: Counter[str] = Counter()  # by platform; a kill that met nothing of it does not count
    points: Counter[tuple[str, str]] = Counter()
    slowest_s: Counter[str] = Counter()
    wounded: list[tuple[Burst, datetime]] = []
    turns = victims = 0

    def check(burst: Burst, killed_at: datetime) -> None:
        crowd.wait_settled(burst, SETTLED_WITHIN_S + max(SETTLE_S.values()))
        crowd.check_truth(burst)
        for row in crowd.rows(LAST_WORD, list(burst.texts)):
            slowest_s[row["platform"]] = max(slowest_s[row["platform"]], (row["at"] - killed_at).total_seconds())

    while turns < KILLS * 4 and not (
        all(kills[platform] >= KILLS for platform in WITH_TEXTS)
        and all(points[platform, point] >= AT_LEAST for platform in WITH_TEXTS for point in POINTS)
    ):
        first = turns % AT_ONCE * ACCOUNTS
        turns += 1
        if len(wounded) == AT_ONCE:
            check(*wounded.pop(0))
        instance.wait_for(lambda: len(instance.pids("q2_worker")) >= CLUSTER_WORKERS, what="a whole cluster")
        latency = timedelta(milliseconds=chance.choice([20, 60, 250]))
        instance.sandbox.latency(round(latency.total_seconds() * 1000))
        burst = crowd.burst(EACH, among=range(first, first + ACCOUNTS))
        moment = burst.due_at + timedelta(seconds=chance.uniform(0.0, 0.6))
        time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
        pid = crowd.holder(list(burst.texts))
        if pid is not None:  # else all are out already, or between two claims
            with held_commits(instance, latency) if turns % 4 == 0 else nullcontext():
                os.kill(pid, signal.SIGKILL)
                killed_at = datetime.now(UTC)
            hit = points_hit(crowd, burst, pid, killed_at, latency)
            points.update(hit)
            kills.update({platform for platform, _ in hit})
            victims += 1
        wounded.append((burst, datetime.now(UTC)))
    for burst, killed_at in wounded:
        check(burst, killed_at)
    instance.sandbox.latency(0)

    assert all(kills[platform] >= KILLS for platform in WITH_TEXTS), kills
    assert all(points[platform, point] >= AT_LEAST for platform in WITH_TEXTS for point in POINTS), points
    assert {p: s for p, s in slowest_s.items() if s > SETTLED_WITHIN_S + SETTLE_S[p]} == {}
    note(
        "`kill -9` of a worker",
        f"{victims} kills, {turns * EACH * len(WITH_TEXTS)} posts: 0 twice, 0 lost, 0 `unconfirmed`; struck on "
        + ", on ".join(f"{p}: " + ", ".join(f"{at} {points[p, at]}" for at in POINTS) for p in WITH_TEXTS)
        + "; settled within "
        + ", ".join(f"{slowest_s[p]:.0f} s" for p in WITH_TEXTS),
    )
