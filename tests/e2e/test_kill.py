"""kill -9 of a worker in the middle of a burst, once on each platform; again and again: tests/faults/test_kills.py."""

from __future__ import annotations

import os
import signal
from functools import partial

from tests.crowd import PLATFORMS, Burst, Crowd
from tests.instance import Instance

EACH = 2


def test_each_post_is_out_once_though_its_worker_is_killed_on_each_platform(instance: Instance) -> None:
    """The calls under way are answered late, and the worker dies before any answer.

    What takes one call is struck at once; what takes several goes on with another worker, and is struck at its last.
    """
    instance.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
    crowd = Crowd(instance, size=EACH)
    instance.sandbox.latency(2000)
    burst = crowd.burst(EACH)
    struck: set[str] = set()

    while struck != set(PLATFORMS):
        under_way = instance.wait_for(partial(not_struck, instance, struck), what=f"under way, after {struck}")
        holders = {pid for platform in under_way for pid in crowd.holders(posts_of(burst, platform))}
        for pid in holders & set(instance.pids("q2_worker")):
            os.kill(pid, signal.SIGKILL)
        struck |= under_way

    instance.sandbox.latency(0)
    crowd.wait_settled(burst)
    crowd.check_truth(burst)
    assert [platform for platform in PLATFORMS if not crowd.looked_up(posts_of(burst, platform))] == []


def not_struck(instance: Instance, struck: set[str]) -> set[str]:
    """The other platforms, of those that calls have reached which make something visible."""
    requests = {platform: instance.sandbox.requests(platform) for platform in set(PLATFORMS) - struck}
    return {name for name, calls in requests.items() if any(call["operation"] == "publish" for call in calls)}


def posts_of(burst: Burst, platform: str) -> list[str]:
    return [post for post, (where, _) in burst.texts.items() if where == platform]
