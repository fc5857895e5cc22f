from __future__ import annotations

import time
from typing import Any

import pytest

from sandbox.tests.clients import REDIRECT_URI, Control, redirect_query
from sandbox.tests.twitter import CLIENT, SCOPES, VERIFIER, Session, X, problem

NO_CLIENT = {"error": "unauthorized_client", "error_description": "Missing valid authorization header"}
WRONG_CODE = {
    "error": "invalid_request",
    "error_description": "Value passed for the authorization code was invalid.",
}
WRONG_TOKEN = {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}
UNAUTHORIZED = {"title": "Unauthorized", "detail": "Unauthorized", "type": "about:blank", "status": 401}


def test_consent_page_names_the_app_the_scopes_and_a_form(x: X) -> None:
    answer = x.authorize(_consent=None)

    assert answer.status_code == 200
    for part in ("Authorize MastaBlasta", "<code>tweet.write</code>", '<form method="post">', 'value="state-1"'):
        assert part in answer.text


@pytest.mark.parametrize("redirect_uri", ["http://127.0.0.1:1/", "http://127.0.0.1:65535/a/b?c=d"])
def test_consent_sends_back_to_any_port_here_with_code_and_state(x: X, redirect_uri: str) -> None:
    answer = x.authorize(redirect_uri=redirect_uri)

    assert answer.headers["Location"].startswith(redirect_uri)
    result = redirect_query(answer)
    assert (set(result) - {"c"}, result["state"]) == ({"code", "state"}, "state-1")


def test_consent_denied_says_access_denied_and_the_state(x: X) -> None:
    result = redirect_query(x.authorize(_consent="deny"))

    assert (result["error"], result["state"]) == ("access_denied", "state-1")
    assert "code" not in result


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "another"},
        {"redirect_uri": "http://localhost:9/callback"},
        {"redirect_uri": "https://127.0.0.1:9/callback"},
        {"redirect_uri": "http://127.0.0.1.example.com:9/"},
        {"redirect_uri": "http://127.0.0.1:9@example.com/"},
        {"redirect_uri": "http://127.0.0.1:9/#fragment"},
        {"redirect_uri": None},
        {"state": "s" * 501},
    ],
)
def test_consent_that_cannot_be_trusted_is_a_page_and_no_redirect(x: X, change: dict[str, str | None]) -> None:
    answer = x.authorize(**change)

    assert answer.status_code == 400
    assert "Location" not in answer.headers
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": VERIFIER, "code_challenge_method": "plain"}, "invalid_code_challenge_method"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "tweet.read everything"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_consent_that_is_incomplete_is_sent_back_with_an_error(x: X, change: dict[str, str | None], error: str) -> None:
    assert redirect_query(x.authorize(**change))["error"] == error


def test_token_lives_two_hours_and_has_a_refresh_token_for_offline_access(x: X) -> None:
    answer = x.token(code=x.code())

    token = answer.json()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert (len(token.pop("access_token")), len(token.pop("refresh_token"))) == (43, 43)
    assert token == {"token_type": "bearer", "expires_in": 7200, "scope": SCOPES}


def test_token_without_offline_access_has_no_refresh_token(x: X) -> None:
    token = x.token(code=x.code(scope="tweet.read users.read")).json()

    assert set(token) == {"token_type", "expires_in", "access_token", "scope"}


@pytest.mark.parametrize("auth", [None, ("another", CLIENT[1]), (CLIENT[0], "wrong")])
@pytest.mark.parametrize("path", ["/2/oauth2/token", "/2/oauth2/revoke"])
def test_client_must_come_by_basic_authentication(x: X, auth: tuple[str, str] | None, path: str) -> None:
    form = {"grant_type": "refresh_token", "token": "t", "client_id": CLIENT[0], "client_secret": CLIENT[1]}

    answer = x.call("POST", path, data=form, auth=auth)

    assert (answer.status_code, answer.json()) == (401, NO_CLIENT)


@pytest.mark.parametrize(
    ("change", "description"),
    [
        ({"code": "made-up"}, "Value passed for the authorization code was invalid."),
        (
            {"redirect_uri": REDIRECT_URI + "/other"},
            "Value passed for the redirect uri did not match the uri of the authorization code.",
        ),
        (
            {"code_verifier": VERIFIER + "x"},
            "Value passed for the code verifier did not match the code challenge.",
        ),
        ({"code_verifier": None}, "Missing required parameter [code_verifier]."),
        ({"code": None}, "Missing required parameter [code]."),
        ({"redirect_uri": None}, "Missing required parameter [redirect_uri]."),
        ({"grant_type": None}, "Missing required parameter [grant_type]."),
        ({"grant_type": "client_credentials"}, "Value passed for the grant type was invalid."),
    ],
)
def test_token_refuses(x: X, change: dict[str, Any], description: str) -> None:
    answer = x.token(**{"code": x.code(), **change})

    expected = {"error": "invalid_request", "error_description": description}
    assert (answer.status_code, answer.json()) == (400, expected)


