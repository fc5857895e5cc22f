"""10,000 items in one request while the worker that does them is killed: each is answered once, and is there once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from tests.instance import Instance

pytestmark = pytest.mark.timeout(600)

ITEMS = 10_000
# Refused, four in five of each chunk: what is stored takes many times as long.
BAD = [number for number in range(ITEMS) if number % 5]
KILLS = (0, 2_000, 5_000)  # once so many items are done
HOLDER = "SELECT detail ->> 'owner' FROM core_heartbeat WHERE name = 'bulk_jobs' AND detail ->> 'owner' <> ''"


def test_each_of_10000_is_done_once_though_the_worker_is_killed(instance: Instance) -> None:
    client = instance.client()
    client.connect_mastodon("ada")
    when = "2030-01-31T09:00:00Z"
    posts = [
        {"content": "" if n % 5 else f"p{n}", "platforms": ["mastodon"], "scheduled_time": when} for n in range(ITEMS)
    ]

    job = client.post("bulk/posts/create", {"posts": posts})
    killed = [kill_the_worker_of(instance, client, job["id"], done) for done in KILLS]
    finished: dict[str, Any] = instance.wait_for(
        lambda: ended(client.get(f"bulk/jobs/{job['id']}")), what="done with the job"
    )

    assert any(killed)
    assert {name: finished[name] for name in ("status", "total", "done", "successful", "failed")} == {
        "status": "done", "total": ITEMS, "done": ITEMS, "successful": ITEMS - len(BAD), "failed": len(BAD),
    }  # fmt: skip
    result = client.get(f"bulk/jobs/{job['id']}/result")
    assert [row["index"] for row in result["failed"]] == BAD
    wanted = {f"p{n}": 1 for n in range(0, ITEMS, 5)}
    stored = instance.rows("SELECT id, content FROM posts_post")
    assert Counter(content for _, content in stored) == wanted
    ids = {content: str(UUID(str(post_id))) for post_id, content in stored}
    assert {row["content"]: row["id"] for row in result["successful"]} == ids
    [[deliveries, states]] = instance.rows("SELECT count(*), count(DISTINCT post_id) FROM posts_delivery")
    assert deliveries == states == len(wanted)


def kill_the_worker_of(instance: Instance, client: Any, job_id: str, done: int) -> bool:
    """SIGKILL whoever does bulk jobs, once so many items of this one are done; whether there was somebody."""

    def holder() -> int | None:
        if client.get(f"bulk/jobs/{job_id}")["done"] < done:
            return None
        found = instance.rows(HOLDER)
        return int(found[0][0].rpartition(":")[2]) if found else None

    pid = instance.wait_for(lambda: holder() or has_ended(client, job_id), what="at work")
    if pid is True:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # its turn was over, and a new process took its place
        return False
    return True


def has_ended(client: Any, job_id: str) -> bool:
    return ended(client.get(f"bulk/jobs/{job_id}")) is not None


def ended(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["status"] not in {"queued", "running"} else None
