from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from sandbox.tests.clients import PNG, Client, Control, Server

RFC3339_MS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FAULT = {"platform": "mastodon", "operation": "publish", "effect": "status_500"}


def test_posts_rows_show_what_the_world_sees_oldest_first(control: Control, alice: Client) -> None:
    media = alice.upload(PNG, description="A dot").json()
    root = alice.published("One <b>two</b>", media_ids=[media["id"]], language="de", visibility="unlisted")
    reply = alice.published("Two", in_reply_to_id=root["id"], spoiler_text="Careful")

    rows = control.posts(platform="mastodon", account="alice")

    assert all(RFC3339_MS.fullmatch(row.pop("created_at")) for row in rows)
    common = {"platform": "mastodon", "instance": "mastodon", "account": "alice"}
    assert rows == [
        {
            **common,
            "id": root["id"],
            "text": "One <b>two</b>",
            "media": [
                {
                    "mime_type": "image/png",
                    "size": len(PNG),
                    "sha256": hashlib.sha256(PNG).hexdigest(),
                    "alt_text": "A dot",
                }
            ],
            "reply_to": None,
            "url": root["url"],
            "visibility": "unlisted",
            "spoiler_text": "",
            "language": "de",
        },
        {
            **common,
            "id": reply["id"],
            "text": "Two",
            "media": [],
            "reply_to": root["id"],
            "url": reply["url"],
            "visibility": "public",
            "spoiler_text": "Careful",
            "language": "en",
        },
    ]


def test_a_world_that_was_kept_is_begun_with_after_a_reset_and_never_in_the_middle(
    control: Control, alice: Client
) -> None:
    alice.published("Before")
    control.post("keep", name="Alice's")
    alice.published("After")

    in_the_middle = control.post("restore", name="Alice's")
    still_there = control.texts()
    control.post("reset")
    unknown = control.post("restore", name="Bob's")
    anew = control.post("restore", name="Alice's")
    restored, calls = control.texts(), control.requests()
    alice.published("Again")

    assert in_the_middle == {"name": "Alice's", "untouched": False, "restored": False}
    assert still_there == ["Before", "After"]
    assert unknown == {"name": "Bob's", "untouched": True, "restored": False}
    assert anew == {"name": "Alice's", "untouched": True, "restored": True}
    assert (restored, calls) == (["Before"], [])
    assert control.texts() == ["Before", "Again"]


def test_posts_filters_by_platform_and_account(control: Control, server: Server, alice: Client) -> None:
    alice.published("From Alice")
    server.sign_in("Bob").published("From Bob")

    assert [row["account"] for row in control.posts()] == ["alice", "Bob"]
    assert [row["text"] for row in control.posts(account="bob")] == ["From Bob"]
    assert [row["text"] for row in control.posts(platform="mastodon", account="@alice")] == ["From Alice"]
    assert control.posts(account="carol") == []
    assert len(control.posts(platform="", account="")) == 2


def test_posts_leaves_out_what_was_deleted(control: Control, alice: Client) -> None:
    gone = alice.published("Gone")
    alice.published("Here")

    alice.call("DELETE", f"/api/v1/statuses/{gone['id']}")

    assert control.texts() == ["Here"]


def test_requests_rows_have_time_path_status_and_operation(control: Control, alice: Client) -> None:
    alice.publish()
    alice.call("GET", "/api/v1/statuses/1")
    alice.call("GET", "/api/v1/nowhere")

    rows = control.requests(platform="mastodon")[-3:]

    for row in rows:
        assert RFC3339_MS.fullmatch(row.pop("at"))
        assert 0 <= row.pop("ms") < 1000
    assert [row.pop("bytes") > 0 for row in rows] == [True, False, False]
    common = {"platform": "mastodon", "instance": "mastodon"}
    assert rows == [
        {**common, "method": "POST", "path": "/mastodon/api/v1/statuses", "status": 200, "operation": "publish"},
        {**common, "method": "GET", "path": "/mastodon/api/v1/statuses/1", "status": 404, "operation": "lookup"},
        {**common, "method": "GET", "path": "/mastodon/api/v1/nowhere", "status": 404, "operation": "other"},
    ]


def test_requests_filters_by_operation_and_leaves_out_control_and_feed(control: Control, alice: Client) -> None:
    alice.publish()
    control.http.get(f"{control.origin}/")

    assert [row["operation"] for row in control.requests(operation="publish")] == ["publish"]
    paths = [row["path"] for row in control.requests()]
    assert paths == [
        "/mastodon/api/v1/apps",
        "/mastodon/oauth/authorize",
        "/mastodon/oauth/token",
        "/mastodon/api/v1/statuses",
    ]


