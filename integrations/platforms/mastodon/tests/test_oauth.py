"""Signing in at a Mastodon server: addresses, discovery, registration, tokens, identity; on exact bytes."""

from __future__ import annotations

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
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from integrations.platforms.mastodon.limits import STOCK, limits_of
from integrations.platforms.mastodon.oauth import SCOPES, MastodonOAuth
from integrations.protocols.server_discovery import handle_domain
from integrations.sign_in import ClientApp, GrantOwner, TargetIdentity, Tokens
from mastablasta.core.outbound import Http, Refused, connections
from tests.kit.raw_server import RawConnection, RawServer, Turn, answer, raw_server, says

APP = ClientApp("client", "s3cret")
CALLBACK = "https://our.test/api/v2/oauth/mastodon/callback"
V2 = {
    "domain": "m.test",
    "title": "M",
    "version": "4.5.1",
    "configuration": {
        "statuses": {"max_characters": 5000, "characters_reserved_per_url": 30, "max_media_attachments": 16}
    },
}
GRANTED = {"access_token": "t0ken", "token_type": "Bearer", "scope": "profile write:statuses", "created_at": 1}
NOT_FOUND = answer("<h1>Not Found</h1>", 404, content_type="text/html")


def flow_at(server: RawServer, info: dict[str, Any] | None = None) -> MastodonOAuth:
    connections.drop_kept()
    return MastodonOAuth(Http(server.url), info or {})


def routes(answers: dict[str, bytes]) -> Turn:
    def turn(connection: RawConnection) -> None:
        while request := connection.read_request():
            path = request.split()[1].decode().partition("?")[0]
            connection.send(answers.get(path, NOT_FOUND))

    return turn


def form_of(request: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.partition(b"\r\n\r\n")[2].decode()).items()}


# --- which server is meant ---


@pytest.mark.parametrize(
    ("instance", "address"),
    [
        ("mastodon.social", "https://mastodon.social"),
        (" Mastodon.Social. ", "https://mastodon.social"),
        ("@anna@mastodon.social", "https://mastodon.social"),
        ("anna@mastodon.social", "https://mastodon.social"),
        ("https://mastodon.social/@anna", "https://mastodon.social"),
        ("http://mastodon.social/", "https://mastodon.social"),
        ("HTTPS://mastodon.social?x=1", "https://mastodon.social"),
        ("mastodon.social/web/home", "https://mastodon.social"),
        ("bücher.example", "https://xn--bcher-kva.example"),
        ("@anna@Bücher.example", "https://xn--bcher-kva.example"),
        ("social.example:8443", "https://social.example:8443"),
    ],
)
def test_server_is_read_from_what_people_type(instance: str, address: str) -> None:
    assert MastodonOAuth.address_of(instance) == address


@pytest.mark.parametrize(
    "instance",
    [
        "", "  ", "anna", "@anna", "localhost", "ftp://mastodon.social", "javascript://mastodon.social",
        "https://user:pw@mastodon.social", "masto don.social", "https://", "mastodon.social:x",
        "a" * 64 + "ü.example",
    ],
)  # fmt: skip
def test_what_names_no_server_is_refused(instance: str) -> None:
    with pytest.raises(Refused):
        MastodonOAuth.address_of(instance)


# --- what the server says of itself ---


def test_host_is_known_by_its_documents() -> None:
    answers: dict[str, bytes] = {}
    with raw_server(routes(answers)) as server:
        answers["/api/v2/instance"] = answer(json.dumps(V2))
        answers["/.well-known/oauth-authorization-server"] = answer(
            json.dumps(
                {
                    "authorization_endpoint": f"{server.url}/login",
                    "token_endpoint": "https://evil.test/token",
                    "app_registration_endpoint": f"{server.url}.evil.test/apps",
                    "revocation_endpoint": 7,
                    "scopes_supported": ["read", "profile"],
                }
            )
        )

        info = flow_at(server).host_info()

    assert info == {
        "limits": limits_of(V2),
        "version": "4.5.1",
        "title": "M",
        "domain": "m.test",
        "identity_scope": "profile",
        "has_granular_scopes": False,
        "oauth": {"authorization_endpoint": f"{server.url}/login"},  # only addresses of the server itself
    }


