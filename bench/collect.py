"""Posts whose figures are read and stored in a CPU-second: 5,000 of one account at X, a hundred a call, no latency.

The limit is a plain client that asks for the same, reads the JSON and writes three figures a post with one INSERT a
call; in turns, and the median of three. The CPU is this process's, whatever the simulator and PostgreSQL take.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from datetime import timedelta
from statistics import median
from typing import Any
from urllib.parse import urlencode, urlsplit

from bench.figures import say
from bench.published import make_rows, post_statuses
from bench.stage import Stage

POSTS, BATCH, ROUNDS = 5000, 100, 3
FIELDS = {
    "tweet.fields": "attachments,public_metrics,non_public_metrics",
    "expansions": "attachments.media_keys",
    "media.fields": "public_metrics",
}


def run() -> None:
    with Stage() as stage:
        from django.utils import timezone

        from integrations.tests.factories import connect

        stage.world.limits(quotas=False, duplicates=False)
        account = connect(stage.world, "collected", platform="twitter")
        token = str(account.credential.access_enc)  # type: ignore[union-attr]  # connected just now
        url = f"{stage.world.url}/twitter"
        ids = post_statuses(url, "/2/tweets", token, [{"text": f"Number {number}"} for number in range(POSTS)])
        # Published in days to come, so that the instance's own workers leave them alone.
        published_at = timezone.now() + timedelta(days=9)
        make_rows([(account, remote_id, published_at) for remote_id in ids])
        stage.analyze()
        ours, bare = [], []
        for number in range(1, ROUNDS + 1):
            bare.append(bare_cpu_s(url, token, ids))
            ours.append(collected_cpu_s(published_at + timedelta(hours=2 * number)))
        rate, limit = POSTS / median(ours), POSTS / median(bare)
        say("collect", rate, "posts/CPU-s", limit=limit, ratio=rate / limit)


def collected_cpu_s(at: Any) -> float:
    """What the collector takes for all of them, which are due at `at`."""
    from django.conf import settings

    from analytics.collection import queue
    from analytics.collection.collector import collect

    settings.ANALYTICS_PAID_READS = 10 * POSTS
    queue.plan_published(at=at)
    began = time.process_time()
    report = collect(worker="bench", at=at, at_most_s=240)
    took_s = time.process_time() - began
    if report.posts != {"collected": POSTS}:
        raise RuntimeError(f"not all were collected: {report}")
    return took_s


def bare_cpu_s(url: str, token: str, ids: Sequence[str]) -> float:
    from django.db import connection

    at, headers = urlsplit(url), {"Authorization": f"Bearer {token}"}
    line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=60)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS bare (id text, views bigint, likes bigint, shares bigint)")
        began = time.process_time()
        for start in range(0, len(ids), BATCH):
            query = urlencode({"ids": ",".join(ids[start : start + BATCH]), **FIELDS})
            line.request("GET", f"{at.path}/2/tweets?{query}", headers=headers)
            posts = json.loads(line.getresponse().read())["data"]
            rows = [(post["id"], *figures(post["public_metrics"])) for post in posts]
            columns = [list(column) for column in zip(*rows, strict=True)]
            cursor.execute(
                "INSERT INTO bare SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[])", columns
            )
        took_s = time.process_time() - began
    line.close()
    return took_s


def figures(counted: dict[str, int]) -> tuple[int, int, int]:
    return counted["impression_count"], counted["like_count"], counted.get("repost_count", 0) + counted["quote_count"]
