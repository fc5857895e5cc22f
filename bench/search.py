"""GET /search/posts among many posts: 100 workspaces, one with 12 % of them, words as frequent as in a language.

The limit is SQL by hand that finds the same rows and the same capped total, in the same database and run, with the
planner seeing the words. POSTS=200000 asks for fewer than a million; DATABASE=sqlite measures SQLite (100,000).
"""

from __future__ import annotations

import logging
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.figures import percentile, say
from bench.in_process import client_of_owner, set_up, tear_down
from tests.pg import database, postgresql

ON_SQLITE = os.environ.get("DATABASE") == "sqlite"
POSTS = int(os.environ.get("POSTS", "100000" if ON_SQLITE else "1000000"))
WORKSPACES, LARGEST_SHARE = 100, 0.12
VOCABULARY = 40_000
PAGE, CAP = 50, 10_001
ROUNDS = 20
CLASSES = {"common": range(1, 6), "mid": range(900, 905), "rare": range(20_000, 20_005)}  # ranks of words
FILTERS = {"status": "draft", "platform": "mastodon", "date_from": "2020-01-01"}

# Words by Zipf's law: the logarithm of the rank is uniform.
FILL = """
INSERT INTO posts_post (id, created_at, updated_at, workspace_id, content, post_type, status, wanted_platforms,
 warnings, timezone, post_options, overrides, thread, first_comment, version)
SELECT gen_random_uuid(), at, at, workspace, text, 'standard', CASE WHEN n %% 3 = 0 THEN 'draft' ELSE 'published' END,
 CASE WHEN n %% 2 = 0 THEN '["mastodon"]' ELSE '["twitter"]' END::jsonb, '[]', '', '{{}}', '{{}}', '[]', '', 1
FROM (
  SELECT n, now() - (%(to)s - n) * interval '40 seconds' AS at,
    (%(workspaces)s::uuid[])[CASE WHEN random() < %(share)s THEN 1 ELSE 2 + floor(random() * %(others)s)::int END]
      AS workspace,
    (SELECT string_agg('w' || floor(power(%(words)s, random()))::int, ' ')
       FROM generate_series(1, 12 + n %% 43)) AS text
  FROM generate_series(%(from)s, %(to)s) n
) rows
""".replace("{{}}", "{}")


def run() -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="mb-bench-") as home:
        if ON_SQLITE:
            measure_in(f"sqlite:///{home}/bench.sqlite3", home)
            return
        with postgresql(durable=True) as server, database(server) as url:
            measure_in(url, home)


def measure_in(url: str, home: str) -> None:
    set_up(url, home)
    try:
        measure()
    finally:
        tear_down()


def measure() -> None:
    workspaces = fill()
    for size, workspace in {"large": workspaces[0], "small": workspaces[-1]}.items():
        for name, ranks in CLASSES.items():
            words = [f"w{rank}" for rank in ranks]
            compare(f"search_{name}_{size}", workspace, words, {})
            compare(f"search_{name}_{size}_filtered", workspace, words, FILTERS)
    over_http(workspaces[0])


# --- what there is ---
def fill() -> list[Any]:
    """The workspaces, the large one first, with their posts."""
    from django.db import connection

    from accounts.tests.factories import make_workspace

    workspaces = [make_workspace() for _ in range(WORKSPACES)]
    began = time.perf_counter()
    if ON_SQLITE:
        fill_from_python(workspaces)
    else:
        step = 50_000
        with connection.cursor() as cursor:
            for first in range(1, POSTS + 1, step):
                cursor.execute(FILL, {
                    "from": first, "to": min(first + step - 1, POSTS), "workspaces": [w.id for w in workspaces],
                    "share": LARGEST_SHARE, "others": WORKSPACES - 1, "words": VOCABULARY,
                })  # fmt: skip
    say("search_fill", POSTS / (time.perf_counter() - began), "posts/s")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if ON_SQLITE else "VACUUM ANALYZE posts_post, posts_postsearch")
    return workspaces


def fill_from_python(workspaces: Sequence[Any]) -> None:
    from posts.models import Post

    chance = random.Random(1)
    others = workspaces[1:]
    for first in range(0, POSTS, 5_000):
        Post.objects.bulk_create(
            Post(
                workspace=workspaces[0] if chance.random() < 0.3 else chance.choice(others),
                content=" ".join(f"w{int(VOCABULARY ** chance.random())}" for _ in range(12 + number % 43)),
                status="draft" if number % 3 == 0 else "published",
                wanted_platforms=["mastodon" if number % 2 == 0 else "twitter"],
            )
            for number in range(first, min(first + 5_000, POSTS))
        )


# --- how fast ---
def compare(name: str, workspace: Any, words: Sequence[str], filters: dict[str, str]) -> None:
    """The search function, rows and total, beside SQL by hand: the 95th percentile over words and rounds."""
    ours = percentile(timed(lambda word: search(workspace, word, filters), words), 0.95)
    bare = percentile(timed(lambda word: by_hand(workspace, word, filters), words), 0.95)
    say(name, ours, "ms", limit=bare, ratio=min(1.0, 3 * bare / ours))


def timed(work: Callable[[str], None], words: Sequence[str]) -> list[float]:
    took = []
    for turn in range(ROUNDS):
        began = time.perf_counter()
        work(words[turn % len(words)])
        took.append((time.perf_counter() - began) * 1000)
    return took


def search(workspace: Any, word: str, filters: dict[str, str]) -> None:
    from django.utils.dateparse import parse_date

    from posts.models import Post
    from posts.search.matching import matching
    from posts.search.queries import parse

    posts = Post.objects.in_workspace(workspace).kept()
    if filters:
        posts = posts.filter(status=filters["status"], created_at__gte=parse_date(filters["date_from"]))
        posts = posts.for_platforms([filters["platform"]])
    posts = matching(posts, parse(word), workspace=workspace.id).order_by("-created_at", "-id")
    if len(list(posts[: PAGE + 1])) > PAGE:
        posts.order_by().values("pk")[:CAP].count()


def by_hand(workspace: Any, word: str, filters: dict[str, str]) -> None:
    from django.db import connection

    if ON_SQLITE:
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
        like = "LIKE" if ON_SQLITE else "::text LIKE"
        found += f" AND p.status = %s AND p.created_at >= %s AND p.wanted_platforms {like} %s"
        values += [filters["status"], filters["date_from"], f'%"{filters["platform"]}"%']
    with connection.cursor() as cursor:
        cursor.execute(f"{found} ORDER BY p.created_at DESC, p.id DESC LIMIT {PAGE + 1}", values)
        if len(cursor.fetchall()) > PAGE:
            cursor.execute(f"SELECT count(*) FROM ({found} LIMIT {CAP}) AS found", values)
            cursor.fetchall()


def over_http(workspace: Any) -> None:
    """A page of what is found beside a page of the plain list, and a deep page by cursor beside the first one."""
    client = client_of_owner(workspace)
    listed = percentile(timed(lambda _: page(client, "posts?cursor="), [""]), 0.5)
    for name, ranks in CLASSES.items():
        words = [f"w{rank}" for rank in ranks]
        asked = percentile(timed(lambda word: page(client, f"search/posts?cursor=&q={word}"), words), 0.5)
        say(f"search_{name}_http", asked, "ms", limit=listed, ratio=min(1.0, 1.3 * listed / asked))
    cursor = deep_cursor(workspace)
    deep = percentile(timed(lambda _: page(client, f"posts?cursor={cursor}"), [""]), 0.5)
    say("page_depth", deep, "ms", limit=listed, ratio=min(1.0, 2 * listed / deep))


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