def test_old_server_is_known_by_its_v1_document_and_fixed_paths() -> None:
    v1 = {"uri": "m.test", "title": "Old", "version": "3.5.0", "configuration": {"statuses": {"max_characters": 700}}}
    with raw_server(routes({"/api/v1/instance": answer(json.dumps(v1))})) as server:
        flow = flow_at(server)
        info = flow.host_info()
        url = flow_at(server, dict(info)).authorize_url(APP, redirect_uri=CALLBACK, state="s", challenge="c")

    assert info["limits"] == {**STOCK, "max_characters": 700, "mime_types": []}
    assert (info["identity_scope"], info["oauth"]) == ("read:accounts", {})
    assert url.startswith(f"{server.url}/oauth/authorize?")


@pytest.mark.parametrize("broken", [answer("<html>", 500), answer("{}", 503), answer("<html>"), NOT_FOUND])
def test_server_whose_v2_document_is_broken_is_known_by_its_v1(broken: bytes) -> None:
    v1 = {"uri": "m.test", "title": "Old", "version": "4.1.0"}
    answers = {"/api/v2/instance": broken, "/api/v1/instance": answer(json.dumps(v1))}
    with raw_server(routes(answers)) as server:
        assert flow_at(server).host_info()["version"] == "4.1.0"


@pytest.mark.parametrize(
    ("version", "discovered", "scopes"),
    [
        ("4.5.1", ["read", "write", "profile", *SCOPES], ("profile", *SCOPES)),
        ("4.2.10", None, ("read:accounts", *SCOPES)),  # before there was a description
        ("3.5.3+glitch", None, ("read:accounts", *SCOPES)),
        ("2.4.3", None, ("read:accounts", *SCOPES)),
        ("2.4.2", None, ("read", "write")),
        ("takahe/0.11.0", None, ("read", "write")),
        ("2.7.2 (compatible; Pleroma 2.6.0)", None, ("read", "write")),
        ("", None, ("read", "write")),
        pytest.param(f"4.{'9' * 5000}.0", None, ("read", "write"), id="more than a number"),
        ("4.5.1", ["read", "write", "follow"], ("read", "write")),
        ("0.19.0", ["profile", "read", "write", *SCOPES], ("profile", *SCOPES)),
    ],
)
def test_server_is_asked_for_scopes_that_it_knows(
    version: str, discovered: list[str] | None, scopes: tuple[str, ...]
) -> None:
    answers = {"/api/v2/instance": answer(json.dumps({**V2, "version": version}))}
    if discovered is not None:
        answers["/.well-known/oauth-authorization-server"] = answer(json.dumps({"scopes_supported": discovered}))
    with raw_server(routes(answers)) as server:
        info = flow_at(server).host_info()

        assert flow_at(server, dict(info)).scopes == scopes


def test_description_that_is_broken_for_now_makes_no_wide_scopes() -> None:
    answers = {
        "/api/v2/instance": answer(json.dumps({**V2, "version": "0.19.0"})),
        "/.well-known/oauth-authorization-server": answer("<html>", 500),
    }
    with raw_server(routes(answers)) as server:
        info = flow_at(server).host_info()

    assert info["has_granular_scopes"]


@pytest.mark.parametrize("code", ["scope_missing", "scopes_refused"])
def test_refusal_of_granular_scopes_is_learned_from_once(code: str) -> None:
    flow = MastodonOAuth(Http("https://m.test"), {"has_granular_scopes": True})

    learned = flow.learned_from(code)
    wiser = MastodonOAuth(Http("https://m.test"), {"has_granular_scopes": True, "learned": learned})

    assert wiser.scopes == ("read", "write")
    assert wiser.learned_from(code) == {}
    assert flow.learned_from("token_refused") == {}


