from __future__ import annotations

import hashlib
import struct
import time
from base64 import b64encode
from typing import Any

import pytest

from sandbox.tests.clients import MP4, PNG, Control, make_png, wait_until
from sandbox.tests.twitter import Session, X, check_answer, forbidden, invalid, problem

GIF = b"GIF89a\x02\x00\x03\x00\x00\x00\x00;"
NOT_FOUND = invalid("BadRequest: Not found", {})
FIELDS = {
    "post.fields": "attachments,display_text_range,entities,note_post",
    "expansions": "attachments.media_keys",
    "media.fields": "alt_text,duration_ms,height,preview_image_url,public_metrics,url,variants,width",
}


def moving(frames: int, width: int, height: int) -> bytes:
    """A GIF of so many pictures, each of one pixel, on a canvas with a table of two colours."""
    canvas = struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    delay = b"!\xf9\x04\x00\x05\x00\x00\x00"
    picture = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02D\x01\x00"
    return b"GIF89a" + canvas + (delay + picture) * frames + b";"


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + name + data


def film(duration_ms: int, *, version: int = 0) -> bytes:
    """An MP4 that says how long it is and holds nothing."""
    head = struct.pack(">BxxxIIII", 0, 0, 0, 1000, duration_ms)
    if version == 1:
        head = struct.pack(">BxxxQQIQ", 1, 0, 0, 1000, duration_ms)
    return box(b"ftyp", b"isom\0\0\2\0isomiso2") + box(b"free", b"") + box(b"moov", box(b"mvhd", head + b"\0" * 80))


FILM = film(2_000)


def invalid_ids(*ids: str) -> dict[str, Any]:
    return invalid("Your media IDs are invalid.", {"media.media_ids": [",".join(ids)]})


def at_once(control: Control, **settings: Any) -> None:
    control.put("instance", platform="twitter", video_processing_ms=0, **settings)


# --- uploading ---


def test_picture_in_one_call_is_ready(ann: Session) -> None:
    answer = ann.upload(make_png(3, 2))

    data = answer.json()["data"]
    assert answer.status_code == 200
    assert data == {
        "id": data["id"],
        "media_key": f"3_{data['id']}",
        "size": len(make_png(3, 2)),
        "expires_after_secs": 86_400,
        "image": {"image_type": "image/png", "w": 3, "h": 2},
    }
    check_answer(answer, "post", "/2/media/upload")


def test_picture_in_json_is_base64(control: Control, ann: Session) -> None:
    body = {"media": b64encode(PNG).decode(), "media_category": "tweet_image"}

    media_id = ann.call("POST", "/2/media/upload", json=body).json()["data"]["id"]
    ann.posted("Look", media={"media_ids": [media_id]})

    assert control.posts()[0]["media"][0]["sha256"] == hashlib.sha256(PNG).hexdigest()
    broken = ann.call("POST", "/2/media/upload", json={**body, "media": "no base64!"})
    assert problem(broken)["errors"][0]["message"] == "$.media: is not base64"


def test_video_in_segments_is_put_together_worked_on_and_ready(control: Control, ann: Session) -> None:
    control.put("instance", platform="twitter", video_processing_ms=300)
    begun = ann.initialize(FILM)
    media_id = begun.json()["data"]["id"]
    parts = [ann.append(media_id, 1, FILM[50:]), ann.append(media_id, 0, FILM[:50])]

    made = ann.finalize(media_id)
    during = ann.upload_status(media_id)
    refused = ann.post("Too early", media={"media_ids": [media_id]})
    wait_until(lambda: ann.upload_status(media_id).json()["data"]["processing_info"]["state"] == "succeeded")

    key = {"id": media_id, "media_key": f"7_{media_id}"}
    assert begun.json() == {"data": {**key, "expires_after_secs": 1_296_000}}
    assert {part.status_code for part in parts} == {200}
    assert abs(parts[0].json()["data"]["expires_at"] - time.time() - 1_296_000) < 5
    assert made.json()["data"] == {
        **key,
        "size": len(FILM),
        "expires_after_secs": 86_400,
        "video": {"video_type": "video/mp4"},
        "processing_info": {"state": "pending", "check_after_secs": 1},
    }
    assert during.json()["data"]["processing_info"]["state"] in {"pending", "in_progress"}
    assert problem(refused) == invalid_ids(media_id)
    assert ann.post("Now", media={"media_ids": [media_id]}).status_code == 201
    for answer, method, path in (
        (begun, "post", "/2/media/upload/initialize"),
        (parts[0], "post", "/2/media/upload/{id}/append"),
        (made, "post", "/2/media/upload/{id}/finalize"),
        (during, "get", "/2/media/upload"),
    ):
        check_answer(answer, method, path)


