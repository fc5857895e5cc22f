"""POST /media/upload: what comes back, what is kept, and what a request has to look like."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.roles import Role, SiteRole
from accounts.tests.factories import make_member, make_membership, make_user, make_workspace, signed_in
from mastablasta.core.api.fields import utc_text
from mastablasta.core.models import IdempotencyKey
from mastablasta.core.tests.answers import assert_problem, one
from media_library.api import uploads
from media_library.models import Asset
from media_library.services import incoming, wakeups
from media_library.services.incoming import Incoming
from media_library.tests.factories import ONE_OF_EACH, clip, photo, still
from media_library.tests.test_hostile import everything

pytestmark = pytest.mark.django_db

URL = "/api/v2/media/upload"
BOUNDARY = "b0undary"


def upload(client: Any, data: bytes, name: str = "beach.jpg", *, key: str = "", **fields: str) -> Any:
    body = {"file": SimpleUploadedFile("x", data), **fields}
    body["file"]._name = name  # type: ignore[attr-defined]  # Django's own class keeps only its last part
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(URL, body, format="multipart", headers=headers)


def part(name: str, data: bytes, *, filename: str | None = None, head: str = "") -> bytes:
    given = "" if filename is None else f'; filename="{filename}"'
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{given}\r\n{head}\r\n'.encode() + data + b"\r\n"
    )


def send(client: Any, *parts: bytes, end: bytes = f"--{BOUNDARY}--\r\n".encode(), **headers: str) -> Any:
    return client.generic("POST", URL, b"".join(parts) + end, f"multipart/form-data; boundary={BOUNDARY}", **headers)


# --- what is kept ---
@pytest.mark.parametrize("extension", ONE_OF_EACH)
def test_original_is_kept_byte_for_byte(client, workspace, extension):
    make, mime_type = ONE_OF_EACH[extension]
    data = make()
    before = everything()

    answer = upload(client, data, f"My file.{extension}", alt_text="What it shows")

    asset = Asset.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": str(asset.id),
        "filename": f"My file.{extension}",
        "url": f"/api/v2/media/{asset.id}/file",
        "thumbnail_url": f"/api/v2/media/{asset.id}/thumbnail",
        "kind": asset.form,
        "mime_type": mime_type,
        "size": len(data),
        "dimensions": {"width": 64, "height": 48},
        "duration": asset.duration_s,
        "pages": None,
        "sha256": hashlib.sha256(data).hexdigest(),
        "alt_text": "What it shows",
        "status": "processing",
        "status_reason": "",
        "used": False,
        "created_at": utc_text(asset.created_at),
        "updated_at": utc_text(asset.updated_at),
        "warnings": [],
    }
    assert answer.headers["Location"] == f"/api/v2/media/{asset.id}"
    assert asset.stored_name == f"{workspace.members.get().id}/{asset.id.hex}.{extension}"
    with default_storage.open(asset.stored_name, "rb") as stored:
        assert stored.read() == data
    assert {str(path.relative_to(django_settings.MEDIA_ROOT)) for path in everything() - before} == {asset.stored_name}


@pytest.mark.parametrize("name", ["program.exe", "photo.jpg", "film.mp4"])
def test_wrong_extension_and_type_are_no_matter(client, name):
    answer = upload(client, still("PNG"), name)

    assert (answer.status_code, answer.json()["mime_type"], answer.json()["filename"]) == (201, "image/png", name)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../../etc/passwd", "passwd"),
        ("C:\\\\Users\\\\ada\\\\beach.jpg", "beach.jpg"),
        ("写真 🏖.jpg", "写真 🏖.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\x00b\x1f.jpg", "ab.jpg"),
        ("&lt;b&gt;.jpg", "&lt;b&gt;.jpg"),
        ("..", "image.jpg"),
        ("x" * 400 + ".jpg", "x" * 251 + ".jpg"),
    ],
)
def test_name_is_shown_and_never_a_path(client, sent, kept):
    answer = send(client, part("file", photo(), filename=sent))

    asset = Asset.objects.get()
    assert (answer.status_code, answer.json()["filename"], asset.filename) == (201, kept, kept)
    assert re.fullmatch(r"[0-9a-f-]{36}/[0-9a-f]{32}\.jpg", asset.stored_name)


def test_name_of_rfc_5987_is_read(client):
    disposition = 'form-data; name="file"; filename="x.jpg"; filename*=UTF-8\'\'Z%C3%BCrich.jpg'
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()

    assert send(client, head + photo() + b"\r\n").json()["filename"] == "Zürich.jpg"


def test_same_bytes_are_the_same_item_in_a_workspace(client, workspace):
    data = photo()
    first = upload(client, data, "one.jpg")
    before = everything()

    second = upload(client, data, "two.jpg", alt_text="A beach")
    third = upload(signed_in(make_member(workspace)), data, "three.jpg", alt_text="Another")
    elsewhere = upload(signed_in(make_workspace().members.get()), data)

    assert [one.status_code for one in (first, second, third, elsewhere)] == [201] * 4
    changed = {"alt_text": "A beach", "updated_at": second.json()["updated_at"], "warnings": []}
    assert {**second.json(), "warnings": []} == {**first.json(), **changed}  # it had none
    assert {**third.json(), "warnings": []} == {**second.json(), "warnings": []}
    assert elsewhere.json()["id"] != first.json()["id"]
    assert (Asset.objects.count(), len(everything() - before)) == (2, 1)


def test_bell_rings_once_for_what_is_new(client, monkeypatch):
    rung: list[bool] = []
    monkeypatch.setattr(wakeups, "enqueue", lambda: rung.append(True))
    data = photo()

    upload(client, data)
    upload(client, data)

    assert rung == [True]


def test_viewer_may_not_upload_and_nothing_is_read(workspace, monkeypatch):
    monkeypatch.setattr(incoming.Incoming, "write", lambda *_: pytest.fail("it was read"))
    viewer = signed_in(make_member(workspace, role=Role.VIEWER))

    assert upload(viewer, photo()).status_code == 403
    assert upload(APIClient(raise_request_exception=False), photo()).status_code == 401
    assert upload(signed_in(make_user(), workspace=workspace), photo()).status_code == 404


def test_browser_session_needs_its_token_and_the_body_is_streamed_all_the_same(workspace, monkeypatch):
    admin = make_user(site_role=SiteRole.ADMIN)
    make_membership(admin, workspace)
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.force_login(admin, "django.contrib.auth.backends.ModelBackend")
    token = "a" * 32
    browser.cookies["csrftoken"] = token

    refused = upload_of(browser, photo())
    taken = upload_of(browser, photo(), headers={"X-CSRFToken": token})

    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_failed")
    assert taken.status_code == 201
    assert Asset.objects.get().stored_name


def upload_of(browser: Client, data: bytes, **how: Any) -> Any:
    return browser.post(URL, {"file": SimpleUploadedFile("a.jpg", data)}, **how)


# --- what a request has to look like ---
def test_without_a_file_it_says_how_to_send_one(client):
    sentence = "No file came; send it as the part `file` of multipart/form-data, with a filename."

    for answer in (send(client), send(client, part("alt_text", b"x")), send(client, part("file", b"x", filename=""))):
        assert answer.status_code == 400
    assert_problem(send(client), 400, "invalid", f"file: {sentence}", [one("file", "required", sentence)])


def test_file_in_another_field_is_refused_at_once(client):
    sentence = "This name is not known here; valid names: file, alt_text."
    answer = send(client, part("picture", photo(), filename="a.jpg"))

    assert_problem(
        answer,
        400,
        "unknown",
        f"picture: {sentence}",
        [one("picture", "unknown", sentence, valid=["file", "alt_text"])],
    )
    assert not Asset.objects.exists()


def test_two_files_are_one_too_many(client):
    before = everything()

    answer = send(client, part("file", photo(), filename="a.jpg"), part("file", photo(), filename="b.jpg"))

    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_files")
    assert everything() == before


def test_unknown_field_and_long_alt_text_leave_nothing(client):
    before = everything()

    unknown = upload(client, photo(), title="x")
    long = upload(client, photo(), alt_text="x" * 10_001)

    assert [(e["field"], e["code"]) for a in (unknown, long) for e in a.json()["errors"]] == [
        ("title", "unknown"),
        ("alt_text", "max_length"),
    ]
    assert (everything(), Asset.objects.count()) == (before, 0)


def test_body_that_ends_too_early_leaves_nothing(client):
    before = everything()

    answers = [
        send(client, part("file", photo((400, 300)), filename="a.jpg"), end=b""),
        send(client, part("file", photo(), filename="a.jpg")[:300], end=b""),
    ]

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(400, "incomplete")] * 2
    assert (everything(), Asset.objects.count()) == (before, 0)


def test_sender_that_the_server_gave_up_leaves_nothing(client):
    before = everything()

    class Silent(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(size) or self._give_up()

        def _give_up(self) -> bytes:
            raise ConnectionResetError

    body = Silent(part("file", clip("mp4"), filename="a.mp4"))

    answer = client.generic(
        "POST",
        URL,
        b"",
        f"multipart/form-data; boundary={BOUNDARY}",
        **{"wsgi.input": body, "CONTENT_LENGTH": "100000"},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "incomplete")
    assert (everything(), Asset.objects.count()) == (before, 0)


# --- in chunks, which the web server takes apart ---
def send_in_chunks(client: Any, body: Any) -> Any:
    chunked = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    return client.generic("POST", URL, b"", f"multipart/form-data; boundary={BOUNDARY}", **chunked)


def test_upload_in_chunks_is_kept(client):
    data = photo()
    body = part("file", data, filename="a.jpg") + part("alt_text", b"A street") + f"--{BOUNDARY}--\r\n".encode()

    answer = send_in_chunks(client, io.BytesIO(body))

    assert (answer.status_code, answer.json()["alt_text"]) == (201, "A street")
    assert answer.json()["sha256"] == hashlib.sha256(data).hexdigest()


class Endless(io.BytesIO):
    """Goes on with zeros for ever."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size) or bytes(size or 0)