@pytest.mark.parametrize(
    ("granted", "missing"),
    [
        (("profile", *SCOPES), []),
        (("read", "write"), []),
        ((), []),
        (("read:statuses", "write:media"), ["write:statuses"]),
        (("read",), ["write:statuses", "write:media"]),
    ],
)
def test_scopes_that_were_not_granted_are_noticed(granted: tuple[str, ...], missing: list[str]) -> None:
    flow = MastodonOAuth(Http("https://m.test"), {})

    assert list(flow.missing_scopes(Tokens("t", scopes=granted))) == missing


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (NOT_FOUND, "not_this_platform"),
        (answer("<html>"), "not_this_platform"),
        (answer('{"a":1}'), "not_this_platform"),
        (answer("{}", 503), "server_error"),
    ],
)
def test_host_that_is_none_of_this_platform_is_told_so(said: bytes, code: str) -> None:
    with raw_server(says(said)) as server, pytest.raises(Unavailable) as caught:
        flow_at(server).host_info()

    assert caught.value.code == code


def test_server_behind_a_domain_of_accounts_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """example.com may only name accounts and redirect WebFinger to social.example.com."""
    asked: list[str] = []

    def elsewhere(self: Http, base_url: str) -> Http:
        asked.append(base_url)
        return Http(server.url)

    monkeypatch.setattr(Http, "elsewhere", elsewhere)
    moved = answer("", 302, location="https://social.example.com/.well-known/webfinger?resource=x")
    with (
        raw_server(routes({"/api/v2/instance": answer(json.dumps(V2))})) as server,
        raw_server(routes({"/.well-known/webfinger": moved})) as domain,
    ):
        info = flow_at(domain).host_info()

    assert (info["base_url"], asked) == ("https://social.example.com", ["https://social.example.com"])
    assert info["limits"]["max_characters"] == 5000


@pytest.mark.parametrize(
    "location", ["http://social.example.com/x", "/elsewhere", "", "https://user@evil.test/", "javascript:alert(1)"]
)
def test_domain_that_points_nowhere_sensible_is_not_followed(location: str) -> None:
    moved = answer("", 302, location=location)
    with raw_server(routes({"/.well-known/webfinger": moved})) as server, pytest.raises(Unavailable) as caught:
        flow_at(server).host_info()

    assert caught.value.code == "not_this_platform"


# --- our app there ---


def test_app_is_registered() -> None:
    registered = answer(json.dumps({"id": "1", "client_id": "client", "client_secret": "s3cret"}))
    with raw_server(says(registered)) as server:
        app = flow_at(server, {"identity_scope": "profile"}).register(redirect_uri=CALLBACK)

    assert app == APP
    assert server.requests[0].startswith(b"POST /api/v1/apps HTTP/1.1\r\n")
    assert form_of(server.requests[0]) == {
        "client_name": "MastaBlasta",
        "redirect_uris": CALLBACK,
        "scopes": "profile read:statuses write:statuses write:media",
    }


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (answer('{"error":"Validation failed: Redirect URI is forbidden"}', 422), OperatorProblem),
        (answer('{"error":"invalid_input"}', 400), OperatorProblem),
        (answer("{}", 429), RateLimited),
        (answer("<html>", 502), Unavailable),
        (answer("<html>"), Unavailable),
        (answer('{"client_id":"a"}'), Unavailable),
    ],
)
def test_registration_that_fails_says_why(said: bytes, kind: type[CallFailed]) -> None:
    with raw_server(says(said)) as server, pytest.raises(kind):
        flow_at(server).register(redirect_uri=CALLBACK)


@pytest.mark.parametrize(
    ("said", "is_known"),
    [
        (answer('{"error":"invalid_client"}', 401), False),
        (answer('{"error":"invalid_client"}', 400), False),
        (answer('{"error":"access_denied"}', 401), False),  # Takahe, of a wrong secret
        (answer('{"error":"invalid_client_id"}', 401), False),  # an older Takahe
        (answer('{"error":"Invalid credentials"}', 400), False),  # Pleroma, Akkoma
        (answer(json.dumps({**GRANTED, "access_token": "of-the-app"})), True),
        (answer('{"error":"invalid_scope"}', 400), True),
        (answer('{"error":"unsupported_grant_type"}', 400), True),
        (answer('{"error":"invalid_grant_type"}', 400), True),  # Takahe gives apps no tokens
        (answer("<h1>Forbidden</h1>", 403, content_type="text/html"), True),
        (NOT_FOUND, True),
        (answer("<html>"), True),
        (answer("", 302, location="https://m.test/"), True),
    ],
)
def test_server_is_asked_whether_it_knows_our_app(said: bytes, is_known: bool) -> None:
    with raw_server(says(said)) as server:
        assert flow_at(server, {"identity_scope": "profile"}).knows_app(APP) is is_known

    assert form_of(server.requests[0]) == {
        "grant_type": "client_credentials",
        "scope": "profile",
        "client_id": "client",
        "client_secret": "s3cret",
    }


