from __future__ import annotations

import json
import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.tests.bluesky import POSTS, Service, Session, next_tid, post, seen
from sandbox.tests.clients import Control

TOO_MANY = (429, "RateLimitExceeded", "Rate Limit Exceeded")


def rates(headers: Any) -> tuple[int, int, str]:
    """Return limit, rest and policy, having checked that the window ends in the future, in whole seconds."""
    assert int(headers["RateLimit-Reset"]) > time.time()
    return int(headers["RateLimit-Limit"]), int(headers["RateLimit-Remaining"]), headers["RateLimit-Policy"]


def create_many(amy: Session, count: int) -> None:
    """Write posts over one bare connection: three times as fast as by `requests`."""
    body = json.dumps({"repo": amy.did, "collection": POSTS, "record": post()})
    headers = {"Authorization": f"Bearer {amy.access}", "Content-Type": "application/json"}
    connection = HTTPConnection(urlsplit(amy.service.url).netloc, timeout=20)
    for _ in range(count):
        connection.request("POST", "/bluesky/xrpc/com.atproto.repo.createRecord", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
    connection.close()


def test_sign_in_is_limited_to_30_in_5_minutes(bluesky: Service) -> None:
    row = bluesky.person()

    answers = [bluesky.begin(row["handle"], "wrong") for _ in range(31)]

    assert [answer.status_code for answer in answers] == [401] * 30 + [429]
    assert rates(answers[0].headers) == (30, 29, "30;w=300")
    assert (seen(answers[30]), rates(answers[30].headers)) == (TOO_MANY, (30, 0, "30;w=300"))
    assert 0 < int(answers[30].headers["Retry-After"]) <= 300
    assert bluesky.begin("other.bsky.social", "wrong").status_code == 401


def test_all_calls_together_are_limited(bluesky: Service) -> None:
    assert rates(bluesky.get("com.atproto.server.describeServer").headers) == (3_000, 2_999, "3000;w=300")
    assert rates(bluesky.get("app.bsky.unknown").headers) == (3_000, 2_998, "3000;w=300")


def test_writes_cost_points(amy: Session) -> None:
    time.sleep(left_s if (left_s := 3600 - time.time() % 3600) < 8 else 0)  # the window is the clock's hour
    create_many(amy, 1_665)

    last = amy.create(post())  # 3 points each, so 1,666 fit

    assert (last.status_code, rates(last.headers)) == (200, (5_000, 2, "5000;w=3600"))
    assert amy.put(post(), next_tid()).status_code == 200
    refused = amy.delete("3jzfcijpj2z2a")
    assert (seen(refused), rates(refused.headers)) == (TOO_MANY, (5_000, 0, "5000;w=3600"))


def test_without_quotas_nothing_is_counted_or_said(control: Control, bluesky: Service) -> None:
    control.put("limits", quotas=False)

    answers = [bluesky.begin("amy.bsky.social", "wrong") for _ in range(31)]

    assert {answer.status_code for answer in answers} == {401}
    assert not [name for name in answers[0].headers if "limit" in name.lower()]


def test_rate_limited_closes_the_window_for_posts(control: Control, amy: Session) -> None:
    control.fault("rate_limited", platform="bluesky", retry_after=1.2)

    first, second = amy.put(post(), next_tid()), amy.create(post())
    opens_at = time.time() + 1.2

    for answer in (first, second):
        assert (seen(answer), rates(answer.headers)) == (TOO_MANY, (5_000, 0, "5000;w=3600"))
    assert first.headers["Retry-After"] == "2"
    assert opens_at - 1.2 < int(first.headers["RateLimit-Reset"]) < opens_at + 1  # rounded up
    gate = {"post": f"at://{amy.did}/app.bsky.feed.post/{next_tid()}", "createdAt": "2026-11-23T10:00:00Z"}
    assert amy.put(gate, next_tid(), collection="app.bsky.feed.threadgate").status_code == 200
    time.sleep(max(0.0, opens_at - time.time()))
    assert amy.put(post(), next_tid()).status_code == 200


def test_older_servers_say_it_in_the_reset_only(control: Control, amy: Session) -> None:
    control.put("instance", platform="bluesky", retry_after=False)
    control.fault("rate_limited", platform="bluesky", retry_after=30)

    answer = amy.create(post())

    assert seen(answer) == TOO_MANY
    assert "Retry-After" not in answer.headers


@pytest.mark.parametrize(
    ("effect", "status", "name"),
    [
        ("status_500", 500, "InternalServerError"),
        ("status_503", 503, "NotEnoughResources"),
        ("reject_content", 400, "InvalidRequest"),
        ("account_not_found", 403, "AccountNotFound"),
        ("upstream_failure", 502, "UpstreamFailure"),
        ("blob_not_found", 400, "BlobNotFound"),
    ],
)
def test_effect_is_an_xrpc_error_and_nothing_is_posted(
    control: Control, amy: Session, effect: str, status: int, name: str
) -> None:
    control.fault(effect, platform="bluesky")

    answer = amy.create(post())

    assert seen(answer)[:2] == (status, name)
    assert control.posts() == []
    assert amy.create(post()).status_code == 200


def test_unknown_method_is_501(bluesky: Service) -> None:
    answer = bluesky.get("com.atproto.repo.applyWrites")

    assert seen(answer) == (501, "MethodNotImplemented", "Method Not Implemented")


def test_json_larger_than_150_kib_is_413(amy: Session) -> None:
    answer = amy.create(post("x" * 153_600))

    assert seen(answer) == (413, "PayloadTooLarge", "request entity too large")


def test_body_that_is_no_json(control: Control, amy: Session) -> None:
    headers = {"Content-Type": "application/json"}

    answer = amy.call("POST", "com.atproto.repo.putRecord", data=b"{", headers=headers)

    assert seen(answer)[:2] == (400, "InvalidRequest")
    assert control.requests(operation="publish")[0]["status"] == 400


def test_settings_are_checked(control: Control) -> None:
    answer = control.call("PUT", "instance", json={"platform": "bluesky", "taken_down": "amy"})

    assert (answer.status_code, answer.json()) == (400, {"error": "taken_down: must be a list of handles"})
    assert control.put("instance", platform="bluesky", deactivated=["@Amy.bsky.social"]) == {
        "platform": "bluesky",
        "instance": "bluesky",
        "taken_down": [],
        "suspended": [],
        "deactivated": ["amy.bsky.social"],
        "access_ttl_s": 7_200,
        "refresh_ttl_s": 7_776_000,
        "refresh_grace_s": 7_200,
        "retry_after": True,
        "blob_upload_limit": 52_428_800,
        "tells_upload_limit": True,
        "blob_ttl_s": 3_600,
        "image_max_bytes": 2_000_000,
        "unconfirmed": [],
        "daily_videos": 25,
        "video_processing_ms": 250,
        "video_failure": "",
        "flat_jobs": True,
        "no_video_methods": "",
    }
