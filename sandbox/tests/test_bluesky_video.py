from __future__ import annotations

import hashlib
import math
import time
from typing import Any

import pytest

from sandbox.tests.bluesky import Service, Session, check_output, next_tid, post, rkey_of, seen
from sandbox.tests.clients import MP4, PNG, Control, wait_until
from tests.specifications.bluesky import JOB, STATES

UPLOAD, LIMITS = "com.atproto.repo.uploadBlob", "app.bsky.video.getUploadLimits"
AUTH = "com.atproto.server.getServiceAuth"


def done(bluesky: Service, job_id: str) -> dict[str, Any]:
    """Return the job once it is over."""
    over = ("JOB_STATE_COMPLETED", "JOB_STATE_FAILED")
    wait_until(lambda: bluesky.job(job_id)["state"] in over)
    return bluesky.job(job_id)


def video(ref: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"$type": "app.bsky.embed.video", "video": ref, **more}


def limits(amy: Session) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {amy.service_token(LIMITS)}"}
    body: dict[str, Any] = amy.call("GET", LIMITS, headers=headers).json()
    check_output(LIMITS, body)
    return body


def test_video_is_worked_on_and_then_posted(control: Control, bluesky: Service, amy: Session) -> None:
    answer = amy.send_video()

    begun = answer.json()
    assert answer.status_code == 200
    assert (begun["did"], begun["state"], "blob" in begun) == (amy.did, "JOB_STATE_CREATED", False)
    job = done(bluesky, begun["jobId"])
    assert (job["state"], job["blob"]["mimeType"], job["blob"]["size"]) == (
        "JOB_STATE_COMPLETED",
        "video/mp4",
        len(MP4),
    )
    ratio = {"width": 16, "height": 9}
    uri = amy.posted(embed=video(job["blob"], alt="A bird", aspectRatio=ratio, presentation="gif"))["uri"]
    sha256 = hashlib.sha256(MP4).hexdigest()
    row = {"mime_type": "video/mp4", "size": len(MP4), "sha256": sha256, "alt_text": "A bird"}
    assert control.posts()[0]["media"] == [row]
    (view,) = bluesky.read("app.bsky.feed.getPosts", uris=[uri])["posts"]
    shown = view["embed"]
    assert (shown["$type"], shown["cid"]) == ("app.bsky.embed.video#view", job["blob"]["ref"]["$link"])
    assert (shown["alt"], shown["aspectRatio"], shown["presentation"]) == ("A bird", ratio, "gif")
    playlist = bluesky.http.get(shown["playlist"], timeout=5).text
    source = next(line for line in playlist.splitlines() if line.startswith("http"))
    assert bluesky.http.get(source, timeout=5).content == MP4
    assert "<video src=" in bluesky.http.get(control.origin, timeout=5).text


def test_processing_takes_its_time_and_passes_its_states(control: Control, bluesky: Service, amy: Session) -> None:
    control.fault("processing", operation="upload", platform="bluesky", ms=400)
    job_id, states = amy.send_video().json()["jobId"], []

    began = time.monotonic()
    while not states or states[-1] != "JOB_STATE_COMPLETED":
        states.append(bluesky.job(job_id)["state"])
        assert time.monotonic() - began < 5

    passed = list(dict.fromkeys(states))
    assert time.monotonic() - began >= 0.35
    assert len(passed) > 3
    assert passed == [state for state in STATES.options if state in passed]


def test_answer_as_its_lexicon_has_it(control: Control, amy: Session) -> None:
    control.put("instance", platform="bluesky", flat_jobs=False)

    check_output("app.bsky.video.uploadVideo", amy.send_video().json())


def test_same_video_again_is_the_job_of_the_first_time(control: Control, bluesky: Service, amy: Session) -> None:
    first = amy.send_video().json()
    blob = done(bluesky, first["jobId"])["blob"]

    again = amy.send_video()

    assert again.status_code == 409
    assert again.json() == {
        "jobId": first["jobId"],
        "did": amy.did,
        "state": "JOB_STATE_COMPLETED",
        "error": "already_exists",
        "message": "Video already processed",
    }
    made = amy.posted(embed=video(blob))
    amy.delete(rkey_of(made))  # and with it the file, which the service does not know
    assert amy.send_video().status_code == 409
    assert bluesky.job(first["jobId"])["blob"] == blob
    assert seen(amy.put(post(embed=video(blob)), next_tid()))[1] == "BlobNotFound"


