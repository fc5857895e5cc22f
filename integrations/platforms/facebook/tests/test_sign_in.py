"""Connecting pages: consent, the long-lived token, which pages there are, and what takes all of it back."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.errors import NeedsReconnect, OperatorProblem, Unavailable
from integrations.platforms.facebook.sign_in import SCOPES, FacebookOAuth
from integrations.sign_in import ClientApp, GrantOwner, Tokens
from mastablasta.core.outbound import Http
from tests.kit.connector_contract import CALLBACK, InMemoryProgress, signed_in, step_of, visit
from tests.kit.raw_server import answer, raw_server, says
from tests.kit.sign_in_contract import TokenEndpointContract
from tests.world import Sandbox

APP = ClientApp("sandbox-facebook", "sandbox-facebook-secret")


def flow_at(base_url: str) -> FacebookOAuth:
    return FacebookOAuth(Http(base_url), {})


def flow_of(sandbox: Sandbox) -> FacebookOAuth:
    return flow_at(f"{sandbox.url}/facebook")


def pages_of(sandbox: Sandbox, tokens: Tokens) -> GrantOwner:
    return flow_of(sandbox).who_am_i(APP, access_token=tokens.access_token)


@pytest.mark.parametrize(
    ("base_url", "page"),
    [
        ("https://graph.facebook.com", "https://www.facebook.com/v26.0/dialog/oauth"),
        ("http://127.0.0.1:1/facebook", "http://127.0.0.1:1/facebook/v26.0/dialog/oauth"),
    ],
)
def test_consent_is_asked_for_on_facebooks_own_pages(base_url: str, page: str) -> None:
    url = flow_at(base_url).authorize_url(APP, redirect_uri=CALLBACK, state="st&te", challenge="ch")

    assert url.partition("?")[0] == page
    assert parse_qs(urlsplit(url).query) == {
        "response_type": ["code"],
        "client_id": [APP.client_id],
        "redirect_uri": [CALLBACK],
        "scope": [",".join(SCOPES)],
        "state": ["st&te"],
    }


def test_code_becomes_a_token_that_says_what_was_granted(sandbox: Sandbox) -> None:
    tokens = signed_in(flow_of(sandbox), APP)

    about = flow_of(sandbox).debug_token(APP, tokens.access_token)
    assert (set(tokens.scopes), tokens.expires_at, tokens.refresh_token) == (set(SCOPES), None, "")
    assert (about["is_valid"], about["type"]) == (True, "USER")
    assert about["expires_at"] - about["data_access_expires_at"] == (60 - 90) * 86_400  # it is the long-lived one


def test_missing_scope_is_named_where_publishing_needs_it(sandbox: Sandbox) -> None:
    granted = tuple(scope for scope in SCOPES if scope not in {"pages_manage_posts", "read_insights"})

    assert flow_of(sandbox).missing_scopes(Tokens("t", scopes=granted)) == ["pages_manage_posts"]


@pytest.mark.parametrize("pages_a_call", [1, 100])
def test_each_page_is_a_target_with_its_own_token(sandbox: Sandbox, pages_a_call: int) -> None:
    sandbox.accounts("facebook", "berta", pages=["Bakery", "Choir", "Club"])
    sandbox.instance("facebook", accounts_per_page=pages_a_call, read_only_pages=["Club"])

    owner = pages_of(sandbox, signed_in(flow_of(sandbox), APP, "berta"))

    assert [(page.name, page.kind, bool(page.unusable)) for page in owner.targets] == [
        ("Bakery", "page", False),
        ("Choir", "page", False),
        ("Club", "page", True),
    ]
    assert len({page.token for page in owner.targets}) == 3
    assert owner.subject not in {page.remote_id for page in owner.targets}


class TestTokenEndpoint(TokenEndpointContract):
    slug, app = "facebook", APP

    def flow_at(self, base_url: str) -> FacebookOAuth:
        return flow_at(base_url)


def test_revocation_ends_the_person_and_their_pages_and_twice_is_fine(sandbox: Sandbox) -> None:
    anna = visit(sandbox, "facebook")
    tokens = signed_in(flow_of(sandbox), APP)

    for _ in range(2):
        flow_of(sandbox).revoke(APP, token=tokens.access_token)

    with pytest.raises(NeedsReconnect) as persons:
        pages_of(sandbox, tokens)
    with pytest.raises(NeedsReconnect) as pages:
        anna.connector.publish(step_of("Hello"), progress=InMemoryProgress())
    assert (persons.value.scope, pages.value.code) == ("grant", "app_removed")


@pytest.mark.parametrize("body", ['{"id":"1"}', "{}", "<html>"])
def test_answer_that_names_nobody_or_no_list_is_unavailable(body: str) -> None:
    with raw_server(says(answer(body), answer(body))) as server, pytest.raises(Unavailable):
        flow_at(server.url).who_am_i(APP, access_token="t")


def test_app_of_the_wrong_secret_signs_calls_that_are_refused(sandbox: Sandbox) -> None:
    """The proof is of the very token that the call is made with."""
    tokens: Any = signed_in(flow_of(sandbox), APP)

    with pytest.raises(OperatorProblem) as caught:
        flow_of(sandbox).who_am_i(ClientApp(APP.client_id, "another secret"), access_token=tokens.access_token)

    assert caught.value.code == "proof_refused"
