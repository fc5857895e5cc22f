"""Who gets a token, in what form, and that nobody else ever does."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from mastablasta.core.outbound import Auth, Http, Unavailable
from tests.kit.raw_server import RawServer, answer, raw_server, says

TOKEN, APP_SECRET = "canary-token", "canary-app-secret"
SIGNATURE = hmac.new(APP_SECRET.encode(), TOKEN.encode(), hashlib.sha256).hexdigest()


def sign(token: str) -> dict[str, str]:
    return {"appsecret_proof": hmac.new(APP_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()}


def seen(server: RawServer) -> str:
    return b"\n".join(server.requests).decode()


def test_further_origins_get_the_token_and_others_do_not() -> None:
    with raw_server(says(answer())) as own, raw_server(says(answer())) as uploads, raw_server(says(answer())) as other:
        http = Http(f"{own.url}/v26.0", auth=Auth(TOKEN, origins=(uploads.url,))).with_headers(X_Version="202611")

        for url in ("/me", f"{own.url}/elsewhere", f"{uploads.url}/session", f"{other.url}/x", f"{other.url}/v26.0/me"):
            http.get(url)
        http.elsewhere(other.url).get("/y")

    told = f"Authorization: Bearer {TOKEN}\r\n"
    assert [seen(own).count(told), seen(uploads).count(told)] == [2, 1]
    assert [seen(own).count("X-Version: 202611"), seen(uploads).count("X-Version: 202611")] == [2, 1]
    assert len(other.requests) == 3
    assert not any(secret in seen(other) for secret in (TOKEN, "X-Version", "Authorization"))


def test_redirect_is_not_followed_and_its_address_gets_nothing() -> None:
    with (
        raw_server(says(answer())) as other,
        raw_server(says(answer(status=307, location=f"{other.url}/stolen"))) as own,
    ):
        http = Http(own.url, auth=Auth(TOKEN, origins=("https://uploads.example.com",), sign=sign))
        redirect = http.post("/upload", json={})
        http.get(redirect.headers["location"])

    assert (redirect.status, len(own.requests), len(other.requests)) == (307, 1, 1)
    assert not any(secret in seen(other) for secret in (TOKEN, SIGNATURE, "Authorization"))


@pytest.mark.parametrize("lookalike", ["http://127.0.0.1.nip.test:{port}/", "http://localhost:{port}/"])
def test_another_name_or_port_is_another_origin(lookalike: str) -> None:
    with raw_server(says(answer())) as own, raw_server(says(answer())) as other:
        http = Http(own.url, auth=Auth(TOKEN))
        url = lookalike.format(port=own.port)
        shown = {**http._headers_for(url), **http._signature_for(url)}
        http.get(f"{other.url}/x")

    assert shown == {}
    assert TOKEN not in seen(other)


def test_each_call_to_the_base_is_signed_and_no_other() -> None:
    with raw_server(says(answer())) as own, raw_server(says(answer())) as uploads:
        http = Http(own.url, auth=Auth(TOKEN, origins=(uploads.url,), sign=sign))

        http.get("/me", params={"fields": "id"})
        http.post(f"{own.url}/feed?a=1", json={"message": "Hi"})
        http.with_scheme("OAuth").post(f"{uploads.url}/session", data=b"bytes")

    lines = [request.split(b"\r\n")[0].decode() for request in own.requests]
    assert lines == [
        f"GET /me?appsecret_proof={SIGNATURE}&fields=id HTTP/1.1",
        f"POST /feed?a=1&appsecret_proof={SIGNATURE} HTTP/1.1",
    ]
    assert SIGNATURE not in seen(uploads)
    assert f"Authorization: OAuth {TOKEN}\r\n" in seen(uploads)


def test_without_a_token_nothing_is_signed_or_shown() -> None:
    with raw_server(says(answer())) as server:
        Http(server.url, auth=Auth("", sign=sign)).with_headers(X_Version="1").get("/x")

    assert server.requests[0].startswith(b"GET /x HTTP/1.1\r\n")
    assert (b"Authorization" in server.requests[0], b"X-Version: 1" in server.requests[0]) == (False, True)


def test_another_token_takes_the_place_of_the_first() -> None:
    with raw_server(says(answer())) as server:
        Http(server.url, auth=Auth("first", origins=("http://other.test",))).with_auth(Auth(TOKEN)).get("/x")

    assert (b"first" in server.requests[0], TOKEN.encode() in server.requests[0]) == (False, True)


def test_what_a_call_names_itself_counts_before_the_common_headers() -> None:
    with raw_server(says(answer())) as server:
        Http(server.url).with_headers(X_Version="1").get("/x", headers={"X-Version": "2"})

    assert server.requests[0].count(b"X-Version: 2") == 1
    assert b"X-Version: 1" not in server.requests[0]


def test_further_origin_that_is_not_an_address_is_refused() -> None:
    with pytest.raises(Unavailable) as caught:
        Http("https://example.com", auth=Auth(TOKEN, origins=("rupload.example.com",)))

    assert (caught.value.code, TOKEN in str(caught.value)) == ("refused_address", False)


def test_reprs_tell_no_secret() -> None:
    auth = Auth(TOKEN, sign=sign)

    assert TOKEN not in f"{auth!r} {Http('https://example.com', auth=auth)!r}"
