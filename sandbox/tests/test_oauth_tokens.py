from __future__ import annotations

import time
from base64 import b64encode
from typing import Any

import pytest

from sandbox.oauth import s256
from sandbox.tests.clients import REDIRECT_URI, SCOPES, Client, Control, Server

VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123"
INVALID_GRANT = {
    "error": "invalid_grant",
    "error_description": "The provided authorization grant is invalid, expired, revoked, does not match the "
    "redirection URI used in the authorization request, or was issued to another client.",
}


@pytest.fixture
def fork(control: Control) -> Server:
    """A server whose tokens end and rotate."""
    control.put("instance", platform="mastodon", instance="mastodon-fork", rotating_tokens=True)
    server = Server(control.origin, "mastodon-fork")
    server.register()
    return server


def refreshed(server: Server, refresh_token: str | None) -> Any:
    return server.token(grant_type="refresh_token", redirect_uri=None, refresh_token=refresh_token)


def test_token_of_a_code_has_no_end_and_no_refresh(server: Server) -> None:
    answer = server.token(code=server.code())

    token = answer.json()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert len(token.pop("access_token")) == 43
    assert abs(token.pop("created_at") - time.time()) < 5
    assert token == {"token_type": "Bearer", "scope": SCOPES}


def test_token_takes_the_client_from_basic_authentication(server: Server) -> None:
    pair = f"{server.app['client_id']}:{server.app['client_secret']}"
    form = {"grant_type": "authorization_code", "code": server.code(), "redirect_uri": REDIRECT_URI}

    answer = server.call(
        "POST",
        "/oauth/token",
        data=form,
        headers={"Authorization": f"Basic {b64encode(pair.encode()).decode()}"},
    )

    assert answer.status_code == 200


def test_code_replay_is_refused_and_ends_the_token_it_made(server: Server) -> None:
    code = server.code()
    alice = Client(server, "alice", server.token(code=code).json()["access_token"])
    assert alice.publish().status_code == 200

    replay = server.token(code=code)

    assert (replay.status_code, replay.json()) == (400, INVALID_GRANT)
    after = alice.publish()
    assert (after.status_code, after.json()) == (401, {"error": "The access token was revoked"})


def test_code_lives_ten_minutes(control: Control, server: Server) -> None:
    assert control.put("instance", platform="mastodon")["code_ttl_s"] == 600
    control.put("instance", platform="mastodon", code_ttl_s=0)

    answer = server.token(code=server.code())

    assert (answer.status_code, answer.json()) == (400, INVALID_GRANT)


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_id": "unknown"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": None}, 401, "invalid_client"),
        ({"redirect_uri": REDIRECT_URI + "?x=1"}, 400, "invalid_grant"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"code": "made-up"}, 400, "invalid_grant"),
        ({"code": None}, 400, "invalid_request"),
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({"code_verifier": VERIFIER}, 400, "invalid_grant"),
    ],
)
def test_token_refuses(server: Server, change: dict[str, Any], status: int, error: str) -> None:
    code = server.code()

    answer = server.token(**{"code": code, **change})

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "access_token" not in answer.json()
    assert server.token(code=code).status_code == 200


def test_code_belongs_to_its_app(control: Control, server: Server) -> None:
    other = Server(control.origin)
    other.register()

    answer = other.token(code=server.code())

    assert (answer.status_code, answer.json()) == (400, INVALID_GRANT)


def test_pkce_needs_the_verifier_of_the_challenge(server: Server) -> None:
    code = server.code(code_challenge=s256(VERIFIER), code_challenge_method="S256")

    wrong = server.token(code=code, code_verifier=VERIFIER + "x")
    missing = server.token(code=code)
    right = server.token(code=code, code_verifier=VERIFIER)

    assert (wrong.status_code, wrong.json()) == (400, INVALID_GRANT)
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")
    assert right.status_code == 200


def test_s256_is_the_one_of_the_rfc() -> None:
    # RFC 7636, appendix B
    assert s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_revoke_ends_the_token_and_may_be_repeated(server: Server, alice: Client) -> None:
    client = {"client_id": server.app["client_id"], "client_secret": server.app["client_secret"]}

    answers = [
        server.call("POST", "/oauth/revoke", data={**client, "token": token})
        for token in (alice.access_token, alice.access_token, "unknown")
    ]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {})] * 3
    assert alice.publish().json() == {"error": "The access token was revoked"}


