"""Files in S3: the real protocol, against moto's server on loopback."""

from __future__ import annotations

import io
import json
import time
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore import session as botocore_session
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from moto.server import ThreadedMotoServer
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import Workspace
from accounts.tests.factories import make_workspace, signed_in
from mastablasta.core.errors import Unreachable
from mastablasta.object_storage import client_config, transfer_config
from media_library.models import Asset
from media_library.services import deletion, files, links, render_worker
from media_library.tests.factories import MAKER, clip, make_asset, make_rendition, photo, still
from tests.kit.raw_server import RawConnection, RawServer, answer, is_silent, raw_server, resets, says

pytestmark = pytest.mark.django_db(transaction=True)

BUCKET = "pictures"
KEYS = {
    "aws_access_key_id": "us",
    "aws_secret_access_key": "known to us",
    "region_name": "us-east-1",
}  # of the simulator


@pytest.fixture(scope="module", autouse=True)
def _models_are_read_once() -> Iterator[None]:
    """Each session of botocore reads a megabyte of JSON again, and every test makes one or two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore_session, "create_loader", cache(botocore_session.create_loader))
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    try:
        yield f"http://127.0.0.1:{running.get_host_and_port()[1]}"
    finally:
        running.stop()


@pytest.fixture(scope="module")
def storage(server: str) -> Any:
    return boto3.resource("s3", endpoint_url=server, **KEYS)


@pytest.fixture
def bucket(storage: Any, server: str, settings: Settings, tmp_path: Path) -> Iterator[Any]:
    """The bucket that files are in, empty; settings are as AWS_STORAGE_BUCKET_NAME and its like make them."""
    bucket = storage.create_bucket(Bucket=BUCKET)
    settings.MEDIA_INCOMING = tmp_path / ".incoming"
    use_storage(settings, server)
    yield bucket
    bucket.objects.all().delete()
    bucket.delete()


def use_storage(settings: Settings, server: str, **options: Any) -> None:
    """As AWS_STORAGE_BUCKET_NAME and its like make it."""
    patience = {"client_config": client_config(), "transfer_config": transfer_config()}
    names = {"access_key": "us", "secret_key": "known to us", "region_name": "us-east-1"}
    given = {"bucket_name": BUCKET, "endpoint_url": server, **names, **patience, **options}
    s3 = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {**django_settings.S3_OPTIONS, **given}}
    settings.STORAGES = {**django_settings.STORAGES, "default": s3}


def use_troubled_storage(settings: Settings, server: str) -> None:
    """Likewise, with time-outs a twentieth as long."""
    use_storage(settings, server, client_config=client_config(connect_s=0.1, read_s=0.15))


@pytest.fixture
def data() -> bytes:
    return clip("mp4")


@pytest.fixture
def asset(bucket: Any, client: APIClient, data: bytes) -> Asset:
    """One that was uploaded, and whose thumbnail is made."""
    answer = client.post("/api/v2/media/upload", {"file": SimpleUploadedFile("Zürich.mp4", data)}, format="multipart")
    assert answer.status_code == 201, answer.content
    asset = Asset.objects.get()
    asset.thumbnail_name = put(f"thumbnails/{asset.uploaded_by_id}/thumb_{asset.id.hex}.jpg", still("JPEG"))
    asset.status, asset.next_try_at = "ready", None
    asset.save()
    return asset


def put(name: str, data: bytes) -> str:
    with files.scratch() as path:
        path.write_bytes(data)
        return files.keep(path, name)


def preview_of(asset: Asset) -> Any:
    name = put(f"renditions/{asset.uploaded_by_id}/{asset.id.hex}_web.jpg", PREVIEW)
    return make_rendition(asset, data=PREVIEW, stored_name=name)


PREVIEW = still("JPEG")


def keys(bucket: Any) -> list[str]:
    return sorted(found.key for found in bucket.objects.all())


def whole(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def fetched(address: str) -> tuple[bytes, Any]:
    with urllib.request.urlopen(address) as answer:
        return answer.read(), answer.headers


def file_of(asset: Asset, path: str = "file") -> str:
    return f"/api/v2/media/{asset.id}/{path}"


def test_upload_lies_in_the_bucket_and_comes_back(asset, bucket, client, data):
    stem = f"media/{asset.uploaded_by_id}/{asset.id.hex}.mp4"

    assert keys(bucket) == [stem, f"media/{asset.thumbnail_name}"]
    assert bucket.Object(stem).get()["Body"].read() == data
    assert list(django_settings.MEDIA_INCOMING.iterdir()) == []
    assert whole(client.get(file_of(asset))) == data
    assert whole(client.get(file_of(asset, "thumbnail"))).startswith(b"\xff\xd8\xff")


def test_forms_are_made_from_the_bucket_and_kept_in_it(bucket, client, tmp_path):
    picture = SimpleUploadedFile("beach.jpg", photo((640, 480), orientation=6))
    made = client.post("/api/v2/media/upload", {"file": picture}, format="multipart").json()

    render_worker.work(should_stop=lambda: False, on_settled=lambda _: None)

    renditions = client.get(f"/api/v2/media/{made['id']}/renditions").json()["renditions"]
    thumbnail, original = (whole(client.get(made[name])) for name in ("thumbnail_url", "url"))
    assert [(one["key"], one["dimensions"]) for one in renditions] == [("web", {"width": 480, "height": 640})]
    assert [key.split("/")[1] for key in keys(bucket)][1:] == ["renditions", "thumbnails"]
    assert MAKER.encode() not in thumbnail
    assert MAKER.encode() in original  # as it came, for the workspace
    assert MAKER.encode() not in fetched_by(renditions[0]["link"]["url"])
    assert list((tmp_path / ".incoming").iterdir()) == []


def fetched_by(link: str) -> bytes:
    """What a stranger gets who has the link."""
    address = urlsplit(link)
    response = Client().get(f"{address.path}?{address.query}")
    assert response.status_code == 200
    return whole(response)


@pytest.mark.parametrize(("asked", "part"), [("bytes=10-19", slice(10, 20)), ("bytes=-7", slice(-7, None))])
def test_range_through_this_server(asset, client, data, asked, part):
    response = client.get(file_of(asset), headers={"Range": asked})

    assert (response.status_code, whole(response)) == (206, data[part])


def test_redirect_leads_to_a_signed_address_that_works(asset, client, data, settings: Settings, server):
    settings.MEDIA_SERVING = "redirect"

    response = client.get(file_of(asset))
    got, headers = fetched(response.headers["Location"])

    query = parse_qs(urlsplit(response.headers["Location"]).query)
    assert (response.status_code, response.headers["Cache-Control"]) == (302, "private, no-store")
    assert response.headers["Location"].startswith(f"{server}/{BUCKET}/media/")
    assert (query["X-Amz-Algorithm"], query["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["300"])
    assert got == data
    assert headers["Content-Type"] == "video/mp4"
    assert headers["Content-Disposition"] == "inline; filename*=utf-8''Z%C3%BCrich.mp4"


def test_head_is_answered_here(asset, client, data, settings: Settings):
    settings.MEDIA_SERVING = "redirect"

    response = client.head(file_of(asset))

    assert (response.status_code, response.headers["Content-Length"]) == (200, str(len(data)))


@pytest.mark.parametrize("serving", ["stream", "redirect", "accel"])
def test_signed_link_works_without_signing_in_however_files_are_served(asset, settings: Settings, serving):
    settings.MEDIA_SERVING = serving
    rendition, at = preview_of(asset), timezone.now()

    for link in (links.link_to_rendition(rendition, at=at), links.link_to_thumbnail(asset, at=at)):
        address = urlsplit(link.url)
        response = Client().get(f"{address.path}?{address.query}")
        got = fetched(response.headers["Location"])[0] if serving == "redirect" else whole(response)
        assert got.startswith(b"\xff\xd8\xff")
        assert Client().get(f"{address.path}?{address.query}x").status_code == 403


def test_cdn_gets_what_may_leave_and_never_an_original(asset, client, settings: Settings, server):
    rendition = preview_of(asset)
    settings.MEDIA_SERVING = "redirect"
    use_storage(settings, server, custom_domain="cdn.example.org")

    def leads_to(path: str) -> str:
        return str(client.get(file_of(asset, path)).headers["Location"])

    assert leads_to("file").startswith(f"{server}/{BUCKET}/media/{asset.stored_name}?")
    assert leads_to("file?rendition=web") == f"https://cdn.example.org/media/{rendition.stored_name}"
    assert leads_to("thumbnail") == f"https://cdn.example.org/media/{asset.thumbnail_name}"


def test_lost_object_is_404(asset, bucket, client):
    bucket.objects.all().delete()

    for path in ("file", "thumbnail"):
        response = client.get(file_of(asset, path))
        assert (response.status_code, response.json()["code"]) == (404, "file_lost")


def test_another_workspace_is_not_even_redirected(asset, settings: Settings):
    settings.MEDIA_SERVING = "redirect"

    assert signed_in(make_workspace().members.get()).get(file_of(asset)).status_code == 404


def test_local_copy_for_a_decoder_is_gone_afterwards(asset, data):
    with files.local(asset.stored_name) as path:
        assert path.read_bytes() == data

    assert not path.exists()


def test_removed_file_is_gone_from_the_bucket(asset, bucket):
    preview_of(asset)

    deletion.remove(asset, at=timezone.now())

    assert keys(bucket) == []


def test_prune_finds_what_nobody_names_and_what_is_lost(asset, bucket):
    preview_of(asset)
    orphan = put(f"{asset.uploaded_by_id}/{asset.id.hex[::-1]}.jpg", photo())
    bucket.put_object(Key="media/of somebody else.txt", Body=b"x")
    bucket.put_object(Key=f"other/{orphan}", Body=b"x")
    before = set(keys(bucket))
    out = io.StringIO()

    call_command("prune", "--json", "--older-than", "0s", stdout=out)
    told = json.loads(out.getvalue())
    bucket.Object(f"media/{asset.stored_name}").delete()
    with pytest.raises(SystemExit):
        call_command("prune", "--json", "--older-than", "0s", stdout=(again := io.StringIO()))

    assert (told["orphans"], told["lost"]) == (1, [])
    assert before - set(keys(bucket)) == {f"media/{orphan}", f"media/{asset.stored_name}"}
    assert [one["id"] for one in json.loads(again.getvalue())["lost"]] == [str(asset.id)]


# --- a storage in trouble ---
def breaks_off(connection: RawConnection) -> None:
    """Promise more bytes than come, and then say nothing."""
    while request := connection.read_request():
        if request.startswith(b"HEAD"):
            connection.send(answer("", 404))
            continue
        connection.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nETag: "x"\r\n\r\nabc')


TROUBLES = {
    "silent": is_silent,
    "resets": resets,
    "503": says(answer("", 503)),
    "403": says(answer("", 403)),
    "no bucket": says(answer("", 404)),
    "breaks off": breaks_off,
}
WORST = pytest.mark.parametrize("trouble", ["silent", "breaks off"], indirect=True)


@pytest.fixture
def kept(workspace: Workspace) -> Asset:
    """A file that was taken while all was well."""
    return make_asset(workspace=workspace)


@pytest.fixture
def trouble(request: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    settings.MEDIA_INCOMING = tmp_path / ".incoming"
    with raw_server(TROUBLES[request.param]) as server:
        use_troubled_storage(settings, server.url)
        yield server


# Not what breaks off: an upload waits a second for `100 Continue` at each try, and its answer has no body to break off.
@pytest.mark.parametrize("trouble", ["silent", "resets", "503", "403", "no bucket"], indirect=True)
def test_upload_says_that_the_storage_is_in_trouble(trouble, client, settings: Settings):
    response = client.post("/api/v2/media/upload", {"file": SimpleUploadedFile("a.jpg", photo())}, format="multipart")

    assert (response.status_code, response.json()["code"]) == (502, "storage_unreachable")
    assert not Asset.objects.exists()
    assert list(settings.MEDIA_INCOMING.iterdir()) == []
    assert len(trouble.requests) <= 4  # twice for each thing that is asked, and nothing more is


@WORST
def test_file_says_that_the_storage_is_in_trouble(kept, trouble, client):
    for path in ("file", "thumbnail"):
        response = client.get(file_of(kept, path))
        if response.streaming:
            with pytest.raises(Unreachable):
                whole(response)
        else:
            assert (response.status_code, response.json()["code"]) == (502, "storage_unreachable")


@pytest.mark.parametrize("trouble", ["silent"], indirect=True)
def test_who_asks_next_is_told_at_once_and_later_it_is_asked_again(kept, trouble, monkeypatch):
    def ask() -> None:
        with pytest.raises(Unreachable):
            files.content(kept.stored_name)

    ask()
    asked = len(trouble.requests)
    ask()
    assert len(trouble.requests) == asked
    later = time.monotonic() + files.REST_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    ask()
    assert len(trouble.requests) > asked


@WORST
def test_file_is_taken_out_of_the_library_all_the_same(kept, trouble, client):
    assert client.delete(f"/api/v2/media/{kept.id}").status_code == 204


@pytest.mark.parametrize("trouble", ["silent"], indirect=True)
def test_decoder_gets_no_half_file(kept, trouble, settings: Settings):
    with pytest.raises(Unreachable), files.local(kept.stored_name):
        pytest.fail("it was read")
    assert list(settings.MEDIA_INCOMING.iterdir()) == []


def test_storage_where_nobody_listens_is_502(asset, client, settings: Settings):
    use_storage(settings, "http://127.0.0.1:9")

    response = client.get(file_of(asset))

    assert (response.status_code, response.json()["code"]) == (502, "storage_unreachable")


def test_time_outs_are_seconds_and_tries_few() -> None:
    config = client_config()

    assert (config.connect_timeout, config.read_timeout) == (2.0, 5.0)
    assert (config.retries["total_max_attempts"], config.signature_version) == (2, "s3v4")
