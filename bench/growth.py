"""What a history and other people's accounts cost: a list, a create and a burst beside those of an empty instance.

Three databases on one server, each with a process of its own that asks in its own process: one with the 50 posts that a
page shows and 10 accounts of others, one that grows to POSTS (100000,1000000) posts of the workspace, one with ACCOUNTS
(100000) accounts of others. What is measured is measured in turns, grown and empty, in CPU of the process and of
its PostgreSQL backend, so that a busy machine does both the same; the median of ROUNDS.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import median
from typing import Any

from bench.claim import copy, populate
from bench.figures import say
from bench.in_process import client_of_owner, set_up
from bench.requests import ran_s
from tests.pg import database, postgresql

POSTS = [int(one) for one in os.environ.get("POSTS", "100000,1000000").split(",")]
ACCOUNTS = int(os.environ.get("ACCOUNTS", "100000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
REQUESTS, BURST = 20, 300
FEW_POSTS, FEW_ACCOUNTS = 50, 10
BAR = 1.2


def run() -> None:
    with (
        postgresql() as server,
        a_process(server) as empty,
        a_process(server) as with_posts,
        a_process(server) as with_accounts,
    ):
        for one in (empty, with_posts, with_accounts):
            one("fill_posts", FEW_POSTS)
            one("fill_accounts", FEW_ACCOUNTS)
        there = FEW_POSTS
        for posts in POSTS:
            with_posts("fill_posts", posts - there)
            there = posts
            compare(with_posts, empty, f"{posts}_posts")
        with_accounts("fill_accounts", ACCOUNTS - FEW_ACCOUNTS)
        compare(with_accounts, empty, f"{ACCOUNTS}_accounts")


Ask = Callable[..., Any]
"""Has a process do something by name and gives what it answers."""


def compare(grown: Ask, empty: Ask, name: str) -> None:
    for work in ("list_50", "list_50_cursor", "create", "burst"):
        for ask in (grown, empty):
            ask(work)  # plans are made, pages read
        rounds = [(grown(work), empty(work)) for _ in range(ROUNDS)]
        times = median(one / other for one, other in rounds)
        say(f"growth_{work}_{name}", times, "times empty", limit=BAR, ratio=BAR / times)
        say(f"growth_{work}_{name}_ms", median(one for one, _ in rounds), "CPU ms")


# --- a process with a database of its own ---
@contextmanager
def a_process(server: str) -> Iterator[Ask]:
    context = multiprocessing.get_context("spawn")
    with database(server) as url, tempfile.TemporaryDirectory(prefix="mb-bench-") as home:
        ours, theirs = context.Pipe()
        process = context.Process(target=serve, args=(url, home, theirs), daemon=True)
        process.start()
        theirs.close()

        def ask(name: str, *values: Any) -> Any:
            ours.send((name, values))
            return ours.recv()

        try:
            yield ask
        finally:
            ours.close()
            process.join(20)


def serve(url: str, home: str, asked: Any) -> None:
    """Do what is asked for until nobody asks any more."""
    os.environ["THROTTLE_RATES"] = "user=100000000/min"
    set_up(url, home)
    world = World.made()
    try:
        while True:
            name, values = asked.recv()
            asked.send(getattr(world, name)(*values))
    except EOFError:
        from django.db import connections

        connections.close_all()


@dataclass(slots=True)
class World:
    """A workspace, its owner as a client of the API, and a post of it that is out, of which others are copies."""

    workspace: Any
    client: Any
    template: Any
    backend: int
    numbers: Iterator[int]

    @classmethod
    def made(cls) -> World:
        from django.db import connection
        from django.utils import timezone

        from accounts.tests.factories import make_workspace
        from integrations.tests.factories import make_account
        from posts.models import PostTag
        from posts.tests.factories import make_delivery

        workspace, at = make_workspace(), timezone.now()
        out: dict[str, Any] = {"state": "published", "published_at": at, "next_attempt_at": None, "parts_done": 1}
        named = {"remote_id": "1", "url": "https://mastodon.test/@one/1", "is_one_step": True, "visible_calls": 1}
        template = make_delivery(make_account(workspace=workspace), due_at=at, **out, **named)
        template.post.status, template.post.published_at = "published", at
        template.post.save()
        PostTag.objects.create(post=template.post, name="bench")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (backend,) = cursor.fetchone()
        return cls(workspace, client_of_owner(workspace), template, backend, count(1))

    # --- what there is ---
    def fill_posts(self, posts: int) -> None:
        """So many more that are out, 40 s apart, each with its delivery, a tag and its row of the search."""
        from django.db import connection

        keys: dict[str, dict[str, Any]] = {
            "posts_post": {"id": self.template.post_id},
            "posts_delivery": {"id": self.template.id},
            "posts_posttag": {"post_id": self.template.post_id},
            "posts_postsearch": {"post_id": self.template.post_id},
        }
        at = "t.created_at - s.n * interval '40 seconds'"
        times = dict.fromkeys(("created_at", "updated_at", "published_at"), at)
        with connection.cursor() as cursor:
            cursor.execute(
                "SET session_replication_role = replica"
            )  # no triggers: copies are as sound as their template
            cursor.execute(
                "CREATE TEMP TABLE new AS SELECT uuidv7(-n * interval '40 seconds') AS id, uuidv7() AS delivery, n "
                "FROM generate_series(1, %s) n ORDER BY n DESC",
                [posts],
            )
            words = {"content": "'Good morning, number ' || s.n", "scheduled_at": at, **times}
            copy(cursor, "posts_post", keys, "new", {"id": "s.id", **words})
            of_post = {
                "id": "s.delivery",
                "post_id": "s.id",
                "due_at": at,
                "remote_id": "s.n::text",
                "fingerprint": "s.n",
            }
            copy(cursor, "posts_delivery", keys, "new", {**of_post, **times})
            for table in ("posts_posttag", "posts_postsearch"):
                changes = {"id": f"nextval(pg_get_serial_sequence('{table}', 'id'))", "post_id": "s.id"}
                if table == "posts_postsearch":
                    changes["vector"] = "t.vector || to_tsvector('simple', s.n::text)"
                copy(cursor, table, keys, "new", changes)
            cursor.execute("DROP TABLE new")
            cursor.execute("SET session_replication_role = DEFAULT")
            cursor.execute("VACUUM ANALYZE")

    def fill_accounts(self, accounts: int) -> None:
        """So many of another workspace, with their lanes."""
        from django.db import connection

        from integrations.tests.factories import make_account
        from posts.models import Lane

        stranger = make_account()
        Lane.objects.get_or_create(account=stranger)
        keys: dict[str, dict[str, Any]] = {
            "integrations_socialaccount": {"id": stranger.id},
            "posts_lane": {"account_id": stranger.id},
        }
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE new AS SELECT uuidv7() AS id FROM generate_series(1, %s)", [accounts])
            names = {"id": "s.id", "remote_id": "s.id::text", "is_default": "false", "credential_id": "NULL::uuid"}
            copy(cursor, "integrations_socialaccount", keys, "new", names)
            copy(cursor, "posts_lane", keys, "new", {"account_id": "s.id"})
            cursor.execute("DROP TABLE new")
            cursor.execute("VACUUM ANALYZE")

    # --- what is measured: CPU milliseconds of this process and its backend, of one request or all of one burst ---
    def list_50(self) -> float:
        return self._took_ms(lambda: self._asked("get", "/api/v2/posts"), REQUESTS)

    def list_50_cursor(self) -> float:
        return self._took_ms(lambda: self._asked("get", "/api/v2/posts?cursor="), REQUESTS)

    def create(self) -> float:
        from posts.models import Post

        soon = datetime.now(UTC) + timedelta(days=1)
        account = str(self.template.account_id)

        def ask() -> None:
            number = next(self.numbers)  # an hour apart: nearer ones would be warned of
            at = (soon + timedelta(hours=number % 8_000)).isoformat()
            self._asked("post", "/api/v2/posts", content=f"See you, {number}", accounts=[account], scheduled_time=at)

        took_ms = self._took_ms(ask, REQUESTS)
        Post.objects.filter(workspace=self.workspace, status="scheduled").delete()
        return took_ms

    def burst(self) -> float:
        """All that a drain asks of the database for BURST due deliveries of as many accounts, which are then out."""
        populate(accounts=BURST, each=1)
        return self._took_ms(publish_due, 1)

    def _asked(self, method: str, path: str, **body: Any) -> None:
        answer = getattr(self.client, method)(path, body or None, format="json")
        if answer.status_code not in {200, 201}:
            raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.content[:300]!r}")

    def _took_ms(self, work: Callable[[], None], times: int) -> float:
        began = time.process_time() + ran_s(self.backend)
        for _ in range(times):
            work()
        return (time.process_time() + ran_s(self.backend) - began) / times * 1000


def publish_due() -> None:
    from uuid import uuid4

    from django.db import transaction
    from django.utils import timezone

    from posts.engine.job_loader import load_jobs
    from posts.queue import claims

    at = timezone.now()
    with transaction.atomic():
        claimed = claims.claim(at=at, limit=BURST, token=uuid4(), worker="bench")
        jobs = load_jobs(claimed, at=at, hosts={})
        claims.recompute_post_status([one.post_id for one in claimed], at=at)
    if len(jobs) != BURST:
        raise RuntimeError(f"{len(jobs)} of {BURST} were claimed")
    out: dict[str, Any] = {"remote_id": "2", "url": "https://mastodon.test/@one/2"}
    results = [
        job.result(
            "published", "published", at=at, **out, parts=[{**out, "facts": {}}], published_at=at, visible_calls=1,
            attempt_sent_at=at, spent=1,
        )
        for job in jobs
    ]  # fmt: skip
    with transaction.atomic():
        written = claims.finish(results, at=at)
        claims.recompute_post_status([one.post_id for one in claimed], at=at)
    if len(written) != BURST:
        raise RuntimeError(f"{len(written)} of {BURST} were written")
