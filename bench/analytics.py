"""Figures of 100,000 deliveries with 30 samples each: an overview of 30 days, a post's history, the rollups of a day.

The limits are SQL by hand that reads, or writes, the same in the same run: no HTTP, nothing made of the rows. Of
`overview_30d` and `post_history_request` ours is the whole request, from the server's call of the application to the
last byte that it gives back. The statement of a history is quick beside what every request costs (`make bench
ONLY=requests`), so `post_history` itself is what analytics does for it: statement, rows, JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from bench.figures import say
from bench.in_process import getter_of_owner, median_ms, on_postgresql

ACCOUNTS, A_ACCOUNT, SAMPLES = 100, 1_000, 30
DAYS = 30
ROUNDS = 15

SAMPLES_SQL = """
INSERT INTO analytics_metricsample (delivery_id, part, collected_at, views, likes, extra, views_gain, likes_gain,
                                    has_fallen)
SELECT d.id, 0, date_bin('15 minutes', d.published_at + k * (%(end)s - d.published_at) / %(samples)s, 'epoch'),
       10 * k, k, '{}', 10, 1, false
  FROM posts_delivery d CROSS JOIN generate_series(1, %(samples)s) k
"""
LATEST_SQL = """
INSERT INTO analytics_latestmetrics (delivery_id, part, account_id, published_at, collected_at, views, likes, extra,
                                     answer, untold, is_repeat)
SELECT d.id, 0, d.account_id, d.published_at, max(s.collected_at), max(s.views), max(s.likes), '{}', '{}', '[]', false
  FROM posts_delivery d JOIN analytics_metricsample s ON s.delivery_id = d.id GROUP BY d.id
"""
SUMS = "sum(views), sum(likes), sum(shares), sum(comments), sum(reach), sum(clicks)"
OVERVIEW_SQL = (
    f"""
SELECT r.account_id, width_bucket(r.starts_at, %(starts)s::timestamptz[]) AS day, {SUMS}
  FROM analytics_rollup r JOIN integrations_socialaccount a ON a.id = r.account_id
 WHERE a.workspace_id = %(workspace)s AND r.starts_at >= %(begin)s AND r.starts_at < %(end)s GROUP BY 1, 2
""",
    """
SELECT l.account_id, count(*), max(l.collected_at)
  FROM analytics_latestmetrics l JOIN integrations_socialaccount a ON a.id = l.account_id
 WHERE a.workspace_id = %(workspace)s AND l.part = 0 AND l.published_at >= %(begin)s AND l.published_at < %(end)s
 GROUP BY 1
""",
    f"""
SELECT t.name, d.account_id, {SUMS}
  FROM posts_posttag t JOIN posts_post p ON p.id = t.post_id AND p.deleted_at IS NULL
  JOIN posts_delivery d ON d.post_id = t.post_id
  JOIN analytics_latestmetrics l ON l.delivery_id = d.id AND l.part = 0
 WHERE p.workspace_id = %(workspace)s AND l.published_at >= %(begin)s AND l.collected_at < %(end)s GROUP BY 1, 2
""",
    """
SELECT d.post_id, sum(coalesce(l.likes, 0) + coalesce(l.shares, 0) + coalesce(l.comments, 0)) AS engaged
  FROM analytics_latestmetrics l JOIN posts_delivery d ON d.id = l.delivery_id
  JOIN posts_post p ON p.id = d.post_id AND p.deleted_at IS NULL
 WHERE p.workspace_id = %(workspace)s AND l.part = 0 AND l.published_at >= %(begin)s AND l.published_at < %(end)s
 GROUP BY 1 ORDER BY 2 DESC LIMIT 10
""",
)
HISTORY_SQL = """
SELECT s.*, d.account_id, d.platform FROM analytics_metricsample s JOIN posts_delivery d ON d.id = s.delivery_id
 WHERE d.post_id = %(post)s AND s.part = 0 ORDER BY s.delivery_id, s.collected_at
"""
ROLLUP_SQL = """
INSERT INTO bare_rollup
SELECT d.account_id, date_bin('15 minutes', s.collected_at, 'epoch'), sum(s.views_gain), sum(s.likes_gain),
       sum(s.shares_gain), sum(s.comments_gain), sum(s.reach_gain), sum(s.clicks_gain)
  FROM analytics_metricsample s JOIN posts_delivery d ON d.id = s.delivery_id
 WHERE s.part = 0 AND s.collected_at >= %(begin)s AND s.collected_at < %(end)s GROUP BY 1, 2
