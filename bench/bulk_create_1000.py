"""POST /bulk/posts/create of 1,000 scheduled posts, through the API's own code path in one process.

The limit is a bare `bulk_create` of the same rows (posts, tags, deliveries), made and stored in one transaction, in the
same database and run: nothing is read, checked or answered. Beside it stand 1,000 single creates, extrapolated from
SINGLE of them. POSTS=100 asks for fewer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from bench.figures import say
from bench.in_process import client_of_owner, on_postgresql

POSTS = int(os.environ.get("POSTS", "1000"))
SINGLE = 50
ROUNDS = 5
WHEN = "2030-01-31T09:00:00Z"
TIMES_SINGLE = 15  # the bar: so many times faster than one by one


def run() -> None:
    on_postgresql(measure)


def measure() -> None:
    from integrations.tests.factories import make_account

    account = make_account()
    client = client_of_owner(account.workspace)
    ask(client, "bulk/posts/create", {"posts": bodies(10)})  # imports and caches
    # In turns: what else the machine does meets all three alike.
    ours, bare, single = [], [], []
    for _ in range(ROUNDS):
        ours.append(timed(lambda: ask(client, "bulk/posts/create", {"posts": bodies(POSTS)})))
        bare.append(timed(lambda: store_bare(account)))
        single.append(timed(lambda: ask_each(client, "posts", bodies(SINGLE))) * POSTS / SINGLE)
    bulk_s, bare_s, single_s = median(ours), median(bare), median(single)
    say("bulk_create_1000", POSTS / bulk_s, "posts/s", limit=POSTS / bare_s, ratio=bare_s / bulk_s)
    faster = single_s / bulk_s
    say("bulk_create_1000_beside_single", faster, "times", limit=TIMES_SINGLE, ratio=min(1.0, faster / TIMES_SINGLE))


def bodies(count: int) -> list[dict[str, Any]]:
    when = {"scheduled_time": WHEN, "platforms": ["mastodon"], "tags": ["bench"]}
    return [
        {"content": f"Good morning, number {number}! https://example.org/{number}", **when} for number in range(count)
    ]


def ask(client: Any, path: str, body: dict[str, Any]) -> None:
    response = client.post(f"/api/v2/{path}", body, format="json")
    if response.status_code >= 300 or response.json().get("failed"):
        raise RuntimeError(f"{path} answered {response.status_code}: {response.content[:300]!r}")


def ask_each(client: Any, path: str, each: list[dict[str, Any]]) -> None:
    for body in each:
        ask(client, path, body)


def store_bare(account: Any) -> None:
    """As many rows of the same kind."""
    from django.db import transaction
    from django.utils.dateparse import parse_datetime

    from posts.models import Delivery, Post, PostTag

    due_at = parse_datetime(WHEN)
    workspace = account.workspace
    with transaction.atomic():
        posts = [
            Post(workspace=workspace, content=body["content"], status="scheduled", scheduled_at=due_at)
            for body in bodies(POSTS)
        ]
        Post.objects.bulk_create(posts)
        PostTag.objects.bulk_create(PostTag(post=post, name="bench") for post in posts)
        Delivery.objects.bulk_create(
            Delivery(
                post=post, workspace=workspace, account=account, platform="mastodon", state="queued", due_at=due_at,
                next_attempt_at=due_at, is_one_step=True,
            )
            for post in posts
        )  # fmt: skip


def timed(work: Callable[[], Any]) -> float:
    """Seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
