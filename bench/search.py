"""GET /search/posts among many posts: 100 workspaces, one with 12 % of them, words as frequent as in a language.

PARTS chooses among them, and each says its figures as it finds them:
  sql     the search function, rows and total; the limit is SQL by hand that finds the same rows and the same capped
          total, in the same database and run, with the planner seeing the words
  http    a page of what is found, beside a page of the plain list
  depth   page 2,000 of the list by cursor, beside its first
  sqlite  `sql` and `http` on SQLite, beside raw FTS5, in a process of its own: 100,000 posts, SQLITE_POSTS
POSTS=200000 asks for fewer than a million. Posts are written around the triggers, which would take most of the time,
and what is found is held against what the triggers write.
"""

from __future__ import annotations

import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from bench.figures import percentile, say
from bench.in_process import client_of_owner, on_postgresql, set_up, tear_down

PARTS = ("sql", "http", "depth", "sqlite")
POSTS = int(os.environ.get("POSTS", "1000000"))
SQLITE_POSTS = int(os.environ.get("SQLITE_POSTS", "100000"))
WORKSPACES, LARGEST_SHARE = 100, 0.12
VOCABULARY = 40_000
PAGE, CAP = 50, 10_001
WARM_UP, ROUNDS = 5, 40
APART_S = 40  # seconds from one post to the next
CLASSES = {"common": range(1, 6), "mid": range(900, 905), "rare": range(20_000, 20_005)}  # ranks of words
FILTERS = {"status": "draft", "platform": "mastodon", "date_from": "2020-01-01"}

# Words by Zipf's law: the logarithm of the rank is uniform. Ids as the program makes them: UUIDv7.
FILL = """
INSERT INTO posts_post (id, created_at, updated_at, workspace_id, content, post_type, status, wanted_platforms,
 warnings, timezone, post_options, overrides, thread, first_comment, version)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || '8'
  || substr(md5(n::text), 4, 15))::uuid,
 at, at, workspace, text, 'standard', CASE WHEN n %% 3 = 0 THEN 'draft' ELSE 'published' END,
 CASE WHEN n %% 2 = 0 THEN '["mastodon"]' ELSE '["twitter"]' END::jsonb, '[]', '', '{}', '{}', '[]', '', 1
FROM (
  SELECT n, now() - (%(posts)s - n) * %(apart)s * interval '1 second' AS at,
    (%(workspaces)s::uuid[])[CASE WHEN random() < %(share)s THEN 1 ELSE 2 + floor(random() * %(others)s)::int END]
      AS workspace,
    (SELECT string_agg('w' || floor(power(%(words)s, random()))::int, ' ')
       FROM generate_series(1, CASE WHEN %(has_words)s THEN 12 + n %% 43 ELSE 1 END)) AS text
  FROM generate_series(%(from)s, %(to)s) n
) rows
"""
FILL_INDEX = """
INSERT INTO posts_postsearch (post_id, created_at, vector)
SELECT id, created_at, ('w' || replace(workspace_id::text, '-', '') || ' w' || replace(workspace_id::text, '-', '')
  || 'm' || post_search_month(created_at))::tsvector
  || setweight(ts_delete(to_tsvector('simple', 'x ' || content), 'x'), 'A') FROM posts_post
"""
UNLIKE_THE_TRIGGER = """
SELECT count(*) FROM (SELECT * FROM posts_post LIMIT 1000) p JOIN posts_postsearch s ON s.post_id = p.id
 WHERE s.vector IS DISTINCT FROM
  post_search_vector(p.workspace_id, p.created_at, p.content, p.overrides, p.thread, p.first_comment, ARRAY[]::text[])
"""


def run() -> None:
    parts = set(os.environ.get("PARTS", ",".join(PARTS)).split(","))
    if not parts <= {*PARTS}:
        sys.exit(f"PARTS: {', '.join(sorted(parts - {*PARTS}))} is none of them; there are: {', '.join(PARTS)}")
    if on_its_own := parts - {"sqlite"}:
        on_postgresql(lambda: measure(on_its_own))
    if parts == {"sqlite"}:
        on_sqlite()
    elif "sqlite" in parts:  # Django is set up for one kind of database in a process
        subprocess.run([sys.executable, "-m", "bench", "search"], env={**os.environ, "PARTS": "sqlite"}, check=True)