@pytest.mark.parametrize("field", ["file", "alt_text", "behind"])
def test_chunks_without_end_are_refused(client, monkeypatch, field):
    monkeypatch.setattr(uploads, "LONGEST", 3_000_000)
    before = everything()
    end = f"--{BOUNDARY}--\r\n".encode() if field == "behind" else b""
    body = part("file" if field == "behind" else field, photo(), filename=None if field == "alt_text" else "a.jpg")

    answer = send_in_chunks(client, Endless(body.removesuffix(b"" if end else b"\r\n") + end))

    assert answer.status_code == (400 if field == "behind" else 413)
    assert (everything(), Asset.objects.count()) == (before, 0)


def test_chunks_that_break_off_leave_nothing(client):
    before = everything()

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if data := super().read(size):
                return data
            raise OSError

    answer = send_in_chunks(client, Broken(part("file", photo(), filename="a.jpg")))

    assert (answer.status_code, answer.json()["code"]) == (400, "incomplete")
    assert (everything(), Asset.objects.count()) == (before, 0)


@pytest.mark.parametrize(
    ("content_type", "status", "code"),
    [
        ("multipart/form-data", 400, "malformed_multipart"),
        ("multipart/form-data; boundary=\u00e4", 400, "malformed_multipart"),
        ("application/json", 415, "unsupported_media_type"),
        ("image/jpeg", 415, "unsupported_media_type"),
    ],
)
def test_other_content_types(client, content_type, status, code):
    answer = client.generic("POST", URL, photo(), content_type)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_base64_part_is_decoded(client):
    data = photo()
    body = part("file", base64.encodebytes(data), filename="a.jpg", head="Content-Transfer-Encoding: base64\r\n")

    assert send(client, body).json()["sha256"] == hashlib.sha256(data).hexdigest()


