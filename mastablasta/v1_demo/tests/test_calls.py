"""The calls of API v1, over HTTP and without the database, in the shapes that old clients know."""

from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import pytest
import time_machine
from django.conf import settings
from django.core.cache import caches
from django.db import connections

from mastablasta.checks import setup_is_public
from mastablasta.v1_demo.platforms import PLATFORMS
from mastablasta.v1_demo.tests.conftest import DemoClient
from mastablasta.v1_demo.urls import ENDPOINTS

NOW = "2030-01-31T09:00:00Z"
SECRET = "canary-secret"
NOT_THERE = "3f0c8f62-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


def test_health_and_platforms(demo: DemoClient) -> None:
    health = {"status": "healthy", "service": "MastaBlasta", "version": settings.VERSION, "timestamp": NOW}
    assert demo("GET", "health") == (200, health)
    status, answer = demo("GET", "platforms/")
    assert (status, answer["count"]) == (200, 9)
    assert [one["name"] for one in answer["platforms"]] == [
        "twitter", "facebook", "instagram", "linkedin", "threads", "bluesky", "youtube", "pinterest", "tiktok"
    ]  # fmt: skip
    assert answer["platforms"][0] == {
        "name": "twitter",
        "display_name": "Twitter/X",
        "available": True,
        "supports_oauth": True,
        "supported_post_types": ["standard", "thread"],
    }
    types = {"platform": "bluesky", "supported_post_types": ["standard", "thread"]}
    assert demo("GET", "platforms/bluesky/post-types") == (200, types)
    status, answer = demo("GET", "platforms/twitter/details")
    assert (status, answer["platform"], answer["post_types"]) == (200, "twitter", ["standard", "thread"])
    assert {frozenset(one) for one in answer["rate_limits"]} == {
        frozenset({"operation", "limit", "window_seconds", "scope"})
    }
    assert demo("GET", "platforms/tiktok/details")[1]["rate_limits"] == []
    assert demo("GET", "platforms/myspace/details") == (404, {"error": "Invalid platform: myspace"})


def test_an_account_lives(demo: DemoClient) -> None:
    body = {"platform": "twitter", "name": "Ada", "username": "@ada", "credentials": {"api_key": SECRET}}
    answer = demo.made("accounts", **body)
    account_id = answer["account_id"]
    brief = {"id": account_id, "platform": "twitter", "name": "Ada", "username": "@ada", "enabled": True}
    assert answer == {"success": True, "account_id": account_id, "message": "Account Ada added", "account": brief}
    whole = {**brief, "created_at": NOW}
    assert demo("GET", "accounts") == (200, {"accounts": [whole], "count": 1})
    assert demo("GET", f"accounts/{account_id}") == (200, {"account": whole})
    tested = {
        "success": True,
        "message": "The simulated connection to Twitter/X works",
        "platform": "twitter",
        "account_name": "Ada",
    }
    assert demo("POST", f"accounts/{account_id}/test") == (200, tested)

    change = {"name": "Bea", "enabled": False, "platform": "bluesky", "credentials": {"api_key": SECRET}}
    changed = {"success": True, "message": "Account Bea updated", "account": {**brief, "name": "Bea", "enabled": False}}
    assert demo("PUT", f"accounts/{account_id}", change) == (200, changed)
    disabled = demo("POST", "post", {"content": "Hi", "account_ids": [account_id]})
    assert disabled == (400, {"error": "Account Bea is disabled"})
    assert demo("DELETE", f"accounts/{account_id}") == (200, {"success": True, "message": "Account Bea deleted"})
    assert demo("GET", "accounts") == (200, {"accounts": [], "count": 0})
    kept = b"".join(path.read_bytes() for path in (settings.HOME / "run" / "v1").iterdir())
    assert SECRET.encode() not in kept


