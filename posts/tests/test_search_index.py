"""The index of the search follows every write, however it is made; the same tokens on both databases."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any
from unicodedata import category

import pytest
from django.core.management import call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Concat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Workspace
from accounts.tests.factories import make_workspace
from posts.models import Post, PostSearch, PostTag
from posts.search import index
from posts.search.folding import fold
from posts.search.matching import matching
from posts.search.queries import parse
from posts.tests.factories import make_post

pytestmark = pytest.mark.django_db

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite calls fold itself")


def found(workspace: Workspace, query: str) -> list[str]:
    posts = matching(Post.objects.filter(workspace=workspace), parse(query), workspace=workspace.id)
    return sorted(posts.values_list("content", flat=True))


def test_every_write_of_a_post_is_followed(workspace: Workspace) -> None:
    post = make_post(workspace=workspace, content="apple", first_comment="banana")
    Post.objects.bulk_create(Post(workspace=workspace, content=f"cherry {number}") for number in range(3))
    assert found(workspace, "banana") == ["apple"]
    assert found(workspace, "cherry") == ["cherry 0", "cherry 1", "cherry 2"]

    post.content, post.thread, post.overrides = "date", ["date", "elder"], {"x": {"thread": ["fig", "grape"]}}
    post.save()
    assert [found(workspace, fruit) for fruit in ("apple", "date", "elder", "grape")] == [[], *[["date"]] * 3]

    Post.objects.filter(content__startswith="cherry").update(content=Concat("content", Value(" pie")))
    assert len(found(workspace, "pie")) == 3
    Post.objects.filter(content="cherry 0 pie").delete()
    assert len(found(workspace, "pie")) == 2
    assert PostSearch.objects.count() == Post.objects.count() == 3

    Post.objects.filter(content="date").update(created_at=datetime(2020, 2, 29, 12, tzinfo=UTC))
    assert connection.vendor == "sqlite" or set(PostSearch.objects.values_list("post_id", "created_at")) == set(
        Post.objects.values_list("id", "created_at")
    )


def test_every_write_of_a_tag_is_followed(workspace: Workspace) -> None:
    posts = [make_post(workspace=workspace, content=name) for name in ("one", "two")]
    PostTag.objects.bulk_create(PostTag(post=post, name="Frühling") for post in posts)
    PostTag.objects.create(post=posts[0], name="red")
    assert found(workspace, "fruhling") == ["one", "two"]
    assert found(workspace, "one red fruhling") == ["one"]

    PostTag.objects.filter(post=posts[1]).update(name="Herbst")
    assert (found(workspace, "fruhling"), found(workspace, "herbst two")) == (["one"], ["two"])
    PostTag.objects.filter(name="red").update(post=posts[1])
    assert found(workspace, "red") == ["two"]
    PostTag.objects.all().delete()
    assert found(workspace, "red or herbst or fruhling") == []
    assert found(workspace, "one") == ["one"]


@on_postgresql
@pytest.mark.parametrize(
    "moment",
    ["2026-01-01T00:00:00Z", "2026-12-31T23:59:59.999999Z", "2026-03-01T02:00:00+14:00", "1999-12-31T23:00-08:00"],
)
def test_months_are_counted_alike(moment: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Pacific/Kiritimati'")
        cursor.execute("SELECT post_search_month(%s::timestamptz)", [moment])
        assert cursor.fetchone() == (index.month_of(datetime.fromisoformat(moment)),)


def test_what_says_nothing_else_writes_no_index(workspace: Workspace) -> None:
    post = make_post(workspace=workspace, content="apple")
    PostSearch.objects.all().delete()

    Post.objects.filter(id=post.id).update(status="published", version=2)
    post.save()

    assert not PostSearch.objects.exists()


def test_install_does_nothing_twice_and_mends_what_is_missing(workspace: Workspace) -> None:
    assert not index.install(connection)
    name = next(iter(_triggers()))
    with connection.cursor() as cursor:
        table = "posts_posttag" if "_tag_" in name else "posts_postsearch" if "_row" in name else "posts_post"
        cursor.execute(f"DROP TRIGGER {name}" + (f" ON {table}" if connection.vendor == "postgresql" else ""))

    assert index.install(connection)

    assert not index.install(connection)
    make_post(workspace=workspace, content="apple")
    assert found(workspace, "apple") == ["apple"]


def _triggers() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(index._dialect(connection)["installed"])
        return {row[0] for row in cursor.fetchall()}


def test_rebuild_writes_the_whole_index_again(workspace: Workspace, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(index, "BATCH", 2)
    for number in range(5):
        post = make_post(workspace=workspace, content=f"apple {number}", first_comment="sauce")
        PostTag.objects.create(post=post, name="fruit")
    Post.objects.filter(content__lt="apple 3").update(created_at=datetime(2026, 5, 1, tzinfo=UTC))  # of one moment
    PostSearch.objects.all()[:1].get().delete()
    _spoil_the_index()
    assert found(workspace, "apple") == []

    call_command("rebuild_search")

    assert found(workspace, "apple fruit sauce") == [f"apple {number}" for number in range(5)]
    assert PostSearch.objects.count() == 5
    if connection.vendor == "postgresql":
        assert PostSearch.objects.filter(created_at=F("post__created_at")).count() == 5
    apples = matching(Post.objects.in_workspace(workspace), parse("apple"), workspace=workspace.id)
    by_pages = [apples.order_by("-created_at", "-id")[at : at + 1].get().content for at in range(5)]
    assert by_pages == [f"apple {number}" for number in (4, 3, 2, 1, 0)]
    assert capsys.readouterr().out == "5 posts are in the index\n"
    call_command("rebuild_search", "--json")
    assert capsys.readouterr().out == '{"posts": 5}\n'
    assert found(workspace, "apple fruit sauce") == [f"apple {number}" for number in range(5)]


def _spoil_the_index() -> None:
    PostSearch.objects.update(created_at=None)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("UPDATE posts_postsearch SET vector = ''")
        else:
            cursor.execute("UPDATE post_search_words SET content = 'pear', workspace = ''")


def test_text_beyond_all_measure_is_kept_and_found_by_its_beginning(workspace: Workspace) -> None:
    text = " ".join(f"{number:x}" * 40 for number in range(9000))
    make_post(workspace=workspace, content=f"apple {text} pear", first_comment="字" * 100_000, thread=[text, text])

    assert len(found(workspace, "apple")) == 1
    assert found(workspace, "pear") == []


# --- PostgreSQL folds as fold does ---
def folded_by_database(texts: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT post_search_fold(t) FROM unnest(%s::text[]) WITH ORDINALITY u(t, n) ORDER BY n", [texts])
        return [row[0] for row in cursor.fetchall()]


@on_postgresql
def test_every_character_is_folded_alike() -> None:
    known = [chr(point) for point in range(1, sys.maxunicode + 1) if category(chr(point)) not in {"Cn", "Cs", "Co"}]
    texts = [" a".join(known[at : at + 64]) for at in range(0, len(known), 64)]

    assert len(known) > 140_000
    assert folded_by_database(texts) == [fold(text) for text in texts]


@on_postgresql
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs", "Cn"]), max_size=60)))
def test_texts_are_folded_alike(texts: list[str]) -> None:
    assert folded_by_database(texts) == [fold(text) for text in texts]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL changes a column in place")
def test_migration_that_copies_the_table_leaves_no_gap() -> None:
    """SQLite copies a table to change a column, and its triggers go with the old one."""
    workspace = make_workspace()
    make_post(workspace=workspace, content="apple")
    field = Post._meta.get_field("first_comment")
    changed = field.clone()
    changed.set_attributes_from_name("first_comment")
    changed.model, changed.null = Post, True

    with connection.schema_editor() as editor:
        editor.alter_field(Post, field, changed)
    Post.objects.filter(content="apple").update(content="pear")
    with connection.schema_editor() as editor:
        editor.alter_field(Post, changed, field)
    emit_post_migrate_signal(0, False, "default")

    assert (found(workspace, "apple"), found(workspace, "pear")) == ([], ["pear"])
    make_post(workspace=workspace, content="plum")
    assert found(workspace, "plum") == ["plum"]
