"""What a Bluesky service may answer to a sign-in beside the truth, and what people are told then."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.errors import CallFailed, ExchangeRefused, NeedsReconnect, Unavailable
from integrations.platforms.bluesky.sign_in import BlueskySignIn
from integrations.sign_in import NO_APP
from mastablasta.core.outbound import Http, connections
from tests.kit.raw_server import RawServer, answer, raw_server, says

SESSION = {"accessJwt": "a", "refreshJwt": "r", "did": "did:plc:anna", "handle": "anna.bsky.social"}
SECRET = "app-password-of-anna"


def scripted(body: Any, status: int = 200, **headers: str) -> AbstractContextManager[RawServer]:
    return raw_server(says(answer(body if isinstance(body, str) else json.dumps(body), status, **headers)))


def sign_in_at(server: RawServer) -> BlueskySignIn:
    connections.drop_kept()
    return BlueskySignIn(Http(server.url), {})


def error(name: str, message: str = "Sorry") -> dict[str, str]:
    return {"error": name, "message": message}


@pytest.mark.parametrize(
    ("body", "status", "code", "sentence"),
    [
        (error("AuthFactorTokenRequired"), 401, "app_password_needed", "This is the account's main password; make"),
        (error("AuthenticationRequired"), 401, "wrong_password", "The service knows no such handle"),
        (error("InvalidRequest"), 400, "wrong_password", "The service knows no such handle"),
        (error("AccountTakedown"), 401, "account_taken_down", "The service has taken the account down"),
        (error("AccountSuspended"), 400, "account_suspended", "The service has suspended the account"),
        ("<html>", 401, "token_refused", "The service no longer accepts"),
    ],
)
def test_refused_sign_in_says_what_to_do(body: Any, status: int, code: str, sentence: str) -> None:
    with scripted(body, status) as server, pytest.raises(ExchangeRefused) as caught:
        sign_in_at(server).sign_in(identifier="anna.bsky.social", password=SECRET)

    refusal = caught.value
    assert (refusal.code, refusal.http_status, len(server.requests)) == (code, status, 1)
    assert refusal.message.startswith(sentence)
    assert not refusal.message.endswith(".")
    assert SECRET not in refusal.message


def test_too_many_sign_ins_say_until_when() -> None:
    until = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=5)
    headers = {"ratelimit-reset": str(int(until.timestamp())), "ratelimit-remaining": "0"}
    with scripted(error("RateLimitExceeded"), 429, **headers) as server, pytest.raises(ExchangeRefused) as caught:
        sign_in_at(server).sign_in(identifier="anna.bsky.social", password=SECRET)

    assert (caught.value.code, caught.value.http_status) == ("rate_limited", 429)
    moment = f"{until:%Y-%m-%d %H:%M} UTC"
    assert caught.value.message == f"The service takes no more sign-ins of this account until {moment}"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 200, "unreadable"),
        ({**SESSION, "refreshJwt": ""}, 200, "unreadable"),
        ({**SESSION, "accessJwt": 7}, 200, "unreadable"),
        ("<html>", 200, "unreadable"),
        ("<html>", 403, "unreadable"),
        (error("InternalServerError"), 500, "server_error"),
    ],
)
def test_session_that_is_none_is_asked_for_again(body: Any, status: int, code: str) -> None:
    """Nobody typed anything wrong."""
    with scripted(body, status) as server, pytest.raises(Unavailable) as caught:
        sign_in_at(server).sign_in(identifier="anna.bsky.social", password=SECRET)

    assert (caught.value.code, SECRET in caught.value.message) == (code, False)


@pytest.mark.parametrize(
    ("session", "unusable"),
    [
        ({}, ""),
        ({"active": True, "status": "suspended"}, ""),
        ({"active": False, "status": "suspended"}, "The service has suspended the account."),
        (
            {"active": False, "status": "throttled"},
            "The service says that the account is not active: throttled.",
        ),
        ({"active": False}, "The service says that the account is not active."),
        ({"active": False, "status": 7}, "The service says that the account is not active."),
    ],
)
def test_account_that_nobody_may_post_as_says_why(session: dict[str, Any], unusable: str) -> None:
    with scripted({**SESSION, **session}) as server:
        tokens, _ = sign_in_at(server).sign_in(identifier="anna.bsky.social", password=SECRET)
        [target] = sign_in_at(server).who_am_i(NO_APP, access_token="a").targets

    assert (tokens.unusable, target.unusable, target.facts["active"]) == (unusable, unusable, not unusable)


@pytest.mark.parametrize("session", [{}, {**SESSION, "did": "anna"}, {**SESSION, "handle": ""}, []])
def test_session_that_names_no_account_is_asked_for_again(session: Any) -> None:
    with scripted(session) as server, pytest.raises(Unavailable) as caught:
        sign_in_at(server).who_am_i(NO_APP, access_token="a")

    assert caught.value.code == "unreadable"


@pytest.mark.parametrize(
    ("body", "status", "outcome", "code", "scope"),
    [
        (error("ExpiredToken"), 400, NeedsReconnect, "session_ended", "grant"),
        (error("InvalidToken"), 401, NeedsReconnect, "session_ended", "grant"),
        (error("AccountDeactivated"), 401, NeedsReconnect, "account_deactivated", "account"),
        (error("InternalServerError"), 500, Unavailable, "server_error", ""),
        ("<html>", 403, Unavailable, "unreadable", ""),
    ],
)
def test_session_that_is_not_renewed_ends_only_when_the_service_says_so(
    body: Any, status: int, outcome: type[CallFailed], code: str, scope: str
) -> None:
    with scripted(body, status) as server, pytest.raises(outcome) as caught:
        sign_in_at(server).refresh(NO_APP, refresh_token="r")

    assert (caught.value.code, getattr(caught.value, "scope", "")) == (code, scope)
    assert not (isinstance(caught.value, NeedsReconnect) and caught.value.can_refresh)


@pytest.mark.parametrize(("name", "status", "code"), [("ExpiredToken", 400, ""), ("Other", 500, "server_error")])
def test_session_that_has_ended_already_is_ended(name: str, status: int, code: str) -> None:
    with scripted(error(name), status) as server:
        try:
            sign_in_at(server).revoke(NO_APP, token="r")
            told = ""
        except CallFailed as failure:
            told = failure.code

    assert told == code