@pytest.mark.parametrize(
    ("call", "status", "error"),
    [
        (("POST", "accounts", {"name": "Ada"}), 400, "Platform is required"),
        (("POST", "accounts", {"name": "Ada", "platform": "myspace"}), 400, "Invalid platform: myspace"),
        (("POST", "accounts", {"platform": "twitter"}), 400, "Account name is required"),
        (("POST", "accounts", {"platform": "twitter", "name": 5}), 400, "name has to be text"),
        (("POST", "accounts", {"platform": "twitter", "name": "x" * 201}), 400, "name may have at most 200 characters"),
        (("POST", "accounts", b"[]"), 400, "The body has to be a JSON object"),
        (("POST", "accounts", b"{"), 400, ANY),
        (("POST", "accounts", b'{"name": "\\u0000"}'), 400, ANY),
        (("POST", "accounts", b'"\xff"'), 400, "The body is not UTF-8"),
        (("POST", "post", b'{"content": "x", "post_options": {"x": 1' + b"0" * 30 + b"}}"), 400, ANY),
        (("POST", "post", {"content": "x" * 70_000, "platforms": ["twitter"]}), 413, ANY),
        (("POST", "post", {"content": "x" * 3_000_000, "platforms": ["twitter"]}), 413, ANY),
        *(((method, f"accounts/{NOT_THERE}"), 404, "Account not found") for method in ("GET", "PUT", "DELETE")),
        (("POST", f"accounts/{NOT_THERE}/test"), 404, "Account not found"),
        (("POST", "post", {"platforms": ["twitter"]}), 400, "Content is required"),
        (("POST", "post", {"content": " ", "platforms": ["twitter"]}), 400, "Content is required"),
        (("POST", "post", {"content": "Hi"}), 400, "At least one account or platform is required"),
        (("POST", "post", {"content": "Hi", "account_ids": [NOT_THERE]}), 404, f"Account not found: {NOT_THERE}"),
        (("POST", "post", {"content": "Hi", "platforms": "twitter"}), 400, "platforms has to be a list"),
        (("POST", "post", {"content": "Hi", "platforms": [["x"]]}), 400, "platforms has to be a list of texts"),
        (("POST", "post", {"content": "Hi", "platforms": ["twitter"], "media": [5]}), 400, ANY),
        (("POST", "schedule", {"content": "Hi", "platforms": ["twitter"]}), 400, "scheduled_time is required"),
        (("POST", "schedule", {"content": "Hi", "scheduled_time": "soon"}), 400, ANY),
        (("POST", "schedule", {"content": "Hi", "scheduled_time": "9999-12-31T23:59:59"}), 400, ANY),
        (("POST", "schedule", {"content": "Hi", "scheduled_time": "0001-01-01T00:00:00+14:00"}), 400, ANY),
        (
            ("POST", "schedule", {"content": "Hi", "scheduled_time": NOW}),
            400,
            "scheduled_time has to be in the future",
        ),
        (("GET", f"posts/{NOT_THERE}"), 404, "Post not found"),
        (("DELETE", f"posts/{NOT_THERE}"), 404, "Post not found"),
        (("PATCH", "posts"), 405, "This address does not take PATCH; it takes GET, HEAD"),
        (("HEAD", "oauth/init/twitter"), 405, None),
    ],
    ids=str,
)
def test_what_is_refused_keeps_nothing(demo: DemoClient, call: Any, status: int, error: Any) -> None:
    if call[0] == "HEAD":
        assert demo.http.head(f"/api/{call[1]}").status_code == status
    else:
        assert demo(*call) == (status, {"error": error})
    assert demo("GET", "posts")[1]["count"] == demo("GET", "accounts")[1]["count"] == 0


def test_several_faults_are_told_at_once(demo: DemoClient) -> None:
    body = {"content": "Hi", "platforms": ["myspace", "twitter", "facebook"], "post_type": "reel"}
    faults = ["Invalid platform: myspace", "twitter has no posts of the type 'reel'; valid: standard, thread"]
    expected = (400, {"error": "The post cannot go to these platforms", "details": faults})
    assert demo("POST", "post", body) == expected