def test_segment_again_takes_the_place_of_the_first_and_finalizing_again_says_the_same(
    control: Control, ann: Session
) -> None:
    at_once(control)
    media_id = ann.initialize(FILM).json()["data"]["id"]
    for data in (b"x" * 10, FILM):
        ann.append(media_id, 0, data)

    first, second = ann.finalize(media_id), ann.finalize(media_id)

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["data"].keys() == second.json()["data"].keys()
    assert first.json()["data"]["processing_info"] == second.json()["data"]["processing_info"]
    assert problem(ann.append(media_id, 0, FILM)) == NOT_FOUND


@pytest.mark.parametrize("segments", [{}, {0: FILM[:-1]}, {0: FILM[:50], 2: FILM[50:]}, {0: FILM, 1: b"x"}])
def test_segments_that_do_not_add_up_are_refused_and_can_be_completed(ann: Session, segments: dict[int, bytes]) -> None:
    media_id = ann.initialize(FILM).json()["data"]["id"]
    for index, data in segments.items():
        ann.append(media_id, index, data)

    answer = ann.finalize(media_id)

    assert (answer.status_code, problem(answer)) == (
        400,
        invalid("Segments do not add up to provided total file size.", {}),
    )


def test_chunk_of_5_mb_is_413_and_empty(ann: Session) -> None:
    media_id = ann.initialize(b"x" * 6_000_000).json()["data"]["id"]

    too_large, small = ann.append(media_id, 0, b"x" * 5_000_000), ann.append(media_id, 0, b"x" * (1 << 20))

    assert (too_large.status_code, too_large.content, small.status_code) == (413, b"", 200)


@pytest.mark.parametrize(
    ("category", "limit"), [("tweet_image", 5 << 20), ("tweet_gif", 15 << 20), ("tweet_video", 512 << 20)]
)
def test_size_is_limited_by_category(ann: Session, category: str, limit: int) -> None:
    over = ann.initialize(b"", category, total_bytes=limit + 1)

    assert (over.status_code, problem(over)) == (400, invalid(f"File size exceeds {limit} bytes.", {}))
    assert ann.initialize(b"", category, total_bytes=limit).status_code == 200


@pytest.mark.parametrize("data", [b"no picture", b"", MP4])
def test_what_is_no_picture_is_refused_at_once(ann: Session, data: bytes) -> None:
    answer = ann.upload(data)

    assert (answer.status_code, problem(answer)) == (400, invalid("media type unrecognized.", {}))


def test_picture_may_have_8192_pixels_a_side(ann: Session) -> None:
    answer = ann.upload(make_png(8193, 1))

    assert problem(answer) == invalid("Image dimensions must be >= 4x4 and <= 8192x8192", {})
    assert ann.upload(make_png(8192, 1)).status_code == 200


