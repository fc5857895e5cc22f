from __future__ import annotations

import hashlib
import struct
import time
from typing import Any

import pytest

from sandbox.tests.clients import GIF, MP4, PNG, Client, Control, Server, make_png

JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x0b\x08\x00\x05\x00\x07\x01\x01\x11\x00\xff\xd9"
WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x09\x00\x00"


def test_upload_of_a_picture_is_ready_at_once(alice: Client) -> None:
    answer = alice.upload(make_png(3, 2), description="Three by two", focus="0.5,-2")

    media = answer.json()
    assert answer.status_code == 200
    assert (media["type"], media["description"]) == ("image", "Three by two")
    assert media["meta"]["original"] == {"width": 3, "height": 2, "size": "3x2", "aspect": 1.5}
    assert media["meta"]["focus"] == {"x": 0.5, "y": -1.0}
    file = alice.server.http.get(media["url"], timeout=5)
    assert (file.content, file.headers["Content-Type"]) == (make_png(3, 2), "image/png")


@pytest.mark.parametrize(
    ("data", "kind", "mime_type", "size"),
    [
        (PNG, "image", "image/png", "1x1"),
        (JPEG, "image", "image/jpeg", "7x5"),
        (WEBP, "image", "image/webp", "9x10"),
        (GIF, "gifv", "image/gif", "2x3"),
        (MP4, "video", "video/mp4", None),
        (MP4.replace(b"isom\x00", b"qt  \x00", 1), "video", "video/quicktime", None),
        (b"ID3" + b"\x00" * 20, "audio", "audio/mpeg", None),
    ],
)
def test_upload_reads_the_kind_from_the_bytes(
    control: Control, alice: Client, data: bytes, kind: str, mime_type: str, size: str | None
) -> None:
    media = alice.upload(data, version="v1", name="a.txt").json()
    alice.published(media_ids=[media["id"]])

    assert (media["type"], media["meta"].get("original", {}).get("size")) == (kind, size)
    row = control.posts()[0]["media"][0]
    assert row == {
        "mime_type": mime_type,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "alt_text": None,
    }


@pytest.mark.parametrize(
    ("data", "fields", "error"),
    [
        (b"no picture", {}, "Validation failed: File content type is invalid, File is invalid"),
        (b"", {}, "Validation failed: File content type is invalid, File is invalid"),
        (PNG + b"\0" * 1_000, {}, "Validation failed: File file size must be less than 0 MB"),
        (PNG + b"\0" * (1_000 - len(PNG)), {}, "Validation failed: File file size must be less than 0 MB"),
        (make_png(40, 30), {}, "40x30 images are not supported"),
        (PNG, {"description": "x" * 21}, "Validation failed: Description is too long (maximum is 20 characters)"),
    ],
)
def test_upload_refuses(control: Control, alice: Client, data: bytes, fields: dict[str, str], error: str) -> None:
    control.put("instance", platform="mastodon", image_size_limit=1_000, image_matrix_limit=1_000, description_limit=20)

    answer = alice.upload(data, **fields)

    assert (answer.status_code, answer.json()) == (422, {"error": error})


def test_upload_without_a_file_is_refused(alice: Client) -> None:
    answer = alice.call("POST", "/api/v2/media", json={"description": "x"})

    assert (answer.status_code, answer.json()) == (422, {"error": "Validation failed: File can't be blank"})


def test_upload_over_what_the_front_takes_is_413(alice: Client) -> None:
    answer = alice.upload(b"\0" * (111 << 20))

    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "text/html; charset=utf-8")


def test_processing_is_seen_until_it_is_over(control: Control, alice: Client) -> None:
    control.fault("processing", operation="upload", ms=250)

    answer = alice.upload()
    path = f"/api/v1/media/{answer.json()['id']}"
    during = alice.call("GET", path)
    refused = alice.publish(media_ids=[answer.json()["id"]])
    time.sleep(0.26)
    after = alice.call("GET", path)

    assert [answer.status_code, during.status_code, after.status_code] == [202, 206, 200]
    assert answer.json()["url"] is None
    assert during.json()["url"] is None
    assert after.json()["url"].startswith(alice.server.url)
    assert refused.status_code == 422
    assert refused.json()["error"] == (
        "Validation failed: Cannot attach files that have not finished processing. Try again in a moment!"
    )
    assert alice.publish(media_ids=[answer.json()["id"]]).status_code == 200


def test_processing_waits_for_an_upload(control: Control, alice: Client) -> None:
    control.fault("processing", operation="any", ms=100)

    assert alice.publish().status_code == 200
    assert alice.call("GET", "/api/v1/media/1").status_code == 404
    assert [alice.upload().status_code, alice.upload().status_code] == [202, 200]


def test_video_is_worked_on_by_itself(control: Control, alice: Client) -> None:
    control.put("instance", platform="mastodon", video_processing_ms=150)

    video = alice.upload(MP4)
    path = f"/api/v1/media/{video.json()['id']}"

    assert (video.status_code, alice.call("GET", path).status_code) == (202, 206)
    time.sleep(0.16)
    assert alice.call("GET", path).status_code == 200