def test_a_post_is_published_at_once_or_when_its_time_comes(demo: DemoClient, clock: Any) -> None:
    ada = demo.made("accounts", platform="bluesky", name="Ada")["account_id"]
    answer = demo.made("post", content=" Now ", account_ids=[ada], platforms=["tiktok"], media=["https://x.test/a.mp4"])
    first = answer["post"]
    result = {"success": True, "platform_post_id": ANY, "message": ANY, "published_at": NOW}
    assert answer == {
        "success": True,
        "post_id": first["id"],
        "message": "Post published (simulated)",
        "parallel_execution": True,
        "post": {
            "id": ANY,
            "content": " Now ",
            "media": ["https://x.test/a.mp4"],
            "platforms": ["tiktok", "bluesky"],
            "account_ids": [ada],
            "post_type": "standard",
            "post_options": {},
            "status": "published",
            "created_at": NOW,
            "scheduled_for": None,
            "published_at": NOW,
            "results": {"tiktok": result, "bluesky": result},
        },
    }
    answer = demo.made(
        "schedule",
        content="Later",
        platforms=["twitter"],
        scheduled_time="2030-01-31T11:00:00+01:00",
        parallel_execution=False,
    )
    second = answer["post"]
    assert (answer["parallel_execution"], second["status"]) == (False, "scheduled")
    assert second["scheduled_for"] == "2030-01-31T10:00:00Z"
    assert "results" not in second
    assert demo("GET", "posts") == (200, {"posts": [second, first], "count": 2})
    assert demo("GET", "posts?status=scheduled") == (200, {"posts": [second], "count": 1})

    clock.shift(3600)

    status, answer = demo("GET", f"posts/{second['id']}")
    assert (status, answer["post"]["status"], answer["post"]["published_at"]) == (
        200,
        "published",
        second["scheduled_for"],
    )
    assert list(answer["post"]["results"]) == ["twitter"]
    assert demo("GET", f"posts/{second['id']}") == (200, answer)
    assert demo("DELETE", f"posts/{first['id']}") == (200, {"success": True, "message": "Post deleted"})
    assert demo("GET", "posts?status=published") == (200, {"posts": [answer["post"]], "count": 1})


def test_a_preview_says_what_each_platform_would_refuse(demo: DemoClient) -> None:
    body = {"content": "x" * 290, "platforms": ["twitter", "bluesky", "tiktok"], "media": ["a.jpg", "b.mp4"]}
    status, answer = demo("POST", "post/preview", body)

    assert (status, answer["count"]) == (200, 3)
    told = [
        (one["platform"], one["valid"], [fault["code"] for fault in one["problems"]], one["parts"][0]["limit"])
        for one in answer["previews"]
    ]
    assert told == [
        ("twitter", False, ["media_cannot_mix", "too_long"], 280),
        ("bluesky", False, ["media_cannot_mix"], 300),
        ("tiktok", True, [], None),
    ]
    assert demo("GET", "posts")[1]["count"] == 0


def test_every_platform_and_type_has_a_preview_with_files_and_without(demo: DemoClient) -> None:
    for post_type in {one for platform in PLATFORMS.values() for one in platform.post_types}:
        names = [name for name, platform in PLATFORMS.items() if post_type in platform.post_types]
        for media in ([], ["a.jpg"], [{"url": "https://x.test/b.mp4?c"}], ["http://[", {}]):
            body = {"content": "Hi", "platforms": names, "post_type": post_type, "media": media}
            status, answer = demo("POST", "post/preview", body)
            assert (status, answer["count"]) == (200, len(names))
            assert {frozenset(one) for one in answer["previews"]} == {
                frozenset({"platform", "valid", "problems", "parts"})
            }


def test_conflicts_name_who_is_near_and_when_it_is_free(demo: DemoClient) -> None:
    near, nearer, free = "2030-01-31T10:00:00Z", "2030-01-31T10:07:00Z", "2030-01-31T10:13:00Z"
    posts = [
        demo.made("schedule", content="A", platforms=["twitter", "bluesky"], scheduled_time=at)["post_id"]
        for at in (near, nearer)
    ]
    demo.made("schedule", content="B", platforms=["facebook"], scheduled_time=near)

    asked = {"scheduled_time": "2030-01-31T10:04:00Z", "platforms": ["twitter", "facebook", "tiktok"]}
    _, answer = demo("POST", "schedule/conflicts", {**asked, "platforms": ["twitter", "tiktok"]})
    assert answer == {
        "has_conflicts": True,
        "conflicts": [
            {"post_id": post, "scheduled_for": at, "shared_platforms": ["twitter"], "time_difference_seconds": seconds}
            for post, at, seconds in zip(posts, (near, nearer), (240, 180), strict=True)
        ],
        "conflict_count": 2,
        "suggestions": [
            {"time": free, "reason": "The next free time"},
            {"time": "2030-01-31T09:54:00Z", "reason": "The last free time before it"},
        ],
    }
    for one in answer["suggestions"]:
        _, again = demo("POST", "schedule/conflicts", {"scheduled_time": one["time"], "platforms": ["twitter"]})
        assert again == {"has_conflicts": False, "conflicts": [], "conflict_count": 0, "suggestions": []}


