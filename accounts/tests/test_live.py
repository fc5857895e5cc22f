"""Over a real socket: what a test client would smooth over."""

from __future__ import annotations

import http.client
import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.django_db(transaction=True)
ADA = {"email": "ada@example.test", "password": "analytical-engine", "name": "Ada"}


@pytest.fixture
def call(live_server: Any) -> Any:
    """Send one request as it is written; return status, headers and the body, as JSON where there is one."""

    def called(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        connection = http.client.HTTPConnection(urlsplit(live_server.url).netloc, timeout=10)
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", **(headers or {})}
        with suppress(BrokenPipeError):  # the answer may come before all is sent
            connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, response.headers, json.loads(content) if content else None

    return called


def test_from_registering_to_signing_out(call):
    _, _, made = call("POST", "/api/v2/auth/register", ADA)
    signed = {"Authorization": f"Bearer {made['access_token']}"}

    assert call("GET", "/api/v2/auth/me", headers=signed)[2]["email"] == ADA["email"]
    assert call("GET", "/api/v2/auth/me/", headers={"X-API-Key": made["api_key"]})[0] == 200
    assert call("HEAD", "/api/v2/workspaces", headers=signed)[::2] == (200, None)
    assert call("POST", "/api/v2/auth/logout", headers=signed)[::2] == (204, None)
    assert call("GET", "/api/v2/auth/me", headers=signed)[2]["code"] == "session_ended"


def test_chunked_body_is_refused_not_dropped(call):
    chunks = (part for part in [b'{"email":', b'"a@b.example"}'])

    status, _, body = call("POST", "/api/v2/auth/login", chunks, {"Content-Type": "application/json"})

    assert (status, body["code"]) == (411, "length_required")


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("GET", "/api/v2/%00", None, {}, 404, "not_found"),
        ("GET", "/api/v2/%ff%fe", None, {}, 404, "not_found"),
        ("GET", "/api/v2/auth/me?x=%ff", None, {}, 401, "not_authenticated"),
        ("BREW", "/api/v2/auth/login", None, {}, 405, "method_not_allowed"),
        ("POST", "/api/v2/auth/login", b"{", {"Content-Type": "application/json"}, 400, "malformed_json"),
        ("POST", "/api/v2/auth/login", b"\xff", {"Content-Type": "application/json"}, 400, "malformed_json"),
        ("POST", "/api/v2/auth/login", b"a=b", {}, 415, "unsupported_media_type"),
        ("POST", "/api/v2/auth/login", {"email": "x" * 1_000_000, "password": "y"}, {}, 400, "invalid"),
        ("POST", "/api/v2/auth/login", {"email": "x" * 3_000_000, "password": "y"}, {}, 413, "body_too_large"),
        ("GET", "/api/v2/auth/me", None, {"Authorization": "Bearer \xe9"}, 401, "token_invalid"),
        ("GET", "/api/v2/auth/me", None, {"X-API-Key": "\xe9"}, 401, "api_key_invalid"),
        ("GET", "/api/v2/auth/me", None, {"Host": "evil.example"}, 400, "unknown_host"),
    ],
)
def test_odd_requests_get_the_one_shape(call, method, path, body, headers, status, code):
    answered, received, problem = call(method, path, body, headers)

    assert (answered, problem["code"]) == (status, code)
    assert received["Content-Type"] == "application/problem+json"
    assert received["X-Request-ID"] == problem["request_id"]
