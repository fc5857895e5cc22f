"""GET /media and what hangs below it: what is listed, shown and renamed. Bytes: test_serving.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mastablasta.core.api.fields import utc_text
from media_library.models import Asset
from media_library.tests.factories import clip, make_asset, make_rendition, moving, still

pytestmark = pytest.mark.django_db

URL = "/api/v2/media"


def use(asset: Asset, **post: Any) -> Any:
    """A post that has the file; by the reverse relation, since posts stand above the library."""
    uses = Asset._meta.get_field("uses").related_model
    made = uses._meta.get_field("post").related_model.objects.create(workspace=asset.workspace, **post)
    asset.uses.create(post=made, position=0)
    return made


def shown(asset: Asset, **other: Any) -> dict[str, Any]:
    return {
        "id": str(asset.id),
        "filename": asset.filename,
        "url": f"/api/v2/media/{asset.id}/file",
        "thumbnail_url": f"/api/v2/media/{asset.id}/thumbnail",
        "kind": "image",
        "mime_type": "image/jpeg",
        "size": asset.size,
        "dimensions": {"width": 64, "height": 48},
        "duration": None,
        "pages": None,
        "sha256": asset.sha256,
        "alt_text": asset.alt_text,
        "status": "ready",
        "status_reason": "",
        "used": False,
        "created_at": utc_text(asset.created_at),
        "updated_at": utc_text(asset.updated_at),
        **other,
    }


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [row["filename"] for row in response.json()["media"]]


# --- the list ---
def test_list_is_newest_first_in_the_envelope(client, workspace):
    older, newer = make_asset(workspace=workspace), make_asset(workspace=workspace)
    make_asset()

    assert client.get(URL).json() == {
        "media": [shown(newer), shown(older)],
        "total": 2,
        "limit": 50,
        "offset": 0,
        "next": None,
        "previous": None,
    }


def test_pages_by_cursor_reach_every_file_once(client, workspace):
    made = [str(make_asset(workspace=workspace).id) for _ in range(5)]
    seen, address = [], f"{URL}?cursor=&limit=2"
    while address:
        page = client.get(address.replace("http://testserver", "")).json()
        seen += [row["id"] for row in page["media"]]
        address = page["next"] and page["next"][page["next"].index("/api") :]

    assert seen == made[::-1]


@pytest.mark.parametrize("count", [1, 30])
def test_list_costs_the_same_however_many(client, workspace, count):
    for _ in range(count):
        use(make_asset(workspace=workspace), content="x")

    with CaptureQueriesContext(connection) as queries:
        client.get(URL)

    assert len(queries) == 3  # who asks, the page, which of it is used


def test_deleted_file_is_gone_everywhere(client, workspace):
    asset = make_asset(workspace=workspace, deleted_at=timezone.now())

    assert names(client.get(URL)) == []
    for path in ("", "/file", "/thumbnail", "/renditions"):
        assert client.get(f"{URL}/{asset.id}{path}").status_code == 404
    assert client.patch(f"{URL}/{asset.id}", {"alt_text": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["video", "webp", "gif", "jpeg"]),
        ("type=image", ["jpeg"]),
        ("type=animation", ["webp", "gif"]),
        ("type=video", ["video"]),
        ("type=video&type=image", ["video", "jpeg"]),
    ],
)
def test_filter_by_type(client, workspace, query, found):
    make_asset(workspace=workspace, filename="jpeg")
    make_asset(workspace=workspace, filename="gif", data=moving())
    make_asset(workspace=workspace, filename="webp", data=moving("WEBP"))
    make_asset(workspace=workspace, filename="video", data=clip())

    assert names(client.get(f"{URL}?{query}")) == found


def test_filter_by_use_and_status(client, workspace):
    used, deleted = make_asset(workspace=workspace, filename="used"), make_asset(workspace=workspace, filename="was")
    make_asset(workspace=workspace, filename="broken", status="failed", status_reason="It is cut off.")
    use(used, content="x")
    use(used, content="once more")
    use(deleted, content="gone", deleted_at=timezone.now())

    assert names(client.get(f"{URL}?used=true")) == ["used"]
    assert names(client.get(f"{URL}?used=false")) == ["broken", "was"]
    assert names(client.get(f"{URL}?status=failed")) == ["broken"]
    assert [row["used"] for row in client.get(URL).json()["media"]] == [False, False, True]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("sun", ["one", "Sunset"]),
        ("SUN%20sea", ["one"]),
        ("100%25", ["100% ok"]),
        ("noon", []),
        ("%C3%BCber", ["ÜBER"]),
        ("%E6%B5%B7", ["ÜBER"]),
    ],
)
def test_search_in_names_and_alt_texts(client, workspace, words, found):
    make_asset(workspace=workspace, filename="Sunset")
    make_asset(workspace=workspace, filename="one", alt_text="The sun over the Sea")
    make_asset(workspace=workspace, filename="100% ok")
    make_asset(workspace=workspace, filename="ÜBER", alt_text="日本の海")

    assert sorted(names(client.get(f"{URL}?q={words}"))) == sorted(found)


def test_filter_by_day(client, workspace):
    asset, other = make_asset(workspace=workspace, filename="then"), make_asset(workspace=workspace, filename="now")
    Asset.objects.filter(pk=asset.pk).update(created_at=datetime(2026, 1, 31, 23, 30, tzinfo=UTC))

    day = "created_from=2026-02-01&created_to=2026-02-01&timezone=Europe/Berlin"
    assert names(client.get(f"{URL}?{day}")) == ["then"]
    assert names(client.get(f"{URL}?created_from=2026-02-02T00:00:00Z")) == [other.filename]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("type=audio", "type", "invalid_choice"),
        ("used=maybe", "used", "invalid_choice"),
        ("q=a", "q", "min_length"),
        ("q=%C3%BC", "q", "min_length"),
        ("q=1", "q", "min_length"),
        ("created_from=yesterday", "created_from", "invalid"),
        ("created_from=2026-02-02T00:00:00Z&created_to=2026-02-01T00:00:00Z", "created_to", "before_from"),
        ("kind=image", "kind", "unknown_parameter"),
    ],
)
def test_what_a_filter_cannot_read_is_refused_by_name(client, query, field, code):
    response = client.get(f"{URL}?{query}")

    assert (response.status_code, [(one["field"], one["code"]) for one in response.json()["errors"]]) == (
        400,
        [(field, code)],
    )


@pytest.mark.parametrize("path", ["", "/{id}"])
def test_answers_carry_an_etag_and_are_304_while_nothing_changes(client, workspace, path):
    asset = make_asset(workspace=workspace)
    address = URL + path.format(id=asset.id)
    first = client.get(address)

    same = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    client.patch(f"{URL}/{asset.id}", {"alt_text": "Other"})
    changed = client.get(address, headers={"If-None-Match": first.headers["ETag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert first.headers["Cache-Control"] == same.headers["Cache-Control"] == "private, no-cache"
    assert changed.status_code == 200


# --- one file ---
def test_detail_names_the_posts_that_have_it(client, workspace):
    asset = make_asset(workspace=workspace)
    at = timezone.now() + timedelta(days=1)
    draft = use(asset, content="One")
    later = use(asset, content="Two", status="scheduled", scheduled_at=at)
    asset.uses.create(post=later, position=1)  # twice in one post is one use
    use(asset, content="Gone", deleted_at=at)

    assert client.get(f"{URL}/{asset.id}").json() == shown(
        asset,
        used=True,
        used_by=[
            {"post_id": str(later.id), "status": "scheduled", "scheduled_time": utc_text(at)},
            {"post_id": str(draft.id), "status": "draft", "scheduled_time": None},
        ],
    )


def test_rename_and_describe(client, workspace):
    asset = make_asset(workspace=workspace)

    response = client.patch(f"{URL}/{asset.id}", {"filename": "../Sea \u202e.jpg", "alt_text": "The sea"})

    asset.refresh_from_db()
    assert (asset.filename, asset.alt_text) == ("Sea .jpg", "The sea")
    assert response.json() == shown(asset, used_by=[])


def test_what_get_gave_may_come_back_and_changes_nothing_else(client, workspace):
    asset = make_asset(workspace=workspace)
    given = client.get(f"{URL}/{asset.id}").json()

    response = client.patch(f"{URL}/{asset.id}", {**given, "size": 1, "status": "failed", "alt_text": "New"})

    changed = {"alt_text": "New", "updated_at": response.json()["updated_at"]}
    assert response.json() == {**given, **changed}


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"alt_text": "x" * 10_001}, "alt_text", "max_length"),
        ({"filename": ""}, "filename", "blank"),
        ({"filename": "\u202e"}, "filename", "no_name"),
        ({"filename": "x" * 256}, "filename", "max_length"),
        ({"alt_text": 1}, "alt_text", "wrong_type"),
        ({"title": "x"}, "title", "unknown"),
    ],
)
def test_what_cannot_be_said_of_a_file_is_refused_by_name(client, workspace, body, field, code):
    asset = make_asset(workspace=workspace)

    response = client.patch(f"{URL}/{asset.id}", body)

    assert (response.status_code, [(one["field"], one["code"]) for one in response.json()["errors"]]) == (
        400,
        [(field, code)],
    )
    assert Asset.objects.get().filename == asset.filename


# --- renditions ---
def test_renditions_are_listed_with_a_link_once_they_are_ready(client, workspace, settings):
    asset = make_asset(workspace=workspace)
    ready = make_rendition(asset, data=still("JPEG", (32, 24)))
    waiting = make_rendition(
        asset, recipe_key="abc", status="processing", next_try_at=timezone.now(), stored_name="", sha256=""
    )

    answer = client.get(f"{URL}/{asset.id}/renditions").json()

    first, second = answer["renditions"]
    link = first.pop("link")
    assert first == {
        "key": "web",
        "platforms": [],
        "status": "ready",
        "status_reason": "",
        "url": f"/api/v2/media/{asset.id}/file?rendition=web",
        "mime_type": "image/jpeg",
        "size": ready.size,
        "dimensions": {"width": 32, "height": 24},
        "duration": None,
        "sha256": ready.sha256,
        "warnings": [],
        "created_at": utc_text(ready.created_at),
    }
    assert link["url"].startswith(f"{settings.PUBLIC_URL}/api/v2/media/links/renditions/{ready.id}?expires=")
    assert (second["key"], second["status"], second["link"]) == (waiting.recipe_key, "processing", None)
    assert answer["total"] == 2


def test_renditions_of_another_workspace_are_not_there(client):
    rendition = make_rendition(make_asset())

    assert client.get(f"{URL}/{rendition.asset_id}/renditions").status_code == 404
