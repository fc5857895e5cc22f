"""Rows that are stored many at once are what Django's `bulk_create` would have stored, column by column."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from django.db import DataError, IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Workspace
from integrations.models import SocialAccount
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.audit.recording import Subject, entries, record
from mastablasta.core.bulk_insert import insert_rows, insert_together
from mastablasta.core.ids import new_id
from media_library.tests.factories import make_asset
from posts.models import Delivery, Post, PostMedia, PostTag
from posts.states import DeliveryState, PostStatus

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 29, 21, 0, 0, 123, tzinfo=UTC)
TEXT = "é 'one' \"two\" \\n \t\n{[:%s"
SAID = {"a": [1, True, None, 1.5, TEXT], "true": True, "one": 1, "": {}}
VALUES: dict[type[models.Field[Any, Any]], Any] = {
    models.CharField: TEXT[:3], models.TextField: TEXT, models.JSONField: SAID, models.UUIDField: new_id(),
    models.DateTimeField: NOW - timedelta(days=1), models.BooleanField: True, models.BigIntegerField: -(2**63),
    models.PositiveIntegerField: 7, models.PositiveSmallIntegerField: 7,
}  # fmt: skip


def filled(model: type[models.Model], **values: Any) -> models.Model:
    """A row with something else than the default in each column."""
    fields = [field for field in model._meta.concrete_fields if not isinstance(field, models.AutoField)]
    wanted = {field.name: VALUES[type(field)] for field in fields if not field.is_relation and not field.primary_key}
    row = model(**{**wanted, **values})
    for field in fields:
        value = getattr(row, field.attname)
        assert value is not None, field
        assert field.primary_key or not field.has_default() or value != field.get_default(), field
    return row


def rows_of(model: type[models.Model], account: SocialAccount) -> list[models.Model]:
    """One with all columns filled between two with as little as can be."""
    workspace = account.workspace
    person = Membership.objects.get(workspace=workspace).user
    if model is Post:
        texts = {"thread": [TEXT], "overrides": {"x": {"content": TEXT, "thread": ["1"]}}}
        with_all = filled(Post, workspace=workspace, author=person, status=PostStatus.SCHEDULED, **texts)
        return [Post(workspace=workspace), with_all, Post(workspace=workspace, post_options={"one": True})]
    posts = [Post.objects.create(workspace=workspace) for _ in range(3)]
    if model is PostTag:
        return [PostTag(post=post, name=name) for post, name in zip(posts, ("z", TEXT, "a"), strict=True)]
    if model is PostMedia:
        asset = make_asset(workspace=workspace)
        with_all = filled(PostMedia, post=posts[1], asset=asset, fit=PostMedia.Fit.PAD, role=PostMedia.Role.COVER)
        return [PostMedia(post=posts[0], asset=asset, position=0), with_all]
    bare = {"workspace": workspace, "account": account, "platform": "mastodon"}
    with_all = filled(
        Delivery, **{**bare, "platform": "x"}, post=posts[1], state=DeliveryState.PROCESSING, resolved_by=person
    )
    return [Delivery(post=posts[0], **bare), with_all, Delivery(post=posts[2], **bare, fingerprint=1)]


def stored(model: type[models.Model], *, but: set[str]) -> str:
    """All rows as text, since Python takes `True` and `1` for equal."""
    rows = model._base_manager.order_by("pk").values()
    return repr([{name: value for name, value in row.items() if name not in but} for row in rows])


@pytest.mark.parametrize("model", [Post, PostTag, PostMedia, Delivery])
@pytest.mark.parametrize("count", [1, 3])
def test_what_is_stored_is_what_django_stores(
    model: type[models.Model], count: int, account: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    rows = rows_of(model, account)
    rows = rows if count > 1 else rows[1:2]
    gives_ids = isinstance(model._meta.pk, models.AutoField)
    but = {"id"} if gives_ids else set()

    model._base_manager.bulk_create(rows)
    wanted = stored(model, but=but)
    model._base_manager.filter(pk__in=[row.pk for row in rows]).delete()
    for row in rows:
        row.pk = None if gives_ids else row.pk
        row._state.adding = True
    with CaptureQueriesContext(connection) as asked:
        insert_rows(rows)

    assert stored(model, but=but) == wanted
    assert len([one for one in asked.captured_queries if "INSERT" in one["sql"]]) == 1
    assert all(not row._state.adding for row in rows)


def test_what_json_has_no_form_for_is_stored_too(workspace: Workspace) -> None:
    insert_rows([Post(workspace=workspace, post_options={"number": 2**70}), Post(workspace=workspace)])

    assert [post.post_options for post in Post.objects.order_by("id")] == [{"number": 2**70}, {}]


@pytest.mark.parametrize("insert", [insert_rows, insert_together])
def test_whether_json_has_a_form_for_them_is_asked_once(
    insert: Any, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, dumps = [], orjson.dumps
    monkeypatch.setattr(orjson, "dumps", lambda value: asked.append(value) or dumps(value))

    insert([Post(workspace=workspace, post_options={"number": 2**70})])

    of_post = 2 if connection.vendor == "postgresql" else 0  # what all rows share, what each has besides
    assert (len(asked), Post.objects.count()) == (of_post, 1)


def test_nothing_is_cut_to_fit_and_no_row_takes_no_statement(workspace: Workspace) -> None:
    with CaptureQueriesContext(connection) as asked:
        insert_rows([])
    assert len(asked) == 0
    if connection.vendor == "postgresql":  # SQLite counts no letters
        with pytest.raises(DataError), transaction.atomic():
            insert_rows([Post(workspace=workspace), Post(workspace=workspace, timezone="x" * 65)])
        assert not Post.objects.exists()


def test_entries_of_the_audit_log_are_each_its_own_however_alike() -> None:
    both, same = {"count": (None, 1)}, {"count": (None, True)}
    subjects = [
        Subject("posts.post", 1, TEXT, None, both),
        Subject("posts.post", 2, "", new_id(), both),
        Subject("posts.delivery", 3, "x", None, same),
    ]
    for chosen in (subjects[:1], subjects[:2], subjects):
        record("told", chosen, at=NOW)

        rows = AuditEntry.objects.order_by("object_id").values_list("object_type", "object_name", "workspace_id")
        assert list(rows) == [(one.type, one.name, one.workspace) for one in chosen]
        changes = list(AuditEntry.objects.order_by("object_id").values_list("changes", flat=True))
        assert repr(changes) == repr([{"count": [None, one.changes["count"][1]]} for one in chosen])
        AuditEntry.objects.all().delete()


def test_rows_of_several_models_and_what_is_told_of_them_are_stored_together_or_not_at_all(
    account: SocialAccount,
) -> None:
    posts = [
        Post(workspace=account.workspace, content=TEXT, post_options={"huge": 2**70}),
        Post(workspace=account.workspace),
    ]
    told = entries("created", [Subject("posts.post", posts[1].id)], at=NOW)
    bare = {"workspace": account.workspace, "account": account, "platform": "mastodon"}
    twice = [Delivery(post=posts[1], **bare), Delivery(post=posts[1], **bare)]

    with pytest.raises(IntegrityError), transaction.atomic():
        insert_together(posts[1:], twice, told=told)
    assert (Post.objects.count(), Delivery.objects.count(), AuditEntry.objects.count()) == (0, 0, 0)

    with CaptureQueriesContext(connection) as captured:
        insert_together(posts[1:], twice[:1], told=told)
    assert len(captured) == (1 if connection.vendor == "postgresql" else 3)
    insert_together(posts[:1], [], told=None)  # a number that JSON is not written with
    insert_together([], [], told=None)

    assert {post.id for post in posts} == set(Post.objects.values_list("id", flat=True))
    assert Post.objects.get(id=posts[0].id).post_options == {"huge": 2**70}
    assert (Delivery.objects.get().post_id, AuditEntry.objects.get().object_id) == (posts[1].id, str(posts[1].id))
    assert not any(row._state.adding for row in (*posts, twice[0]))
