"""Connecting a channel: consent at Google, tokens that are renewed, accounts without a channel, and the end of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.errors import ExchangeRefused, NeedsReconnect, OperatorProblem, Unavailable
from integrations.platforms.youtube.sign_in import SCOPES, YouTubeOAuth
from integrations.sign_in import ClientApp, Tokens
from mastablasta.core.outbound import Http
from tests.kit.connector_contract import CALLBACK, VERIFIER, signed_in, visit
from tests.kit.raw_server import answer, raw_server, says
from tests.world import Sandbox

APP = ClientApp("sandbox-youtube", "sandbox-youtube-secret")
CHALLENGE = "WyWGd1KkxQ3tZ8hT2dJ3kq0X6yZ4mT6b7rP1oX3vN2E"


def flow_at(base_url: str) -> YouTubeOAuth:
    return YouTubeOAuth(Http(base_url), {})


def flow_of(sandbox: Sandbox) -> YouTubeOAuth:
    return flow_at(f"{sandbox.url}/youtube")


@pytest.mark.parametrize(
    ("base_url", "page", "tokens"),
    [
        (
            "https://www.googleapis.com",
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://oauth2.googleapis.com/token",
        ),
        (
            "http://127.0.0.1:1/youtube",
            "http://127.0.0.1:1/youtube/o/oauth2/v2/auth",
            "http://127.0.0.1:1/youtube/token",
        ),
    ],
)
def test_consent_is_asked_for_at_google_with_the_choice_of_the_channel(base_url: str, page: str, tokens: str) -> None:
    flow = flow_at(base_url)
    url = flow.authorize_url(APP, redirect_uri=CALLBACK, state="st&te", challenge=CHALLENGE)

    assert (url.partition("?")[0], flow.token_url) == (page, tokens)
    assert parse_qs(urlsplit(url).query) == {
        "response_type": ["code"],
        "client_id": [APP.client_id],
        "redirect_uri": [CALLBACK],
        "scope": [" ".join(SCOPES)],
        "state": ["st&te"],
        "access_type": ["offline"],
        "prompt": ["select_account consent"],
        "code_challenge": [CHALLENGE],
        "code_challenge_method": ["S256"],
    }


@pytest.mark.parametrize("is_testing", [False, True])
def test_code_becomes_tokens_that_are_renewed_by_the_same_refresh_token(sandbox: Sandbox, is_testing: bool) -> None:
    sandbox.instance("youtube", is_testing=is_testing)
    now = datetime.now(UTC)
    tokens = signed_in(flow_of(sandbox), APP)

    renewed = [flow_of(sandbox).refresh(APP, refresh_token=tokens.refresh_token) for _ in range(2)]

    assert tokens.refresh_token
    assert tokens.expires_at is not None
    assert now + timedelta(minutes=58) < tokens.expires_at < now + timedelta(minutes=61)
    assert {one.refresh_token for one in renewed} == {tokens.refresh_token}
    assert len({tokens.access_token, *(one.access_token for one in renewed)}) == 3
    ends = tokens.refresh_expires_at
    assert (ends is not None and timedelta(days=6) < ends - now < timedelta(days=8)) is is_testing


def test_permission_that_was_unticked_is_named(sandbox: Sandbox) -> None:
    granted = ("https://www.googleapis.com/auth/youtube.readonly",)

    assert flow_of(sandbox).missing_scopes(Tokens("t", scopes=granted)) == list(SCOPES)
    assert flow_of(sandbox).missing_scopes(Tokens("t", scopes=SCOPES)) == []


def test_channel_is_the_only_target_and_says_where_its_uploads_are(sandbox: Sandbox) -> None:
    sandbox.accounts("youtube", "berta", channels=["Bertas Kanal"])

    owner = flow_of(sandbox).who_am_i(APP, access_token=signed_in(flow_of(sandbox), APP, "berta").access_token)

    [channel] = owner.targets
    assert owner.subject == channel.remote_id
    assert (channel.name, channel.handle, channel.kind, len(channel.remote_id)) == (
        "Bertas Kanal", "@berta", "channel", 24,
    )  # fmt: skip
    assert channel.facts == {
        "url": f"https://www.youtube.com/channel/{channel.remote_id}",
        "uploads": f"UU{channel.remote_id[2:]}",
        "long_uploads": "allowed",
    }


def test_account_without_a_channel_is_told_to_make_one(sandbox: Sandbox) -> None:
    sandbox.accounts("youtube", "cleo", channels=[])

    with pytest.raises(NeedsReconnect, match="has no channel; create one") as caught:
        flow_of(sandbox).who_am_i(APP, access_token=signed_in(flow_of(sandbox), APP, "cleo").access_token)

    assert (caught.value.code, caught.value.can_refresh) == ("no_channel", False)


@pytest.mark.parametrize(
    ("app", "outcome"),
    [
        (APP, ExchangeRefused),
        (ClientApp(APP.client_id, "another secret"), OperatorProblem),
        (ClientApp("another-app", "s"), OperatorProblem),
    ],
)
def test_exchange_that_is_refused_says_whose_matter_it_is(
    sandbox: Sandbox, app: ClientApp, outcome: type[Exception]
) -> None:
    with pytest.raises(outcome):
        flow_of(sandbox).exchange(app, code="never-given", redirect_uri=CALLBACK, verifier=VERIFIER)


def test_revocation_ends_all_that_the_person_granted_and_twice_is_fine(sandbox: Sandbox) -> None:
    anna, again = visit(sandbox, "youtube"), signed_in(flow_of(sandbox), APP)

    for _ in range(2):
        flow_of(sandbox).revoke(APP, token=again.refresh_token)

    with pytest.raises(NeedsReconnect) as dead:
        flow_of(sandbox).refresh(APP, refresh_token=again.refresh_token)
    assert (dead.value.code, dead.value.can_refresh) == ("invalid_grant", False)
    with pytest.raises(NeedsReconnect) as first:
        anna.connector.delete("AAAAAAAAAAA")
    assert (first.value.code, first.value.can_refresh) == ("token_refused", True)
    assert YouTubeOAuth.revoke_ends == "person"


@pytest.mark.parametrize("body", ["{}", "[]", "<html>"])
def test_answer_that_names_no_channels_is_unavailable(body: str) -> None:
    with raw_server(says(answer(body))) as server, pytest.raises(Unavailable):
        flow_at(server.url).who_am_i(APP, access_token="t")
