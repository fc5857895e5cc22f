"""POST /media/from-url: as an upload, through the guarded door."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from accounts.tests.factories import make_workspace, signed_in
from mastablasta.core.tests.answers import one
from media_library.formats import LARGEST
from media_library.models import Asset
from media_library.services import remote_files
from media_library.tests.factories import clip, photo
from media_library.tests.test_hostile import everything
from tests.kit.certificates import Authority
from tests.kit.named_hosts import allowed_host
from tests.kit.raw_server import RawConnection, RawServer, answer, closes, raw_server, says, says_once

pytestmark = pytest.mark.django_db

URL = "/api/v2/media/from-url"
HOST = "pictures.example"


@pytest.fixture(autouse=True)
def known_host(authority: Authority, settings: Settings) -> Iterator[None]:
    with allowed_host(HOST, settings, authority=authority):
        yield


@pytest.fixture
def client() -> APIClient:
    return signed_in(make_workspace().members.get())


def pictures(authority: Authority, *turns: Any) -> Any:
    return raw_server(*turns, tls=authority.server(HOST))


def at(server: RawServer, path: str) -> str:
    return f"https://{HOST}:{server.port}{path}"


def test_other_words_for_the_same_bytes_are_said_to_be_dropped(client, authority):
    data = photo()
    with pictures(authority, says(answer(data))) as server:
        first, second, third = (
            client.post(URL, {"url": at(server, f"/{name}.jpg"), **words}).json()
            for name, words in (("a", {"alt_text": "A"}), ("b", {}), ("c", {"alt_text": "C", "filename": "c.jpg"}))
        )

    assert (first["warnings"], second["warnings"]) == ([], [])
    assert [(one["field"], one["code"]) for one in third["warnings"]] == [
        ("alt_text", "already_there"),
        ("filename", "already_there"),
    ]
    assert (third["alt_text"], third["filename"]) == ("A", "a.jpg")


def redirect(to: str, status: int = 302) -> bytes:
    return answer(b"", status, location=to)


@pytest.mark.parametrize("data", [photo(), clip("mp4")])
def test_file_is_fetched_as_if_it_was_uploaded(client, authority, data):
    with pictures(authority, says(answer(data, content_type="text/plain"))) as server:
        taken = client.post(URL, {"url": at(server, "/a/Z%C3%BCrich%20sea.jpg?size=1"), "alt_text": "The sea"})

    asset = Asset.objects.get()
    assert taken.status_code == 201
    assert taken.json()["sha256"] == asset.sha256 == hashlib.sha256(data).hexdigest()
    assert (asset.filename, asset.alt_text) == ("Zürich sea.jpg", "The sea")
    assert b"Authorization" not in server.requests[0]


def test_given_name_wins_and_no_name_is_made_up(client, authority):
    with pictures(authority, says(answer(photo()), answer(photo()))) as server:
        named = client.post(URL, {"url": at(server, "/x"), "filename": "../mine.jpg"})
        unnamed = client.post(URL, {"url": at(server, "/")})

    assert (named.json()["filename"], unnamed.json()["filename"]) == ("mine.jpg", "image.jpg")


def test_redirects_are_followed_through_the_guard(client, authority):
    with pictures(authority, says(redirect("/b", 301), redirect("c.jpg", 307), answer(photo()))) as server:
        taken = client.post(URL, {"url": at(server, "/a")})

    assert (taken.status_code, taken.json()["filename"]) == (201, "c.jpg")
    assert [request.split(b" ")[1] for request in server.requests] == [b"/a", b"/b", b"/c.jpg"]


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1/x",
        "https://inside.example/x",
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://[::1]/",
    ],
)
def test_redirect_to_a_private_address_is_refused(client, authority, target):
    before = everything()
    with pictures(authority, says(redirect(target))) as server:
        refused = client.post(URL, {"url": at(server, "/a")})

    assert (refused.status_code, refused.json()["code"]) == (400, "refused_address")
    assert (everything(), Asset.objects.count(), len(server.requests)) == (before, 0, 1)


@pytest.mark.parametrize(
    "url",
    [
        "http://pictures.example/a.jpg",
        "https://127.0.0.1/a.jpg",
        "https://inside.example/a.jpg",
        "https://me:secret@pictures.example/",
        "ftp://pictures.example/a",
        "no address",
        "https://",
    ],
)
def test_address_that_is_not_called_is_400_and_named(client, url):
    refused = client.post(URL, {"url": url})

    assert (refused.status_code, refused.json()["code"]) == (400, "refused_address")
    assert [error["field"] for error in refused.json()["errors"]] == ["url"]
    assert "secret" not in refused.content.decode()


def test_endless_redirects_end(client, authority):
    with pictures(authority, says(redirect("/again"))) as server:
        refused = client.post(URL, {"url": at(server, "/a")})

    assert (refused.status_code, refused.json()["code"], len(server.requests)) == (400, "too_many_redirects", 6)


@pytest.mark.parametrize(
    ("turn", "status", "code"),
    [
        (says(answer(b"<html>gone", 404)), 400, "no_file_there"),
        (says(answer(b"busy", 503)), 502, "not_fetched"),
        (says(answer(b"<html><body>A page", 200)), 415, "not_media"),
        (says(answer(b"", 200)), 400, "empty"),
        (says(answer(photo().ljust(10_485_761, b"\0"), 200)), 413, "too_large"),
        (says(answer(photo(), content_encoding="gzip")), 502, "not_fetched"),
        (closes, 502, "not_fetched"),
        (says_once(answer(photo((400, 300)))[:-50]), 502, "not_fetched"),
        (says_once(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGEST + 1}\r\n\r\n".encode()), 413, "too_large"),
    ],
)  # fmt: skip
def test_what_is_no_file_leaves_nothing(client, authority, turn, status, code):
    before = everything()
    with pictures(authority, turn) as server:
        refused = client.post(URL, {"url": at(server, "/a.jpg")})

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert {error["field"] for error in refused.json()["errors"]} <= {"url"}
    assert (everything(), Asset.objects.count()) == (before, 0)


def test_silent_host_is_given_up(client, authority, monkeypatch):
    monkeypatch.setattr(remote_files, "TIMEOUT_S", 0.3)
    before = everything()

    def stalls(connection: RawConnection) -> None:
        connection.read_request()
        connection.send(answer(photo((400, 300)))[:900])
        connection.read_request()

    with pictures(authority, stalls) as server:
        refused = client.post(URL, {"url": at(server, "/a.jpg")})

    assert (refused.status_code, refused.json()["code"]) == (502, "not_fetched")
    assert everything() == before


@pytest.mark.parametrize(
    "url", ["https://no.such.host.example/a.jpg", "http//pictures.example/a.jpg", "a.jpg", "https://"]
)
def test_a_slip_in_the_address_is_no_error_of_ours(client, url):
    with capture_logs() as lines:
        refused = client.post(URL, {"url": url})

    assert refused.status_code in {400, 502}
    assert [line for line in lines if line["log_level"] not in {"debug", "info"} or "exc_info" in line] == []


def test_unknown_names_are_refused(client):
    refused = client.post(URL, {"url": "https://pictures.example/a.jpg", "file": "x"})

    sentence = "This name is not known here; valid names: url, alt_text, filename."
    valid = ["url", "alt_text", "filename"]
    assert refused.json()["errors"] == [one("file", "unknown", sentence, valid=valid)]


def test_key_that_is_sent_again_fetches_once(client, authority):
    with pictures(authority, says(answer(photo()))) as server:
        answers = [
            client.post(URL, {"url": at(server, "/a.jpg")}, headers={"Idempotency-Key": "one"}) for _ in range(2)
        ]

    assert answers[1].json() == answers[0].json()
    assert len(server.requests) == 1