def on_sqlite() -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="mb-bench-") as home:
        set_up(f"sqlite:///{home}/bench.sqlite3", home)
        try:
            workspaces = fill_sqlite()
            measure_sql(workspaces, suffix="_sqlite")
            measure_http(workspaces[0], suffix="_sqlite")
        finally:
            tear_down()


def measure(parts: set[str]) -> None:
    workspaces = fill(has_words=parts != {"depth"})
    if "sql" in parts:
        measure_sql(workspaces)
    if "http" in parts:
        measure_http(workspaces[0])
    if "depth" in parts:
        measure_depth(workspaces[0])


# --- what there is ---
def fill(*, has_words: bool) -> list[Any]:
    """The workspaces, the large one first, with their posts; `has_words`: they can be searched."""
    from django.db import connection

    from accounts.tests.factories import make_workspace
    from posts.search import index

    workspaces = [make_workspace() for _ in range(WORKSPACES)]
    began, step = time.perf_counter(), 50_000
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no triggers, no constraints of other tables
        cursor.execute("DROP INDEX post_search_words")
        for first in range(1, POSTS + 1, step):
            cursor.execute(FILL, {
                "from": first, "to": min(first + step - 1, POSTS), "posts": POSTS, "has_words": has_words,
                "workspaces": [w.id for w in workspaces], "share": LARGEST_SHARE, "others": WORKSPACES - 1,
                "words": VOCABULARY, "apart": APART_S,
            })  # fmt: skip
        if has_words:
            cursor.execute(FILL_INDEX)
            cursor.execute(UNLIKE_THE_TRIGGER)
            if cursor.fetchone() != (0,):
                raise RuntimeError("the index that was filled is not the one that the triggers write")
        cursor.execute("SET session_replication_role = origin; SET maintenance_work_mem = '256MB'")
        cursor.execute(next(one for one in index.postgresql()["make"] if "post_search_words" in one))
        cursor.execute("VACUUM ANALYZE posts_post, posts_postsearch")
    say("search_fill", POSTS / (time.perf_counter() - began), "posts/s")
    return workspaces


