from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest

from sandbox.platforms.bluesky.cids import blob_cid
from sandbox.tests.bluesky import POSTS, Service, Session, next_tid, post, rkey_of, seen
from sandbox.tests.clients import PNG, Control, make_png

GET_BLOB = "com.atproto.sync.getBlob"
PREFIX = "Invalid app.bsky.feed.post record: "
WEBP = b"RIFF\x1a\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x08\x00\x00\x09\x00\x00"
SQUARE = {"width": 1, "height": 1}


def images(*refs: dict[str, Any], **more: Any) -> dict[str, Any]:
    items = [{"image": ref, "alt": f"Picture {place}", **more} for place, ref in enumerate(refs)]
    return {"$type": "app.bsky.embed.images", "images": items}


def gallery(*refs: dict[str, Any]) -> dict[str, Any]:
    kind = "app.bsky.embed.gallery#image"
    items = [{"$type": kind, "image": ref, "alt": "", "aspectRatio": SQUARE} for ref in refs]
    return {"$type": "app.bsky.embed.gallery", "items": items}


def gone(ref: dict[str, Any]) -> tuple[int, str, str]:
    return 400, "BlobNotFound", f"Could not find blob: {ref['ref']['$link']}"


def test_name_of_a_file_is_its_cid() -> None:
    of_nothing = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"

    assert blob_cid(hashlib.sha256(b"").digest()) == of_nothing


@pytest.mark.parametrize(
    ("data", "said", "mime_type"),
    [
        (PNG, "image/jpeg", "image/png"),
        (PNG, "*/*", "image/png"),
        (WEBP, "image/webp", "image/webp"),
        (b"WEBVTT\n", "text/vtt; charset=utf-8", "text/vtt"),
    ],
)
def test_upload_reads_the_kind_from_the_bytes(amy: Session, data: bytes, said: str, mime_type: str) -> None:
    ref = amy.blob(data, said)

    cid = blob_cid(hashlib.sha256(data).digest())
    assert ref == {"$type": "blob", "ref": {"$link": cid}, "mimeType": mime_type, "size": len(data)}


def test_upload_refuses(control: Control, bluesky: Service, amy: Session) -> None:
    control.put("instance", platform="bluesky", blob_upload_limit=len(PNG))

    assert seen(amy.send_blob(PNG + b"\0")) == (413, "PayloadTooLarge", "request entity too large")
    assert seen(amy.send_blob(b"")) == (400, "InvalidRequest", "A request body is expected but none was provided")
    assert amy.send_blob(PNG).status_code == 200
    told = bluesky.read("com.atproto.server.describeServer")
    assert told["blobUploadLimit"] == len(PNG)
    control.put("instance", platform="bluesky", tells_upload_limit=False)
    assert "blobUploadLimit" not in bluesky.read("com.atproto.server.describeServer")
    assert bluesky.call("POST", "com.atproto.repo.uploadBlob", data=PNG).json()["error"] == "AuthMissing"


def test_uploads_are_limited_to_1000_a_day(amy: Session) -> None:
    headers = amy.send_blob(PNG).headers

    assert (headers["RateLimit-Policy"], headers["RateLimit-Remaining"]) == ("1000;w=86400", "999")


def test_pictures_are_seen(control: Control, bluesky: Service, amy: Session) -> None:
    files = [make_png(3, 2), make_png(2, 3)]
    refs = [amy.blob(data) for data in files]
    wide = {"width": 3, "height": 2}

    uri = amy.posted("", embed=images(*refs, aspectRatio=wide))["uri"]

    assert control.posts()[0]["media"] == [
        {
            "mime_type": "image/png",
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "alt_text": f"Picture {place}",
        }
        for place, data in enumerate(files)
    ]
    (view,) = bluesky.read("app.bsky.feed.getPosts", uris=[uri])["posts"]
    assert view["embed"]["$type"] == "app.bsky.embed.images#view"
    shown = view["embed"]["images"][1]
    assert (shown["alt"], shown["aspectRatio"]) == ("Picture 1", wide)
    for address in (shown["thumb"], shown["fullsize"]):
        assert bluesky.http.get(address, timeout=5).content == files[1]
    page = bluesky.http.get(control.origin, timeout=5).text
    for ref, data in zip(refs, files, strict=True):
        source = f"/_media/bluesky/{ref['ref']['$link']}"
        assert f'<img src="{source}"' in page
        assert bluesky.http.get(control.origin + source, timeout=5).content == data


