"""Words that are in so many posts that a page of the newest is sooner found post by post than through the index.

PostgreSQL cannot know that who writes "sale" in one workspace does so as often as everybody: asked for a workspace's
token and a word together it expects one post where there are thousands, and reads and sorts all of them for one page.
Which words are that frequent it counts itself, whenever it analyzes the table.
"""

from __future__ import annotations

import time
from math import prod

from django.db import connections

from posts.search.queries import Query, Term

COMMON = 0.05  # of all posts; measured: beneath it the index is sooner, above it walking the newest
KEPT_S = 600.0  # how long what was counted is taken as still true

_STATISTICS = """
SELECT most_common_elems::text::text[], most_common_elem_freqs FROM pg_stats
 WHERE schemaname = current_schema() AND tablename = 'posts_postsearch' AND attname = 'vector'
"""
_read: dict[str, tuple[float, dict[str, float]]] = {}


def is_common(query: Query, *, using: str) -> bool:
    """Whether one of the query's groups is expected in COMMON of all posts or more; PostgreSQL only.

    A statement each KEPT_S. What PostgreSQL has not counted yet (phrases, what is excluded, new words) is rare.
    """
    frequencies = _frequencies(using)
    return any(prod(_frequency(term, frequencies) for term in group) >= COMMON for group in query.groups)


def forget() -> None:
    """Count again at the next question."""
    _read.clear()


def _frequency(term: Term, frequencies: dict[str, float]) -> float:
    if term.is_without or len(term.tokens) > 1:
        return 0.0
    return frequencies.get(term.tokens[0], 0.0)


def _frequencies(using: str) -> dict[str, float]:
    """In which share of all posts each of the most common words is."""
    until, found = _read.get(using, (0.0, {}))
    now = time.monotonic()
    if now >= until:
        with connections[using].cursor() as cursor:
            cursor.execute(_STATISTICS)
            words, shares = cursor.fetchone() or ((), ())
        found = dict(zip(words or (), shares or (), strict=False))  # three more shares than words: least, most, null
        _read[using] = (now + KEPT_S, found)
    return found
