"""The index of the search, kept by the database: triggers on posts and tags write it, whoever changes them.

One row a post in `posts_postsearch`. PostgreSQL holds a tsvector there, made by functions in SQL, and the moment of the
post; SQLite has a table of FTS5 beside it and calls `fold` in its triggers, so a program without it cannot write posts
and leave the index behind. There the rows are numbered by when the posts were made (fts5.py), so that FTS5 gives the
newest first. Rows of a workspace have a token of their own, `workspace_token`, and a search begins with it; on
PostgreSQL those of a month of it have one as well, `month_token`.

Functions and triggers follow the code: they are made after each `migrate`, under a checksum in their name, and made
again, with the whole index, when the code has changed. Weights: A the content, B tags, C threads and texts for single
platforms or accounts, D the first comment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from posts.search.folding import (
    BOUNDARY,
    LONGEST_TEXT,
    LONGEST_TOKEN,
    MARKS,
    SEPARATORS,
    SIGNS,
    SINGLES,
    capitals,
    character_class,
    fold,
    fold_all,
)
from posts.search.fts5 import free_place_in_sql, place_in_sql

TEXTS = ("content", "overrides", "thread", "first_comment")  # columns of a post
BATCH = 500  # posts; their rows are locked meanwhile


def workspace_token(workspace: UUID) -> str:
    """The token that every row of the workspace has, and no other."""
    return f"w{workspace.hex}"


def month_token(workspace: UUID, month: int) -> str:
    """The token of what the workspace wrote in a month, by its number; PostgreSQL's rows have it, and only those."""
    return f"{workspace_token(workspace)}m{month}"


def month_of(moment: datetime) -> int:
    """The number of a month; the next one's is one more."""
    moment = moment.astimezone(UTC)
    return moment.year * 12 + moment.month


def install(connection: BaseDatabaseWrapper) -> bool:
    """Make functions and triggers as the code has them; False = they are there."""
    dialect = _dialect(connection)
    name = f"post_search_{hashlib.sha256(repr(dialect).encode()).hexdigest()[:10]}"
    with connection.cursor() as cursor:
        cursor.execute(dialect["installed"])
        installed = sorted({row[0] for row in cursor.fetchall()})
        if installed == sorted(f"{name}_{event}" for event in dialect["triggers"]):
            return False
        for old in installed:
            cursor.execute(dialect["drop"].format(name=old, table=_table_of(old)))
        for statement in dialect["make"]:
            cursor.execute(statement)
        for event, statement in dialect["triggers"].items():
            cursor.execute(statement.replace("{name}", f"{name}_{event}"))
    return True


