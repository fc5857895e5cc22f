"""kill -9 of a worker in the middle of a burst, once on each platform; again and again: tests/faults/test_kills.py."""

from __future__ import annotations

import os
import signal

import pytest

from tests.crowd import PLATFORMS, Crowd
from tests.instance import Instance

pytestmark = pytest.mark.timeout(600)

EACH = 6


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_post_is_out_once_though_its_worker_is_killed(instance: Instance, platform: str) -> None:
    """The calls under way are answered late, and the worker dies before any answer."""
    instance.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
    crowd = Crowd(instance, platforms=[platform], size=EACH)
    instance.sandbox.latency(2000)
    burst = crowd.burst(EACH)
    instance.wait_for(lambda: calls(instance, platform), what="under way")

    os.kill(crowd.wait_for_holder(list(burst.texts)), signal.SIGKILL)

    instance.sandbox.latency(0)
    crowd.wait_settled(burst)
    crowd.check_truth(burst)
    assert crowd.looked_up(burst) > 0


def calls(instance: Instance, platform: str) -> int:
    """How many calls that make something visible have reached the platform."""
    return sum(request["operation"] == "publish" for request in instance.sandbox.requests(platform))