def test_gallery_is_seen(control: Control, bluesky: Service, amy: Session) -> None:
    refs = [amy.blob(make_png(width, 1)) for width in range(1, 11)]

    uri = amy.posted(embed=gallery(*refs))["uri"]

    (view,) = bluesky.read("app.bsky.feed.getPosts", uris=[uri])["posts"]
    assert view["embed"]["$type"] == "app.bsky.embed.gallery#view"
    assert [item["$type"] for item in view["embed"]["items"]] == ["app.bsky.embed.gallery#viewImage"] * 10
    assert [row["size"] for row in control.posts()[0]["media"]] == [ref["size"] for ref in refs]
    assert [row["alt_text"] for row in control.posts()[0]["media"]] == [None] * 10


def test_feed_of_posts_with_media(bluesky: Service, amy: Session) -> None:
    amy.posted("Bare")
    amy.posted("With a picture", embed=images(amy.blob()))

    texts = {
        chosen: [
            item["post"]["record"]["text"]
            for item in bluesky.read("app.bsky.feed.getAuthorFeed", actor=amy.did, filter=chosen)["feed"]
        ]
        for chosen in ("posts_with_media", "posts_with_video")
    }

    assert texts == {"posts_with_media": ["With a picture"], "posts_with_video": []}


@pytest.mark.parametrize(
    ("embed", "problem"),
    [
        (lambda ref: images(*[ref] * 5), "array too big (maximum 4, got 5) at $.record.embed.images"),
        (lambda ref: gallery(*[ref] * 21), "array too big (maximum 20, got 21) at $.record.embed.items"),
        (
            lambda ref: {"$type": "app.bsky.embed.images", "images": [{"image": ref}]},
            'Missing required key "alt" at $.record.embed.images[0]',
        ),
        (
            lambda ref: images(ref, aspectRatio={"width": 0, "height": 1}),
            "integer too small (minimum 1, got 0) at $.record.embed.images[0].aspectRatio.width",
        ),
        (
            lambda ref: {
                "$type": "app.bsky.embed.gallery",
                "items": [{"$type": "app.bsky.embed.gallery#image", "image": ref, "alt": ""}],
            },
            'Missing required key "aspectRatio" at $.record.embed.items[0]',
        ),
        (
            lambda ref: images({**ref, "size": 2_000_001}),
            "blob too big (maximum 2000000, got 2000001) at $.record.embed.images[0].image",
        ),
        (
            lambda ref: images({**ref, "mimeType": "video/mp4"}),
            'Expected "image/*" (got "video/mp4") at $.record.embed.images[0].image.mimeType',
        ),
        (
            lambda ref: {"$type": "app.bsky.embed.video", "video": ref},
            'Expected "video/mp4" (got "image/png") at $.record.embed.video.mimeType',
        ),
        (
            lambda ref: images({"cid": ref["ref"]["$link"]}),
            "Expected blob value type (got object) at $.record.embed.images[0].image",
        ),
    ],
)
def test_embed_is_checked_when_the_post_is_written(control: Control, amy: Session, embed: Any, problem: str) -> None:
    answer = amy.put(post(embed=embed(amy.blob())), next_tid(), swapRecord=None)

    assert seen(answer) == (400, "InvalidRequest", PREFIX + problem)
    assert control.posts() == []


def test_older_lexicons_take_smaller_pictures(control: Control, amy: Session) -> None:
    ref = amy.blob(PNG + bytes(1_000_000))

    assert amy.put(post(embed=images(ref)), next_tid()).status_code == 200
    control.put("instance", platform="bluesky", image_max_bytes=1_000_000)
    answer = amy.put(post(embed=images(ref)), next_tid())
    size = len(PNG) + 1_000_000
    message = f"blob too big (maximum 1000000, got {size}) at $.record.embed.images[0].image"
    assert seen(answer) == (400, "InvalidRequest", PREFIX + message)


@pytest.mark.parametrize(
    ("change", "name", "message"),
    [
        ({"mimeType": "image/jpeg"}, "InvalidMimeType", "Referenced Mimetype does not match stored blob. Expected: "),
        ({"size": 5}, "InvalidSize", "Referenced Size does not match stored blob. Expected: "),
    ],
)
def test_reference_has_to_fit_the_file(amy: Session, change: dict[str, Any], name: str, message: str) -> None:
    ref = amy.blob()
    ((key, wrong),) = change.items()

    answer = amy.put(post(embed=images({**ref, **change})), next_tid())

    assert seen(answer) == (400, name, f"{message}{ref[key]}, Got: {wrong}")


def test_files_belong_to_one_repository(bluesky: Service, amy: Session) -> None:
    ref = amy.blob()

    assert seen(bluesky.sign_in("bob").put(post(embed=images(ref)), next_tid())) == gone(ref)