@pytest.mark.parametrize(
    ("settings", "data", "code"),
    [
        ({"video_failure": "encoding_failure"}, MP4, "encoding_failure"),
        ({}, PNG, "validation_failure"),
        ({"blob_upload_limit": 10}, MP4, "pds_upload_unsupported_blob_size"),
    ],
)
def test_failure(
    control: Control, bluesky: Service, amy: Session, settings: dict[str, Any], data: bytes, code: str
) -> None:
    control.put("instance", platform="bluesky", **settings)
    first = amy.send_video(data).json()["jobId"]

    job = done(bluesky, first)

    assert (job["state"], job["failureCode"], "blob" in job) == ("JOB_STATE_FAILED", code, False)
    assert job["error"] == f"video processing error for job: {first}"
    assert job["message"]
    control.put("instance", platform="bluesky", video_failure="", blob_upload_limit=100_000)
    again = amy.send_video(data)
    assert (again.status_code, again.json()["jobId"] == first) == (200, False)


def test_upload_limits(control: Control, amy: Session) -> None:
    control.put("instance", platform="bluesky", daily_videos=1)
    before = limits(amy)
    amy.send_video()
    after, refused = limits(amy), amy.send_video(MP4 + b"\0")

    assert (before["canUpload"], before["remainingDailyVideos"]) == (True, 1)
    assert (after["canUpload"], after["message"]) == (False, "You have reached the daily limit of videos")
    assert (refused.status_code, refused.json()["jobStatus"]["error"]) == (400, "daily_limit")


def test_unconfirmed_address(control: Control, amy: Session) -> None:
    control.put("instance", platform="bluesky", unconfirmed=[amy.handle])

    assert (limits(amy)["canUpload"], limits(amy)["error"]) == (False, "unconfirmed_email")
    answer = amy.send_video().json()["jobStatus"]
    assert (answer["error"], answer["jobId"]) == ("unconfirmed_email", "")
    assert [problem.partition(":")[0] for problem in JOB.problems(answer)] == ["$.did", "$.state"]  # both are empty


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"exp": 1}, "BadExpiration"),
        ({"exp": 2_000_000_000_000}, "BadExpiration"),
        ({"exp": int(time.time()) + 1_800, "lxm": None}, "BadExpiration"),
        ({"exp": "soon"}, "InvalidRequest"),
        ({"aud": "video"}, "InvalidRequest"),
        ({"lxm": "upload"}, "InvalidRequest"),
    ],
)
def test_service_tokens_are_asked_for_rightly(bluesky: Service, amy: Session, query: dict[str, Any], name: str) -> None:
    asked = {"aud": bluesky.did(), "lxm": UPLOAD, **query}
    given = {key: value for key, value in asked.items() if value is not None}

    assert seen(amy.call("GET", AUTH, params=given))[:2] == (400, name)


def test_service_tokens_are_looked_at(bluesky: Service, amy: Session) -> None:
    good = amy.service_token(exp=int(time.time()) + 1_800)
    ends_at = math.ceil(time.time() + 1)  # whole seconds, and not over when it is asked for
    brief = amy.service_token(exp=ends_at)

    assert seen(amy.send_video(token=amy.access))[:2] == (401, "BadJwt")
    assert seen(amy.send_video(token=amy.service_token(LIMITS)))[:2] == (401, "BadJwtLexiconMethod")
    assert seen(amy.send_video(token=amy.service_token(aud="did:web:video.bsky.app")))[:2] == (401, "BadJwtAudience")
    assert seen(bluesky.get(LIMITS))[:2] == (401, "AuthMissing")
    time.sleep(max(0.0, ends_at + 0.05 - time.time()))
    assert seen(amy.send_video(token=brief))[:2] == (401, "JwtExpired")
    assert seen(amy.send_video(token=good, kind="image/png"))[:2] == (400, "InvalidRequest")
    bob = bluesky.sign_in("bob")
    assert seen(bob.send_video(token=good))[:2] == (403, "Forbidden")
    assert amy.send_video(token=good).status_code == 200
    assert amy.send_blob(PNG, Authorization=f"Bearer {good}").status_code == 200


def test_unknown_job(bluesky: Service) -> None:
    assert seen(bluesky.get("app.bsky.video.getJobStatus", jobId="nobody"))[:2] == (404, "JobNotFound")


@pytest.mark.parametrize(
    ("setting", "refusal"),
    [
        ("not_implemented", (501, "MethodNotImplemented")),
        ("not_supported", (404, "XRPCNotSupported")),
    ],
)
def test_service_on_its_own_has_no_video_methods(
    control: Control, bluesky: Service, amy: Session, setting: str, refusal: tuple[int, str]
) -> None:
    control.put("instance", platform="bluesky", no_video_methods=setting)

    answers = [amy.call("GET", LIMITS), amy.send_video(), bluesky.get("app.bsky.video.getJobStatus", jobId="1")]

    assert [seen(answer)[:2] for answer in answers] == [refusal] * 3
    assert amy.call("POST", UPLOAD, data=MP4, headers={"Content-Type": "video/mp4"}).status_code == 200


def test_proxy_of_a_service_may_say_it_with_a_page(control: Control, amy: Session) -> None:
    control.put("instance", platform="bluesky", no_video_methods="html_404")

    answer = amy.call("GET", LIMITS)

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (404, "text/html")
