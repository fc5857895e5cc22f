"""Files on exact bytes: what is sent, and what each answer is taken for."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.contract import Content, MediaUse, Part, Pending, Published, Target
from integrations.errors import CallFailed, NeedsReconnect, RateLimited, Rejected, Unavailable
from integrations.platforms.bluesky.addresses import own_did, video_service_of
from integrations.platforms.bluesky.capabilities import MEDIA
from integrations.platforms.bluesky.connector import BlueskyConnector
from integrations.platforms.bluesky.media import embed_of, within
from mastablasta.core.outbound import Auth, Http, connections
from tests.kit.connector_contract import InMemoryProgress, step_of
from tests.kit.media_contract import MediaFolder, mp4, png
from tests.kit.raw_server import RawServer, answer, raw_server, says

DID = "did:plc:ewvi7nxzyoun6zhxrhs64oiz"
CID = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
WRITTEN = answer(json.dumps({"uri": f"at://{DID}/app.bsky.feed.post/3k", "cid": "bafyreia"}))
ALLOWED = answer('{"canUpload":true,"remainingDailyVideos":25,"remainingDailyBytes":10000000}')
TOKEN = answer('{"token":"service-token"}')
BAD_JWT = '{"error":"BadJwt","message":"could not verify"}'


@pytest.fixture
def folder(tmp_path: Path) -> MediaFolder:
    return MediaFolder(tmp_path)


def blob(mime_type: str = "image/jpeg", **more: Any) -> dict[str, Any]:
    return {"$type": "blob", "ref": {"$link": CID}, "mimeType": mime_type, "size": 5, **more}


def said(status: int = 200, **fields: Any) -> bytes:
    return answer(json.dumps(fields), status)


def job(state: str = "JOB_STATE_ENCODING", *, status: int = 200, **fields: Any) -> bytes:
    return said(status, jobStatus={"jobId": "j1", "did": DID, "state": state, **fields})


def content(*media: MediaUse, text: str = "Look") -> Content:
    return Content((Part(text, media),))


def connector_at(server: RawServer, **info: Any) -> BlueskyConnector:
    connections.drop_kept()
    target = Target(server.url, "pds.test", DID, "@anna", info={"did": "did:web:pds.test", **info})
    return BlueskyConnector(target, Http(server.url, auth=Auth("abc"), on_visible=lambda: None))


def publish(
    use: MediaUse, *answers: bytes, notes: InMemoryProgress | None = None
) -> tuple[Published | Pending, list[bytes]]:
    with raw_server(says(*answers)) as server:
        outcome = connector_at(server).publish(step_of(content(use)), progress=notes or InMemoryProgress())
    return outcome, server.requests


def head_of(request: bytes) -> list[str]:
    return request.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def query_of(request: bytes) -> dict[str, str]:
    query = urlsplit(request.split()[1].decode()).query
    return {name: values[0] for name, values in parse_qs(query).items()}


def path_of(request: bytes) -> str:
    return urlsplit(request.split()[1].decode()).path.rpartition("/")[2]


# --- pictures ---


def test_picture_is_sent_raw_and_its_reference_goes_into_the_record_as_it_came(folder: MediaFolder) -> None:
    use = folder.picture(3, 2, alt_text="Zwei Amseln 🐦")
    odd = blob("image/png", extra={"kept": [1]})
    notes = InMemoryProgress()

    outcome, (upload, write) = publish(use, said(blob=odd), WRITTEN, notes=notes)

    head = head_of(upload)
    assert isinstance(outcome, Published)
    assert head[0] == "POST /xrpc/com.atproto.repo.uploadBlob HTTP/1.1"
    assert {"Authorization: Bearer abc", "Content-Type: image/png", f"Content-Length: {use.size}"} < set(head)
    assert body_of(upload) == png(3, 2)
    sent = json.loads(body_of(write))
    assert (sent["repo"], sent["swapRecord"], sent["record"]) == (DID, None, notes.data["record"])
    record = sent["record"]
    assert record.pop("createdAt").endswith("Z")
    assert record == {
        "$type": "app.bsky.feed.post",
        "text": "Look",
        "embed": {
            "$type": "app.bsky.embed.images",
            "images": [{"image": odd, "alt": "Zwei Amseln 🐦", "aspectRatio": {"width": 3, "height": 2}}],
        },
    }
    assert [list(save) for save in notes.saves] == [["blobs"], ["record"]]


def test_record_that_was_kept_is_written_as_it_was(folder: MediaFolder) -> None:
    use = folder.picture()
    notes = InMemoryProgress()
    publish(use, said(blob=blob()), WRITTEN, notes=notes)
    kept = json.loads(json.dumps(notes.data))
    time.sleep(0.002)  # another moment, which must not show

    _, requests = publish(use, WRITTEN, notes=InMemoryProgress(**kept))

    [write] = requests
    assert json.loads(body_of(write))["record"] == kept["record"]


def test_forgotten_file_is_another_reference_in_the_same_record(folder: MediaFolder) -> None:
    gone = said(400, error="BlobNotFound", message=f"Could not find blob: {CID}")
    first, second = blob(size=1), blob(size=2)
    notes = InMemoryProgress()

    use = folder.picture()

    waits, before = publish(use, said(blob=first), gone, notes=notes)
    outcome, after = publish(use, said(blob=second), WRITTEN, notes=notes)

    assert isinstance(waits, Pending)
    assert isinstance(outcome, Published)
    bodies = [json.loads(body_of(requests[1])) for requests in (before, after)]
    assert [body["record"]["embed"]["images"][0]["image"] for body in bodies] == [first, second]
    assert [(body["rkey"], body["record"]["createdAt"]) for body in bodies] == [
        (bodies[0]["rkey"], bodies[0]["record"]["createdAt"])
    ] * 2
    assert notes.data["again"]


@pytest.mark.parametrize(
    ("reply", "outcome", "code"),
    [
        (said(413, error="PayloadTooLarge", message="request entity too large"), Rejected, "too_large"),
        (said(401, error="AuthMissing", message=""), NeedsReconnect, "token_refused"),
        (said(400, error="ExpiredToken", message="Token has expired"), NeedsReconnect, "token_refused"),
        (said(429, error="RateLimitExceeded", message=""), RateLimited, "rate_limited"),
        (said(502, error="UpstreamFailure", message=""), Unavailable, "server_error"),
        (answer("<html>", 413, content_type="text/html"), Unavailable, "unreadable"),
        (said(blob={"cid": CID, "mimeType": "image/png"}), Unavailable, "unreadable"),
        (said(), Unavailable, "unreadable"),
    ],
)
def test_what_an_answer_to_a_picture_means(
    folder: MediaFolder, reply: bytes, outcome: type[CallFailed], code: str
) -> None:
    with pytest.raises(outcome) as caught:
        publish(folder.picture(), reply)

    assert caught.value.code == code


# --- videos ---


def test_video_is_sent_with_a_token_for_its_service_only(folder: MediaFolder) -> None:
    use, notes, now = folder.video(), InMemoryProgress(), time.time()

    outcome, requests = publish(use, TOKEN, ALLOWED, TOKEN, job("JOB_STATE_CREATED"), notes=notes)

    for_limits, limits, for_upload, upload = requests
    assert isinstance(outcome, Pending)
    for asked, method in ((for_limits, "app.bsky.video.getUploadLimits"), (for_upload, "com.atproto.repo.uploadBlob")):
        query = query_of(asked)
        assert "Authorization: Bearer abc" in head_of(asked)
        assert (query["aud"], query["lxm"]) == ("did:web:pds.test", method)
        assert now + 1_700 < int(query["exp"]) < now + 1_810
    assert "Authorization: Bearer service-token" in head_of(limits)
    head = head_of(upload)
    assert head[0].startswith("POST /xrpc/app.bsky.video.uploadVideo?")
    assert query_of(upload) == {"did": DID, "name": "asset-1.mp4"}
    assert {"Authorization: Bearer service-token", "Content-Type: video/mp4", f"Content-Length: {use.size}"} < set(head)
    assert body_of(upload) == mp4()
    assert notes.data["job"]["id"] == "j1"


def test_job_is_asked_for_without_a_token(folder: MediaFolder) -> None:
    kept = InMemoryProgress(job={"id": "j1", "since": datetime.now(UTC).isoformat()})
    made = blob("video/mp4")

    outcome, (asked, write) = publish(folder.video(), job("JOB_STATE_COMPLETED", blob=made), WRITTEN, notes=kept)

    assert isinstance(outcome, Published)
    assert (path_of(asked), query_of(asked)) == ("app.bsky.video.getJobStatus", {"jobId": "j1"})
    assert not [line for line in head_of(asked) if line.startswith("Authorization")]
    assert json.loads(body_of(write))["record"]["embed"]["video"] == made


@pytest.mark.parametrize(
    "reply",
    [
        said(jobId="j1", did=DID, state="JOB_STATE_CREATED"),
        said(409, did=DID, error="already_exists", jobId="j1", message="Video already processed",
             state="JOB_STATE_COMPLETED"),
        job("JOB_STATE_CREATED"),
        job("JOB_STATE_SOMETHING_NEW"),
    ],
)  # fmt: skip
def test_every_way_to_say_that_it_works_on_it(folder: MediaFolder, reply: bytes) -> None:
    notes = InMemoryProgress()

    outcome, _ = publish(folder.video(), TOKEN, ALLOWED, TOKEN, reply, notes=notes)

    assert isinstance(outcome, Pending)
    assert notes.data["job"]["id"] == "j1"


@pytest.mark.parametrize("state", ["JOB_STATE_COMPLETED", "JOB_STATE_FAILED", "JOB_STATE_UPLOADED"])
def test_file_that_is_named_counts_whatever_else_is_said(folder: MediaFolder, state: str) -> None:
    reply = job(state, blob=blob("video/mp4"), error="already_exists", message="Video already processed")
    kept = InMemoryProgress(job={"id": "j1", "since": datetime.now(UTC).isoformat()})

    outcome, _ = publish(folder.video(), reply, WRITTEN, notes=kept)

    assert isinstance(outcome, Published)


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"failureCode": "encoding_failure", "message": "Failed to process video"}, "encoding_failure", "Failed to"),
        ({"error": "video processing error for job: j1", "message": "Failed"}, "processing_failed", "Failed"),
        ({"error": "odd"}, "processing_failed", "odd"),
        ({}, "processing_failed", "it does not say why."),
    ],
)
def test_failed_job_is_refused(folder: MediaFolder, fields: dict[str, Any], code: str, words: str) -> None:
    kept = InMemoryProgress(job={"id": "j1", "since": datetime.now(UTC).isoformat()})

    with pytest.raises(Rejected) as caught:
        publish(folder.video(), job("JOB_STATE_FAILED", **fields), notes=kept)

    assert caught.value.code == code
    assert caught.value.message.startswith(f"Bluesky could not use the video: {words}")


@pytest.mark.parametrize(
    ("reply", "outcome", "code"),
    [
        (said(401, error="BadJwt", message="could not verify"), Rejected, "video_refused"),
        (said(400, jobStatus={"did": "", "error": "unconfirmed_email", "jobId": "", "state": ""}), Rejected,
         "video_refused"),
        (answer("<html>", 401, content_type="text/html"), Unavailable, "token_refused"),
        (answer("<html>", 403, content_type="text/html"), Unavailable, "unreadable"),
        (said(429, error="RateLimitExceeded", message=""), RateLimited, "rate_limited"),
        (said(503, error="ServiceOverloaded", message="draining"), Unavailable, "server_error"),
        (said(), Unavailable, "unreadable"),
    ],
)  # fmt: skip
def test_video_that_is_not_taken_never_costs_the_session(
    folder: MediaFolder, reply: bytes, outcome: type[CallFailed], code: str
) -> None:
    with pytest.raises(outcome) as caught:
        publish(folder.video(), TOKEN, ALLOWED, TOKEN, reply)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("reply", "outcome", "code"),
    [
        (said(canUpload=False, error="unconfirmed_email", message="Confirm it"), Rejected, "video_not_allowed"),
        (said(canUpload=True, remainingDailyBytes=10), Rejected, "video_not_allowed"),
        (said(503, error="NotEnoughResources", message=""), Unavailable, "server_error"),
        (said(429, error="RateLimitExceeded", message=""), RateLimited, "rate_limited"),
    ],
)
def test_nothing_is_sent_where_it_would_not_be_taken(
    folder: MediaFolder, reply: bytes, outcome: type[CallFailed], code: str
) -> None:
    with raw_server(says(TOKEN, reply)) as server, pytest.raises(outcome) as caught:
        connector_at(server).publish(step_of(content(folder.video())), progress=InMemoryProgress())

    assert (caught.value.code, len(server.requests)) == (code, 2)


@pytest.mark.parametrize("reply", [answer(BAD_JWT, 401), said(404, error="NotFound"), said()])
def test_limits_that_nobody_tells_are_no_limits(folder: MediaFolder, reply: bytes) -> None:
    outcome, _ = publish(folder.video(), TOKEN, reply, TOKEN, job())

    assert isinstance(outcome, Pending)


NO_METHOD = {
    "not_implemented": said(501, error="MethodNotImplemented", message="Method Not Implemented"),
    "not_supported": said(404, error="XRPCNotSupported", message="XRPCNotSupported"),
    "html_404": answer("<html><title>404 Not Found</title></html>", 404, content_type="text/html"),
}


@pytest.mark.parametrize("reply", NO_METHOD.values(), ids=NO_METHOD)
@pytest.mark.parametrize("before", [[], [TOKEN], [TOKEN, ALLOWED], [TOKEN, ALLOWED, TOKEN]], ids=len)
def test_service_without_video_methods_takes_a_video_as_a_file(
    folder: MediaFolder, before: list[bytes], reply: bytes
) -> None:
    use, made = folder.video(), blob("video/mp4")

    outcome, requests = publish(use, *before, reply, said(blob=made), WRITTEN)

    upload, write = requests[-2:]
    assert isinstance(outcome, Published)
    assert (path_of(upload), body_of(upload)) == ("com.atproto.repo.uploadBlob", mp4())
    assert {"Authorization: Bearer abc", "Content-Type: video/mp4"} < set(head_of(upload))
    assert json.loads(body_of(write))["record"]["embed"]["video"] == made


def test_service_is_asked_once_for_its_video_methods(folder: MediaFolder) -> None:
    """A line that breaks at the upload does not send the video to them once more."""
    use, notes = folder.video(), InMemoryProgress()
    broken = said(502, error="UpstreamFailure", message="")

    with pytest.raises(Unavailable):
        publish(use, TOKEN, ALLOWED, TOKEN, NO_METHOD["not_implemented"], broken, notes=notes)
    outcome, requests = publish(use, said(blob=blob("video/mp4")), WRITTEN, notes=notes)

    assert isinstance(outcome, Published)
    assert path_of(requests[0]) == "com.atproto.repo.uploadBlob"


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (said(500, error="InternalServerError", message=""), Unavailable),
        (said(502, error="UpstreamFailure", message=""), Unavailable),
        (said(503, error="NotEnoughResources", message=""), Unavailable),
        (said(501, error="InternalServerError", message=""), Unavailable),
        (answer("<html>", 501, content_type="text/html"), Unavailable),
        (answer("<html>", 502, content_type="text/html"), Unavailable),
        (said(429, error="RateLimitExceeded", message=""), RateLimited),
        (said(404, error="NotFound", message="did not resolve"), Rejected),
        (answer("<html>", 403, content_type="text/html"), Unavailable),
    ],
)
def test_trouble_of_a_video_service_is_no_reason_to_go_round_it(
    folder: MediaFolder, reply: bytes, outcome: type[CallFailed]
) -> None:
    notes = InMemoryProgress()

    with raw_server(says(TOKEN, ALLOWED, TOKEN, reply)) as server, pytest.raises(outcome):
        connector_at(server).publish(step_of(content(folder.video())), progress=notes)

    assert (len(server.requests), notes.saves) == (4, [])


def test_job_that_is_not_known_any_more_is_begun_again_once(folder: MediaFolder) -> None:
    use, lost = folder.video(), said(404, error="JobNotFound", message="job not found")
    notes = InMemoryProgress(job={"id": "j0", "since": datetime.now(UTC).isoformat()})

    asked, _ = publish(use, lost, notes=notes)
    begun, _ = publish(use, TOKEN, ALLOWED, TOKEN, job(), notes=notes)
    with pytest.raises(Rejected) as caught:
        publish(use, lost, notes=notes)

    assert isinstance(asked, Pending)
    assert isinstance(begun, Pending)
    assert asked.check_at < begun.check_at
    assert caught.value.code == "video_lost"


def test_job_without_an_end_is_given_up(folder: MediaFolder) -> None:
    since = datetime.now(UTC) - timedelta(minutes=61)

    with pytest.raises(Rejected) as caught:
        publish(folder.video(), job(), notes=InMemoryProgress(job={"id": "j1", "since": since.isoformat()}))

    assert caught.value.code == "processing_timeout"


def test_it_asks_less_often_after_a_while(folder: MediaFolder) -> None:
    now = datetime.now(UTC)
    waits = []
    for ago_s in (0, 60):
        since = (now - timedelta(seconds=ago_s)).isoformat()
        outcome, _ = publish(folder.video(), job(), notes=InMemoryProgress(job={"id": "j1", "since": since}))
        assert isinstance(outcome, Pending)
        waits.append(round((outcome.check_at - datetime.now(UTC)).total_seconds()))

    assert waits == [2, 5]


@pytest.mark.parametrize("reply", [answer('{"jobStatus":{}}'), answer("{}"), answer("{")])
def test_answer_about_a_video_that_says_nothing_is_no_answer(folder: MediaFolder, reply: bytes) -> None:
    notes = InMemoryProgress(job={"id": "j1", "since": datetime.now(UTC).isoformat()})

    with pytest.raises(Unavailable):
        publish(folder.video(), reply, notes=notes)


@pytest.mark.parametrize("place", [0, 1])
def test_video_beside_something_else_is_refused_before_anything_is_sent(folder: MediaFolder, place: int) -> None:
    uses = [folder.picture()]
    uses.insert(place, folder.video())

    with raw_server(says(WRITTEN)) as server, pytest.raises(Rejected) as caught:
        connector_at(server).publish(step_of(content(*uses)), progress=InMemoryProgress())

    assert (caught.value.code, server.requests) == ("too_many_media", [])


# --- where and how much ---


def test_video_service_is_one_for_all_but_for_the_simulator() -> None:
    real = video_service_of("https://pds.example.org", "did:web:pds.example.org")
    simulated = video_service_of("http://127.0.0.1:33767/bluesky", "did:web:127.0.0.1%3A33767:bluesky")

    assert real == ("https://video.bsky.app", "did:web:video.bsky.app")
    assert simulated == ("http://127.0.0.1:33767/bluesky", "did:web:127.0.0.1%3A33767:bluesky")
    assert own_did("https://pds.example.org") == "did:web:pds.example.org"


def test_shapes_of_embeds(folder: MediaFolder) -> None:
    bare = MediaUse("a", "", "image/png", 1)
    moving = folder.video(kind="animation")
    pictures = [folder.picture(number + 1, alt_text=str(number)) for number in range(5)]

    assert embed_of([bare], [blob()]) == {"$type": "app.bsky.embed.images", "images": [{"image": blob(), "alt": ""}]}
    assert embed_of([moving], [blob()]) == {
        "$type": "app.bsky.embed.video",
        "video": blob(),
        "aspectRatio": {"width": 16, "height": 9},
        "presentation": "gif",
    }
    assert embed_of(pictures, [blob()] * 5) == {
        "$type": "app.bsky.embed.gallery",
        "items": [
            {
                "$type": "app.bsky.embed.gallery#image",
                "image": blob(),
                "alt": str(number),
                "aspectRatio": {"width": number + 1, "height": 5},
            }
            for number in range(5)
        ],
    }


def test_rule_of_a_service() -> None:
    small = within(MEDIA, 5_000_000)

    assert small.images == MEDIA.images
    assert small.animations is not None
    assert small.videos is not None
    assert (small.animations.max_bytes, small.videos.max_bytes) == (5_000_000, 5_000_000)
    assert BlueskyConnector.media_rule("standard", None) == BlueskyConnector.media_rule("thread", None) == MEDIA
    told = Target("https://pds.test", "pds.test", DID, "@anna", info={"did": "did:web:pds.test"})
    assert BlueskyConnector.media_rule("standard", told) == MEDIA
