"""Posts in files, over HTTP: the same rules as post by post, the same world after the same file, and out as it came."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import Membership, Workspace
from accounts.roles import Role
from accounts.tests.factories import make_member, make_workspace, signed_in
from integrations.tests.factories import make_account
from media_library.tests.factories import make_asset
from posts.import_export import exporting, importing
from posts.models import Delivery, Lane, Post
from posts.tests.factories import NOON, make_delivery, make_post

pytestmark = pytest.mark.django_db
WHEN = "2030-01-31T09:00:00Z"


def client_of(workspace: Workspace) -> APIClient:
    return signed_in(Membership.objects.get(workspace=workspace).user)


def send(client: APIClient, data: str | bytes, **fields: Any) -> Any:
    file = SimpleUploadedFile("posts.csv", data if isinstance(data, bytes) else data.encode())
    return client.post("/api/v2/bulk/posts/import", {"file": file, **fields}, format="multipart")


def took(client: APIClient, data: str | bytes, **fields: Any) -> dict[str, Any]:
    answer = send(client, data, **fields)
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    return told


def counts(told: dict[str, Any]) -> tuple[int, ...]:
    """How many were created, updated, unchanged, refused."""
    return tuple(told[name] for name in ("created", "updated", "unchanged", "refused"))


def exported(client: APIClient, query: str = "") -> bytes:
    answer = client.get(f"/api/v2/posts/export?{query}")
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def world(client: APIClient) -> list[dict[str, Any]]:
    """All posts, without what another post of the same content has otherwise."""
    own = {"id", "created_at", "updated_at", "deliveries", "accounts", "author"}
    posts = client.get("/api/v2/posts?limit=200&ordering=created_at").json()["posts"]
    return [
        {
            name: list(value.values()) if name == "overrides" else value
            for name, value in post.items()
            if name not in own
        }
        for post in posts
    ]


def rows(count: int, bad: Sequence[int] = ()) -> str:
    """A file of so many rows, of which the `bad` ones (from 0) are too long for their platform."""
    lines = [f"crm-{n},{'x' * 501 if n in bad else f'Post {n}'},mastodon,{WHEN},news" for n in range(count)]
    return "\n".join(["external_id,content,platforms,scheduled_time,tags", *lines])


# --- import ---
def test_the_same_file_again_is_the_same_world(client: APIClient, workspace: Workspace) -> None:
    make_account(workspace=workspace)
    data = rows(10, bad=(3, 7))

    rehearsed = took(client, data, dry_run="true")
    assert not Post.objects.exists()
    first = took(client, data)
    before = client.get("/api/v2/posts?limit=200").json()
    second = took(client, data)

    assert [counts(one) for one in (rehearsed, first, second)] == [(8, 0, 0, 2), (8, 0, 0, 2), (0, 0, 8, 2)]
    assert client.get("/api/v2/posts?limit=200").json() == before
    for told in (rehearsed, first, second):
        assert [(one["row"], one["external_id"], one["code"]) for one in told["failed"]] == [
            (5, "crm-3", "too_long"), (9, "crm-7", "too_long")
        ]  # fmt: skip
        (fault,) = told["failed"][0]["details"]
        assert (fault["field"], fault["code"]) == ("content", "too_long")
    assert [one["id"] for one in rehearsed["successful"]] == [None] * 8
    assert first["successful"][0] == {
        "row": 2, "status": "created", "external_id": "crm-0",
        "id": client.get("/api/v2/posts?external_id=crm-0").json()["posts"][0]["id"],
    }  # fmt: skip
    assert [one["id"] for one in second["successful"]] == [one["id"] for one in first["successful"]]
    assert (Delivery.objects.filter(state="queued").count(), Lane.objects.get().ready_at.year) == (8, 2030)


def test_each_row_is_as_if_it_had_been_posted_alone(client: APIClient, workspace: Workspace) -> None:
    account, asset = make_account(workspace=workspace), make_asset(workspace=workspace)
    bodies: list[dict[str, Any]] = [
        {"content": "Draft", "platforms": ["mastodon"], "tags": ["a", "b, c"], "external_id": "1"},
        {"content": "x", "accounts": [str(account.id)], "scheduled_time": "2030-01-31 09:00", "timezone": "Asia/Tokyo"},
        {"thread": ["One", {"content": "Two", "media": [str(asset.id)]}], "first_comment": "Three"},
        {"content": "Look", "media": [{"id": str(asset.id), "alt_text": "Gulls"}], "platforms": ["mastodon"]},
        {"content": "y", "overrides": {"mastodon": {"content": "z"}}, "post_options": {"mastodon": {"language": "de"}}},
    ]  # fmt: skip
    for body in bodies:
        assert client.post("/api/v2/posts", body).status_code == 201
    alone = world(client)
    columns = sorted({name for body in bodies for name in body})
    out = io.StringIO()
    table = csv.DictWriter(out, columns)
    table.writeheader()
    table.writerows({k: v if isinstance(v, str) else json.dumps(v) for k, v in body.items()} for body in bodies)

    for data in (out.getvalue(), json.dumps({"posts": bodies})):
        Post.objects.all().delete()
        assert counts(took(client, data)) == (5, 0, 0, 0)
        assert world(client) == alone


def test_a_row_changes_the_post_that_it_names_as_a_patch_does(client: APIClient, workspace: Workspace) -> None:
    account = make_account(workspace=workspace)
    draft = make_post(workspace=workspace, accounts=[account], external_id="draft", first_comment="Stays")
    named = make_post(workspace=workspace, accounts=[account], content="By id")
    out = make_delivery(account, state="published", remote_id="7", published_at=NOON, next_attempt_at=None).post
    Post.objects.filter(id=out.id).update(external_id="out", status="published")
    foreign = make_post(external_id="draft")
    data = (
        "external_id,id,content,tags\n"
        "draft,,Other,\n"
        f"new-name,{named.id},By id,\n"
        "out,,Other,\n"
        f",{foreign.id},Not in this workspace,\n"
        "draft,,Again,\n"
        f",{named.id},Again,\n"
    )
    rehearsed = took(client, data, dry_run="true")
    assert Post.objects.in_workspace(workspace).count() == 3

    told = took(client, data)

    assert counts(told) == counts(rehearsed) == (1, 2, 0, 3)
    assert [one["id"] for one in told["successful"][:2]] == [str(draft.id), str(named.id)]
    faults = [(one["row"], [(d["field"], d["code"]) for d in one["details"]]) for one in told["failed"]]
    assert faults == [
        (4, [("", "already_out")]),
        (6, [("external_id", "row_repeated")]),
        (7, [("id", "row_repeated")]),
    ]
    draft.refresh_from_db()
    named.refresh_from_db()
    foreign.refresh_from_db()
    assert (draft.content, draft.first_comment, draft.deliveries.count()) == ("Other", "Stays", 1)
    assert (named.content, named.external_id, foreign.content) == ("By id", "new-name", "Hello")
    only_tags = took(client, "external_id,tags\nout,news\ndraft,\n")
    assert counts(only_tags) == (0, 1, 1, 0)  # labels may change at any time


def test_faults_are_those_of_the_api_by_row_and_field(client: APIClient, workspace: Workspace) -> None:
    make_account(workspace=workspace, handle="@ada@example.org")
    make_account(workspace=workspace, handle="@two@example.org")
    make_account(workspace=workspace, handle="@two@example.org")
    items = [
        {"content": "Fine", "accounts": ["mastodon:ADA@example.org"]},
        {"content": 5, "colour": "red", "publish": True},
        "text",
        None,
        {"content": "x", "accounts": ["mastodon:@who@example.org", "mastodon:@two@example.org"]},
        {"content": "x", "platforms": ["myspace"], "scheduled_time": "2001-01-01T00:00:00Z"},
        {"content": "x", "media": ["01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b10"], "platforms": ["mastodon"]},
        {"thread": [{"content": "x", "media": ["01932f5e-7a10-7cc3-9d5e-2f1f6f0a4b10"]}], "media": []},
    ]

    told = took(client, json.dumps(items))

    assert counts(told) == (1, 0, 0, 7)
    assert [(one["row"], [(d["field"], d["code"]) for d in one["details"]]) for one in told["failed"]] == [
        (2, [("content", "wrong_type"), ("colour", "unknown"), ("publish", "unknown")]),
        (3, [("", "not_an_object")]),
        (4, [("", "null")]),
        (5, [("accounts.0", "unknown_account"), ("accounts.1", "unknown_account")]),
        (6, [("scheduled_time", "in_past")]),
        (7, [("media.0", "unknown_media")]),
        (8, [("media", "contradiction")]),
    ]
    assert Post.objects.get().deliveries.get().account.handle == "@ada@example.org"


@pytest.mark.parametrize(
    ("data", "fields", "status", "field", "code"),
    [
        ("content,colour\nx,y", {}, 400, "file", "unknown_column"),
        ("content\nx\nx\nx\nx", {}, 400, "file", "too_many_rows"),
        ("content\nx\n" * 200, {}, 413, "file", "too_large"),
        ("", {}, 400, "file", "empty"),
        ("content\nx", {"dry_run": "perhaps"}, 400, "dry_run", "invalid_choice"),
        ("content\nx", {"colour": "red"}, 400, "colour", "unknown"),
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(
    client: APIClient,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    data: str,
    fields: Any,
    status: int,
    field: str,
    code: str,
) -> None:
    monkeypatch.setattr("posts.api.import_export_views.MOST", 3)
    settings.BULK_BODY_MAX_BYTES = 1000

    answer = send(client, data, **fields)

    assert answer.status_code == status, answer.content
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]
    assert not Post.objects.exists()


def test_a_request_that_broke_off_imports_nothing(client: APIClient) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\ncontent\none\ntw'

    answer = client.generic(
        "POST", "/api/v2/bulk/posts/import", body, content_type="multipart/form-data; boundary=b",
        **{"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body) + 100)},
    )  # fmt: skip

    assert (answer.status_code, answer.json()["code"]) == (400, "incomplete")
    assert not Post.objects.exists()


def test_the_same_key_imports_a_file_once_also_without_external_ids(client: APIClient) -> None:
    file = SimpleUploadedFile("posts.csv", b"content\nOnce\n")
    first, second = (
        client.post("/api/v2/bulk/posts/import", {"file": file}, format="multipart", headers={"Idempotency-Key": "k"})
        for _ in "12"
        if not file.seek(0)
    )

    assert (first.json(), second["Idempotent-Replayed"]) == (second.json(), "true")
    assert Post.objects.count() == 1


def test_many_rows_take_as_many_statements_as_few(client: APIClient, workspace: Workspace) -> None:
    make_account(workspace=workspace)

    def statements(data: str) -> int:
        with CaptureQueriesContext(connection) as found:
            took(client, data)
        return len([one for one in found.captured_queries if not one["sql"].startswith("INSERT")])

    few, many = rows(2), rows(12).replace("crm-", "other-")
    assert statements(few) == statements(many)  # created
    assert statements(few) == statements(many)  # unchanged
    other = [data.replace("Post ", "Another ").replace("news", "old") for data in (few, many)]
    assert statements(other[0]) == statements(other[1])  # updated


def test_a_chunk_knows_of_those_before_it(
    client: APIClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_account(workspace=workspace)
    monkeypatch.setattr(importing, "CHUNK", 2)

    told = took(client, f"{rows(4)}\ncrm-0,Again,,,")

    assert counts(told) == (4, 0, 0, 1)
    assert [(one["row"], one["code"]) for one in told["failed"]] == [(6, "row_repeated")]


# --- export ---
def test_what_is_exported_can_be_imported_anywhere(
    client: APIClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_workspace()
    for place in (workspace, other):
        make_account(workspace=place, handle="@ada@example.org", is_default=True, remote_id=f"a{place.id}")
        make_account(workspace=place, handle="@bob, x@example.org", is_default=False, remote_id=f"b{place.id}")
    named = str(workspace.social_accounts.get(is_default=False).id)
    bodies: list[dict[str, Any]] = [
        {"content": "=HYPERLINK(1)", "platforms": ["mastodon"], "tags": ["+a", "b, c"], "external_id": "@1"},
        {"content": "'=kept", "accounts": [named], "scheduled_time": WHEN, "timezone": "Asia/Tokyo"},
        {"thread": ["- One", "Two\r\n\ttwo"], "first_comment": "\tThree", "platforms": ["bluesky"]},
        {"content": "x", "accounts": [named], "overrides": {named: {"content": "Own"}}},
        {"content": "  x  ", "post_options": {"mastodon": {"language": "de"}}, "platforms": ["mastodon"]},
    ]
    for body in bodies:
        assert client.post("/api/v2/posts", body).status_code == 201
    monkeypatch.setattr(exporting, "BLOCK", 2)

    for form in ("csv", "json"):
        data = exported(client, f"as={form}")
        there = client_of(other)
        Post.objects.in_workspace(other).delete()

        assert counts(took(there, data)) == (5, 0, 0, 0)
        assert world(there) == world(client)
        assert counts(took(client, data)) == (0, 0, 5, 0)  # at home each row names its post
    cells = next(csv.DictReader(io.StringIO(exported(client).decode("utf-8-sig"))))
    assert (cells["content"], cells["tags"], cells["external_id"]) == ("'=HYPERLINK(1)", '["+a", "b, c"]', "'@1")


def test_accounts_of_the_same_name_go_by_id(client: APIClient, workspace: Workspace) -> None:
    alike = [make_account(workspace=workspace, handle="@two@example.org") for _ in "12"]
    body = {"content": "x", "accounts": [str(alike[1].id)], "overrides": {str(alike[1].id): {"content": "y"}}}
    assert client.post("/api/v2/posts", body).status_code == 201

    (post,) = json.loads(exported(client, "as=json"))["posts"]

    assert (post["accounts"], post["overrides"]) == (body["accounts"], body["overrides"])


def test_an_export_has_what_the_filters_leave_and_tells_what_became_of_it(
    client: APIClient, workspace: Workspace
) -> None:
    account = make_account(workspace=workspace)
    url = "https://mastodon.test/@ada/7"
    out = make_delivery(
        account, state="published", remote_id="7", url=url, published_at=NOON, next_attempt_at=None, content="Out"
    ).post
    Post.objects.filter(id=out.id).update(status="published", published_at=NOON)
    make_post(workspace=workspace, accounts=[account], content="Draft")
    make_post(workspace=workspace, deleted_at=NOON)
    make_post(content="Foreign")
    viewer = signed_in(make_member(workspace, role=Role.VIEWER))

    answer = viewer.get("/api/v2/posts/export?status=published&as=json")
    assert answer["Content-Disposition"] == 'attachment; filename="posts.json"'
    (post,) = json.loads(b"".join(answer.streaming_content))["posts"]

    assert (post["id"], post["status"], post["urls"]) == (str(out.id), "published", [url])
    assert post["published_at"] == "2026-11-23T12:00:00Z"
    assert post["accounts"] == [f"mastodon:{account.handle}"]
    listed = csv.DictReader(io.StringIO(exported(viewer, "ordering=-created_at").decode("utf-8-sig")))
    assert [row["content"] for row in listed] == ["Draft", "Out"]
    assert send(viewer, "content\nx").status_code == 403
    assert counts(took(client, exported(client))) == (0, 0, 2, 0)  # what is out is left as it is


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("as=xml", "as", "invalid_choice"),
        ("status=lost", "status", "invalid_choice"),
        ("limit=5", "limit", "unknown_parameter"),
        ("colour=red", "colour", "unknown_parameter"),
    ],
)
def test_what_an_export_cannot_do_is_named(client: APIClient, query: str, field: str, code: str) -> None:
    answer = client.get(f"/api/v2/posts/export?{query}", headers={"Accept": "text/csv"})

    assert answer.status_code == 400
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]