def test_revoke_by_another_app_is_refused(control: Control, alice: Client) -> None:
    other = Server(control.origin)
    other.register()
    client = {"client_id": other.app["client_id"], "client_secret": other.app["client_secret"]}

    answer = other.call("POST", "/oauth/revoke", data={**client, "token": alice.access_token})

    assert answer.status_code == 403
    assert answer.json() == {
        "error": "unauthorized_client",
        "error_description": "You are not authorized to revoke this token",
    }
    assert alice.publish().status_code == 200


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        ("read", "POST", "/api/v1/statuses", 403),
        ("write:media", "POST", "/api/v1/statuses", 403),
        ("write", "POST", "/api/v1/statuses", 422),
        ("write:statuses", "POST", "/api/v2/media", 403),
        ("write", "POST", "/api/v2/media", 422),
        ("write:media", "GET", "/api/v1/statuses/1", 403),
        ("read:accounts", "GET", "/api/v1/statuses/1", 403),
        ("read", "GET", "/api/v1/statuses/1", 404),
        ("read", "DELETE", "/api/v1/statuses/1", 403),
        ("write:statuses", "DELETE", "/api/v1/statuses/1", 404),
        ("write", "GET", "/api/v1/accounts/verify_credentials", 403),
        ("profile", "GET", "/api/v1/accounts/verify_credentials", 200),
        ("read:accounts", "GET", "/api/v1/accounts/verify_credentials", 200),
        ("read", "GET", "/api/v1/accounts/verify_credentials", 200),
    ],
)
def test_scopes_decide_what_a_token_may(control: Control, scopes: str, method: str, path: str, status: int) -> None:
    client = Server(control.origin, scopes=scopes).sign_in("alice")

    answer = client.call(method, path)

    assert answer.status_code == status
    if status == 403:
        assert answer.json() == {"error": "This action is outside the authorized scopes"}


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Bearer ", "Basic YTpi"])
def test_call_without_a_good_token_is_401(server: Server, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    answer = server.call("POST", "/api/v1/statuses", json={"status": "x"}, headers=headers)

    assert (answer.status_code, answer.json()) == (401, {"error": "The access token is invalid"})


def test_app_token_is_no_person(server: Server) -> None:
    token = server.token(grant_type="client_credentials", redirect_uri=None, scope="write:statuses").json()
    client = Client(server, "", token["access_token"])

    answer = client.publish()

    assert answer.status_code == 422
    assert answer.json() == {"error": "This method requires an authenticated user"}


def test_rotating_server_issues_tokens_that_end(control: Control, fork: Server) -> None:
    control.put("instance", platform="mastodon", instance="mastodon-fork", token_ttl_s=1)

    token = fork.token(code=fork.code()).json()

    assert token["expires_in"] == 1
    client = Client(fork, "alice", token["access_token"])
    assert client.publish().status_code == 200
    time.sleep(1.01)
    assert client.publish().json() == {"error": "The access token expired"}
    renewed = refreshed(fork, token["refresh_token"]).json()
    assert Client(fork, "alice", renewed["access_token"]).publish().status_code == 200


def test_refresh_gives_a_new_pair_each_time(fork: Server) -> None:
    first = fork.token(code=fork.code()).json()

    second = refreshed(fork, first["refresh_token"]).json()

    assert (first["expires_in"], second["expires_in"]) == (7200, 7200)
    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]


def test_refresh_with_a_used_token_ends_the_whole_family(fork: Server) -> None:
    first = fork.token(code=fork.code()).json()
    second = refreshed(fork, first["refresh_token"]).json()

    reuse = refreshed(fork, first["refresh_token"])

    assert (reuse.status_code, reuse.json()) == (400, INVALID_GRANT)
    assert Client(fork, "alice", second["access_token"]).publish().status_code == 401
    assert refreshed(fork, second["refresh_token"]).json() == INVALID_GRANT


def test_refresh_mends_an_expired_token_but_not_a_revoked_one(control: Control, fork: Server) -> None:
    token = fork.token(code=fork.code()).json()

    control.post("faults", platform="mastodon", effect="expire_token")
    assert Client(fork, "alice", token["access_token"]).publish().status_code == 401
    renewed = refreshed(fork, token["refresh_token"]).json()
    assert Client(fork, "alice", renewed["access_token"]).publish().status_code == 200

    control.post("faults", platform="mastodon", effect="revoke_token")
    assert refreshed(fork, renewed["refresh_token"]).json() == INVALID_GRANT
