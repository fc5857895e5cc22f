from __future__ import annotations

import time
from typing import Any

import pytest

from sandbox.tests.clients import Control
from sandbox.tests.twitter import INVALID, Session, X, problem

TOO_MANY = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}


def rates(headers: Any, prefix: str = "x-rate-limit") -> tuple[int, int]:
    """Return limit and rest, having checked that the window ends in the future, in whole seconds."""
    assert int(headers[f"{prefix}-reset"]) > time.time()
    return int(headers[f"{prefix}-limit"]), int(headers[f"{prefix}-remaining"])


def test_create_is_limited_to_100_in_15_minutes(control: Control, x: X, ann: Session) -> None:
    answers = [ann.post(f"Post {place}") for place in range(101)]

    assert [answer.status_code for answer in answers] == [201] * 100 + [429]
    assert [rates(answer.headers) for answer in answers[:2]] == [(100, 99), (100, 98)]
    assert rates(answers[0].headers, "x-app-limit-24hour") == (10_000, 9_999)
    assert (rates(answers[100].headers), problem(answers[100])) == ((100, 0), TOO_MANY)
    assert "Retry-After" not in answers[100].headers
    assert int(answers[100].headers["x-rate-limit-reset"]) % 900 == 0
    assert len(control.posts()) == 100
    assert x.sign_in("bob").post().status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("DELETE", "/2/tweets/7", 50),
        ("GET", "/2/tweets?ids=7", 5_000),
        ("GET", "/2/tweets/7", 900),
        ("GET", "/2/users/7/tweets", 900),
        ("GET", "/2/users/me", 75),
        ("POST", "/2/media/upload", 500),
        ("POST", "/2/media/upload/initialize", 1_875),
        ("POST", "/2/media/upload/7/append", 1_875),
        ("POST", "/2/media/upload/7/finalize", 1_875),
        ("GET", "/2/media/upload?media_id=7", 1_000),
        ("POST", "/2/media/metadata", 500),
    ],
)
def test_each_endpoint_has_its_limit_and_refused_calls_count(ann: Session, method: str, path: str, limit: int) -> None:
    ann.call(method, path)

    answer = ann.call(method, path)

    assert rates(answer.headers) == (limit, limit - 2)


def test_without_quotas_nothing_is_counted_or_said(control: Control, ann: Session) -> None:
    control.put("limits", quotas=False)

    answers = [ann.call("GET", "/2/users/me") for _ in range(76)]

    assert {answer.status_code for answer in answers} == {200}
    assert not [name for name in answers[0].headers if "limit" in name.lower()]


def test_rate_limited_closes_the_window_for_publish_calls_until_the_reset(control: Control, ann: Session) -> None:
    control.fault("rate_limited", platform="twitter", retry_after=0.4)
    asked_at = time.time()

    first, second = ann.post(), ann.post()

    for answer in (first, second):
        assert (answer.status_code, problem(answer), rates(answer.headers)) == (429, TOO_MANY, (100, 0))
        assert "Retry-After" not in answer.headers
    reset = int(first.headers["x-rate-limit-reset"])
    assert 0.3 <= reset - asked_at < 2
    assert ann.call("GET", "/2/users/me").status_code == 200
    time.sleep(max(0, reset - time.time()))
    assert ann.post().status_code == 201


@pytest.mark.parametrize(
    ("effect", "status", "expected"),
    [
        ("credits_depleted", 402, {"title": "CreditsDepleted", "type": "https://api.x.com/2/problems/credits"}),
        (
            "usage_capped",
            429,
            {"type": "https://api.x.com/2/problems/usage-capped", "period": "Monthly", "scope": "Product"},
        ),
        (
            "client_forbidden",
            403,
            {"type": "https://api.x.com/2/problems/client-forbidden", "reason": "client-not-enrolled"},
        ),
        ("suspended", 403, {"type": "https://api.x.com/2/problems/user-suspended", "title": "Forbidden"}),
        (
            "duplicate",
            403,
            {"type": "about:blank", "detail": "You are not allowed to create a Tweet with duplicate content."},
        ),
        ("reject_content", 400, {"type": INVALID, "title": "Invalid Request"}),
        ("status_500", 500, {"type": "https://api.x.com/2/problems/internal-error"}),
    ],
)
def test_effect_is_a_problem_and_nothing_is_posted(
    control: Control, ann: Session, effect: str, status: int, expected: dict[str, Any]
) -> None:
    control.fault(effect, platform="twitter")

    answer = ann.post()

    assert answer.status_code == status
    assert {name: problem(answer)[name] for name in expected} == expected
    assert control.posts() == []
    assert ann.post().status_code == 201


def test_usage_cap_looks_healthy_in_its_rate_headers(control: Control, ann: Session) -> None:
    control.fault("usage_capped", platform="twitter")

    assert rates(ann.post().headers) == (100, 99)


def test_overloaded_is_503_with_an_empty_body(control: Control, ann: Session) -> None:
    control.fault("status_503", platform="twitter")

    answer = ann.post()

    assert (answer.status_code, answer.content) == (503, b"")


def test_publish_without_id_has_errors_only(control: Control, ann: Session) -> None:
    control.fault("publish_without_id", platform="twitter")

    answer = ann.post()

    assert (answer.status_code, set(answer.json())) == (200, {"errors"})


def test_reply_lost_then_sent_again_is_a_duplicate(control: Control, ann: Session) -> None:
    control.fault("accept_then_reset", platform="twitter")

    with pytest.raises(OSError, match="reset"):
        ann.post()

    assert problem(ann.post())["detail"] == "You are not allowed to create a Tweet with duplicate content."
    assert control.texts() == ["Hello"]


def test_reply_lost_then_sent_again_shows_twice_without_the_guard(control: Control, ann: Session) -> None:
    control.put("limits", duplicates=False)
    control.fault("accept_then_500", platform="twitter")

    assert [ann.post().status_code, ann.post().status_code] == [500, 201]

    assert control.texts() == ["Hello", "Hello"]


def test_effects_of_x_are_not_for_others(control: Control) -> None:
    fault = {"platform": "mastodon", "operation": "publish", "effect": "credits_depleted"}

    answer = control.call("POST", "faults", json=fault)

    assert (answer.status_code, answer.json()["error"][:25]) == (400, "effect: must be one of ac")
    assert "credits_depleted" not in answer.json()["error"]


def test_body_too_large_is_413_and_empty(ann: Session) -> None:
    answer = ann.post("a" * 5_000_001)

    assert (answer.status_code, answer.content) == (413, b"")


def test_settings_are_checked(control: Control) -> None:
    answer = control.call("PUT", "instance", json={"platform": "twitter", "subscribed": "ann"})

    assert (answer.status_code, answer.json()) == (400, {"error": "subscribed: must be a list of handles"})
    assert control.put("instance", platform="twitter", subscribed=["@Ann"]) == {
        "platform": "twitter",
        "instance": "twitter",
        "names": "new",
        "field_names": "both",
        "subscribed": ["ann"],
        "self_serve": True,
        "self_replies": True,
        "duplicate_window_s": 86_400,
        "media_duplicates": True,
        "video_processing_ms": 250,
        "processing_failure": "",
        "upload_ttl_s": 1_296_000,
        "media_ttl_s": 86_400,
        "code_ttl_s": 30,
        "token_ttl_s": 7_200,
    }
