"""10,000 items in one request while the worker that does them is killed: each is answered once, and is there once."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.client import Refused
from tests.instance import Instance

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


ROWS = 10_000
REFUSED = frozenset(range(101, ROWS, 268))  # 37 rows, of which each is longer than Mastodon takes


def test_a_file_of_10000_rows_is_imported_once_though_the_worker_is_killed(instance: Instance) -> None:
    client = instance.client()
    client.connect_mastodon("ada")
    lines = [f"crm-{n},{'x' * 501 if n in REFUSED else f'p{n}'},mastodon,2030-01-31T09:00:00Z" for n in range(ROWS)]
    data = "\n".join(["external_id,content,platforms,scheduled_time", *lines]).encode()

    def imported(*kills: int) -> tuple[Any, Any]:
        job = client.upload(data, "posts.csv", "bulk/posts/import", **{"async": "true"})
        killed = [kill_the_worker_of(instance, client, job["id"], done) for done in kills]
        assert any(killed) == bool(kills)
        finished = instance.wait_for(lambda: ended(client.get(f"bulk/jobs/{job['id']}")), what="done with the job")
        assert (finished["status"], finished["successful"], finished["failed"]) == ("done", ROWS - 37, 37)
        result = client.get(f"bulk/jobs/{job['id']}/result")
        assert [(row["row"], row["code"]) for row in result["failed"]] == [(n + 2, "too_long") for n in sorted(REFUSED)]
        return result, instance.rows("SELECT id, content, updated_at FROM posts_post ORDER BY id")

    first, stored = imported(0, 4_000)
    second, after = imported()

    assert len(REFUSED) == 37
    assert Counter(content for _, content, _ in stored) == {f"p{n}": 1 for n in range(ROWS) if n not in REFUSED}
    assert (first["created"], second["unchanged"]) == (ROWS - 37, ROWS - 37)
    assert after == stored


def test_100000_ids_go_in_one_request(instance: Instance) -> None:
    client = instance.client()
    ids = [str(uuid4()) for _ in range(100_000)]

    job = client.post("bulk/posts/delete", {"post_ids": ids})
    client.post(f"bulk/jobs/{job['id']}/cancel")

    assert job["total"] == 100_000
    with pytest.raises(Refused) as refused:
        client.post("bulk/posts/delete", {"post_ids": ids * 6})
    assert (refused.value.status, refused.value.answer["errors"][0]["params"]["limit"]) == (413, 20 * 1024 * 1024)


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