def test_requests_shows_null_for_a_call_whose_client_gave_up(control: Control, alice: Client) -> None:
    control.fault("slow", ms=300)

    with pytest.raises(OSError, match="timed out"):
        alice.call("POST", "/api/v1/statuses", json={"status": "Late"}, timeout=0.05)

    control.put("latency", ms=400)
    alice.call("GET", "/api/v2/instance")
    assert [row["status"] for row in control.requests(operation="publish")] == [None]
    assert control.texts() == ["Late"]


def test_reset_forgets_everything(control: Control, alice: Client) -> None:
    alice.published()
    control.fault("status_500", times=5)
    control.put("latency", ms=5)
    control.put("limits", quotas=False, lookup_lag_ms=9)
    control.put("instance", platform="mastodon", max_characters=7)

    assert control.post("reset") == {"reset": True}

    assert control.get("state") == {
        "latency": {"ms": 0},
        "limits": {"quotas": True, "duplicates": True, "idempotency": True, "lookup_lag_ms": 0},
        "faults": [],
        "windows": [],
        "instances": {},
    }
    assert control.posts() == []
    assert control.requests() == []
    assert alice.publish().json() == {"error": "The access token is invalid"}


def test_latency_makes_platform_calls_late_and_no_others(control: Control, alice: Client) -> None:
    assert control.put("latency", ms=150) == {"ms": 150}

    answer = alice.call("GET", "/api/v2/instance")

    assert answer.elapsed.total_seconds() >= 0.15
    assert control.call("GET", "state").elapsed.total_seconds() < 0.15
    assert control.requests()[-1]["ms"] >= 150


def test_limits_change_one_by_one(control: Control) -> None:
    stock = {"quotas": True, "duplicates": True, "idempotency": True, "lookup_lag_ms": 0}

    assert control.put("limits") == stock
    assert control.put("limits", quotas=False) == {**stock, "quotas": False}
    assert control.put("limits", lookup_lag_ms=20, duplicates=False, idempotency=False) == {
        "quotas": False,
        "duplicates": False,
        "idempotency": False,
        "lookup_lag_ms": 20,
    }


def test_metrics_are_what_the_platform_then_answers(control: Control, alice: Client) -> None:
    post_id = alice.published()["id"]

    control.put("metrics", platform="mastodon", id=post_id, likes=3, shares=2, comments=1, views=99)
    counters = control.put("metrics", platform="mastodon", id=post_id, likes=4)

    assert counters == {
        "platform": "mastodon",
        "id": post_id,
        "likes": 4,
        "shares": 2,
        "comments": 1,
        "views": 99,
    }
    status = alice.call("GET", f"/api/v1/statuses/{post_id}").json()
    assert (status["favourites_count"], status["reblogs_count"], status["replies_count"]) == (4, 2, 1)
    assert "views" not in str(status)


def test_accounts_makes_a_person_with_what_they_own(control: Control) -> None:
    person = control.post("accounts", platform="mastodon", handle="@dora", name="Dora D", pages=["Shop"], channels=2)

    assert person.pop("id").isdecimal()
    assert person == {
        "platform": "mastodon",
        "instance": "mastodon",
        "handle": "dora",
        "name": "Dora D",
        "pages": ["Shop"],
        "channels": ["Channel 1", "Channel 2"],
        "organisations": [],
    }


def test_accounts_without_more_have_one_page_one_channel_and_no_organisation(control: Control) -> None:
    person = control.post("accounts", platform="mastodon", handle="dora")

    assert (person["pages"], person["channels"], person["organisations"]) == (["dora"], ["dora"], [])


def test_instances_of_one_platform_have_worlds_of_their_own(control: Control, alice: Client) -> None:
    other = Server(control.origin, "mastodon-fork").sign_in("alice")
    alice.published("Here")
    post = other.published("There")

    rows = control.posts(platform="mastodon")

    assert [(row["instance"], row["text"]) for row in rows] == [("mastodon", "Here"), ("mastodon-fork", "There")]
    assert post["url"].startswith(f"{control.origin}/mastodon-fork/@alice/")
    assert alice.call("GET", f"/api/v1/statuses/{post['id']}").status_code == 404
    assert [row["text"] for row in control.posts(instance="mastodon-fork")] == ["There"]


