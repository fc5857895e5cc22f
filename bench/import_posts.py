"""A CSV of 10,000 posts of which 37 are refused, through the API: made, the same file again, and each row changed.

The limit is `bulk_create` of the same posts, deliveries and tags, of which nothing is checked.
"""

from __future__ import annotations

import time
from typing import Any

from bench.figures import say
from bench.in_process import client_of_owner, on_postgresql

ROWS, BAD = 10_000, 37
WHEN = "2030-01-31T09:00:00Z"


def run() -> None:
    on_postgresql(measure)


def file_of(rows: int, bad: int) -> bytes:
    """Every so many is longer than Mastodon takes."""
    too_long = {n * (rows // bad) for n in range(bad)}
    texts = ["x" * 501 if n in too_long else f"Post {n}: news from the harbour, every day" for n in range(rows)]
    lines = [f'crm-{n},"{text}",mastodon,{WHEN},news' for n, text in enumerate(texts)]
    return "\n".join(["external_id,content,platforms,scheduled_time,tags", *lines]).encode()


def measure() -> None:
    from accounts.tests.factories import make_workspace
    from integrations.tests.factories import make_account
    from posts.models import Post

    workspace = make_workspace()
    make_account(workspace=workspace)
    client = client_of_owner(workspace)
    bare_s = bare(ROWS - BAD)
    data = file_of(ROWS, BAD)
    other = data.replace(b"every day", b"every night")
    for name, file, status in (
        ("import_posts", data, "created"),
        ("import_posts_again", data, "unchanged"),
        ("import_posts_changed", other, "updated"),
    ):
        began = time.perf_counter()
        told = imported(client, file)
        took_s = time.perf_counter() - began
        if (told[status], told["refused"]) != (ROWS - BAD, BAD):
            raise RuntimeError(f"{name}: { ({**told, 'successful': [], 'failed': []}) }")
        say(name, took_s, "s", limit=bare_s, ratio=min(1.0, bare_s / took_s))
    if Post.objects.in_workspace(workspace).count() != ROWS - BAD:
        raise RuntimeError("the second import has made posts")
    began = time.perf_counter()
    answer = client.get("/api/v2/posts/export")
    size = sum(map(len, answer.streaming_content))
    say("export_posts", time.perf_counter() - began, "s")
    say("export_posts_size", size / 1_000_000, "MB")


def imported(client: Any, data: bytes) -> dict[str, Any]:
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("posts.csv", data)
    response = client.post("/api/v2/bulk/posts/import", {"file": file}, format="multipart")
    if response.status_code != 200:
        raise RuntimeError(f"the import answered {response.status_code}: {response.content[:500]!r}")
    told: dict[str, Any] = response.json()
    return told


def bare(count: int) -> float:
    """Seconds for as many rows that nobody has checked."""
    from datetime import datetime

    from django.db import transaction

    from accounts.tests.factories import make_workspace
    from integrations.tests.factories import make_account
    from posts.models import Delivery, Post, PostTag

    workspace = make_workspace()
    account = make_account(workspace=workspace)
    at = datetime.fromisoformat(WHEN)
    began = time.perf_counter()
    with transaction.atomic():
        posts = [
            Post(workspace=workspace, content=f"Post {n}: news from the harbour, every day", status="scheduled",
                 scheduled_at=at, external_id=f"crm-{n}")
            for n in range(count)
        ]  # fmt: skip
        Post.objects.bulk_create(posts, batch_size=500)
        PostTag.objects.bulk_create([PostTag(post=post, name="news") for post in posts], batch_size=500)
        deliveries = [
            Delivery(post=post, workspace=workspace, account=account, platform="mastodon", state="queued", due_at=at,
                     next_attempt_at=at)
            for post in posts
        ]  # fmt: skip
        Delivery.objects.bulk_create(deliveries, batch_size=500)
    return time.perf_counter() - began