@pytest.mark.parametrize("said", [answer("{}", 429), answer("<html>", 500), answer("<html>", 503)])
def test_server_that_cannot_be_asked_now_says_nothing_of_our_app(said: bytes) -> None:
    with raw_server(says(said)) as server, pytest.raises((RateLimited, Unavailable)):
        flow_at(server).knows_app(APP)


def test_consent_page_is_asked_for_with_pkce() -> None:
    with raw_server(says(answer())) as server:
        info = {"identity_scope": "profile", "oauth": {"authorization_endpoint": f"{server.url}/login"}}
        url = flow_at(server, info).authorize_url(APP, redirect_uri=CALLBACK, state="st&te", challenge="ch")

    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{server.url}/login"
    assert {name: values[0] for name, values in parse_qs(parts.query).items()} == {
        "response_type": "code",
        "client_id": "client",
        "redirect_uri": CALLBACK,
        "scope": "profile read:statuses write:statuses write:media",
        "state": "st&te",
        "code_challenge": "ch",
        "code_challenge_method": "S256",
    }


# --- tokens ---


def exchange(server: RawServer) -> Any:
    return flow_at(server).exchange(APP, code="c0de&", redirect_uri=CALLBACK, verifier="verifier")


def test_code_is_exchanged() -> None:
    with raw_server(says(answer(json.dumps(GRANTED)))) as server:
        tokens = exchange(server)

    assert (tokens.access_token, tokens.refresh_token, tokens.expires_at) == ("t0ken", "", None)
    assert tokens.scopes == ("profile", "write:statuses")
    assert server.requests[0].startswith(b"POST /oauth/token HTTP/1.1\r\n")
    assert b"Authorization" not in server.requests[0]
    assert form_of(server.requests[0]) == {
        "grant_type": "authorization_code",
        "code": "c0de&",
        "redirect_uri": CALLBACK,
        "client_id": "client",
        "client_secret": "s3cret",
        "code_verifier": "verifier",
    }


def test_tokens_that_end_are_honoured() -> None:
    """Mastodon's do not; some forks' do."""
    with raw_server(says(answer(json.dumps({**GRANTED, "expires_in": 7200, "refresh_token": "again"})))) as server:
        tokens = exchange(server)

    assert tokens.refresh_token == "again"
    assert abs(tokens.expires_at - datetime.now(UTC) - timedelta(hours=2)) < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("said", "app_unknown"),
    [
        (answer('{"error":"invalid_grant","error_description":"The code is used"}', 400), False),
        (answer('{"error":"invalid_client"}', 401), True),
        (answer('{"error":"access_denied"}', 401), True),  # Takahe
        (answer("<html>", 403), False),
    ],
)
def test_code_that_is_refused_says_why(said: bytes, app_unknown: bool) -> None:
    with raw_server(says(said)) as server, pytest.raises(ExchangeRefused) as caught:
        exchange(server)

    assert caught.value.app_unknown is app_unknown
    assert "c0de" not in caught.value.message
    assert "<" not in caught.value.message


@pytest.mark.parametrize(
    "said",
    [
        answer("<html>", 500),
        answer("<html>"),
        answer(""),
        answer("{}"),
        answer("[]"),
        answer('{"access_token":""}'),
        answer('{"access_token":null}'),
        answer('{"error":"odd"}'),
        answer(json.dumps({**GRANTED, "expires_in": "soon"})),
        answer("", 302, location="https://evil.test/"),
        answer("{}", 404),
    ],
)
def test_exchange_without_tokens_is_unavailable(said: bytes) -> None:
    with raw_server(says(said)) as server, pytest.raises(Unavailable) as caught:
        exchange(server)

    assert not isinstance(caught.value, OutcomeUnknown)
    assert len(server.requests) == 1


