"""Connecting an account of X, on exact bytes."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.errors import (
    CallFailed,
    ExchangeRefused,
    NeedsReconnect,
    OperatorProblem,
    RateLimited,
    Unavailable,
)
from integrations.platforms.twitter.oauth import SCOPES, TwitterOAuth
from integrations.sign_in import ClientApp, GrantOwner, TargetIdentity
from mastablasta.core.outbound import Http, Refused, connections
from tests.kit.raw_server import RawServer, answer, raw_server, says

APP = ClientApp("client", "s3cret")
BASIC = f"Authorization: Basic {base64.b64encode(b'client:s3cret').decode()}"
CALLBACK = "https://our.test/api/v2/oauth/twitter/callback"
GRANTED = {
    "token_type": "bearer",
    "expires_in": 7200,
    "access_token": "acc3ss",
    "refresh_token": "r3fresh",
    "scope": " ".join(SCOPES),
}
USER = {
    "id": "2244994945",
    "name": "Anna",
    "username": "anna",
    "profile_image_url": "https://pbs.twimg.com/a.png",
    "subscription_type": "Premium",
    "verified_type": "blue",
    "protected": True,
}


def flow_at(server: RawServer) -> TwitterOAuth:
    connections.drop_kept()
    return TwitterOAuth(Http(server.url), {})


def error(name: str, description: str = "", status: int = 400) -> bytes:
    return answer(json.dumps({"error": name, "error_description": description}), status)


def request_of(server: RawServer) -> tuple[str, set[str], dict[str, str]]:
    """First line, headers and form of the only request."""
    [request] = server.requests
    head, _, body = request.decode().partition("\r\n\r\n")
    first, *headers = head.split("\r\n")
    return first, set(headers), {name: values[0] for name, values in parse_qs(body).items()}


# --- where ---


def test_x_is_one_host() -> None:
    assert TwitterOAuth.address_of("") == TwitterOAuth.address_of("  ") == "https://api.x.com"


@pytest.mark.parametrize("instance", ["x.com", "https://api.x.com", "mastodon.social"])
def test_no_other_host_can_be_named(instance: str) -> None:
    with pytest.raises(Refused):
        TwitterOAuth.address_of(instance)


def test_nothing_is_asked_and_nothing_registered() -> None:
    flow = TwitterOAuth(Http("https://api.x.com"), {})

    assert flow.host_info() == {}
    with pytest.raises(OperatorProblem):
        flow.register(redirect_uri=CALLBACK)


@pytest.mark.parametrize(
    ("base_url", "page"),
    [
        ("https://api.x.com", "https://x.com/i/oauth2/authorize"),
        ("http://127.0.0.1:1/twitter", "http://127.0.0.1:1/twitter/i/oauth2/authorize"),
    ],
)
def test_consent_is_asked_for_with_pkce(base_url: str, page: str) -> None:
    url = TwitterOAuth(Http(base_url), {}).authorize_url(APP, redirect_uri=CALLBACK, state="st&te", challenge="ch")

    assert url.partition("?")[0] == page
    assert parse_qs(urlsplit(url).query) == {
        "response_type": ["code"],
        "client_id": ["client"],
        "redirect_uri": [CALLBACK],
        "scope": ["tweet.read tweet.write users.read media.write offline.access"],
        "state": ["st&te"],
        "code_challenge": ["ch"],
        "code_challenge_method": ["S256"],
    }


# --- tokens ---


def exchange(server: RawServer) -> Any:
    return flow_at(server).exchange(APP, code="c0de&", redirect_uri=CALLBACK, verifier="verifier")


def test_code_becomes_tokens() -> None:
    now = datetime.now(UTC)
    with raw_server(says(answer(json.dumps(GRANTED)))) as server:
        tokens = exchange(server)

    first, headers, form = request_of(server)
    assert first == "POST /2/oauth2/token HTTP/1.1"
    assert {BASIC, "Content-Type: application/x-www-form-urlencoded"} < headers
    assert form == {
        "grant_type": "authorization_code",
        "code": "c0de&",
        "redirect_uri": CALLBACK,
        "code_verifier": "verifier",
    }
    assert (tokens.access_token, tokens.refresh_token, tokens.scopes) == ("acc3ss", "r3fresh", SCOPES)
    assert tokens.expires_at is not None
    assert abs(tokens.expires_at - now - timedelta(hours=2)) < timedelta(seconds=3)


def test_consent_that_lacks_a_scope_is_noticed() -> None:
    granted = json.dumps({**GRANTED, "scope": "tweet.read users.read offline.access"})
    with raw_server(says(answer(granted))) as server:
        tokens = exchange(server)

        assert flow_at(server).missing_scopes(tokens) == ["tweet.write", "media.write"]


@pytest.mark.parametrize(
    ("said", "outcome", "code"),
    [
        (error("invalid_request", "Value passed for the authorization code was invalid."), ExchangeRefused, None),
        (error("invalid_grant"), ExchangeRefused, None),
        (error("access_denied", status=403), ExchangeRefused, None),
        (error("unauthorized_client", "Missing valid authorization header", 401), OperatorProblem, None),
        (error("invalid_client", status=401), OperatorProblem, "invalid_client"),
        (answer("", 503), Unavailable, "server_error"),
        (answer("{}"), Unavailable, "unreadable"),
        (answer('{"title":"Too Many Requests"}', 429), RateLimited, "rate_limited"),
        (answer('{"title":"CreditsDepleted"}', 402), OperatorProblem, "credits_depleted"),
    ],
)
def test_exchange_that_fails_says_what_is_next(said: bytes, outcome: type[CallFailed], code: str | None) -> None:
    with raw_server(says(said)) as server, pytest.raises(CallFailed) as caught:
        exchange(server)

    assert type(caught.value) is outcome
    assert code in {None, caught.value.code}
    assert "s3cret" not in caught.value.message


def test_refresh_gives_the_new_pair() -> None:
    new = {**GRANTED, "access_token": "acc3ss-2", "refresh_token": "r3fresh-2"}
    with raw_server(says(answer(json.dumps(new)))) as server:
        tokens = flow_at(server).refresh(APP, refresh_token="r3fresh")

    first, headers, form = request_of(server)
    assert first == "POST /2/oauth2/token HTTP/1.1"
    assert BASIC in headers
    assert form == {"grant_type": "refresh_token", "refresh_token": "r3fresh"}
    assert (tokens.access_token, tokens.refresh_token) == ("acc3ss-2", "r3fresh-2")


@pytest.mark.parametrize(
    ("said", "outcome", "code"),
    [
        (error("invalid_request", "Value passed for the token was invalid."), NeedsReconnect, "invalid_grant"),
        (error("invalid_grant"), NeedsReconnect, "invalid_grant"),
        (error("invalid_request", "Missing required parameter [refresh_token]."), Unavailable, "invalid_request"),
        (error("unauthorized_client", "Missing valid authorization header", 401), OperatorProblem, None),
        (error("invalid_client", status=401), OperatorProblem, "invalid_client"),
        (error("server_error", status=500), Unavailable, "server_error"),
        (answer("", 502), Unavailable, "server_error"),
        (answer("", 401), Unavailable, "token_request_refused"),
        (answer("<html>", 403, content_type="text/html"), Unavailable, "token_request_refused"),
        (answer("<html>", 200), Unavailable, "unreadable"),
        (answer("", 429), RateLimited, "rate_limited"),
    ],
)
def test_only_a_dead_grant_has_to_be_connected_again(said: bytes, outcome: type[CallFailed], code: str | None) -> None:
    with raw_server(says(said)) as server, pytest.raises(CallFailed) as caught:
        flow_at(server).refresh(APP, refresh_token="r3fresh")

    assert type(caught.value) is outcome
    assert code in {None, caught.value.code}
    assert "r3fresh" not in caught.value.message


@pytest.mark.parametrize("said", [answer('{"revoked":true}'), error("invalid_request", "The token was invalid.")])
def test_revoked_and_ended_already_are_the_same(said: bytes) -> None:
    with raw_server(says(said)) as server:
        flow_at(server).revoke(APP, token="r3fresh")

    first, headers, form = request_of(server)
    assert first == "POST /2/oauth2/revoke HTTP/1.1"
    assert (BASIC in headers, form) == (True, {"token": "r3fresh"})


@pytest.mark.parametrize(
    ("said", "outcome"),
    [(error("unauthorized_client", status=401), OperatorProblem), (answer("", 500), Unavailable)],
)
def test_revoke_that_fails_says_so(said: bytes, outcome: type[CallFailed]) -> None:
    with raw_server(says(said)) as server, pytest.raises(outcome):
        flow_at(server).revoke(APP, token="r3fresh")


# --- who it is ---


def test_account_tells_who_it_is() -> None:
    with raw_server(says(answer(json.dumps({"data": USER})))) as server:
        owner = flow_at(server).who_am_i(APP, access_token="acc3ss")

    [request] = server.requests
    assert request.startswith(b"GET /2/users/me?user.fields=")
    assert b"Authorization: Bearer acc3ss\r\n" in request
    facts = {
        "url": f"{server.url}/anna",
        "subscription_type": "Premium",
        "verified_type": "blue",
        "protected": True,
    }
    place = TargetIdentity("2244994945", "@anna", "Anna", "https://pbs.twimg.com/a.png", facts=facts)
    assert owner == GrantOwner("2244994945", (place,))


def test_account_that_says_little_has_stock_facts() -> None:
    with raw_server(says(answer('{"data":{"id":"1","username":"anna","profile_image_url":"javascript:1"}}'))) as server:
        [place] = flow_at(server).who_am_i(APP, access_token="acc3ss").targets

    assert (place.name, place.avatar_url) == ("anna", "")
    assert (place.facts["subscription_type"], place.facts["protected"]) == ("None", False)


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (answer("{}"), Unavailable),
        (answer("<html>"), Unavailable),
        (answer('{"title":"Unauthorized"}', 401), NeedsReconnect),
        (answer("", 503), Unavailable),
    ],
)
def test_account_that_does_not_say_raises(said: bytes, outcome: type[CallFailed]) -> None:
    with raw_server(says(said)) as server, pytest.raises(outcome):
        flow_at(server).who_am_i(APP, access_token="acc3ss")
