"""Uploads over the real web server: large ones, clients that leave, and answers that reach who is still sending."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from media_library.tests.factories import clip, moving, photo, still
from tests.client import Client
from tests.instance import PATIENCE_S, Instance

MB = 1024 * 1024
PATH = "/api/v2/media/upload"
BOUNDARY = "b0undary"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="holiday"\r\n\r\n'.encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()
ZEROS = bytes(MB)
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def client(instance: Instance) -> Client:
    return instance.client()


class Upload:
    """One upload, sent by hand. `size` of the file, which begins with `data` and goes on with zeros."""

    def __init__(self, instance: Instance, token: str, data: bytes, size: int = 0) -> None:
        self.data, self.size = data, max(size, len(data))
        at = urlsplit(instance.url)
        self.line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=120)
        self.line.putrequest("POST", PATH)
        self.line.putheader("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
        self.line.putheader("Content-Length", str(len(HEAD) + self.size + len(TAIL)))
        if token:
            self.line.putheader("Authorization", f"Bearer {token}")
        self.line.endheaders(HEAD)
        self.sent = 0

    def send(self, upto: int | None = None) -> Upload:
        """Send on, up to so many bytes of the file, or all of it and the end."""
        wanted = self.size if upto is None else upto
        while self.sent < wanted:
            block = self.data[self.sent :] if self.sent < len(self.data) else ZEROS
            block = block[: min(MB, wanted - self.sent)]
            self.line.sock.sendall(block)
            self.sent += len(block)
        if upto is None:
            self.line.sock.sendall(TAIL)
        return self

    def answer(self) -> tuple[int, dict[str, Any]]:
        response = self.line.getresponse()
        found = response.status, json.loads(response.read())
        self.line.close()
        return found


def kept(instance: Instance) -> dict[str, bytes]:
    """Every file in the storage and beside it, with its SHA-256."""
    found = {}
    for path in (instance.home / "media").rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                found[str(path.relative_to(instance.home))] = hashlib.file_digest(file, "sha256").digest()
    return found


def originals(instance: Instance) -> dict[str, bytes]:
    made = ("media/thumbnails/", "media/renditions/")
    instance.wait_for(instance.makes_nothing, what="at rest: who makes thumbnails has scratch files too")
    return {name: digest for name, digest in kept(instance).items() if not name.startswith(made)}


def rows(instance: Instance) -> int:
    [(count,)] = instance.rows("SELECT count(*) FROM media_library_asset")
    return int(count)


def settled(instance: Instance, wanted: dict[str, bytes]) -> dict[str, bytes]:
    """What lies there once it is as `wanted`, or after a long while."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := originals(instance)) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


@pytest.mark.parametrize(
    "data",
    [photo(), still(mode="RGBA"), moving(), moving("WEBP"), clip("mp4"), clip("mov"), clip("avi")],
    ids=["jpeg", "png", "gif", "webp", "mp4", "mov", "avi"],
)
def test_original_lies_in_the_storage_byte_for_byte(instance: Instance, client: Client, data: bytes):
    before = originals(instance)

    status, answer = Upload(instance, client.token, data).send().answer()

    digest = hashlib.sha256(data)
    assert (status, answer["sha256"]) == (201, digest.hexdigest())
    new = {name: found for name, found in originals(instance).items() if name not in before}
    assert list(new.values()) == [digest.digest()]
    assert [Path(name).parent.name for name in new] == [client.user["id"]]


def test_upload_and_request_in_chunks_are_taken(instance: Instance, client: Client):
    data = clip("mp4")
    at = urlsplit(instance.url)
    line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=120)
    signed = {"Authorization": f"Bearer {client.token}"}
    body = HEAD + data + TAIL

    typed = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    line.request("POST", PATH, (body[at : at + 999] for at in range(0, len(body), 999)), {**signed, **typed})
    made = json.loads(line.getresponse().read())
    line.request("PATCH", f"/api/v2/media/{made['id']}", iter([b'{"alt_text": ', b'"A clip"}']), {**signed, **JSON})
    edited = json.loads(line.getresponse().read())
    line.close()

    assert made["sha256"] == hashlib.sha256(data).hexdigest()
    assert edited["alt_text"] == "A clip"


@pytest.mark.parametrize("how", ["closes", "resets"])
def test_client_that_hangs_up_at_40_percent_leaves_nothing(instance: Instance, client: Client, how: str):
    before, rows_before = originals(instance), rows(instance)
    upload = Upload(instance, client.token, clip("mp4"), 100 * MB).send(upto=40 * MB)
    assert len(originals(instance)) == len(before) + 1  # under way

    if how == "resets":
        upload.line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    upload.line.close()

    assert settled(instance, before) == before
    assert rows(instance) == rows_before


def test_picture_of_100_mb_is_refused_early_and_its_sender_learns_why(instance: Instance, client: Client):
    before = originals(instance)

    status, answer = Upload(instance, client.token, photo(), 100 * MB).send().answer()  # all is sent, then it listens

    assert (status, answer["code"]) == (413, "too_large")
    assert originals(instance) == before


def test_who_listens_while_sending_learns_it_at_once(instance: Instance, client: Client):
    upload = Upload(instance, client.token, photo(), 100 * MB).send(upto=2 * MB)

    status, answer = upload.answer()

    assert (status, answer["code"]) == (413, "too_large")


def test_video_of_500_mb_and_a_byte_is_refused(instance: Instance, client: Client):
    before, rows_before = originals(instance), rows(instance)

    status, answer = Upload(instance, client.token, clip("mp4"), 500 * MB + 1).send().answer()

    assert (status, answer["code"]) == (413, "too_large")
    assert answer["errors"][0]["params"]["limit"] == 500 * MB
    assert (originals(instance), rows(instance)) == (before, rows_before)


def test_video_of_600_mb_is_refused_before_its_first_byte(instance: Instance, client: Client):
    upload = Upload(instance, client.token, clip("mp4"), 600 * MB)

    assert upload.line.getresponse().status == 413
    upload.line.close()

    assert Upload(instance, client.token, clip("mp4"), 600 * MB).send().answer()[0] == 413


def test_who_is_not_signed_in_learns_it_after_sending_50_mb(instance: Instance):
    status, answer = Upload(instance, "nonsense", clip("mp4"), 50 * MB).send().answer()

    assert (status, answer["code"]) == (401, "token_invalid")


def test_what_is_no_media_is_refused_at_its_first_block(instance: Instance, client: Client):
    before = originals(instance)
    upload = Upload(instance, client.token, b"<html><script>alert(1)</script>", 300 * MB).send(upto=2 * MB)

    status, answer = upload.answer()

    assert (status, answer["code"]) == (415, "not_media")
    assert originals(instance) == before


def test_connection_serves_on_after_a_refusal_that_was_read_to_its_end(instance: Instance, client: Client):
    upload = Upload(instance, client.token, photo(), 20 * MB).send()
    response = upload.line.getresponse()
    assert (response.status, json.loads(response.read())["code"]) == (413, "too_large")

    upload.line.request("GET", "/healthz")

    assert upload.line.getresponse().status == 200
    upload.line.close()