def rebuild(connection: BaseDatabaseWrapper) -> Iterator[tuple[int, int]]:
    """Write the whole index again, beside people who write posts; gives after each batch how many of how many."""
    dialect = _dialect(connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM posts_post")
        total = cursor.fetchone()[0]
        cursor.execute("DELETE FROM posts_postsearch WHERE post_id NOT IN (SELECT id FROM posts_post)")
        last, done = UUID(int=0), 0
        while ids := _write_batch(connection, dialect, after=last):
            last, done = ids[-1], done + len(ids)
            yield done, total
        if "tidy" in dialect:
            cursor.execute(dialect["tidy"])


def install_after_migrate(app: Any) -> None:
    """Install whenever the app's tables have been migrated, and write the index of what was there; for its `ready`."""
    from django.db.models.signals import post_migrate

    def follow(*, using: str, **_: Any) -> None:
        connection = connections[using]
        if "posts_postsearch" not in connection.introspection.table_names():
            return
        # SQLite has one writer anyway, and places of two kinds would put posts in a wrong order.
        with transaction.atomic(using=using) if connection.vendor == "sqlite" else nullcontext():
            if install(connection):
                for _done in rebuild(connection):
                    continue

    post_migrate.connect(follow, sender=app, weak=False, dispatch_uid="post_search")


def _write_batch(connection: BaseDatabaseWrapper, dialect: dict[str, Any], *, after: UUID) -> list[UUID]:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(dialect["batch"], [after.hex if connection.vendor == "sqlite" else after, BATCH])
        ids = [row[0] for row in cursor.fetchall()]
        if ids:
            for statement in dialect["write"]:
                cursor.execute(statement, [ids[0], ids[-1]])
    return [one if isinstance(one, UUID) else UUID(one) for one in ids]


def _dialect(connection: BaseDatabaseWrapper) -> dict[str, Any]:
    return postgresql() if connection.vendor == "postgresql" else sqlite()


def _table_of(trigger: str) -> str:
    return "posts_posttag" if "_tag_" in trigger else "posts_post"


# --- PostgreSQL -------------------------------------------------------------------------------------------------------
def postgresql() -> dict[str, Any]:
    """What PostgreSQL is given. It folds as folding.py does, without a locale and without an extension."""
    texts = " || ".join(
        f"ARRAY(SELECT x #>> '{{}}' FROM jsonb_path_query({column}, '{path}') AS x WHERE jsonb_typeof(x) = 'string')"
        for column, path in (
            ("thread", "$[*]"),
            ("overrides", "$.*.content"),
            ("overrides", "$.*.thread[*]"),
            ("overrides", "$.*.first_comment"),
        )
    )
    tags = "ARRAY(SELECT name::text FROM posts_posttag g WHERE g.post_id = p.id ORDER BY name)"
    vector = (
        f"post_search_vector(p.workspace_id, p.created_at, p.content, p.overrides, p.thread, p.first_comment, {tags})"
    )
    followed = (*TEXTS, "created_at")
    changed = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in followed)
    return {
        "make": (
            "ALTER TABLE posts_postsearch ADD COLUMN IF NOT EXISTS vector tsvector NOT NULL DEFAULT ''",
            "ALTER TABLE posts_postsearch ALTER COLUMN vector SET STATISTICS 1000",
            "CREATE INDEX IF NOT EXISTS post_search_words ON posts_postsearch USING gin (vector)",
            "DROP FUNCTION IF EXISTS post_search_vector(uuid, text, jsonb, jsonb, text, text[])",  # until 2026-11-30
            _fold(),
            _function(
                "post_search_fold_all(texts text[]) RETURNS text",
                "SELECT array_to_string(ARRAY(SELECT folded FROM unnest(texts) WITH ORDINALITY AS t(x, n), "
                f"LATERAL post_search_fold(x) AS folded WHERE folded <> '' ORDER BY n), ' {BOUNDARY} ')",
            ),
            # Each part begins at position 2, so that no phrase goes from one into the next.
            _function(
                "post_search_part(folded text, weight text) RETURNS tsvector",
                f"SELECT coalesce(string_agg('''' || left(w, {LONGEST_TOKEN}) || ''':' || least(n + 1, 16383) || "
                "weight, ' '), '')::tsvector FROM unnest(string_to_array(folded, ' ')) WITH ORDINALITY AS t(w, n) "
                "WHERE w <> ''",
            ),
            _function(
                "post_search_month(moment timestamptz) RETURNS integer",
                "SELECT (12 * extract(year FROM moment AT TIME ZONE 'UTC') "
                "+ extract(month FROM moment AT TIME ZONE 'UTC'))::integer",
            ),
            _function(
                "post_search_vector(workspace uuid, created_at timestamptz, content text, overrides jsonb, "
                "thread jsonb, first_comment text, tags text[]) RETURNS tsvector",
                "SELECT array_to_tsvector(ARRAY['w' || replace(workspace::text, '-', ''), "
                "'w' || replace(workspace::text, '-', '') || 'm' || post_search_month(created_at)]) "
                "|| post_search_part(post_search_fold(content), 'A') "
                "|| post_search_part(post_search_fold_all(tags), 'B') "
                f"|| post_search_part(left(post_search_fold_all({texts}), {LONGEST_TEXT}), 'C') "
                "|| post_search_part(post_search_fold(first_comment), 'D')",
            ),
            _trigger_function(
                "insert",
                f"INSERT INTO posts_postsearch (post_id, created_at, vector) SELECT p.id, p.created_at, {vector} "
                "FROM new_rows p",
            ),
            _trigger_function(
                "update",
                f"UPDATE posts_postsearch s SET created_at = p.created_at, vector = {vector} FROM posts_post p "
                "WHERE p.id = NEW.id AND s.post_id = NEW.id",
            ),
            _trigger_function(
                "tag_update",
                f"UPDATE posts_postsearch s SET vector = {vector} FROM posts_post p "
                "WHERE p.id = s.post_id AND p.id IN (SELECT post_id FROM changed UNION SELECT post_id FROM before)",
            ),
            _trigger_function("delete", "DELETE FROM posts_postsearch WHERE post_id = OLD.id"),
            _trigger_function(
                "tag",
                f"UPDATE posts_postsearch s SET vector = {vector} FROM posts_post p "
                "WHERE p.id = s.post_id AND p.id IN (SELECT post_id FROM changed)",
            ),
        ),
        "triggers": {
            "insert": "CREATE TRIGGER {name} AFTER INSERT ON posts_post REFERENCING NEW TABLE AS new_rows "
            "FOR EACH STATEMENT EXECUTE FUNCTION post_search_on_insert()",
            "update": f"CREATE TRIGGER {{name}} AFTER UPDATE OF {', '.join(followed)} ON posts_post "
            f"FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION post_search_on_update()",
            "delete": "CREATE TRIGGER {name} AFTER DELETE ON posts_post FOR EACH ROW "
            "EXECUTE FUNCTION post_search_on_delete()",
            "tag_insert": "CREATE TRIGGER {name} AFTER INSERT ON posts_posttag REFERENCING NEW TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION post_search_on_tag()",
            "tag_update": "CREATE TRIGGER {name} AFTER UPDATE ON posts_posttag REFERENCING OLD TABLE AS before "
            "NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION post_search_on_tag_update()",
            "tag_delete": "CREATE TRIGGER {name} AFTER DELETE ON posts_posttag REFERENCING OLD TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION post_search_on_tag()",
        },
        "installed": "SELECT tgname FROM pg_trigger WHERE starts_with(tgname, 'post_search_') AND tgrelid IN "
        "('posts_post'::regclass, 'posts_posttag'::regclass)",
        "drop": "DROP TRIGGER {name} ON {table}",
        # Locked, so that no edit comes between the reading and the writing.
        "batch": "SELECT id FROM posts_post WHERE id > %s ORDER BY id LIMIT %s FOR SHARE",
        "write": (
            f"INSERT INTO posts_postsearch (post_id, created_at, vector) SELECT p.id, p.created_at, {vector} "
            "FROM posts_post p WHERE p.id BETWEEN %s AND %s ON CONFLICT (post_id) "
            "DO UPDATE SET created_at = EXCLUDED.created_at, vector = EXCLUDED.vector "
            "WHERE (posts_postsearch.created_at, posts_postsearch.vector) "
            "IS DISTINCT FROM (EXCLUDED.created_at, EXCLUDED.vector)",
        ),
    }


