"""Posts into a file that `importing` reads, block by block, so that a million takes as much memory as a thousand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import close_old_connections, connection
from django.db.models import QuerySet

from mastablasta.core.api.keyset import Keyset
from posts.api.presenting import present_posts
from posts.import_export import csv_rows, json_rows
from posts.import_export.account_names import names_of
from posts.import_export.columns import READ
from posts.models import Post

BLOCK = 500  # posts


@dataclass(frozen=True, slots=True)
class Form:
    """A form of file: how rows, which come in blocks, are written, and what it is called."""

    write: Callable[[Iterable[Sequence[Mapping[str, Any]]]], Iterator[bytes]]
    media_type: str


FORMS = {
    "csv": Form(csv_rows.write, csv_rows.MEDIA_TYPE),
    "json": Form(json_rows.write, json_rows.MEDIA_TYPE),
}


def export_posts(posts: QuerySet[Post], form: str, *, watch: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
    """A file of these posts, `form` "csv" or "json", in their order; six queries for each block.

    Between blocks no connection to the database is held, however slowly the file is taken. `watch` is told how many
    posts are done.
    """
    return FORMS[form].write(_blocks(posts, watch))


def _blocks(posts: QuerySet[Post], watch: Callable[[int], None]) -> Iterator[list[dict[str, Any]]]:
    keyset, cursor, done = Keyset.of(posts), "", 0
    while True:
        page = keyset.page(cursor, limit=BLOCK)
        rows = _rows(present_posts(page.rows))
        if not connection.in_atomic_block:
            close_old_connections()
        yield rows
        watch(done := done + len(rows))
        if not (cursor := page.next):
            return


def _rows(shown: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Posts as GET /posts shows them as rows of a file."""
    named = {UUID(key) for post in shown for key in (*post["accounts"], *_accounts_in(post["overrides"]))}
    names = {str(account_id): name for account_id, name in names_of(named).items()}
    return [_row(post, names) for post in shown]


def _row(post: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    row = {name: post[name] for name in READ}
    row["accounts"] = [names.get(account_id, account_id) for account_id in post["accounts"]]
    row["overrides"] = {names.get(key, key): said for key, said in post["overrides"].items()}
    urls = [delivery["url"] for delivery in post["deliveries"] if delivery["url"]]
    return {**row, **{name: post[name] for name in ("id", "status", "published_at")}, "urls": urls}


def _accounts_in(overrides: Mapping[str, Any]) -> Iterator[str]:
    for key in overrides:
        try:
            yield str(UUID(key))
        except ValueError:
            continue
