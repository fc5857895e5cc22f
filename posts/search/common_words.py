"""How a page of the newest is found soonest, by how many posts a query is expected to find; PostgreSQL only.

Words that are in very many posts are sooner met post by post than through the index, and where there are some hundred
posts the newest months are enough. PostgreSQL cannot know that who writes "sale" in one workspace does so as often as
everybody: asked for a workspace's token and a word together it expects one post where there are thousands, and reads
and sorts all of them for one page. How frequent words are it counts itself, whenever it analyzes the table.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from math import prod
from uuid import UUID

from django.db import connections

from posts.search.index import month_of, month_token, workspace_token
from posts.search.queries import Query, Term

COMMON = 0.05  # of all posts; measured: beneath it the index is sooner, above it walking the newest
KEPT_S = 600.0  # how long what was counted is taken as still true

ENOUGH = 1.5  # times as many posts as are wanted are to be expected in the months that are looked at
MOST_MONTHS = 24

_STATISTICS = """
SELECT most_common_elems::text::text[], most_common_elem_freqs, greatest(reltuples, 0) FROM pg_stats, pg_class
 WHERE schemaname = current_schema() AND tablename = 'posts_postsearch' AND attname = 'vector'
   AND pg_class.oid = 'posts_postsearch'::regclass
"""


@dataclass(frozen=True, slots=True)
class _Counted:
    """In which share of all posts each of the most common tokens is, and how many posts there are."""

    shares: dict[str, float]
    posts: float


_read: dict[str, tuple[float, _Counted]] = {}


def is_common(query: Query, *, using: str) -> bool:
    """Whether one of the query's groups is expected in COMMON of all posts or more.

    A statement each KEPT_S. What PostgreSQL has not counted yet (phrases, what is excluded, new words) is rare.
    """
    counted = _counted(using)
    return any(_share(group, counted) >= COMMON for group in query.groups)


def enough_months(query: Query, count: int, *, workspace: UUID, using: str) -> list[str]:
    """Tokens of the workspace's newest months, in which surely `count` posts are found; none = look at all of it."""
    counted = _counted(using)
    found = sum(_share(group, counted) for group in query.groups) * counted.posts  # in all workspaces
    wanted = count * ENOUGH
    if found * counted.shares.get(workspace_token(workspace), 0.0) < 2 * wanted:
        return []  # the months would be most of it
    newest, months, expected = month_of(datetime.now(UTC)) + 1, list[str](), 0.0  # clocks may differ
    for number in range(newest, newest - MOST_MONTHS, -1):
        months.append(month_token(workspace, number))
        expected += found * counted.shares.get(months[-1], 0.0)
        if expected >= wanted:
            return months
    return []


def forget() -> None:
    """Count again at the next question."""
    _read.clear()


def _share(group: tuple[Term, ...], counted: _Counted) -> float:
    return prod(_frequency(term, counted.shares) for term in group)


def _frequency(term: Term, shares: dict[str, float]) -> float:
    if term.is_without or len(term.tokens) > 1:
        return 0.0
    return shares.get(term.tokens[0], 0.0)


def _counted(using: str) -> _Counted:
    until, counted = _read.get(using, (0.0, _Counted({}, 0.0)))
    now = time.monotonic()
    if now >= until:
        with connections[using].cursor() as cursor:
            cursor.execute(_STATISTICS)
            words, shares, posts = cursor.fetchone() or ((), (), 0.0)
        # Three more shares than words: least, most, null.
        counted = _Counted(dict(zip(words or (), shares or (), strict=False)), posts)
        _read[using] = (now + KEPT_S, counted)
    return counted