def _function(signature: str, body: str) -> str:
    return f"CREATE OR REPLACE FUNCTION {signature} LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $search$ {body} $search$"


def _fold() -> str:
    """`fold` in SQL. `translate` looks through its list for each character, so only scripts that are there cost it."""
    signs = "".join(map(chr, SIGNS))
    scripts: dict[int, dict[str, str]] = {}
    for capital, small in capitals().items():
        scripts.setdefault(ord(capital) >> 8, {})[capital] = small
    lowered = "".join(
        f"IF t ~ '[{''.join(pairs)}]' THEN t := translate(t, '{''.join(pairs)}', '{''.join(pairs.values())}'); END IF; "
        for pairs in scripts.values()
    )
    any_capital = character_class([(min(map(ord, pairs)), max(map(ord, pairs))) for pairs in scripts.values()])
    return (
        "CREATE OR REPLACE FUNCTION post_search_fold(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS "
        "$search$ BEGIN IF octet_length(t) = length(t) THEN "
        "t := regexp_replace(lower(t COLLATE \"C\"), '[^a-z0-9]+', ' ', 'g'); ELSE "
        f"t := lower(normalize(translate(t, '{signs}', '{' ' * len(signs)}'), NFKD) COLLATE \"C\"); "
        f"IF t ~ '[{any_capital}]' THEN {lowered} END IF; "
        f"t := normalize(regexp_replace(t, '[{character_class(MARKS)}]+', '', 'g'), NFC); "
        rf"t := regexp_replace(t, '([{character_class(SINGLES)}])', ' \1 ', 'g'); "
        f"t := regexp_replace(t, '[{character_class(SEPARATORS)}]+', ' ', 'g'); "
        f"END IF; RETURN left(btrim(t), {LONGEST_TEXT}); END $search$"
    )