@pytest.mark.parametrize(
    ("method", "name", "body", "error"),
    [
        ("POST", "faults", [], "body: must be a JSON object with platform, instance, operation, effect, times, "),
        ("POST", "faults", {}, "platform: is required"),
        ("POST", "faults", {**FAULT, "platform": "myspace"}, "platform: must be one of "),
        ("POST", "faults", {**FAULT, "effect": "explode"}, "effect: must be one of accept_then_500, "),
        ("POST", "faults", {**FAULT, "operation": "post"}, "operation: must be one of any, delete, lookup, "),
        ("POST", "faults", {**FAULT, "times": 0}, "times: must be a whole number from 1 to "),
        ("POST", "faults", {**FAULT, "times": True}, "times: must be a whole number from 1 to "),
        ("POST", "faults", {**FAULT, "probability": 1.5}, "probability: must be a number from 0 to 1"),
        ("POST", "faults", {**FAULT, "seed": "a"}, "seed: must be a whole number from 0 to "),
        ("POST", "faults", {**FAULT, "until": 1}, "until: unknown field; valid are platform, "),
        ("POST", "faults", {**FAULT, "ms": 5}, "ms: belongs to processing, slow, not to status_500"),
        ("POST", "faults", {**FAULT, "effect": "slow"}, "ms: is required for slow"),
        ("POST", "faults", {**FAULT, "effect": "rate_limited"}, "retry_after: is required for rate_limited"),
        ("POST", "faults", {"platform": "mastodon", "effect": "html_502"}, "operation: is required for html_502"),
        (
            "POST",
            "faults",
            {**FAULT, "effect": "processing", "ms": 5},
            "operation: mastodon can be processing after any, upload",
        ),
        ("POST", "faults", {**FAULT, "instance": "bluesky"}, "instance: must be mastodon or mastodon-<name> in "),
        ("DELETE", "faults?platform=mastodon", None, "platform: unknown field; valid are no fields"),
        ("POST", "reset", {"all": True}, "all: unknown field; valid are no fields"),
        ("PUT", "latency", {}, "ms: is required"),
        ("PUT", "latency", {"ms": -1}, "ms: must be a whole number from 0 to 86400000"),
        ("PUT", "latency", {"ms": "5"}, "ms: must be a whole number from 0 to 86400000"),
        ("PUT", "limits", {"quotas": 1}, "quotas: must be true or false"),
        ("PUT", "limits", {"rate": False}, "rate: unknown field; valid are quotas, duplicates, idempotency, "),
        ("PUT", "metrics", {"platform": "mastodon", "id": "5"}, "id: there is no post 5 on mastodon"),
        ("PUT", "metrics", {"platform": "mastodon", "id": "5", "likes": -1}, "likes: must be a whole number from 0"),
        ("POST", "accounts", {"platform": "mastodon"}, "handle: is required"),
        ("POST", "accounts", {"platform": "mastodon", "handle": "a b"}, "handle: nobody on mastodon can be called"),
        ("POST", "accounts", {"platform": "mastodon", "handle": "a", "pages": "x"}, "pages: must be a list of at "),
        ("PUT", "instance", {"platform": "mastodon", "dialect": "klingon"}, "dialect: must be one of mastodon, takahe"),
        ("PUT", "instance", {"platform": "mastodon", "max_chars": 5}, "max_chars: unknown field; valid are "),
        ("GET", "posts?platform=myspace", None, "platform: must be one of "),
        ("GET", "posts?handle=alice", None, "handle: unknown field; valid are platform, account, instance"),
        ("GET", "requests?operation=post", None, "operation: must be one of delete, lookup, metrics, other, "),
    ],
)
def test_bad_input_is_400_and_says_what_is_valid(
    control: Control, method: str, name: str, body: Any, error: str
) -> None:
    before = control.get("state")

    answer = control.call(method, name, json=body)

    assert answer.status_code == 400
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(error)
    assert control.get("state")["faults"] == before["faults"]
    assert control.get("state")["limits"] == before["limits"]


def test_handle_twice_is_refused(control: Control) -> None:
    control.post("accounts", platform="mastodon", handle="dora")

    answer = control.call("POST", "accounts", json={"platform": "mastodon", "handle": "Dora"})

    assert (answer.status_code, answer.json()) == (400, {"error": "handle: Dora is taken on mastodon"})


def test_body_that_is_no_json_is_refused(control: Control) -> None:
    answer = control.call("PUT", "latency", data=b"{ms:5}")

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("body: must be JSON")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/_control/nothing", 404), ("POST", "/_control/posts", 405), ("GET", "/myspace/2/tweets", 404)],
)
def test_what_is_not_there_is_said_in_json(control: Control, method: str, path: str, status: int) -> None:
    answer = control.http.request(method, control.origin + path, timeout=5)

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