def test_pair_is_refreshed() -> None:
    said = answer(json.dumps({**GRANTED, "expires_in": 60, "refresh_token": "next"}))
    with raw_server(says(said)) as server:
        tokens = flow_at(server).refresh(APP, refresh_token="last")

    assert (tokens.access_token, tokens.refresh_token) == ("t0ken", "next")
    assert form_of(server.requests[0]) == {
        "grant_type": "refresh_token",
        "refresh_token": "last",
        "client_id": "client",
        "client_secret": "s3cret",
    }


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (answer('{"error":"invalid_grant"}', 400), NeedsReconnect),
        (answer('{"error":"invalid_client"}', 401), NeedsReconnect),
        (answer('{"error":"unauthorized_client"}', 403), NeedsReconnect),
        (answer("{}", 429), RateLimited),
        (answer("<html>", 503), Unavailable),
        (answer("<html>", 400), Unavailable),
        (answer("<html>", 401), Unavailable),
        (answer('{"error":"invalid_request"}', 400), Unavailable),
        (answer("<html>"), Unavailable),
    ],
)
def test_refresh_that_fails_ends_the_grant_only_when_the_server_says_so(said: bytes, kind: type[CallFailed]) -> None:
    with raw_server(says(said)) as server, pytest.raises(CallFailed) as caught:
        flow_at(server).refresh(APP, refresh_token="last")

    assert type(caught.value) is kind


@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_grant_is_ended(status: int) -> None:
    with raw_server(says(answer("", status))) as server:
        flow_at(server).revoke(APP, token="t0ken")

    assert form_of(server.requests[0]) == {"client_id": "client", "client_secret": "s3cret", "token": "t0ken"}


# --- who it is ---

ACCOUNT = {
    "id": "109",
    "username": "anna",
    "display_name": "Anna",
    "avatar": "https://m.test/a.png",
    "url": "https://m.test/@anna",
    "source": {"privacy": "unlisted", "sensitive": True, "language": "de"},
}


def test_account_is_told() -> None:
    with raw_server(says(answer(json.dumps(ACCOUNT)))) as server:
        owner = flow_at(server).who_am_i(APP, access_token="t0ken")

    facts = {"url": "https://m.test/@anna", "visibility": "unlisted", "language": "de", "sensitive": True}
    host = urlsplit(server.url).netloc
    assert owner == GrantOwner(
        "109", (TargetIdentity("109", f"@anna@{host}", "Anna", "https://m.test/a.png", "person", facts),)
    )
    assert b"Authorization: Bearer t0ken\r\n" in server.requests[0]


def test_account_without_a_name_and_with_odd_values_is_told() -> None:
    odd = {"id": 5, "username": "b", "display_name": "", "avatar": "javascript:x", "url": None, "source": None}
    with raw_server(says(answer(json.dumps(odd)))) as server:
        [place] = flow_at(server).who_am_i(APP, access_token="t0ken").targets

    assert (place.remote_id, place.name, place.avatar_url, place.facts["url"]) == ("5", "b", "", "")


@pytest.mark.parametrize(
    ("base", "domain", "handle"),
    [
        ("https://social.example.com", "example.com", "@anna@example.com"),
        ("https://example.com", "example.com", "@anna@example.com"),
        ("https://evil.test", "mastodon.social", "@anna@evil.test"),
        ("https://evilexample.com", "example.com", "@anna@evilexample.com"),
        ("https://example.com", "", "@anna@example.com"),
    ],
)
def test_handle_names_no_strangers_domain(base: str, domain: str, handle: str) -> None:
    assert f"@anna@{handle_domain(base, domain)}" == handle


@pytest.mark.parametrize("said", [answer("{}"), answer("<html>"), answer('{"id":"1"}'), answer("{}", 500)])
def test_answer_that_is_no_account_is_unavailable(said: bytes) -> None:
    with raw_server(says(said)) as server, pytest.raises(Unavailable):
        flow_at(server).who_am_i(APP, access_token="t0ken")
