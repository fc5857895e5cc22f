"""What a server may answer instead of tokens, or within them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integrations.protocols.oauth2 import tokens_of
from integrations.sign_in import Tokens
from mastablasta.core.outbound import OAuthSession, Unavailable, connections
from tests.kit.raw_server import answer, raw_server, says


def tokens_from(body: str) -> Tokens:
    connections.drop_kept()
    with raw_server(says(answer(body))) as server:
        return tokens_of(OAuthSession("client").fetch_token(server.url, code="code", include_client_id=True))


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "[]",
        "7",
        "",
        "<html>",
        '{"access_token": ""}',
        '{"access_token": 7}',
        '{"access_token": "a", "expires_in": 1e400}',
        '{"access_token": "a", "expires_in": "soon"}',
        '{"access_token": "a", "expires_in": [1]}',
        '{"access_token": "a", "scope": 7}',
        '{"access_token": "a", "scope": {"read": true}}',
        pytest.param('{"access_token": "a", "scope": ' + "[" * 100_000, id="nested too deeply"),
    ],
)
def test_what_holds_no_token_is_unreadable(body: str) -> None:
    with pytest.raises(Unavailable) as caught:
        tokens_from(body)

    assert caught.value.code == "unreadable"


@pytest.mark.parametrize(
    ("body", "access", "refresh", "scopes"),
    [
        ('{"access_token": "a\\ud800\\u0000", "refresh_token": "\\udfff"}', "a\ufffd\ufffd", "\ufffd", ()),
        ('{"access_token": "a", "refresh_token": null, "scope": "read write"}', "a", "", ("read", "write")),
        ('{"access_token": "a", "refresh_token": {"x": 1}, "scope": ["read", 7]}', "a", "", ("read", "7")),
        ('{"access_token": "a", "refresh_token": 7, "scope": null}', "a", "", ()),
    ],
)
def test_of_what_is_odd_the_rest_is_taken(body: str, access: str, refresh: str, scopes: tuple[str, ...]) -> None:
    tokens = tokens_from(body)

    assert (tokens.access_token, tokens.refresh_token, tokens.scopes) == (access, refresh, scopes)


@pytest.mark.parametrize(
    ("expires_in", "lives"),
    [
        ("3600", timedelta(hours=1)),
        ("0", None),
        ("1e15", None),
        ("-1e15", None),
        ("null", None),
        ("251000000000", None),
        ("-63000000000", None),
    ],
)
def test_end_that_no_calendar_has_is_none(expires_in: str, lives: timedelta | None) -> None:
    """The platform says so when the token has ended."""
    now = datetime.now(UTC)

    ends_at = tokens_from(f'{{"access_token": "a", "expires_in": {expires_in}}}').expires_at

    assert (ends_at is None) == (lives is None)
    assert ends_at is None or lives is None or abs(ends_at - now - lives) < timedelta(seconds=10)