"""


def run() -> None:
    on_postgresql(measure)


def ask(sql: str, values: Mapping[str, Any]) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def copies_of(model: Any, count: int, source: str, **changed: str) -> None:
    """Insert rows like that one in SQL: `source` gives `n` and what `changed`, by column, is made of."""
    table = model._meta.db_table
    columns = [
        field.column for field in model._meta.concrete_fields if field.column in changed or not field.primary_key
    ]
    values = ", ".join(changed.get(column, f"one.{column}") for column in columns)
    template = f"(SELECT * FROM {table} LIMIT 1) one"
    ask(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {template}, {source}", {"count": count})


def fill(end: datetime) -> tuple[Any, Any, Any]:
    """A workspace with its accounts, posts and figures until `end`; what gets a path as its owner; one of the posts."""
    from accounts.tests.factories import make_workspace
    from analytics.services.rollups import rebuild_rollups
    from analytics.tests.factories import make_published
    from integrations.tests.factories import make_account
    from posts.models import Delivery, Post, PostTag

    workspace = make_workspace()
    accounts = [make_account(workspace=workspace) for _ in range(ACCOUNTS)]
    first = make_published(accounts[0], published_at=end - timedelta(days=DAYS - 1))
    count = ACCOUNTS * A_ACCOUNT - 1
    numbers = "generate_series(1, %(count)s) n"
    copies_of(Post, count, numbers, id="md5('post' || n)::uuid")
    ids = ", ".join(f"'{account.id}'" for account in accounts)
    copies_of(
        Delivery,
        count,
        numbers,
        id="md5('delivery' || n)::uuid",
        post_id="md5('post' || n)::uuid",
        account_id=f"(ARRAY[{ids}]::uuid[])[1 + n %% {ACCOUNTS}]",
        published_at=f"one.published_at + (n %% {(DAYS - 2) * 24}) * interval '1 hour'",
    )
    PostTag.objects.create(post=first.post, name="harbour")
    copies_of(PostTag, count // 10, numbers, post_id="md5('post' || 10 * n)::uuid", name="'tag ' || n %% 20")
    ask(SAMPLES_SQL, {"end": end, "samples": SAMPLES})
    ask(LATEST_SQL, {})
    ask("VACUUM ANALYZE", {})
    rebuild_rollups(end - timedelta(days=DAYS + 1), end + timedelta(days=1))
    ask("VACUUM ANALYZE", {})
    return workspace, getter_of_owner(workspace), first.post_id


def measure() -> None:
    from django.utils import timezone

    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    workspace, get, post = fill(today)
    overview(workspace, get, today)
    history(get, workspace, post)
    rollup_day(today)


def overview(workspace: Any, get: Any, end: datetime) -> None:
    begin = end - timedelta(days=DAYS - 1)
    starts = [begin + timedelta(days=number) for number in range(DAYS)]
    query = f"from={begin.date()}&to={end.date()}&timezone=UTC"
    values = {"workspace": workspace.id, "begin": begin, "end": end + timedelta(days=1), "starts": starts}
    asked = median_ms(lambda: get(f"/api/v2/analytics/overview?{query}"), rounds=ROUNDS)
    bare = median_ms(lambda: [ask(sql, values) for sql in OVERVIEW_SQL], rounds=ROUNDS)
    say("overview_30d", asked, "ms", limit=bare, ratio=min(1.0, bare / asked))


def history(get: Any, workspace: Any, post: Any) -> None:
    from analytics.api.presenting import figures_of_post

    def answer() -> bytes:
        return orjson.dumps(figures_of_post(post, workspace, is_history=True, with_parts=False))

    made = median_ms(answer, rounds=ROUNDS)
    bare = median_ms(lambda: ask(HISTORY_SQL, {"post": post}), rounds=ROUNDS)
    asked = median_ms(lambda: get(f"/api/v2/analytics/posts/{post}?history=true"), rounds=ROUNDS)
    say("post_history", made, "ms", limit=bare, ratio=min(1.0, bare / made))
    say("post_history_request", asked, "ms", limit=bare, ratio=min(1.0, bare / asked))


def rollup_day(end: datetime) -> None:
    from analytics.services.rollups import rebuild_rollups

    begin, until = end - timedelta(days=10), end - timedelta(days=9)
    ask(
        "CREATE TABLE bare_rollup (account_id uuid, starts_at timestamptz, views bigint, likes bigint, shares bigint, "
        "comments bigint, reach bigint, clicks bigint, UNIQUE (account_id, starts_at))",
        {},
    )

    def bare() -> None:
        ask("TRUNCATE bare_rollup", {})
        ask(ROLLUP_SQL, {"begin": begin, "end": until})

    asked, limit = median_ms(lambda: rebuild_rollups(begin, until), rounds=ROUNDS), median_ms(bare, rounds=ROUNDS)
    say("rollup_day", asked, "ms", limit=limit, ratio=min(1.0, limit / asked))
