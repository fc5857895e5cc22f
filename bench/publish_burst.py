"""10,000 deliveries of 10,000 accounts, all due at once, to a platform that takes 200 ms a call.

PostgreSQL as it comes (fsync on), a whole instance with its real processes; the limit is a plain pool of as many kept
sessions against the same simulator, measured just before. CPU is that of our processes, without web and simulator.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import timedelta
from typing import Any

from bench import bare, people
from bench.figures import percentile, say
from bench.stage import Stage

DELIVERIES = 10_000
LATENCY_MS = 200
AHEAD_S = 4.0


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
    processes, threads = settings.WORKERS, settings.PUBLISH_THREADS
    world.latency(LATENCY_MS)
    limit_s = bare.wall_s(stage.mastodon, [one.token for one in everybody], processes=processes, threads=threads)
    world.latency(0)
    stage.analyze()
    cpu_before = stage.cpu_s()
    due_at = timezone.now() + timedelta(seconds=AHEAD_S + deliveries / 3000)
    people.schedule_all(accounts, due_at=due_at, text="burst")
    world.latency(LATENCY_MS)
    _wait_until_settled(deliveries)
    arrived = stage.arrivals(due_at)
    wall_s = (max(arrived) - due_at).total_seconds() + LATENCY_MS / 1000
    cpu_ms = (stage.cpu_s() - cpu_before) * 1000 / deliveries
    say("publish_burst", wall_s, "s", limit=limit_s, ratio=limit_s / wall_s)
    say("publish_burst_rate", deliveries / wall_s, "posts/s", limit=deliveries / limit_s, ratio=limit_s / wall_s)
    say("publish_burst_cpu", cpu_ms, "ms/post")
    lateness = sorted((at - due_at).total_seconds() for at in arrived)
    say("publish_burst_first", lateness[0], "s")
    say("publish_burst_p50", percentile(lateness, 0.5), "s")
    _say_truth(stage, deliveries)


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
