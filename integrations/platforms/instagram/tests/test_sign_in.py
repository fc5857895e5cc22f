"""Connecting accounts by the pages that they are linked to, and by Instagram itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.contract import Target
from integrations.errors import ExchangeRefused, NeedsReconnect, OperatorProblem, Rejected, Unavailable
from integrations.platforms.instagram.connector import InstagramConnector
from integrations.platforms.instagram.sign_in import InstagramByFacebook, InstagramLogin
from integrations.sign_in import ClientApp
from mastablasta.core.outbound import Http
from tests.kit.connector_contract import CALLBACK, signed_in
from tests.kit.raw_server import answer, raw_server, says
from tests.world import Sandbox

META = ClientApp("sandbox-facebook", "sandbox-facebook-secret")
OWN = ClientApp("sandbox-instagram", "sandbox-instagram-secret")


def by_facebook(sandbox: Sandbox) -> InstagramByFacebook:
    return InstagramByFacebook(Http(f"{sandbox.url}/instagram"), {})


def by_instagram(sandbox: Sandbox) -> InstagramLogin:
    return InstagramLogin(Http(f"{sandbox.url}/instagram/instagram"), {})


@pytest.mark.parametrize(
    ("base_url", "page"),
    [
        ("https://graph.instagram.com", "https://www.instagram.com/oauth/authorize"),
        ("http://127.0.0.1:1/instagram/instagram", "http://127.0.0.1:1/instagram/instagram/oauth/authorize"),
    ],
)
def test_consent_is_asked_for_on_instagrams_own_pages(base_url: str, page: str) -> None:
    flow = InstagramLogin(Http(base_url), {})

    url = flow.authorize_url(OWN, redirect_uri=CALLBACK, state="st&te", challenge="ch")

    assert url.partition("?")[0] == page
    assert parse_qs(urlsplit(url).query) == {
        "response_type": ["code"],
        "client_id": [OWN.client_id],
        "redirect_uri": [CALLBACK],
        "scope": [",".join(flow.scopes)],
        "state": ["st&te"],
    }


def test_each_linked_account_is_a_target_with_its_pages_token(sandbox: Sandbox) -> None:
    sandbox.accounts("instagram", "berta", pages=["Bakery", "Choir", "Club"])
    sandbox.instance("instagram", accounts_per_page=2, unlinked_pages=["Choir"])
    flow = by_facebook(sandbox)

    tokens = signed_in(flow, META, "berta")
    owner = flow.who_am_i(META, access_token=tokens.access_token)

    assert (set(tokens.scopes), flow.missing_scopes(tokens)) == (set(flow.scopes), [])
    assert [(one.handle, one.facts["login"]) for one in owner.targets] == [
        ("@berta", "facebook"),
        ("@berta_2", "facebook"),
    ]
    assert len({one.token for one in owner.targets} - {"", tokens.access_token}) == 2
    assert owner.subject not in {one.remote_id for one in owner.targets}


def test_person_of_instagram_is_one_account_whose_token_lasts_for_sixty_days(sandbox: Sandbox) -> None:
    flow, now = by_instagram(sandbox), datetime.now(UTC)

    tokens = signed_in(flow, OWN)
    owner = flow.who_am_i(OWN, access_token=tokens.access_token)

    assert tokens.expires_at is not None
    assert tokens.not_before is not None
    assert timedelta(days=59) < tokens.expires_at - now < timedelta(days=61)
    assert timedelta(hours=23) < tokens.not_before - now < timedelta(hours=25)
    assert (set(tokens.scopes), tokens.refresh_token) == (set(flow.scopes), tokens.access_token)
    [own] = owner.targets
    assert (owner.subject, own.handle, own.token, own.facts) == (own.remote_id, "@anna", "", {"login": "instagram"})
    other = by_facebook(sandbox)
    linked = other.who_am_i(META, access_token=signed_in(other, META).access_token).targets[0]
    assert linked.remote_id == own.remote_id


def test_token_is_renewed_by_itself_until_it_is_refused(sandbox: Sandbox) -> None:
    flow = by_instagram(sandbox)
    tokens = signed_in(flow, OWN)

    renewed = flow.refresh(OWN, refresh_token=tokens.refresh_token)
    sandbox.fault("instagram", "any", "expire_token")

    assert renewed.access_token not in {"", tokens.access_token}
    assert (renewed.refresh_token, renewed.expires_at is not None) == (renewed.access_token, True)
    with pytest.raises(NeedsReconnect) as caught:
        flow.refresh(OWN, refresh_token=renewed.refresh_token)
    assert caught.value.scope == "grant"
    with pytest.raises(Rejected, match="only the person"):
        flow.revoke(OWN, token=renewed.access_token)


def test_account_that_is_not_professional_says_why_it_is_of_no_use(sandbox: Sandbox) -> None:
    sandbox.instance("instagram", personal=["anna"])
    flow = by_instagram(sandbox)

    owner = flow.who_am_i(OWN, access_token=signed_in(flow, OWN).access_token)

    assert "professional accounts only" in owner.targets[0].unusable


@pytest.mark.parametrize(
    ("app", "outcome"),
    [(OWN, ExchangeRefused), (ClientApp(OWN.client_id, "another"), OperatorProblem), (META, OperatorProblem)],
)
def test_exchange_that_is_refused_says_whose_matter_it_is(
    sandbox: Sandbox, app: ClientApp, outcome: type[Exception]
) -> None:
    with pytest.raises(outcome):
        by_instagram(sandbox).exchange(app, code="never-given", redirect_uri=CALLBACK, verifier="")


TOKEN = {"access_token": "t1", "user_id": 17, "permissions": ["a", "b"]}
LONG = answer(json.dumps({"access_token": "t2", "token_type": "bearer", "expires_in": 60}))


@pytest.mark.parametrize("short", [TOKEN, {**TOKEN, "permissions": "a, b"}, {"data": [TOKEN]}])
def test_token_is_read_in_all_shapes_that_meta_describes(short: object) -> None:
    with raw_server(says(answer(json.dumps(short)), LONG), says(LONG)) as server:
        flow = InstagramLogin(Http(server.url), {})
        tokens = flow.exchange(OWN, code="the-code#_", redirect_uri=CALLBACK, verifier="")

    assert (tokens.access_token, tokens.scopes) == ("t2", ("a", "b"))
    assert b"code=the-code" in server.requests[0]
    assert b"the-code%23_" not in server.requests[0]


@pytest.mark.parametrize("said", [answer("{}"), answer("<html>"), answer("[]"), answer("", 503)])
def test_answer_that_cannot_be_read_is_unavailable(said: bytes) -> None:
    with raw_server(says(said)) as server:
        flow = InstagramLogin(Http(server.url), {})
        with pytest.raises(Unavailable):
            flow.exchange(OWN, code="c", redirect_uri=CALLBACK, verifier="")
        with pytest.raises(Unavailable):
            flow.refresh(OWN, refresh_token="t")
        with pytest.raises(Unavailable):
            flow.who_am_i(OWN, access_token="t")


@pytest.mark.parametrize(
    ("login", "is_signed", "origins"), [("facebook", True, ("https://rupload.facebook.com",)), ("instagram", False, ())]
)
def test_calls_are_signed_at_the_host_of_facebook_login_alone(
    login: str, is_signed: bool, origins: tuple[str, ...]
) -> None:
    target = Target("https://graph.example", "graph.example", "1", "@anna", facts={"login": login})

    auth = InstagramConnector.auth_at(target, "token", META)

    assert (auth.sign is not None, auth.origins) == (is_signed, origins)
