"""How many due deliveries a second a claim takes, with the Attempt rows, whatever the backlog looks like.

PostgreSQL as it comes (fsync on), every claim committed, batches as a drain asks for them (128 threads and their
buffer, and 500). The limit is a bare UPDATE … SKIP LOCKED of as many rows of the same table, without order by account,
lanes or Attempts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from datetime import timedelta
from statistics import median
from typing import Any
from uuid import uuid4

from bench.figures import say
from bench.in_process import set_up, tear_down
from tests.pg import database, postgresql

BAR = 10_000
BATCHES = (144, 500)
ROUNDS = 12

BARE = """
UPDATE posts_delivery SET updated_at = now() WHERE id IN (
  SELECT id FROM posts_delivery WHERE state = 'queued' AND next_attempt_at <= now() AND lease_token IS NULL
   ORDER BY next_attempt_at, id LIMIT %s FOR UPDATE SKIP LOCKED)
"""


def run() -> None:
    with postgresql(durable=True) as server, tempfile.TemporaryDirectory(prefix="mb-bench-") as home:
        for shape in (many_accounts, few_accounts, one_account_first, parked_ahead):
            with database(server) as url:
                set_up(url, home)
                try:
                    measure(shape)
                finally:
                    tear_down()


# --- what the backlog looks like ---
def many_accounts() -> str:
    """100,000 accounts with one due delivery each."""
    populate(accounts=100_000, each=1)
    return "100k_accounts"


def few_accounts() -> str:
    """100 accounts with 1,000 due deliveries each."""
    populate(accounts=100, each=1_000)
    return "100x1000"


def one_account_first() -> str:
    """One account with 100,000 due deliveries, older than those of 50,000 others."""
    populate(accounts=50_000, each=1)
    populate(accounts=1, each=100_000, older_s=3600)
    return "one_account"


def parked_ahead() -> str:
    """50,000 deliveries of parked accounts, older than 1,000 good ones."""
    populate(accounts=50_000, each=1, older_s=3600, is_parked=True)
    populate(accounts=1_000, each=1)
    return "50k_parked"


def populate(
    *, accounts: int, each: int, older_s: int = 0, is_parked: bool = False, changes: Mapping[str, str] | None = None
) -> None:
    """Rows as scheduling would have left them, written by the database itself; `changes`: of deliveries, for `copy`."""
    from django.db import connection
    from django.utils import timezone

    from posts.tests.factories import make_delivery

    template = make_delivery(due_at=timezone.now() - timedelta(seconds=60 + older_s))
    lane = template.account.lane
    values: Mapping[str, Mapping[str, Any]] = {
        "integrations_socialaccount": {"id": template.account_id},
        "posts_lane": {"account_id": lane.account_id},
        "posts_post": {"id": template.post_id},
        "posts_delivery": {"id": template.id},
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE a AS SELECT gen_random_uuid() AS id, i FROM generate_series(1, %s) i", [accounts]
        )
        cursor.execute(
            "CREATE TEMP TABLE d AS SELECT gen_random_uuid() AS id, gen_random_uuid() AS post_id, a.id AS account_id, n"
            " FROM a CROSS JOIN generate_series(1, %s) n",
            [each],
        )
        copy(cursor, "integrations_socialaccount", values, "a", {
            "id": "s.id", "remote_id": "s.id::text", "is_default": "false", "credential_id": "NULL::uuid",
        })  # fmt: skip
        copy(cursor, "posts_lane", values, "a", {
            "account_id": "s.id", "is_parked": str(is_parked).lower(),
            "ready_at": "NULL::timestamptz" if is_parked else "t.ready_at",
        })  # fmt: skip
        copy(cursor, "posts_post", values, "d", {"id": "s.post_id"})
        due = "t.due_at + s.n * interval '1 microsecond'"
        copy(cursor, "posts_delivery", values, "d", {
            "id": "s.id", "post_id": "s.post_id", "account_id": "s.account_id", "due_at": due, "next_attempt_at": due,
            **(changes or {}),
        })  # fmt: skip
        cursor.execute("DROP TABLE a, d")
        cursor.execute("ANALYZE")
    template.account.lane.delete()
    template.delete()


def copy(
    cursor: Any, table: str, keys: Mapping[str, Mapping[str, Any]], source: str, changes: Mapping[str, str]
) -> None:
    """A row of `table` for each of `source`: as its template, but for `changes` (SQL over template t and source s)."""
    [(key, value)] = keys[table].items()
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position", [table]
    )
    names = [row[0] for row in cursor.fetchall()]
    shown = ", ".join(changes.get(name, f't."{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    insert = f"INSERT INTO {table} ({columns}) SELECT {shown} FROM {source} s CROSS JOIN {table} t"
    cursor.execute(f"{insert} WHERE t.{key} = %s", [value])


# --- how fast ---
def measure(shape: Any) -> None:
    from django.db import connection, transaction
    from django.utils import timezone

    from posts.queue import claims

    name = shape()
    for batch in BATCHES:
        claim_s, rows, bare_s = [], [], []
        for _ in range(ROUNDS):
            with transaction.atomic(), connection.cursor() as cursor:
                began = time.perf_counter()
                cursor.execute(BARE, [batch])
                bare_s.append((time.perf_counter() - began) / max(cursor.rowcount, 1))
                transaction.set_rollback(True)
            token, at = uuid4(), timezone.now()
            began = time.perf_counter()
            with transaction.atomic():
                claimed = claims.claim(at=at, limit=batch, token=token, worker="bench")
            claim_s.append(time.perf_counter() - began)
            rows.append(len(claimed))
            if name in {"100x1000", "50k_parked"}:
                hand_back(claimed, at=timezone.now())
        rate = median(count / took_s for count, took_s in zip(rows, claim_s, strict=True))
        say(f"claim_{name}_{batch}", rate, "rows/s", limit=BAR, ratio=min(1.0, rate / BAR))
        say(f"claim_{name}_{batch}_bare", 1 / median(bare_s), "rows/s")
        say(f"claim_{name}_{batch}_ms", median(claim_s) * 1000, "ms")


def hand_back(claimed: Any, *, at: Any) -> None:
    """As a worker that stops does, so that the accounts can be claimed again."""
    from django.db import transaction

    from posts.queue import claims
    from posts.queue.types import Result

    with transaction.atomic():
        claims.finish(
            [
                Result(
                    delivery_id=c.delivery_id, account_id=c.account_id, post_id=c.post_id, token=c.token,
                    number=c.number, from_state=c.state, state="queued", outcome="abandoned", ended_at=at,
                    next_attempt_at=at - timedelta(seconds=1),
                )
                for c in claimed
            ],
            at=at,
        )  # fmt: skip