def test_a_simulated_sign_in_makes_an_account_once(demo: DemoClient, clock: Any) -> None:
    _, begun = demo("GET", "oauth/init/youtube")
    callback = f"oauth/callback/youtube?code=simulated&state={begun['state']}"
    assert begun == {
        "oauth_url": f"{settings.PUBLIC_URL}/api/{callback}",
        "state": ANY,
        "platform": "youtube",
        "mode": "simulated",
    }
    used = (400, {"error": "Invalid or used state; begin again at /api/oauth/init/youtube"})
    assert demo("GET", f"oauth/callback/youtube?state={begun['state']}") == (400, {"error": "code is required"})
    assert demo("GET", callback.replace("youtube", "twitter"))[0] == 400

    status, answer = demo("GET", callback)

    assert (status, answer) == (200, {"success": True, "account_id": ANY, "platform": "youtube"})
    assert demo("GET", f"accounts/{answer['account_id']}")[1]["account"]["platform"] == "youtube"
    assert demo("GET", callback) == used
    _, begun = demo("GET", "oauth/init/youtube")
    clock.shift(600)
    assert demo("GET", f"oauth/callback/youtube?code=x&state={begun['state']}") == used


def test_an_export_has_the_oldest_first_and_the_future_scheduled(demo: DemoClient) -> None:
    at = "2030-01-31T10:00:00Z"
    out = demo.made("post", content="Out", platforms=["twitter", "tiktok"], post_type="standard")["post_id"]
    waits = demo.made("schedule", content="Waits", platforms=["bluesky"], scheduled_time=at)["post_id"]
    unknown = demo.made("schedule", content="Unknown", platforms=["threads"], scheduled_time=at)["post_id"]

    rows = [
        {"external_id": f"v1:{out}", "content": "Out", "platforms": ["twitter"], "post_type": "standard"},
        {
            "external_id": f"v1:{waits}",
            "content": "Waits",
            "platforms": ["bluesky"],
            "post_type": "standard",
            "scheduled_time": at,
        },
        {"external_id": f"v1:{unknown}", "content": "Unknown", "platforms": [], "post_type": "standard"},
    ]
    assert demo("GET", "export") == (200, {"posts": rows})


# --- who may ask, and how often ---
def test_no_call_opens_a_connection_to_the_database(demo: DemoClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even for a session's cookie, alone as browsers send it, or a token that come along."""
    monkeypatch.setattr(connections["default"], "connect", lambda: pytest.fail("a connection was opened"))
    demo.http.cookies["sessionid"] = "x" * 32
    tokens = {"HTTP_AUTHORIZATION": "Bearer x.y.z", "HTTP_X_API_KEY": "mb_12345678"}

    for route, (reads, changes) in ENDPOINTS.items():
        path = route.replace("<str:platform>", "twitter").replace("<str:account_id>", NOT_THERE)
        for method in (*reads, *changes, "PATCH"):
            for proofs in ({}, tokens):
                status, _ = demo(method, path.replace("<str:post_id>", NOT_THERE), **proofs)
                assert status < 500


def test_an_address_is_held_to_its_limit(demo: DemoClient, settings: Any) -> None:
    settings.THROTTLE_RATES, settings.WEB_WORKERS = {"demo": "2/min"}, 1
    caches["limits"].clear()

    answers = [demo.http.get("/api/posts") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json() == {"error": "Too many requests; wait 60 seconds"}
    assert (answers[2]["Retry-After"], answers[0]["RateLimit-Remaining"]) == ("60", "1")
    assert demo("GET", "posts", REMOTE_ADDR="192.0.2.7")[0] == 200


def test_the_demo_can_be_switched_off(demo: DemoClient, settings: Any) -> None:
    settings.V1_ENABLED = False

    answer = demo.http.get("/api/health")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_forms_of_other_pages_are_not_taken(demo: DemoClient) -> None:
    answer = demo.http.post("/api/accounts", '{"platform": "twitter", "name": "Eve"}', "text/plain")

    assert (answer.status_code, answer.json()) == (415, {"error": "Send JSON, with Content-Type: application/json"})


def test_every_platform_takes_what_is_said_without_a_type() -> None:
    assert all("standard" in platform.post_types for platform in PLATFORMS.values())


@pytest.mark.parametrize(("is_on", "is_production", "ids"), [(True, True, 1), (False, True, 0), (True, False, 0)])
def test_who_goes_into_production_is_told_that_the_demo_is_on(
    settings: Any, is_on: bool, is_production: bool, ids: int
) -> None:
    settings.V1_ENABLED, settings.IS_DEVELOPMENT = is_on, not is_production

    assert [one.id for one in setup_is_public()].count("mastablasta.W004") == ids
