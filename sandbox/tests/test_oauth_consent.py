from __future__ import annotations

from typing import Any

import pytest

from sandbox.tests.clients import REDIRECT_URI, SCOPES, Control, Server, redirect_query

VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123"


def test_metadata_names_endpoints_below_the_base(server: Server) -> None:
    metadata = server.call("GET", "/.well-known/oauth-authorization-server").json()

    assert metadata["issuer"] == f"{server.url}/"
    assert metadata["authorization_endpoint"] == f"{server.url}/oauth/authorize"
    assert metadata["token_endpoint"] == f"{server.url}/oauth/token"
    assert metadata["revocation_endpoint"] == f"{server.url}/oauth/revoke"
    assert metadata["app_registration_endpoint"] == f"{server.url}/api/v1/apps"
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["grant_types_supported"] == ["authorization_code", "client_credentials"]


@pytest.mark.parametrize("encoding", ["json", "data"])
def test_register_app_answers_what_was_registered(control: Control, encoding: str) -> None:
    body = {"client_name": "MB", "redirect_uris": REDIRECT_URI, "scopes": SCOPES, "website": "https://mb.example"}

    answer = Server(control.origin).call("POST", "/api/v1/apps", **{encoding: body})

    app = answer.json()
    assert answer.status_code == 200
    assert app.pop("id").isdecimal()
    assert len(app.pop("client_id")) == len(app.pop("client_secret")) == 43
    assert app == {
        "name": "MB",
        "website": "https://mb.example",
        "scopes": SCOPES.split(),
        "redirect_uri": REDIRECT_URI,
        "redirect_uris": [REDIRECT_URI],
        "client_secret_expires_at": 0,
        "vapid_key": "",
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"client_name": " "}, "Name can't be blank"),
        ({"redirect_uris": []}, "Redirect URI can't be blank"),
        ({"redirect_uris": "callback"}, "Redirect URI must be an absolute URI."),
        ({"redirect_uris": ["https:///x"]}, "Redirect URI must be an absolute URI."),
        ({"redirect_uris": ["https://a.example/#part"]}, "Redirect URI cannot contain a fragment."),
        ({"redirect_uris": ["javascript:alert(1)"]}, "Redirect URI is forbidden by the server."),
        ({"scopes": "read steal"}, "Scopes doesn't match configured on the server."),
    ],
)
def test_register_app_refuses(control: Control, change: dict[str, Any], problem: str) -> None:
    body = {"client_name": "MB", "redirect_uris": [REDIRECT_URI], "scopes": SCOPES, **change}

    answer = Server(control.origin).call("POST", "/api/v1/apps", json=body)

    assert (answer.status_code, answer.json()) == (422, {"error": f"Validation failed: {problem}"})


def test_consent_page_asks_and_the_form_allows(server: Server) -> None:
    page = server.authorize(_consent=None)

    assert page.status_code == 200
    assert "Authorize Testing" in page.text
    assert "<script" not in page.text
    fields = {
        "response_type": "code",
        "client_id": server.app["client_id"],
        "redirect_uri": REDIRECT_URI,
        "scope": SCOPES,
        "state": "s",
        "handle": "Zoe",
        "decision": "allow",
    }
    answer = server.call("POST", "/oauth/authorize", data=fields, allow_redirects=False)
    assert answer.headers["Location"].startswith(f"{REDIRECT_URI}?code=")
    assert redirect_query(answer)["state"] == "s"

    denied = server.call("POST", "/oauth/authorize", data={**fields, "decision": "deny"}, allow_redirects=False)
    assert redirect_query(denied)["error"] == "access_denied"


def test_consent_page_escapes_what_the_app_calls_itself(control: Control) -> None:
    server = Server(control.origin)
    body = {"client_name": "<script>alert(1)</script>", "redirect_uris": REDIRECT_URI, "scopes": SCOPES}
    server.app = server.call("POST", "/api/v1/apps", json=body).json()

    page = server.authorize(_consent=None, state='"><script>alert(2)</script>')

    assert "<script" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


def test_consent_of_a_new_handle_makes_the_person(server: Server) -> None:
    client = server.sign_in("New_Person")

    account = client.call("GET", "/api/v1/accounts/verify_credentials").json()

    assert (account["username"], account["acct"], account["source"]["privacy"]) == (
        "New_Person",
        "New_Person",
        "public",
    )
    assert server.sign_in("new_person").id() == account["id"]


def test_consent_denied_comes_back_with_the_state(server: Server) -> None:
    answer = server.authorize(_consent="deny")

    assert answer.headers["Location"].startswith(f"{REDIRECT_URI}?")
    assert redirect_query(answer) == {
        "error": "access_denied",
        "error_description": "The resource owner or authorization server denied the request.",
        "state": "state-1",
    }


def test_consent_of_an_impossible_handle_is_a_page(server: Server) -> None:
    answer = server.authorize(_consent="a b")

    assert (answer.status_code, "Location" in answer.headers) == (400, False)
    assert "Nobody here can be called" in answer.text


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"client_id": "unknown"}, 401),
        ({"client_id": None}, 401),
        ({"redirect_uri": "https://evil.example/"}, 400),
        ({"redirect_uri": REDIRECT_URI + "/"}, 400),
        ({"redirect_uri": None}, 400),
    ],
)
def test_authorize_never_redirects_to_what_is_not_registered(
    server: Server, change: dict[str, Any], status: int
) -> None:
    answer = server.authorize(**change)

    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "read:statuses admin:read"}, "invalid_scope"),
        ({"scope": "write"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"code_challenge": VERIFIER, "code_challenge_method": "plain"}, "invalid_code_challenge_method"),
        ({"code_challenge": VERIFIER}, "invalid_code_challenge_method"),
        ({"code_challenge_method": "S256"}, "invalid_request"),
    ],
)
def test_authorize_sends_the_app_its_mistake(server: Server, change: dict[str, Any], error: str) -> None:
    query = redirect_query(server.authorize(**change))

    assert (query["error"], query["state"]) == (error, "state-1")
    assert "code" not in query