# --- how much ---
def test_picture_of_exactly_10_mb_is_taken_and_one_byte_more_is_not(client):
    data = photo().ljust(10 * 1024 * 1024, b"\0")

    assert upload(client, data).status_code == 201
    answer = upload(client, data + b"\0")

    sentence = "The file is larger than 10 MB, the limit for pictures; upload a smaller one."
    params = {"limit": 10_485_760, "actual": 10_485_761}
    assert_problem(answer, 413, "too_large", f"file: {sentence}", [one("file", "too_large", sentence, **params)])


def test_what_is_announced_too_large_is_refused_unread(client, monkeypatch):
    monkeypatch.setattr(incoming.Incoming, "write", lambda *_: pytest.fail("it was read"))

    answer = send(client, part("file", photo(), filename="a.jpg"), CONTENT_LENGTH=str(501 * 1024 * 1024))

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_large_picture_is_refused_at_its_first_block(client, monkeypatch):
    written: list[int] = []
    real = Incoming._append
    monkeypatch.setattr(Incoming, "_append", lambda self, block: (written.append(len(block)), real(self, block))[1])

    answer = upload(client, photo().ljust(30 * 1024 * 1024, b"\0"))

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert sum(written) <= 1024 * 1024


# --- where there is no room ---
def test_disk_at_its_reserve_is_507_before_a_byte(client, settings: Settings, monkeypatch):
    settings.MEDIA_RESERVE_BYTES = 2**60
    monkeypatch.setattr(incoming.Incoming, "write", lambda *_: pytest.fail("it was read"))

    answer = upload(client, photo())

    sentence = "The disk for uploads is full; ask the operator of this server to make room, then upload it again."
    assert_problem(answer, 507, "no_room", sentence)


