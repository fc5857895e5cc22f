"""Files in Django admin: the grid, the page of one, making again. What holds for every page: tests/test_admin.py."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.roles import SiteRole
from accounts.tests.factories import BACKEND, make_user, make_workspace
from media_library.models import Asset, Rendition
from media_library.services import wakeups
from media_library.tests.factories import clip, make_asset, make_rendition, photo, still
from media_library.tests.test_library import use

pytestmark = pytest.mark.django_db

LIST = "/admin/media_library/asset/"


def client_of(role: SiteRole) -> Client:
    client = Client()
    client.force_login(make_user(site_role=role), backend=BACKEND)
    return client


@pytest.fixture
def operator() -> Client:
    return client_of(SiteRole.ADMIN)


def page_of(row: Any) -> str:
    return reverse(f"admin:media_library_{row._meta.model_name}_change", args=[row.pk])


def pictures(response: Any) -> list[str]:
    """The addresses of all pictures and films of a page, each as it can be asked for."""
    found = re.findall(r'<(?:img|video) src="(/api/[^"]+)"', response.content.decode())
    return [one.replace("&amp;", "&") for one in found]


def whole(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_grid_shows_thumbnails_of_every_workspace(operator):
    make_asset()
    make_asset(alt_text='A "quoted" <b>beach</b>')
    make_asset(thumbnail_name="", status="failed", status_reason="It is cut off.")
    make_asset(deleted_at=timezone.now())

    response = operator.get(LIST)

    assert len(pictures(response)) == 2
    assert [Client().get(one).status_code for one in pictures(response)] == [200, 200]
    assert "&lt;b&gt;beach" in response.content.decode()
    assert 'title="It is cut off."' in response.content.decode()


@pytest.mark.parametrize(("query", "found"), [("used=yes", 1), ("used=no", 2), ("kind=video", 1), ("q=beach", 1)])
def test_grid_is_filtered_and_searched(operator, query, found):
    use(make_asset(), content="x")
    make_asset(data=clip(), filename="film.mp4")
    make_asset(alt_text="A beach")

    assert len(pictures(operator.get(f"{LIST}?{query}"))) == found


def test_page_shows_preview_forms_uses_and_where_it_is(operator):
    asset = make_asset(filename="beach.jpg")
    rendition = make_rendition(asset, data=still("JPEG", (48, 36)))
    post = use(asset, content="Good morning from the beach")

    response = operator.get(page_of(asset))

    text = response.content.decode()
    assert [f"/api/v2/media/links/renditions/{rendition.id}" in one for one in pictures(response)] == [True]
    assert f'href="/admin/posts/post/{post.id}/change/">Good morning from the beach</a> (Draft)' in text
    assert page_of(rendition) in text
    assert "this host&#x27;s disk" in text
    assert asset.stored_name in text


def test_film_has_a_player_with_its_thumbnail(operator):
    asset = make_asset(data=clip())
    make_rendition(asset, data=clip())

    text = operator.get(page_of(asset)).content.decode()

    assert '<video src="/api/v2/media/links/renditions/' in text
    assert f'poster="/api/v2/media/links/thumbnails/{asset.id}' in text


def test_page_of_what_has_no_preview_yet_shows_the_thumbnail(operator):
    asset = make_asset()

    assert [f"/links/thumbnails/{asset.id}" in one for one in pictures(operator.get(page_of(asset)))] == [True]


def test_page_of_a_rendition_shows_it(operator):
    rendition = make_rendition(make_asset())

    assert [f"/links/renditions/{rendition.id}" in one for one in pictures(operator.get(page_of(rendition)))] == [True]


def test_original_is_for_operators_and_as_it_came(operator):
    data = photo()
    asset = make_asset(data=data, filename="beach.jpg")
    address = f"{LIST}{asset.id}/original"

    response = operator.get(address)

    assert (response.status_code, whole(response)) == (200, data)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert address in operator.get(page_of(asset)).content.decode()
    for stranger in (Client(), client_of(SiteRole.EDITOR)):
        assert stranger.get(address).status_code == 302
    Asset.objects.update(deleted_at=timezone.now())
    assert operator.get(address).status_code == 404


def test_making_again_begins_with_what_was_chosen(operator, monkeypatch: pytest.MonkeyPatch):
    rung: list[bool] = []
    monkeypatch.setattr(wakeups, "enqueue", lambda: rung.append(True))
    chosen, other = make_asset(), make_asset(workspace=make_workspace())
    deleted = make_asset(deleted_at=timezone.now())
    failed = make_rendition(chosen, recipe_key="abc", status="failed", stored_name="")

    response = operator.post(
        LIST, {"action": "reprocess", "_selected_action": [str(chosen.pk), str(deleted.pk)]}, follow=True
    )

    assert "1 will be made again" in response.content.decode()
    states = {asset.pk: asset.status for asset in Asset.objects.all()}
    assert states == {chosen.pk: "processing", other.pk: "ready", deleted.pk: "ready"}
    assert Rendition.objects.get(pk=failed.pk).status == "processing"
    assert rung