def test_file_that_nothing_refers_to_is_forgotten(control: Control, amy: Session) -> None:
    control.put("instance", platform="bluesky", blob_ttl_s=1)
    used, unused = amy.blob(make_png(1, 1)), amy.blob(make_png(2, 2))
    amy.posted(embed=images(used))
    time.sleep(1.05)

    assert seen(amy.put(post(embed=images(unused)), next_tid())) == gone(unused)
    assert amy.put(post(embed=images(used)), next_tid()).status_code == 200
    assert amy.blob(make_png(2, 2)) == unused
    assert amy.put(post(embed=images(unused)), next_tid()).status_code == 200


def test_file_goes_with_the_last_post_that_shows_it(bluesky: Service, amy: Session) -> None:
    ref = amy.blob()
    first, second = amy.posted(embed=images(ref)), amy.posted(embed=images(ref))

    amy.delete(rkey_of(first))
    assert bluesky.get(GET_BLOB, did=amy.did, cid=ref["ref"]["$link"]).content == PNG
    amy.delete(rkey_of(second))
    assert seen(bluesky.get(GET_BLOB, did=amy.did, cid=ref["ref"]["$link"])) == (400, "BlobNotFound", "Blob not found")
    assert seen(amy.put(post(embed=images(ref)), next_tid())) == gone(ref)


def test_overwriting_changes_what_is_seen(control: Control, amy: Session) -> None:
    old, new = amy.blob(make_png(1, 1)), amy.blob(make_png(2, 2))
    rkey = next_tid()
    amy.put(post(embed=images(old)), rkey)

    amy.put(post(embed=images(new)), rkey)

    assert [row["size"] for row in control.posts()[0]["media"]] == [new["size"]]
    assert seen(amy.put(post(embed=images(old)), next_tid())) == gone(old)


def test_lost_answer_is_no_second_post(control: Control, amy: Session) -> None:
    control.fault("accept_then_500", platform="bluesky")
    record, rkey = post(embed=images(amy.blob())), next_tid()

    lost = amy.put(record, rkey, swapRecord=None)
    again = amy.put(record, rkey, swapRecord=None)

    assert (lost.status_code, again.status_code, len(control.posts())) == (500, 200, 1)
    assert "commit" not in again.json()


def test_get_blob(control: Control, bluesky: Service, amy: Session) -> None:
    ref = amy.blob()
    cid = ref["ref"]["$link"]
    assert seen(bluesky.get(GET_BLOB, did=amy.did, cid=cid))[1] == "BlobNotFound"
    amy.posted(embed=images(ref))

    answer = bluesky.get(GET_BLOB, did=amy.did, cid=cid)

    assert (answer.content, answer.headers["Content-Type"]) == (PNG, "image/png")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert seen(bluesky.get(GET_BLOB, did="did:plc:nobody", cid=cid))[1] == "RepoNotFound"
    control.put("instance", platform="bluesky", taken_down=[amy.handle])
    assert seen(bluesky.get(GET_BLOB, did=amy.did, cid=cid))[1] == "RepoTakendown"


def test_without_validation_an_odd_embed_is_kept_and_shows_nothing(
    control: Control, bluesky: Service, amy: Session
) -> None:
    odd = {"$type": "app.bsky.embed.images", "images": [5, {"image": 6}]}

    uri = amy.put(post(embed=odd), next_tid(), validate=False).json()["uri"]

    assert control.posts()[0]["media"] == []
    (view,) = bluesky.get("app.bsky.feed.getPosts", uris=[uri]).json()["posts"]
    assert view["embed"]["images"] == []


def test_records_of_other_kinds_hold_files_too(bluesky: Service, amy: Session) -> None:
    ref = amy.blob()
    profile = {"$type": "app.bsky.actor.profile", "avatar": ref}

    assert amy.put(profile, "self", collection="app.bsky.actor.profile").status_code == 200

    assert bluesky.get(GET_BLOB, did=amy.did, cid=ref["ref"]["$link"]).content == PNG


def test_uploading_is_an_operation_of_its_own(control: Control, amy: Session) -> None:
    control.fault("status_503", operation="upload", platform="bluesky")

    assert seen(amy.send_blob(PNG))[:2] == (503, "NotEnoughResources")
    assert amy.put(post(embed=images(amy.blob())), next_tid()).status_code == 200
    assert [row["operation"] for row in control.requests(platform="bluesky")] == [
        "token",
        "upload",
        "upload",
        "publish",
    ]
    assert POSTS in control.posts()[0]["id"]