def fill_sqlite() -> list[Any]:
    """Likewise, by the program."""
    from django.db import connection, transaction
    from django.utils import timezone

    from accounts.tests.factories import make_workspace
    from posts.models import Post

    workspaces = [make_workspace() for _ in range(WORKSPACES)]
    began, step, chance, now = time.perf_counter(), 5_000, random.Random(1), timezone.now()
    with transaction.atomic():
        for first in range(0, SQLITE_POSTS, step):
            Post.objects.bulk_create(
                Post(
                    workspace=workspaces[0] if chance.random() < 0.3 else chance.choice(workspaces[1:]),
                    content=" ".join(f"w{int(VOCABULARY ** chance.random())}" for _ in range(12 + number % 43)),
                    status="draft" if number % 3 == 0 else "published",
                    wanted_platforms=["mastodon" if number % 2 == 0 else "twitter"],
                    created_at=now - timedelta(seconds=(SQLITE_POSTS - number) * APART_S),
                )
                for number in range(first, min(first + step, SQLITE_POSTS))
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    say("search_fill_sqlite", SQLITE_POSTS / (time.perf_counter() - began), "posts/s")
    return workspaces


# --- how fast ---
def measure_sql(workspaces: Sequence[Any], suffix: str = "") -> None:
    for size, workspace in {"large": workspaces[0], "small": workspaces[-1]}.items():
        for name, ranks in CLASSES.items():
            words = [f"w{rank}" for rank in ranks]
            compare(f"search_{name}_{size}{suffix}", workspace, words, {})
            compare(f"search_{name}_{size}_filtered{suffix}", workspace, words, FILTERS)


def compare(name: str, workspace: Any, words: Sequence[str], filters: dict[str, str]) -> None:
    """The search function, rows and total, beside SQL by hand: the 95th percentile over words and rounds."""
    ours, bare = in_turns(
        lambda turn: search(workspace, words[turn % len(words)], filters),
        lambda turn: by_hand(workspace, words[turn % len(words)], filters),
        at=0.95,
    )
    say(name, ours, "ms", limit=bare, ratio=min(1.0, 3 * bare / ours))


def search(workspace: Any, word: str, filters: dict[str, str]) -> None:
    """As the view asks for the first page and the total of these words."""
    from mastablasta.core.api.date_ranges import read_edge
    from posts.api.filters import SearchFilter
    from posts.api.found_pages import pages_of
    from posts.models import Post
    from posts.search.matching import matching
    from posts.search.queries import parse

    query = parse(word)
    read = {
        name: read_edge(value, is_end=False, zone="UTC") if name == "date_from" else [value]
        for name, value in filters.items()
    }
    found = pages_of(query, workspace=workspace.pk, is_counted=True, filters=read)
    if found is not None:
        found.first(PAGE + 1, counted_to=CAP)
        return
    posts = Post.objects.in_workspace(workspace).kept()
    for name, value in read.items():
        posts = SearchFilter.base_filters[name].filter(posts, value)
    posts = matching(posts, query, workspace=workspace.id).order_by("-created_at", "-id")
    if len(list(posts[: PAGE + 1])) > PAGE:
        posts.order_by().values("pk")[:CAP].count()


def by_hand(workspace: Any, word: str, filters: dict[str, str]) -> None:
    from django.db import connection

    is_sqlite = connection.vendor == "sqlite"
    if is_sqlite:
        found = (
            "SELECT p.* FROM post_search_words w JOIN posts_postsearch s ON s.id = w.rowid "
            "JOIN posts_post p ON p.id = s.post_id WHERE post_search_words MATCH %s AND p.workspace_id = %s"
        )
        values: list[Any] = [word, workspace.id.hex]
    else:
        found = (
            "SELECT p.* FROM posts_post p JOIN posts_postsearch s ON s.post_id = p.id "
            "WHERE s.vector @@ %s::tsquery AND p.workspace_id = %s"
        )
        values = [f"'{word}'", workspace.id]
    found += " AND p.deleted_at IS NULL"
    if filters:
        like = "LIKE" if is_sqlite else "::text LIKE"
        found += f" AND p.status = %s AND p.created_at >= %s AND p.wanted_platforms {like} %s"
        values += [filters["status"], filters["date_from"], f'%"{filters["platform"]}"%']
    with connection.cursor() as cursor:
        cursor.execute(f"{found} ORDER BY p.created_at DESC, p.id DESC LIMIT {PAGE + 1}", values)
        if len(cursor.fetchall()) > PAGE:
            cursor.execute(f"SELECT count(*) FROM ({found} LIMIT {CAP}) AS found", values)
            cursor.fetchall()


def measure_http(workspace: Any, suffix: str = "") -> None:
    """A page of what is found beside a page of the plain list, in turns."""
    client = client_of_owner(workspace)
    for name, ranks in CLASSES.items():
        words = [f"w{rank}" for rank in ranks]
        asked, listed = in_turns(
            partial(page_found, client, words),
            lambda _: page(client, "posts?cursor="),
        )
        say(f"search_{name}_http{suffix}", asked, "ms", limit=listed, ratio=min(1.0, 1.3 * listed / asked))


def page_found(client: Any, words: Sequence[str], turn: int) -> None:
    page(client, f"search/posts?cursor=&q={words[turn % len(words)]}")


def measure_depth(workspace: Any) -> None:
    """A deep page by cursor beside the first one, in turns."""
    client = client_of_owner(workspace)
    cursor = deep_cursor(workspace)
    deep, first = in_turns(lambda _: page(client, f"posts?cursor={cursor}"), lambda _: page(client, "posts?cursor="))
    say("page_depth", deep, "ms", limit=first, ratio=min(1.0, 2 * first / deep))


def in_turns(ours: Callable[[int], None], other: Callable[[int], None], *, at: float = 0.5) -> tuple[float, float]:
    """The milliseconds of each, `at` that share of them; neither has to read first what the other finds in memory."""
    took: tuple[list[float], list[float]] = ([], [])
    for turn in range(-WARM_UP, ROUNDS):
        for work, found in zip((ours, other), took, strict=True):
            began = time.perf_counter()
            work(turn)
            if turn >= 0:
                found.append((time.perf_counter() - began) * 1000)
    return percentile(took[0], at), percentile(took[1], at)


def deep_cursor(workspace: Any) -> str:
    """The cursor of page 2,000, or of the last one."""
    from mastablasta.core.api.keyset import Keyset
    from posts.models import Post

    posts = Post.objects.in_workspace(workspace).kept().order_by("-created_at", "-id")
    keyset = Keyset.of(posts)
    at = min(PAGE * 1999, posts.count() - 2 * PAGE)
    row = posts[at : at + 1].get()
    return keyset._cursor(row, backwards=False)


def page(client: Any, path: str) -> None:
    response = client.get(f"/api/v2/{path}")
    if response.status_code != 200:
        raise RuntimeError(f"{path} answered {response.status_code}: {response.content[:300]!r}")
