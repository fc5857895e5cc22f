"""kill -9 of a worker in the middle of a burst on SQLite: as on PostgreSQL, each post is out once."""

from __future__ import annotations

import itertools
import os
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.crowd import WITH_TEXTS
from tests.faults.figures import note
from tests.instance import Instance
from tests.rings import LONGEST_S
from tests.scale import IS_FULL, SCALE

pytestmark = pytest.mark.timeout(1200 if IS_FULL else LONGEST_S)

KILLS = 10 if IS_FULL else 1
ACCOUNTS, EACH = 4, 12  # on each platform
AHEAD = timedelta(seconds=3)
AT_WORK = "SELECT worker, count(*) FROM posts_attempt WHERE ended_at IS NULL GROUP BY worker ORDER BY 2 DESC"
OPEN = "SELECT status, count(*) FROM posts_post WHERE status IN ('scheduled', 'publishing') GROUP BY status"


@pytest.fixture
def instance() -> Iterator[Instance]:
    with Instance("", PUBLISH_THREADS="8", TIME_SCALE=str(SCALE)) as running:
        running.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
        yield running


def holder(instance: Instance) -> int | None:
    """The queue worker with most deliveries in hand; None = nobody's, or those of a clock that drains."""
    found = [re.fullmatch(r"[^@]+:(\d+)", worker) for worker, _ in instance.rows(AT_WORK)]
    return next((int(match[1]) for match in found if match), None)


def test_each_post_is_out_once_on_sqlite_too(instance: Instance) -> None:
    client = instance.client()
    accounts = {
        platform: [client.connect(platform, f"{platform}{number}") for number in range(ACCOUNTS)]
        for platform in WITH_TEXTS
    }
    texts: set[tuple[str, str]] = set()
    slowest_s = 0.0
    for turn in range(KILLS):
        instance.wait_for(instance.is_whole, what=f"whole: {instance.census()}")
        instance.sandbox.latency(400)
        due_at, posts = datetime.now(UTC) + AHEAD, []
        for platform, number in itertools.product(WITH_TEXTS, range(EACH)):
            text = f"Burst {turn}, {platform} {number}"
            account = accounts[platform][number % ACCOUNTS]
            posts.append({"content": text, "accounts": [account], "scheduled_time": due_at.isoformat()})
            texts.add((platform, text))
        assert client.post("bulk/posts/create", {"posts": posts})["failed"] == []
        os.kill(instance.wait_for(lambda: holder(instance), what="in a worker's hands"), signal.SIGKILL)
        killed_at = datetime.now(UTC)
        instance.sandbox.latency(0)
        instance.wait_for(lambda: not instance.rows(OPEN), what="settled")
        slowest_s = max(slowest_s, (datetime.now(UTC) - killed_at).total_seconds())

    world = [(slug, post["text"], post["id"]) for slug in WITH_TEXTS for post in instance.sandbox.posts(slug)]
    assert sorted((slug, text) for slug, text, _ in world) == sorted(texts)
    ours = instance.rows(
        "SELECT d.platform, p.content, d.remote_id FROM posts_delivery d JOIN posts_post p ON p.id = d.post_id"
        " WHERE d.state = 'published'"
    )
    assert sorted(map(tuple, ours)) == sorted(world)
    note("a worker killed", f"{KILLS} kills, {len(texts)} posts: 0 twice, 0 lost; settled within {slowest_s:.0f} s")