def test_disk_that_fills_while_bytes_arrive_is_507_and_nothing_is_left(client, settings: Settings, monkeypatch):
    before = everything()
    real, looks = incoming.shutil.disk_usage, []

    def usage(path: Any) -> Any:
        looks.append(path)
        return real(path) if len(looks) < 4 else real(path)._replace(free=0)

    monkeypatch.setattr(incoming.shutil, "disk_usage", usage)

    answer = upload(client, clip("mp4") + (40 * 1024 * 1024).to_bytes(4, "big") + b"free" + bytes(40 * 1024 * 1024 - 8))

    assert (answer.status_code, answer.json()["code"]) == (507, "no_room")
    assert (everything(), Asset.objects.count()) == (before, 0)


def test_write_that_finds_the_disk_full_is_507_and_nothing_is_left(client, monkeypatch):
    before = everything()

    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(incoming.os, "write", full)
    answer = upload(client, photo())
    monkeypatch.undo()

    assert (answer.status_code, answer.json()["code"]) == (507, "no_room")
    assert everything() == before


def test_quota_of_a_workspace_is_507(client, workspace, settings: Settings):
    first, second = photo(), photo()
    settings.MEDIA_QUOTA_BYTES = len(first) + len(second) - 1
    upload(client, first)
    before = everything()

    answer = upload(client, second)

    assert (answer.status_code, answer.json()["code"]) == (507, "quota_exceeded")
    assert answer.json()["errors"][0]["params"] == {
        "limit": len(first) + len(second) - 1,
        "actual": len(first) + len(second),
    }
    assert everything() == before
    settings.MEDIA_QUOTA_BYTES += 1
    assert upload(client, second).status_code == 201


def test_quota_counts_what_is_kept_in_this_workspace(client, workspace, settings: Settings):
    data = photo()
    upload(client, photo())
    Asset.objects.update(deleted_at="2026-01-01T00:00:00Z")
    upload(signed_in(make_workspace().members.get()), photo())
    settings.MEDIA_QUOTA_BYTES = len(data)

    assert upload(client, data).status_code == 201