def test_code_lives_thirty_seconds(control: Control, x: X) -> None:
    assert control.put("instance", platform="twitter")["code_ttl_s"] == 30
    control.put("instance", platform="twitter", code_ttl_s=0)

    answer = x.token(code=x.code())

    assert (answer.status_code, answer.json()) == (400, WRONG_CODE)


def test_code_is_good_once_and_a_replay_ends_what_came_of_it(x: X) -> None:
    code = x.code()
    ann = Session(x, "ann", x.token(code=code).json()["access_token"])
    assert ann.post().status_code == 201

    replay = x.token(code=code)

    assert (replay.status_code, replay.json()) == (400, WRONG_CODE)
    assert ann.post("Again").status_code == 401


def test_refresh_rotates_and_the_old_access_token_stays_good(x: X, ann: Session) -> None:
    fresh = x.refresh(ann.refresh_token).json()

    assert fresh["refresh_token"] != ann.refresh_token
    assert Session(x, "ann", fresh["access_token"]).post("With the new").status_code == 201
    assert ann.post("With the old").status_code == 201


def test_refresh_token_used_twice_ends_the_family(x: X, ann: Session) -> None:
    fresh = x.refresh(ann.refresh_token).json()

    again = x.refresh(ann.refresh_token)

    assert (again.status_code, again.json()) == (400, WRONG_TOKEN)
    assert x.refresh(fresh["refresh_token"]).json() == WRONG_TOKEN
    after = Session(x, "ann", fresh["access_token"]).post()
    assert (after.status_code, problem(after)) == (401, UNAUTHORIZED)


def test_access_token_ends_by_itself(control: Control, x: X) -> None:
    control.put("instance", platform="twitter", token_ttl_s=1)
    ann = x.sign_in()
    assert ann.post().status_code == 201

    time.sleep(1)

    assert problem(ann.post("Later")) == UNAUTHORIZED
    assert x.refresh(ann.refresh_token).status_code == 200


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_revoke_ends_the_access_and_the_refresh_token(x: X, ann: Session, name: str) -> None:
    answer = x.call("POST", "/2/oauth2/revoke", data={"token": getattr(ann, name)}, auth=CLIENT)

    assert (answer.status_code, answer.json()) == (200, {"revoked": True})
    assert ann.post().status_code == 401
    assert x.refresh(ann.refresh_token).json() == WRONG_TOKEN


def test_expire_token_leaves_the_refresh_token_and_revoke_token_does_not(control: Control, x: X) -> None:
    ann = x.sign_in()
    control.post("faults", platform="twitter", effect="expire_token")
    assert problem(ann.post()) == UNAUTHORIZED
    fresh = x.refresh(ann.refresh_token).json()

    control.post("faults", platform="twitter", effect="revoke_token")

    assert problem(Session(x, "ann", fresh["access_token"]).post()) == UNAUTHORIZED
    assert x.refresh(fresh["refresh_token"]).json() == WRONG_TOKEN


@pytest.mark.parametrize("token", ["", "made-up"])
def test_bad_token_is_unauthorized(x: X, token: str) -> None:
    answer = Session(x, "ann", token).post()

    assert (answer.status_code, problem(answer)) == (401, UNAUTHORIZED)


@pytest.mark.parametrize(
    ("scopes", "method", "path"),
    [
        ("tweet.read users.read offline.access", "POST", "/2/tweets"),
        ("tweet.write users.read", "POST", "/2/tweets"),
        ("tweet.read tweet.write", "POST", "/2/tweets"),
        ("tweet.read users.read", "DELETE", "/2/tweets/1"),
        ("tweet.read", "GET", "/2/users/me"),
        ("users.read", "GET", "/2/tweets/1"),
        ("users.read", "GET", "/2/users/1/tweets"),
    ],
)
def test_missing_scope_is_forbidden(x: X, scopes: str, method: str, path: str) -> None:
    answer = x.sign_in(scopes=scopes).call(method, path, json={"text": "Hello"})

    assert (answer.status_code, problem(answer)["detail"]) == (403, "You are not permitted to perform this action.")
