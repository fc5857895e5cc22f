"""Posts that a query finds, on either database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Case, IntegerField, When
from django.db.models.expressions import RawSQL
from django.db.models.sql.compiler import SQLCompiler

from posts.querysets import PostQuerySet
from posts.search.common_words import is_common
from posts.search.fts5 import found_among
from posts.search.index import workspace_token
from posts.search.queries import Query, as_match, as_tsquery

MOST_RANKED = 1000
SQLITE_WEIGHTS = "0.0, 10.0, 4.0, 2.0, 1.0"  # workspace, content, tags, texts, comment, as PostgreSQL's A to D

_POSTGRESQL = "SELECT post_id FROM posts_postsearch WHERE vector @@ %s::tsquery"
# The words are hidden from the planner: it would read its 10,000 most common ones to find the one way that there is. As
# an array the ids are looked up in one go, not one by one.
_NEWEST = (
    "posts_post.id = ANY(ARRAY(SELECT post_id FROM posts_postsearch WHERE vector @@ (SELECT %s::tsquery) "
    "ORDER BY created_at DESC, post_id DESC LIMIT %s))"
)


class _InIndex(RawSQL):
    """The posts that a tsquery finds.

    `for_pages`: what finds the same within a workspace where a query asks for its first few in order.
    """

    def __init__(self, tsquery: str) -> None:
        super().__init__(_POSTGRESQL, (tsquery,))
        self.within = self.for_pages = tsquery

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[str, ...]]:  # noqa: ARG002  as Django calls it
        is_page = compiler.query.order_by and compiler.query.high_mark is not None
        return f"({_POSTGRESQL})", (self.for_pages if is_page else self.within,)


def matching(posts: PostQuerySet, query: Query, *, workspace: UUID) -> PostQuerySet:
    """Narrow the posts of a workspace to those that the query finds, in their order."""
    if not query.groups:
        return posts.none()
    token = workspace_token(workspace)
    if connections[posts.db].vendor == "postgresql":
        found_in_index = _InIndex(as_tsquery(query, within=[token]))
        if is_common(query, using=posts.db):
            posts = posts.filter(workspace=workspace)  # what the token says; whoever asks has said so too
            found_in_index.for_pages = as_tsquery(query)
        return posts.filter(pk__in=found_in_index)
    return found_among(posts, as_match(query, among=token), workspace=workspace)


def found_by(text: Any, posts: PostQuerySet, *, workspace: Any) -> PostQuerySet:
    """The posts of the workspace that this text of a tsquery finds, or on SQLite this expression of FTS5."""
    if connections[posts.db].vendor == "sqlite":
        return found_among(posts, text, workspace=workspace)
    return posts.filter(pk__in=RawSQL(f"({_POSTGRESQL})", (text,)))


def newest_by(tsquery: Any, count: Any, posts: PostQuerySet) -> PostQuerySet:
    """Those of the newest `count` in the index that are among these posts; PostgreSQL only.

    By the index's own rows: asked for posts in their order, PostgreSQL looks up the post of everything that is found.
    """
    return posts.filter(RawSQL(_NEWEST, (tsquery, count), BooleanField()))


def best_first(posts: PostQuerySet, query: Query) -> PostQuerySet:
    """The newest MOST_RANKED of posts that the query has found, those that it fits best first.

    PostgreSQL ranks by how often and where words are, SQLite also by how rare they are: the order may differ.
    """
    newest = list(posts.order_by("-created_at", "-id").values_list("id", flat=True)[:MOST_RANKED])
    if not newest:
        return posts.none()
    ranked = _ranked(newest, query, using=posts.db) if query.wanted else newest
    whens = (When(pk=post_id, then=number) for number, post_id in enumerate(ranked))
    return posts.filter(pk__in=ranked).order_by(Case(*whens, output_field=IntegerField()), "-id")


def _ranked(ids: list[UUID], query: Query, *, using: str) -> list[UUID]:
    """These posts, best first; of equal ones, and of those that only lack what is not wanted, the newest."""
    connection = connections[using]
    among = ", ".join(["%s"] * len(ids))
    given: list[UUID | str]
    if connection.vendor == "postgresql":
        statement = f"SELECT post_id, ts_rank(vector, %s::tsquery) FROM posts_postsearch WHERE post_id IN ({among})"
        wanted, given = as_tsquery(query), list(ids)
    else:
        statement = (
            f"SELECT s.post_id, -bm25(post_search_words, {SQLITE_WEIGHTS}) FROM post_search_words "
            "JOIN posts_postsearch s ON s.id = post_search_words.rowid "
            f"WHERE post_search_words MATCH %s AND s.post_id IN ({among})"
        )
        wanted, given = as_match(query), [post_id.hex for post_id in ids]
    with connection.cursor() as cursor:
        cursor.execute(statement, [wanted, *given])
        ranks = {row[0] if isinstance(row[0], UUID) else UUID(row[0]): row[1] for row in cursor.fetchall()}
    return sorted(ids, key=lambda post_id: -ranks.get(post_id, 0.0))  # stable: the newest of equal ones first