def test_describe_changes_alt_text_before_posting(control: Control, alice: Client) -> None:
    media_id = alice.upload(description="Old").json()["id"]

    changed = alice.call("PUT", f"/api/v1/media/{media_id}", json={"description": "New", "focus": "0.1,0.2"})
    alice.published(media_ids=[media_id])

    assert (changed.status_code, changed.json()["description"]) == (200, "New")
    assert control.posts()[0]["media"][0]["alt_text"] == "New"
    assert alice.call("PUT", f"/api/v1/media/{media_id}", json={"description": "Late"}).status_code == 404


def test_media_belong_to_their_owner_and_to_one_status(control: Control, server: Server, alice: Client) -> None:
    media_id = alice.upload().json()["id"]
    bob = server.sign_in("bob")

    assert bob.call("GET", f"/api/v1/media/{media_id}").status_code == 404
    assert bob.publish(media_ids=[media_id]).status_code == 422
    assert alice.publish(media_ids=[media_id]).status_code == 200
    assert alice.publish(media_ids=[media_id]).status_code == 422
    assert [post["account"] for post in control.posts()] == ["alice"]


def test_media_keep_the_order_of_the_status(control: Control, alice: Client) -> None:
    sizes: list[Any] = [make_png(width, 1) for width in (1, 2, 3)]
    ids = [alice.upload(data).json()["id"] for data in sizes]

    status = alice.published("", media_ids=[ids[2], ids[0], ids[1]])

    assert [item["id"] for item in status["media_attachments"]] == [ids[2], ids[0], ids[1]]
    assert [row["size"] for row in control.posts()[0]["media"]] == [len(sizes[at]) for at in (2, 0, 1)]


def test_video_stands_alone(control: Control, alice: Client) -> None:
    ids = [alice.upload(data, version="v1").json()["id"] for data in (PNG, MP4)]

    answer = alice.publish(media_ids=ids)

    assert answer.status_code == 422
    assert control.posts() == []


def test_gif_has_limits_of_its_own(alice: Client) -> None:
    answers = [alice.upload(GIF[:6] + struct.pack("<HH", width, 720) + GIF[10:]) for width in (1280, 1281)]

    assert [answer.status_code for answer in answers] == [202, 422]
    assert answers[1].json() == {"error": "1281x720 images are not supported"}


def test_type_that_the_server_does_not_take_is_refused(control: Control, alice: Client) -> None:
    control.put("instance", platform="mastodon", supported_mime_types=["image/jpeg"])

    assert alice.upload(PNG).status_code == 422
    assert alice.upload(JPEG).status_code == 200


def test_media_that_cannot_be_processed_end_in_422(control: Control, alice: Client) -> None:
    control.put("instance", platform="mastodon", video_processing_ms=100, processing_fails=True)
    path = f"/api/v1/media/{alice.upload(MP4).json()['id']}"

    during = alice.call("GET", path)
    time.sleep(0.11)
    after = alice.call("GET", path)

    assert (during.status_code, after.status_code) == (206, 422)
    assert after.json() == {"error": "Error processing thumbnail for uploaded media"}


def test_media_that_no_status_has_are_forgotten(control: Control, alice: Client) -> None:
    kept, lost = (alice.upload(PNG).json()["id"] for _ in range(2))
    alice.published(media_ids=[kept])
    control.put("instance", platform="mastodon", media_ttl_s=0)

    answer = alice.publish("Gone", media_ids=[lost])

    assert alice.call("GET", f"/api/v1/media/{lost}").status_code == 404
    assert (answer.status_code, answer.json()) == (
        422,
        {"error": f"Validation failed: Media {lost} not found or already attached to another post"},
    )
    assert [len(post["media"]) for post in control.posts()] == [1]


def test_old_server_posts_without_the_media_that_are_not_there(control: Control, alice: Client) -> None:
    control.put("instance", platform="mastodon", drops_unknown_media=True)
    known = alice.upload(PNG).json()["id"]

    alice.published("Half of it", media_ids=[known, "5"])

    assert [len(post["media"]) for post in control.posts()] == [1]


def test_server_before_3_1_3_knows_the_old_call_only(control: Control, alice: Client) -> None:
    control.put("instance", platform="mastodon", has_v2_media=False)

    assert alice.upload(MP4).status_code == 404
    assert alice.upload(MP4, version="v1").status_code == 200


@pytest.mark.parametrize(
    ("effect", "operation", "status", "words"),
    [
        ("media_not_ready", "publish", 422, "not finished processing"),
        ("media_not_found", "publish", 422, "not found or already attached"),
        ("processing_error", "upload", 500, "Error processing thumbnail"),
    ],
)
def test_faults_of_media(control: Control, alice: Client, effect: str, operation: str, status: int, words: str) -> None:
    control.fault(effect, operation=operation)

    answer = alice.publish() if operation == "publish" else alice.upload()

    assert (answer.status_code, words in answer.json()["error"], control.posts()) == (status, True, [])