# --- words that the same bytes have already ---
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"alt_text": "The sea"}, [("alt_text", "A beach")]),
        ({"name": "sea.jpg"}, [("filename", "beach.jpg")]),
        ({"name": "sea.jpg", "alt_text": "The sea"}, [("alt_text", "A beach"), ("filename", "beach.jpg")]),
        ({"alt_text": "A beach"}, []),
        ({"alt_text": " A beach "}, []),
        ({"alt_text": ""}, []),
        ({}, []),
    ],
)
def test_other_words_for_the_same_bytes_are_said_to_be_dropped(client, given, kept):
    data = photo()
    first = upload(client, data, alt_text="A beach").json()

    again = upload(client, data, **given)

    assert again.status_code == 201
    assert {**again.json(), "warnings": []} == first
    warnings = again.json()["warnings"]
    assert [(one["field"], one["code"], one["params"]["kept"]) for one in warnings] == [
        (field, "already_there", words) for field, words in kept
    ]
    for warning in warnings:
        change = client.patch(f"/api/v2/media/{first['id']}", {warning["field"]: "Other"}, format="json")
        assert f"PATCH /api/v2/media/{first['id']}" in warning["message"]
        assert (change.status_code, change.json()[warning["field"]]) == (200, "Other")


def test_words_of_the_same_bytes_in_another_unicode_form_are_the_same(client):
    data = photo()
    upload(client, data, alt_text="U\u0308bung")

    assert upload(client, data, alt_text="\u00dcbung").json()["warnings"] == []


def test_what_an_upload_answered_may_be_sent_back(client):
    answered = upload(client, photo()).json()

    assert client.patch(f"/api/v2/media/{answered['id']}", answered, format="json").status_code == 200


# --- again with the same key ---
def test_idempotency_key_gives_the_first_answer_without_reading_the_file_again(client, monkeypatch):
    data, key = photo(), uuid4().hex
    first = upload(client, data, key=key)
    monkeypatch.setattr("media_library.api.uploads.Arrived.chunks", lambda *_: pytest.fail("read into memory"))
    before = everything()

    again, other = upload(client, data, key=key), upload(client, photo(), key=key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert everything() == before


def test_refused_upload_leaves_its_key_free(client):
    key = uuid4().hex

    assert upload(client, b"<svg>", key=key).status_code == 415
    assert not IdempotencyKey.objects.exists()
    assert upload(client, photo(), key=key).status_code == 201


# --- several at once, on real connections ---
@pytest.mark.django_db(transaction=True)
def test_same_bytes_at_once_are_one_item_and_one_file():
    user, data = make_workspace().members.get(), photo()
    before = everything()

    answers = at_once([data] * 6, lambda each: upload(signed_in(user), each))

    assert [one.status_code for one in answers] == [201] * 6
    assert len({one.json()["id"] for one in answers}) == Asset.objects.count() == 1
    assert len(everything() - before) == 1


@pytest.mark.django_db(transaction=True)
def test_quota_is_exact_however_many_come_at_once(settings: Settings):
    user = make_workspace().members.get()
    files = [photo() for _ in range(6)]
    settings.MEDIA_QUOTA_BYTES = sum(map(len, files[:2])) + 10
    before = everything()

    answers = at_once(files, lambda each: upload(signed_in(user), each))

    assert sorted(one.status_code for one in answers) == [201, 201, 507, 507, 507, 507]
    assert len(everything() - before) == Asset.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_no_database_connection_is_held_while_bytes_arrive(monkeypatch):
    held: list[bool] = []
    real = Incoming.write
    monkeypatch.setattr(
        Incoming, "write", lambda self, block: (held.append(connection.connection is not None), real(self, block))[1]
    )

    assert upload(signed_in(make_workspace().members.get()), photo(), key=uuid4().hex).status_code == 201
    assert held
    assert not any(held)


def at_once(things: list[bytes], call: Callable[[bytes], Any]) -> list[Any]:
    barrier, answers = threading.Barrier(len(things)), []

    def run(thing: bytes) -> None:
        try:
            barrier.wait()
            answers.append(call(thing))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(thing,)) for thing in things]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
