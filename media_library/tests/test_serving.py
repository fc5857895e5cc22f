"""Bytes over HTTP: whole, in ranges, by HEAD, by signed links, through nginx; never with a life of their own."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Workspace
from mastablasta.checks import setup_is_public
from mastablasta.core.logs import clean_text
from mastablasta.core.tests.answers import assert_problem
from media_library.models import Asset
from media_library.services import links
from media_library.tests.factories import MAKER, ONE_OF_EACH, make_asset, make_rendition, photo, still

pytestmark = pytest.mark.django_db


@pytest.fixture
def data() -> bytes:
    return photo()


@pytest.fixture
def asset(workspace: Workspace, data: bytes) -> Asset:
    return make_asset(workspace=workspace, data=data, filename="beach.jpg")


def address(asset: Asset, path: str = "file") -> str:
    return f"/api/v2/media/{asset.id}/{path}"


def whole(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


# --- the original ---
@pytest.mark.parametrize("extension", ONE_OF_EACH)
def test_original_comes_back_byte_for_byte_and_runs_nothing(client, workspace, extension):
    make, mime_type = ONE_OF_EACH[extension]
    data = make()
    asset = make_asset(workspace=workspace, data=data, filename=f"My file.{extension}")

    response = client.get(address(asset))

    assert (response.status_code, whole(response)) == (200, data)
    assert {name: response.headers[name] for name in response.headers if name != "X-Request-ID"} == {
        "Content-Type": mime_type,
        "Content-Length": str(len(data)),
        "Content-Disposition": f'inline; filename="My file.{extension}"',
        "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; "
        "sandbox" + (" allow-same-origin" if mime_type.startswith("video/") else ""),
        "Cross-Origin-Resource-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
        "Cache-Control": "private, no-cache",
        "Vary": response.headers["Vary"],
        "Allow": "GET, HEAD",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


@pytest.mark.parametrize(
    ("filename", "disposition"),
    [
        ("beach.jpeg", 'inline; filename="beach.jpeg"'),
        ("program.exe", 'inline; filename="program.exe.jpg"'),
        ("noextension", 'inline; filename="noextension.jpg"'),
        ('say "hi".jpg', 'inline; filename="say \\"hi\\".jpg"'),
        ("Zürich.jpg", "inline; filename*=utf-8''Z%C3%BCrich.jpg"),
        ("a;b\\c.jpg", 'inline; filename="a;b\\\\c.jpg"'),
    ],
)
def test_name_is_quoted_and_ends_as_the_bytes_say(client, asset, filename, disposition):
    Asset.objects.update(filename=filename)

    assert client.get(address(asset)).headers["Content-Disposition"] == disposition


def test_head_says_what_get_would_and_sends_nothing(client, asset, data):
    response = client.head(address(asset), headers={"Range": "bytes=0-1"})

    assert (response.status_code, whole(response)) == (200, b"")
    assert response.headers["Content-Length"] == str(len(data))
    assert response.headers["ETag"] == f'"{asset.sha256}"'


@pytest.mark.parametrize("given", ['"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_who_has_it_is_told_so(client, asset, given):
    response = client.get(address(asset), headers={"If-None-Match": given.format(asset.sha256)})

    assert (response.status_code, whole(response)) == (304, b"")
    assert response.headers["ETag"] == f'"{asset.sha256}"'
    assert response.headers["Cache-Control"] == "private, no-cache"


def test_if_match_of_another_version_is_412(client, asset):
    response = client.get(address(asset), headers={"If-Match": '"other"'})

    assert (response.status_code, response.json()["code"]) == (412, "changed_meanwhile")


# --- ranges ---
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=10-", 10, -1),
        ("bytes=-5", -5, -1),
        ("bytes=-99999999", 0, -1),
        ("bytes=7-99999999", 7, -1),
    ],
)
def test_range_is_206(client, asset, data, asked, first, last):
    begin, end = first % len(data), last % len(data)

    response = client.get(address(asset), headers={"Range": asked})

    assert (response.status_code, whole(response)) == (206, data[begin : end + 1])
    assert response.headers["Content-Range"] == f"bytes {begin}-{end}/{len(data)}"
    assert response.headers["Content-Length"] == str(end - begin + 1)
    assert response.headers["ETag"] == f'"{asset.sha256}"'


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0", "bytes=99999999-999999999"])
def test_range_outside_is_416_with_the_size(client, asset, data, asked):
    response = client.get(address(asset), headers={"Range": asked})

    assert (response.status_code, response.json()["code"]) == (416, "range_not_satisfiable")
    assert response.headers["Content-Range"] == f"bytes */{len(data)}"


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=-", "bytes=a-b", "bytes=٣-٤", ""])
def test_range_that_cannot_be_read_or_is_several_gets_the_whole(client, asset, data, asked):
    response = client.get(address(asset), headers={"Range": asked})

    assert (response.status_code, whole(response)) == (200, data)


@pytest.mark.parametrize(("given", "status"), [('"{}"', 206), ('"other"', 200), ('W/"{}"', 200)])
def test_if_range_means_this_version_only(client, asset, given, status):
    headers = {"Range": "bytes=0-3", "If-Range": given.format(asset.sha256)}

    assert client.get(address(asset), headers=headers).status_code == status


# --- thumbnails and renditions ---
def test_thumbnail(client, asset):
    with default_storage.open(asset.thumbnail_name) as file:
        thumbnail = file.read()
    etag = f'"{hashlib.sha256(thumbnail).hexdigest()}"'

    response = client.get(address(asset, "thumbnail"))
    some = client.get(address(asset, "thumbnail"), headers={"Range": "bytes=2-5"})
    same = client.get(address(asset, "thumbnail"), headers={"If-None-Match": etag})

    assert (response.status_code, whole(response)) == (200, thumbnail)
    assert (response.headers["ETag"], response.headers["Content-Type"]) == (etag, "image/jpeg")
    assert (some.status_code, whole(some)) == (206, thumbnail[2:6])
    assert same.status_code == 304


@pytest.mark.parametrize(
    ("status", "reason", "code", "detail"),
    [
        ("processing", "", "not_ready", "It is being made; ask again in a few seconds."),
        ("failed", "It is cut off.", "not_made", "It could not be made of this file: It is cut off."),
    ],
)
def test_what_is_not_made_is_404_and_says_why(client, workspace, status, reason, code, detail):
    how = {"status": status, "status_reason": reason, "next_try_at": timezone.now()}
    asset = make_asset(workspace=workspace, thumbnail_name="", **how)
    make_rendition(asset, stored_name="", **how)

    for path in ("thumbnail", "file?rendition=web"):
        assert_problem(client.get(address(asset, path)), 404, code, detail)


def test_rendition_by_its_key(client, asset):
    data = still("PNG")
    make_rendition(asset, data=data, recipe_key="abc")

    response = client.get(address(asset, "file?rendition=abc"))

    assert (response.status_code, whole(response)) == (200, data)
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Disposition"] == 'inline; filename="beach.png"'
    assert client.get(address(asset, "file?rendition=other")).json()["code"] == "rendition_not_found"


def test_lost_bytes_are_404_and_say_so(client, asset):
    default_storage.delete(asset.stored_name)
    default_storage.delete(asset.thumbnail_name)

    for path in ("file", "thumbnail"):
        response = client.get(address(asset, path))
        assert (response.status_code, response.json()["code"]) == (404, "file_lost")


@pytest.mark.parametrize("accept", ["image/avif,image/webp,*/*;q=0.8", "image/*", "text/html", "video/mp4"])
def test_whatever_a_browser_accepts_it_gets_the_file(client, asset, data, accept):
    assert whole(client.get(address(asset), headers={"Accept": accept})) == data


# --- through the server in front ---
def test_accel_leaves_the_bytes_to_nginx(client, asset, settings: Settings):
    settings.MEDIA_SERVING = "accel"
    Asset.objects.update(stored_name="a b/ü.jpg")

    response = client.get(address(asset), headers={"Range": "bytes=0-1"})

    assert (response.status_code, whole(response)) == (200, b"")
    assert response.headers["X-Accel-Redirect"] == "/protected-media/a%20b/%C3%BC.jpg"
    assert response.headers["Content-Type"] == "image/jpeg"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Length" not in response.headers or response.headers["Content-Length"] == "0"


# --- signed links ---
def opened(link: links.Link, **headers: str) -> Any:
    at = urlsplit(link.url)
    return Client().get(f"{at.path}?{at.query}", headers=headers)


def test_link_opens_a_rendition_to_whoever_has_it(asset, settings: Settings):
    rendition = make_rendition(asset)
    link = links.link_to_rendition(rendition, at=timezone.now())

    response = opened(link)
    some = opened(link, Range="bytes=0-3")

    assert link.url.startswith(f"{settings.PUBLIC_URL}/api/v2/media/links/renditions/{rendition.id}?")
    assert (response.status_code, len(whole(response))) == (200, rendition.size)
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["Cache-Control"].startswith("private, max-age=")
    assert some.status_code == 206
    assert MAKER.encode() not in whole(opened(link))


def test_link_opens_a_thumbnail(asset):
    response = opened(links.link_to_thumbnail(asset, at=timezone.now()))

    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/jpeg")


def test_link_lasts_an_hour_and_is_the_same_for_ten_minutes(asset):
    with time_machine.travel("2030-01-31T08:00:01Z", tick=False):
        link = links.link_to_thumbnail(asset, at=timezone.now())
    with time_machine.travel("2030-01-31T08:09:59Z", tick=False):
        same = links.link_to_thumbnail(asset, at=timezone.now())

    assert link == same
    assert link.expires_at.isoformat() == "2030-01-31T09:10:00+00:00"
    with time_machine.travel("2030-01-31T09:09:59Z", tick=False):
        assert opened(link).status_code == 200
    with time_machine.travel("2030-01-31T09:10:00Z", tick=False):
        assert_expired(opened(link))


def assert_expired(response: Any) -> None:
    sentence = "This link has expired or was altered; ask for a new one where it came from."
    assert_problem(response, 403, "link_not_valid", sentence)


def test_altered_link_is_403(asset):
    rendition, other = make_rendition(asset), make_rendition(make_asset())
    link = urlsplit(links.link_to_rendition(rendition, at=timezone.now()).url)
    given = {name: values[0] for name, values in parse_qs(link.query).items()}
    later = str(int(given["expires"]) + 600)
    thumbnail = f"/api/v2/media/links/thumbnails/{asset.id}"

    for path, query in (
        (link.path.replace(str(rendition.id), str(other.id)), given),
        (thumbnail, given),
        (thumbnail.replace(str(asset.id), str(rendition.id)), given),
        (link.path, {**given, "expires": later}),
        (link.path, {**given, "signature": given["signature"][:-1] + "x"}),
        (link.path, {**given, "expires": f"{later}:{given['expires']}"}),
        (link.path, {"expires": later}),
        (link.path, {}),
    ):
        assert_expired(Client().get(path, query))


def test_link_is_another_with_another_secret_key(asset, settings: Settings):
    link = links.link_to_thumbnail(asset, at=timezone.now())
    settings.SECRET_KEY = "another secret key of fifty characters and then some"

    assert_expired(opened(link))


def test_link_to_what_was_deleted_is_404(asset):
    at = timezone.now()
    made = [links.link_to_rendition(make_rendition(asset), at=at), links.link_to_thumbnail(asset, at=at)]
    Asset.objects.update(deleted_at=at)

    assert [opened(link).status_code for link in made] == [404, 404]


def test_signature_stays_out_of_the_log(asset):
    link = links.link_to_thumbnail(asset, at=timezone.now())

    written = clean_text(f"GET {link.url}")

    assert parse_qs(urlsplit(link.url).query)["signature"][0] not in written
    assert str(asset.id) in written


@pytest.mark.parametrize(
    ("serving", "bucket", "ids"),
    [
        ("stream", "", []),
        ("stream", "b", []),
        ("accel", "", []),
        ("redirect", "b", []),
        ("accel", "b", ["mastablasta.W003"]),
        ("redirect", "", ["mastablasta.W003"]),
    ],
)
def test_way_of_serving_that_the_storage_has_not_is_a_doubt(settings: Settings, serving, bucket, ids):
    settings.MEDIA_SERVING, settings.AWS_STORAGE_BUCKET_NAME = serving, bucket

    assert [one.id for one in setup_is_public() if one.id == "mastablasta.W003"] == ids
