from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox.tests.clients import GIF, MP4, Client, Control, Server


@pytest.fixture
def takahe(control: Control) -> Client:
    control.put("instance", platform="mastodon", instance="mastodon-takahe", dialect="takahe")
    return Server(control.origin, "mastodon-takahe", scopes="read write").sign_in("alice")


def seen(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.headers["Content-Type"]


def test_takahe_ignores_the_idempotency_key(control: Control, takahe: Client) -> None:
    ids = {takahe.published("Twice", key="k")["id"] for _ in range(2)}

    assert len(ids) == 2
    assert control.texts() == ["Twice", "Twice"]


@pytest.mark.parametrize(("text", "error"), [("", "Status is empty"), ("x" * 501, "Status is too long")])
def test_takahe_refuses_text_with_400(control: Control, takahe: Client, text: str, error: str) -> None:
    answer = takahe.publish(text)

    assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert control.posts() == []


def test_takahe_answers_a_bad_token_in_html(takahe: Client) -> None:
    stranger = Client(takahe.server, "alice", "nonsense")

    answer = stranger.publish()

    assert seen(answer) == (400, "text/html; charset=utf-8")
    assert answer.text == "Invalid Bearer token"
    bare = takahe.server.call("POST", "/api/v1/statuses", json={"status": "x"})
    assert (bare.status_code, bare.json()) == (401, {"error": "identity_token_required"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/statuses/5"),
        ("DELETE", "/api/v1/statuses/5"),
        ("GET", "/api/v1/media/5"),
        ("GET", "/.well-known/oauth-authorization-server"),
    ],
)
def test_takahe_answers_404_in_html(takahe: Client, method: str, path: str) -> None:
    assert seen(takahe.call(method, path)) == (404, "text/html; charset=utf-8")


def test_takahe_has_no_quotas_and_media_are_ready_at_once(takahe: Client) -> None:
    answer = takahe.upload(GIF)

    assert (answer.status_code, answer.json()["url"] is None) == (200, False)
    assert "X-RateLimit-Limit" not in answer.headers


def test_takahe_takes_pictures_only_and_says_so(takahe: Client) -> None:
    limits = takahe.call("GET", "/api/v1/instance").json()["configuration"]["media_attachments"]

    assert seen(takahe.upload(MP4)) == (500, "text/html; charset=utf-8")
    assert set(limits["supported_mime_types"]) == {"image/gif", "image/jpeg", "image/png", "image/webp"}
    assert (limits["image_size_limit"], limits["image_matrix_limit"]) == (10_485_760, 4_000_000)


def test_takahe_does_not_find_unknown_media(control: Control, takahe: Client) -> None:
    assert seen(takahe.publish(media_ids=["5"])) == (404, "text/html; charset=utf-8")
    assert control.posts() == []


def test_takahe_rate_limited_gives_no_headers(control: Control, takahe: Client) -> None:
    control.fault("rate_limited", retry_after=30)

    answer = takahe.publish()

    assert (answer.status_code, answer.json()) == (429, {"error": "Too many requests"})
    assert not [name for name in answer.headers if "limit" in name.lower() or "retry" in name.lower()]


def test_takahe_words_oauth_in_its_own_way(takahe: Client) -> None:
    server: Any = takahe.server

    assert server.authorize(client_id="unknown").status_code == 400
    assert server.authorize(redirect_uri="https://evil.example/").status_code == 401
    wrong = server.token(code=server.code(), client_secret="wrong")
    assert (wrong.status_code, wrong.json()) == (401, {"error": "access_denied"})
    app = server.call("POST", "/api/v1/apps", json={"client_name": "x"})
    assert (app.status_code, app.json()) == (400, {"error": "invalid_input"})
    client = {"client_id": server.app["client_id"], "client_secret": server.app["client_secret"]}
    revoked = server.call("POST", "/oauth/revoke", data={**client, "token": takahe.access_token})
    assert (revoked.status_code, revoked.text) == (200, "")


def test_takahe_tells_who_somebody_is_to_a_token_with_read_only(control: Control, takahe: Client) -> None:
    narrow = Server(control.origin, "mastodon-takahe").sign_in("alice")

    answer = narrow.call("GET", "/api/v1/accounts/verify_credentials")

    assert (answer.status_code, answer.json()) == (403, {"error": "out_of_scope_for_token"})
    assert narrow.published("Narrow")["id"]
    assert takahe.call("GET", "/api/v1/accounts/verify_credentials").status_code == 200


def test_takahe_gives_apps_no_tokens_of_their_own(takahe: Client) -> None:
    answer = takahe.server.token(grant_type="client_credentials", scope="read")

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