@pytest.mark.parametrize(
    ("data", "category", "error"),
    [
        (b"no film", "tweet_video", {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"}),
        (PNG, "tweet_gif", {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"}),
        (b"GIF89a\x01\x05\x01\x00\x00\x00\x00;", "tweet_gif", {"code": 1, "name": "InvalidMedia"}),
        (moving(351, 1, 1), "tweet_gif", {"code": 1, "name": "InvalidMedia"}),
        (moving(218, 1280, 1080), "tweet_gif", {"code": 1, "name": "InvalidMedia"}),
        (
            film(140_001),
            "tweet_video",
            {
                "code": 3,
                "name": "UnsupportedMedia",
                "message": "Duration 140001 ms exceeds max duration of 140000 ms",
            },
        ),
        (
            film(499, version=1),
            "tweet_video",
            {"code": 3, "name": "UnsupportedMedia", "message": "Duration 499 ms is below min duration of 500 ms"},
        ),
    ],
)
def test_film_that_cannot_be_shown_fails_while_it_is_worked_on(
    control: Control, ann: Session, data: bytes, category: str, error: dict[str, Any]
) -> None:
    at_once(control)

    answer = ann.in_segments(data, category=category)

    media = answer.json()["data"]
    assert media["processing_info"] == {"state": "failed", "error": error, "progress_percent": 100}
    assert problem(ann.post("Look", media={"media_ids": [media["id"]]})) == invalid_ids(media["id"])


@pytest.mark.parametrize("data", [film(500), film(140_000), film(140_000, version=1), MP4, film(0)[:30]])
def test_film_of_a_length_that_fits_or_is_not_told_is_taken(control: Control, ann: Session, data: bytes) -> None:
    at_once(control)

    info = ann.in_segments(data).json()["data"]["processing_info"]

    assert info == {"state": "succeeded", "progress_percent": 100}


@pytest.mark.parametrize("size", [(350, 1, 1), (217, 1280, 1080)])
def test_gif_of_just_so_many_frames_is_taken(control: Control, ann: Session, size: tuple[int, int, int]) -> None:
    at_once(control)

    answer = ann.in_segments(moving(*size), category="tweet_gif")

    assert answer.json()["data"]["processing_info"]["state"] == "succeeded"


def test_work_can_be_told_to_fail(control: Control, ann: Session) -> None:
    at_once(control, processing_failure="InternalError")

    film_failed, picture = ann.in_segments(FILM), ann.upload()

    assert film_failed.json()["data"]["processing_info"]["error"]["name"] == "InternalError"
    assert "processing_info" not in picture.json()["data"]


def test_processing_holds_a_film_and_no_picture(control: Control, ann: Session) -> None:
    control.fault("processing", operation="upload", platform="twitter", ms=60_000, times=2)

    picture, moving = ann.upload(), ann.in_segments(FILM)

    assert "processing_info" not in picture.json()["data"]
    assert moving.json()["data"]["processing_info"] == {"state": "pending", "check_after_secs": 60}


def test_status_of_a_picture_and_of_what_is_not_complete_is_not_found(ann: Session) -> None:
    ids = [ann.uploaded(), ann.initialize(FILM).json()["data"]["id"], "7"]

    answers = [ann.upload_status(media_id) for media_id in ids]

    assert [(answer.status_code, problem(answer)) for answer in answers] == [(400, NOT_FOUND)] * 3


def test_media_need_their_scope(control: Control, x: X) -> None:
    without = x.sign_in("cat", "tweet.read tweet.write users.read")

    answers = [
        without.upload(),
        without.initialize(FILM),
        without.append("7", 0, b"x"),
        without.finalize("7"),
        without.upload_status("7"),
        without.describe("7", "x"),
    ]

    refused = (403, forbidden("You are not permitted to perform this action."))
    assert [(answer.status_code, problem(answer)) for answer in answers] == [refused] * 6


def test_upload_of_somebody_else_is_not_found(x: X, ann: Session) -> None:
    bob, media_id = x.sign_in("bob"), ann.initialize(FILM).json()["data"]["id"]
    ready = ann.uploaded()

    answers = [bob.append(media_id, 0, FILM), bob.finalize(media_id), bob.describe(ready, "Mine")]

    assert [problem(answer) for answer in answers] == [NOT_FOUND] * 3
    assert problem(bob.post("Look", media={"media_ids": [ready]})) == invalid_ids(ready)


def test_upload_that_takes_too_long_is_forgotten(control: Control, ann: Session) -> None:
    media_id = ann.initialize(FILM).json()["data"]["id"]
    control.put("instance", platform="twitter", upload_ttl_s=0)

    assert problem(ann.append(media_id, 0, FILM)) == NOT_FOUND


def test_media_that_wait_too_long_for_their_post_are_forgotten(control: Control, ann: Session) -> None:
    media_id = ann.uploaded()
    control.put("instance", platform="twitter", media_ttl_s=0)

    assert problem(ann.post("Look", media={"media_ids": [media_id]})) == invalid_ids(media_id)
    assert problem(ann.describe(media_id, "Late")) == NOT_FOUND


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("upload", {"media": "", "media_category": "tweet_img"}, "$.media_category: does not have a value in the enum"),
        ("upload", {"media_category": "tweet_image"}, "$.media: is missing but it is required"),
        ("upload", {"media": "", "media_category": "dm_image"}, "$.media_category: dm_image is not simulated"),
        ("upload/initialize", {"media_category": "tweet_gif", "media_type": "image/gif"}, "$.total_bytes: is missing"),
        ("upload/7/append", {"media": "", "segment_index": 1000}, "$.segment_index: must have a maximum value of 999"),
        ("metadata", {"id": "x"}, "$.id: does not match the regex pattern"),
        ("metadata", {"id": "7", "metadata": {"alt_text": {}}}, "$.metadata.alt_text.text: is missing"),
    ],
)
def test_body_that_does_not_fit_is_refused_by_name(ann: Session, path: str, body: dict[str, Any], message: str) -> None:
    answer = ann.call("POST", f"/2/media/{path}", json=body)

    assert answer.status_code == 400
    assert problem(answer)["errors"][0]["message"].startswith(message)


def test_finalizing_takes_no_body_or_a_json_object(control: Control, ann: Session) -> None:
    at_once(control)
    path = f"/2/media/upload/{ann.initialize(b'').json()['data']['id']}/finalize"

    answers = [ann.call("POST", path, json=[]), ann.call("POST", path), ann.call("POST", path, json={})]

    assert [answer.status_code for answer in answers] == [400, 200, 200]


# --- describing ---


def test_alt_text_is_kept_up_to_1000_characters(control: Control, ann: Session) -> None:
    media_id = ann.uploaded()

    described, too_long = ann.describe(media_id, "x" * 1000), ann.describe(media_id, "y" * 1001)
    ann.posted("Look", media={"media_ids": [media_id]})

    assert described.json() == {"data": {"id": media_id, "associated_metadata": {"alt_text": {"text": "x" * 1000}}}}
    assert too_long.status_code == 400
    assert control.posts()[0]["media"][0]["alt_text"] == "x" * 1000
    assert problem(ann.describe(media_id, "Late")) == NOT_FOUND


# --- in posts ---


def test_world_sees_media_with_its_post(control: Control, ann: Session) -> None:
    at_once(control)
    media_id = ann.in_segments(GIF, category="tweet_gif").json()["data"]["id"]
    ann.describe(media_id, "A film")

    ann.posted("Look", media={"media_ids": [media_id]})

    [row] = control.posts()
    sha256 = hashlib.sha256(GIF).hexdigest()
    assert row["text"] == "Look"
    assert row["media"] == [{"mime_type": "image/gif", "size": len(GIF), "sha256": sha256, "alt_text": "A film"}]
    page = control.http.get(f"{control.origin}/").text
    assert f'src="/_media/twitter/{media_id}" alt="A film"' in page


@pytest.mark.parametrize(("text", "shown"), [("A & B", "A &amp; B "), ("", "")])
def test_post_says_its_media_by_one_link_with_an_entity_each(
    control: Control, ann: Session, text: str, shown: str
) -> None:
    ids = [ann.uploaded(make_png(width)) for width in (1, 2, 3)]
    ann.describe(ids[0], "First")

    made = ann.posted(text, media={"media_ids": [ids[1], ids[0], ids[2]]})
    answer = ann.call("GET", f"/2/tweets/{made['id']}", params=FIELDS)

    post, keys = answer.json()["data"], [f"3_{media_id}" for media_id in (ids[1], ids[0], ids[2])]
    link = post["text"].removeprefix(shown)
    assert made["text"] == post["text"] == f"{shown}{link}"
    assert link.startswith("https://t.co/")
    assert post["attachments"] == {"media_keys": keys}
    assert post["display_text_range"] == [0, len(shown.rstrip())]
    assert [(url["media_key"], url["url"]) for url in post["entities"]["urls"]] == [(key, link) for key in keys]
    for place, url in enumerate(post["entities"]["urls"], 1):
        assert post["text"][url["start"] : url["end"]] == link
        assert url["expanded_url"] == f"{control.origin}/twitter/ann/status/{made['id']}/photo/{place}"
    assert answer.json()["includes"]["media"][1] == {
        "media_key": keys[1],
        "type": "photo",
        "alt_text": "First",
        "width": 1,
        "height": 1,
        "url": f"{control.origin}/twitter/media/{ids[0]}",
    }
    assert ann.x.http.get(f"{control.origin}/twitter/media/{ids[0]}").content == PNG
    assert ann.x.http.get(post["entities"]["urls"][0]["expanded_url"]).status_code == 200
    check_answer(answer, "get", "/2/tweets/{id}")


def test_video_says_its_length_and_views(control: Control, ann: Session) -> None:
    at_once(control)
    media_id = ann.in_segments(FILM).json()["data"]["id"]
    post_id = ann.posted("Film", media={"media_ids": [media_id]})["id"]
    control.put("metrics", platform="twitter", id=post_id, views=7)

    answer = ann.call("GET", "/2/tweets", params={"ids": post_id, **FIELDS})

    url = f"{control.origin}/twitter/media/{media_id}"
    assert answer.json()["includes"]["media"] == [
        {
            "media_key": f"7_{media_id}",
            "type": "video",
            "duration_ms": 2_000,
            "preview_image_url": url,
            "variants": [{"content_type": "video/mp4", "url": url}],
            "public_metrics": {"view_count": 7},
        }
    ]
    check_answer(answer, "get", "/2/tweets")


def test_expansion_alone_names_the_media(ann: Session) -> None:
    media_id = ann.uploaded()
    ann.posted("Look", media={"media_ids": [media_id]})

    page = ann.timeline(expansions="attachments.media_keys")

    assert page["data"][0]["attachments"] == {"media_keys": [f"3_{media_id}"]}
    assert page["includes"] == {"media": [{"media_key": f"3_{media_id}", "type": "photo"}]}


def test_links_in_the_text_stay_before_the_media(control: Control, ann: Session) -> None:
    made = ann.posted("See example.com", media={"media_ids": [ann.uploaded()]})

    post = ann.call("GET", f"/2/tweets/{made['id']}", params=FIELDS).json()["data"]

    link, media = post["entities"]["urls"]
    assert post["text"] == f"See {link['url']} {media['url']}"
    assert (link["expanded_url"], "media_key" in link) == ("http://example.com", False)


def test_long_post_has_the_link_behind_what_is_cut_off_and_not_in_its_note(control: Control, ann: Session) -> None:
    control.put("instance", platform="twitter", subscribed=["ann"])
    text = "word " * 99 + "end"

    made = ann.posted(text, media={"media_ids": [ann.uploaded()]})
    post = ann.call("GET", f"/2/tweets/{made['id']}", params=FIELDS).json()["data"]

    assert post["note_post"] == {"text": text}
    assert "… https://t.co/" in post["text"]


def test_four_pictures_or_one_film(control: Control, ann: Session) -> None:
    at_once(control)
    pictures = [ann.uploaded() for _ in range(4)]
    moving = ann.in_segments(FILM).json()["data"]["id"]
    mixed = [pictures[0], moving]

    answer = ann.post("Look", media={"media_ids": mixed})

    message = "Tweet with media must have exactly 1 gif or video or up to 4 photos."
    assert (answer.status_code, problem(answer)) == (
        400,
        invalid(message, {"media.media_ids": [",".join(mixed)]}),
    )
    assert ann.post("Look", media={"media_ids": pictures}).status_code == 201
    assert ann.post("Film", media={"media_ids": [moving]}).status_code == 201


def test_media_go_into_one_post(control: Control, ann: Session) -> None:
    media_id = ann.uploaded()

    twice = ann.post("Look", media={"media_ids": [media_id, media_id]})
    first = ann.post("Look", media={"media_ids": [media_id]})
    second = ann.post("Again", media={"media_ids": [media_id]})

    assert problem(twice) == invalid_ids(media_id, media_id)
    assert (first.status_code, problem(second)) == (201, invalid_ids(media_id))


def test_guard_against_duplicates_looks_at_the_text_alone(control: Control, ann: Session) -> None:
    posts = [ann.post("Look", media={"media_ids": [ann.uploaded()]}) for _ in range(2)]
    silent = [ann.post("", media={"media_ids": [ann.uploaded()]}) for _ in range(2)]
    control.put("instance", platform="twitter", media_duplicates=False)
    free = ann.post("Look", media={"media_ids": [ann.uploaded()]})

    assert [post.status_code for post in posts] == [201, 403]
    assert [post.status_code for post in silent] == [201, 201]
    assert free.status_code == 201


def test_what_goes_with_media_on_paid_plans_is_not_simulated(ann: Session) -> None:
    answer = ann.post("Look", media={"media_ids": [ann.uploaded()], "title": "A title"})

    assert problem(answer)["errors"][0]["message"] == "$.media.title: is not simulated"


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("effect", "status"), [("status_500", 500), ("status_503", 503), ("reject_content", 400), ("rate_limited", 429)]
)
def test_every_call_of_an_upload_suffers_its_faults(control: Control, ann: Session, effect: str, status: int) -> None:
    more = {"retry_after": 30} if effect == "rate_limited" else {}
    control.fault(effect, operation="upload", platform="twitter", times=5, **more)

    answers = [ann.upload(), ann.initialize(FILM), ann.append("7", 0, b""), ann.finalize("7"), ann.upload_status("7")]

    assert [answer.status_code for answer in answers] == [status] * 5
    calls = control.requests(platform="twitter", operation="upload")
    assert len(calls) == 5


def test_answer_to_a_segment_can_be_lost(control: Control, ann: Session) -> None:
    at_once(control)
    media_id = ann.initialize(FILM).json()["data"]["id"]
    control.fault("accept_then_reset", operation="upload", platform="twitter")

    with pytest.raises(OSError, match="reset"):
        ann.append(media_id, 0, FILM)

    assert ann.finalize(media_id).status_code == 200
