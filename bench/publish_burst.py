"""10,000 deliveries of 10,000 accounts, all due at once, to a platform that takes 200 ms a call.

PostgreSQL as it comes (fsync on), a whole instance with its real processes; the limit is a plain pool of as many kept
sessions against the same simulator, measured just before. CPU is that of our processes, without web and simulator, and
PostgreSQL's. Of three rounds the median by its ratio counts.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bench import bare, people
from bench.figures import percentile, say
from bench.stage import Stage

DELIVERIES = 10_000
LATENCY_MS = 200
AHEAD_S = 4.0
ROUNDS = 3


def run() -> None:
    with Stage() as stage:
        burst(stage)


def burst(stage: Stage, deliveries: int = DELIVERIES) -> None:
    from django.conf import settings
    from django.utils import timezone

    world = stage.world
    world.limits(quotas=False)
    app, everybody = people.sign_in_all(stage.mastodon, [f"person{i}" for i in range(deliveries)])
    accounts = people.connect_all(stage.mastodon, app, everybody, at=timezone.now())
    tokens = [one.token for one in everybody]
    processes, threads = settings.WORKERS, settings.PUBLISH_THREADS
    rounds = []
    for number in range(ROUNDS):
        world.latency(LATENCY_MS)
        limit = bare.measure(stage.mastodon, tokens, processes=processes, threads=threads)
        world.latency(0)
        rounds.append(_round(stage, accounts, limit, text=f"burst {number}"))
    median = sorted(rounds, key=lambda one: one.ratio)[ROUNDS // 2]
    bare_wall_s, bare_cpu_s, ratio = median.limit.wall_s, median.limit.cpu_s, median.ratio
    say("publish_burst", median.wall_s, "s", limit=bare_wall_s, ratio=ratio)
    say("publish_burst_rate", deliveries / median.wall_s, "posts/s", limit=deliveries / bare_wall_s, ratio=ratio)
    say("publish_burst_best", max(one.ratio for one in rounds), "ratio")
    say("publish_burst_worst", min(one.ratio for one in rounds), "ratio")
    cpu_s = median.cpu_s + median.database_cpu_s
    per_post = 1000 / deliveries
    say("publish_burst_cpu", cpu_s * per_post, "ms/post", limit=bare_cpu_s * per_post, ratio=bare_cpu_s / cpu_s)
    say("publish_burst_cpu_ours", median.cpu_s * per_post, "ms/post")
    say("publish_burst_cpu_database", median.database_cpu_s * per_post, "ms/post")
    say("publish_burst_first", median.lateness[0], "s")
    say("publish_burst_p50", percentile(median.lateness, 0.5), "s")
    _say_truth(stage, deliveries * ROUNDS)


@dataclass(frozen=True, slots=True)
class Round:
    """One burst. `lateness`: of each arrival in the world, sorted."""

    limit: bare.Bare
    wall_s: float
    cpu_s: float
    database_cpu_s: float
    lateness: list[float]

    @property
    def ratio(self) -> float:
        return self.limit.wall_s / self.wall_s


def _round(stage: Stage, accounts: list[Any], limit: bare.Bare, *, text: str) -> Round:
    from django.utils import timezone

    from posts.models import Delivery

    settled = Delivery.objects.filter(state="published").count()
    stage.analyze()
    cpu_before, database_before = stage.cpu_s(), stage.database_cpu_s()
    due_at = timezone.now() + timedelta(seconds=AHEAD_S + len(accounts) / 3000)
    people.schedule_all(accounts, due_at=due_at, text=text)
    stage.world.latency(LATENCY_MS)
    _wait_until_settled(settled + len(accounts))
    arrived = stage.arrivals(due_at)
    wall_s = (max(arrived) - due_at).total_seconds() + LATENCY_MS / 1000
    lateness = sorted((at - due_at).total_seconds() for at in arrived)
    cpu_s, database_cpu_s = stage.cpu_s() - cpu_before, stage.database_cpu_s() - database_before
    return Round(limit, wall_s, cpu_s, database_cpu_s, lateness)


def _wait_until_settled(deliveries: int) -> None:
    from posts.models import Delivery

    ends_at = time.monotonic() + 180
    while Delivery.objects.filter(state="published").count() < deliveries and time.monotonic() < ends_at:
        time.sleep(0.5)


def _say_truth(stage: Stage, deliveries: int) -> None:
    from posts.models import Attempt, Delivery

    seen: Counter[str] = Counter(row["text"] for row in stage.world.posts(platform="mastodon"))
    twice: list[Any] = [text for text, times in seen.items() if text.startswith("burst ") and times > 1]
    say("publish_burst_twice", len(twice), "posts", limit=0)
    say("publish_burst_left", deliveries - Delivery.objects.filter(state="published").count(), "posts", limit=0)
    say("publish_burst_attempts", Attempt.objects.count() / deliveries, "attempts/post", limit=1)