def _trigger_function(name: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION post_search_on_{name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$search$ BEGIN {body}; RETURN NULL; END $search$"
    )


# --- SQLite -----------------------------------------------------------------------------------------------------------
def sqlite() -> dict[str, Any]:
    """What SQLite is given. Triggers of one table name no other that a migration may copy and rename."""
    columns = "post_search_fold({0}.content), post_search_texts({0}.thread, {0}.overrides), "
    columns += "post_search_fold({0}.first_comment)"
    tags = (
        "coalesce(post_search_tags((SELECT json_group_array(name) FROM "
        "(SELECT name FROM posts_posttag WHERE post_id = {post} ORDER BY name))), '')"
    )
    row = "(SELECT id FROM posts_postsearch WHERE post_id = {post})"
    new, old = row.format(post="NEW.post_id"), row.format(post="OLD.post_id")
    new_post = row.format(post="NEW.id")
    set_tags = "UPDATE post_search_words SET tags = {tags} WHERE rowid = {row}"
    set_new = set_tags.format(tags=tags.format(post="NEW.post_id"), row=new)
    set_old = set_tags.format(tags=tags.format(post="OLD.post_id"), row=old)
    changed = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in TEXTS)
    words = "post_search_words (rowid, workspace, content, texts, comment, tags)"
    place = free_place_in_sql("NEW.created_at")
    return {
        "make": (
            "CREATE VIRTUAL TABLE IF NOT EXISTS post_search_words USING "
            "fts5(workspace, content, tags, texts, comment, tokenize='ascii')",
        ),
        "triggers": {
            "insert": "CREATE TRIGGER {name} AFTER INSERT ON posts_post BEGIN "
            f"INSERT INTO posts_postsearch (id, post_id) VALUES ({place}, NEW.id); "
            f"INSERT INTO {words} VALUES ({new_post}, 'w' || NEW.workspace_id, {columns.format('NEW')}, ''); END",
            "update": f"CREATE TRIGGER {{name}} AFTER UPDATE OF {', '.join(TEXTS)} ON posts_post "
            f"WHEN {changed} BEGIN UPDATE post_search_words SET (content, texts, comment) = "
            f"({columns.format('NEW')}) WHERE rowid = {new_post}; END",
            "time": "CREATE TRIGGER {name} AFTER UPDATE OF created_at ON posts_post "
            f"WHEN OLD.created_at IS NOT NEW.created_at BEGIN "
            f"UPDATE post_search_words SET rowid = {place} WHERE rowid = {new_post}; "
            f"UPDATE posts_postsearch SET id = {place} WHERE post_id = NEW.id; END",
            "delete": "CREATE TRIGGER {name} AFTER DELETE ON posts_post BEGIN "
            "DELETE FROM posts_postsearch WHERE post_id = OLD.id; END",
            "delete_row": "CREATE TRIGGER {name} AFTER DELETE ON posts_postsearch BEGIN "
            "DELETE FROM post_search_words WHERE rowid = OLD.id; END",
            "tag_insert": f"CREATE TRIGGER {{name}} AFTER INSERT ON posts_posttag BEGIN {set_new}; END",
            "tag_update": f"CREATE TRIGGER {{name}} AFTER UPDATE ON posts_posttag BEGIN {set_old}; {set_new}; END",
            "tag_delete": f"CREATE TRIGGER {{name}} AFTER DELETE ON posts_posttag BEGIN {set_old}; END",
        },
        "installed": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'post_search_*'",
        "drop": "DROP TRIGGER {name}",
        "batch": "SELECT id FROM posts_post WHERE id > %s ORDER BY id LIMIT %s",
        "write": (
            "DELETE FROM posts_postsearch WHERE post_id BETWEEN %s AND %s",
            f"INSERT INTO posts_postsearch (id, post_id) SELECT {free_place_in_sql('p.created_at')} - 1 + row_number() "
            f"OVER (PARTITION BY {place_in_sql('p.created_at')}), p.id FROM posts_post p WHERE p.id BETWEEN %s AND %s",
            "DELETE FROM post_search_words WHERE rowid IN "
            "(SELECT id FROM posts_postsearch WHERE post_id BETWEEN %s AND %s)",
            f"INSERT INTO {words} SELECT s.id, 'w' || p.workspace_id, {columns.format('p')}, "
            f"{tags.format(post='p.id')} FROM posts_postsearch s JOIN posts_post p ON p.id = s.post_id "
            "WHERE p.id BETWEEN %s AND %s ORDER BY s.id",
        ),
        # Rows that were deleted are read past until FTS5 happens to merge them away.
        "tidy": "INSERT INTO post_search_words (post_search_words) VALUES ('optimize')",
    }


def add_functions(*, connection: BaseDatabaseWrapper, **_: object) -> None:
    """What SQLite's triggers call; for the signal `connection_created`."""
    if connection.vendor != "sqlite":
        return
    for name, count, function in (
        ("post_search_fold", 1, fold),
        ("post_search_texts", 2, _texts),
        ("post_search_tags", 1, lambda names: fold_all(json.loads(names))),
    ):
        connection.connection.create_function(name, count, function, deterministic=True)


def _texts(thread: str, overrides: str) -> str:
    """What a post says besides its content: the parts of its thread, and its texts for platforms and accounts."""
    found: list[Any] = [*json.loads(thread)]
    variants = list(json.loads(overrides).values())
    found += [variant.get("content") for variant in variants]
    found += [part for variant in variants for part in variant.get("thread") or ()]
    found += [variant.get("first_comment") for variant in variants]
    return fold_all(text for text in found if isinstance(text, str))[:LONGEST_TEXT]
