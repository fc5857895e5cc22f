"""Connecting people and organisations: consent, tokens and their ends, what was granted, and what takes it back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.errors import NeedsReconnect, Unavailable
from integrations.platforms.linkedin.sign_in import SCOPES, LinkedInOAuth
from integrations.platforms.linkedin.tests.accounts import APP, SELF_SERVE
from integrations.sign_in import GrantOwner, Tokens
from mastablasta.core.outbound import Http
from tests.kit.connector_contract import CALLBACK, consent
from tests.kit.raw_server import answer, raw_server, says
from tests.kit.sign_in_contract import TokenEndpointContract
from tests.world import Sandbox


def flow_at(base_url: str, **info: Any) -> LinkedInOAuth:
    return LinkedInOAuth(Http(base_url), info)


def flow_of(sandbox: Sandbox, **info: Any) -> LinkedInOAuth:
    return flow_at(f"{sandbox.url}/linkedin", **info)


def come_back(sandbox: Sandbox, handle: str, **info: Any) -> dict[str, str]:
    """What the browser brings back from the consent page."""
    url = flow_of(sandbox, **info).authorize_url(APP, redirect_uri=CALLBACK, state="s", challenge="c")
    return consent(url, handle)


def signed_in(sandbox: Sandbox, handle: str = "anna", **info: Any) -> Tokens:
    code = come_back(sandbox, handle, **info)["code"]
    return flow_of(sandbox, **info).exchange(APP, code=code, redirect_uri=CALLBACK, verifier="")


def owner_of(sandbox: Sandbox, tokens: Tokens) -> GrantOwner:
    return flow_of(sandbox).who_am_i(APP, access_token=tokens.access_token)


@pytest.mark.parametrize(
    ("base_url", "info", "page", "scopes"),
    [
        ("https://api.linkedin.com", {}, "https://www.linkedin.com/oauth/v2/authorization", SCOPES),
        (
            "http://127.0.0.1:1/linkedin",
            {"scopes": list(SELF_SERVE)},
            "http://127.0.0.1:1/linkedin/oauth/v2/authorization",
            SELF_SERVE,
        ),
    ],
)
def test_consent_is_asked_for_what_the_app_may_have(
    base_url: str, info: dict[str, Any], page: str, scopes: tuple[str, ...]
) -> None:
    flow = flow_at(base_url, **info)

    url = flow.authorize_url(APP, redirect_uri=CALLBACK, state="st&te", challenge="ch")

    assert url.partition("?")[0] == page
    assert flow.token_url.startswith(page.partition("/oauth/")[0])
    assert parse_qs(urlsplit(url).query) == {
        "response_type": ["code"],
        "client_id": [APP.client_id],
        "redirect_uri": [CALLBACK],
        "scope": [" ".join(scopes)],
        "state": ["st&te"],
    }


def test_grant_ends_a_year_after_the_consent_and_its_token_is_renewed_until_then(sandbox: Sandbox) -> None:
    first = signed_in(sandbox)
    renewed = flow_of(sandbox).refresh(APP, refresh_token=first.refresh_token)

    now = datetime.now(UTC)
    for tokens in (first, renewed):
        assert set(tokens.scopes) == set(SCOPES)
        assert tokens.expires_at is not None
        assert tokens.refresh_expires_at is not None
        assert timedelta(days=59) < tokens.expires_at - now < timedelta(days=61)
        assert timedelta(days=364) < tokens.refresh_expires_at - now < timedelta(days=366)
    assert (renewed.refresh_token, renewed.access_token == first.access_token) == (first.refresh_token, False)
    assert len(first.access_token) > 100


def test_app_without_refresh_tokens_gets_sixty_days(sandbox: Sandbox) -> None:
    sandbox.instance("linkedin", has_refresh=False)

    tokens = signed_in(sandbox)

    assert (tokens.refresh_token, tokens.refresh_expires_at, tokens.expires_at is None) == ("", None, False)


@pytest.mark.parametrize(
    ("scopes", "targets"),
    [
        (
            SCOPES,
            [
                ("person", "anna", True, True),
                ("organisation", "Bakery", True, True),
                ("organisation", "Choir", True, True),
            ],
        ),
        (SELF_SERVE, [("person", "anna", False, False)]),
        ((*SELF_SERVE, "rw_organization_admin"), [("person", "anna", False, False)]),
        (
            ("openid", "profile", "w_organization_social", "rw_organization_admin"),
            [("organisation", "Bakery", False, True), ("organisation", "Choir", False, True)],
        ),
    ],
)
def test_person_and_organisations_are_targets_as_far_as_was_granted(
    sandbox: Sandbox, scopes: tuple[str, ...], targets: list[tuple[str, str, bool, bool]]
) -> None:
    sandbox.accounts("linkedin", "anna", organisations=["Bakery", "Choir"])

    owner = owner_of(sandbox, signed_in(sandbox, scopes=list(scopes)))

    found = [(one.kind, one.name, one.facts["can_read"], one.facts["can_count"]) for one in owner.targets]
    assert found == targets
    assert {one.remote_id.split(":")[2] for one in owner.targets} <= {"person", "organization"}


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        (SCOPES, []),
        (("w_organization_social",), []),
        ((), []),
        (("openid",), ["w_member_social", "w_organization_social"]),
    ],
)
def test_without_a_permission_to_write_nothing_can_be_published(scopes: tuple[str, ...], missing: list[str]) -> None:
    assert list(flow_at("https://api.linkedin.com").missing_scopes(Tokens("t", scopes=scopes))) == missing


@pytest.mark.parametrize(
    ("scope", "kinds"),
    [
        ("openid,w_member_social_feed", [("person", False)]),
        ("openid w_member_social_feed,r_member_social_feed", [("person", True)]),
        ("openid,w_organization_social_feed,rw_organization_admin", [("organisation", False)]),
        ("w_organization_social_feed,r_organization_social_feed,rw_organization_admin", [("organisation", True)]),
        ("openid,profile", []),
    ],
)
def test_newer_permissions_count_as_the_older_ones(scope: str, kinds: list[tuple[str, bool]]) -> None:
    answers = [
        json.dumps({"active": True, "scope": scope}),
        '{"sub":"a","name":"Ann"}',
        '{"elements":[{"organizationTarget":"urn:li:organization:7"}]}',
        '{"results":{"7":{"id":7,"localizedName":"Bakery","vanityName":"bakery"}}}',
    ]

    with raw_server(says(*map(answer, answers))) as server:
        owner = flow_at(server.url).who_am_i(APP, access_token="t")

    assert [(one.kind, one.facts["can_read"]) for one in owner.targets] == kinds
    assert [one.handle for one in owner.targets if one.kind == "organisation"] in ([], ["bakery"])


def test_saying_no_and_asking_for_too_much_come_back_as_such(sandbox: Sandbox) -> None:
    denied = come_back(sandbox, "deny")
    sandbox.instance("linkedin", community=False)
    too_much = come_back(sandbox, "anna")

    assert denied["error"] in LinkedInOAuth.denials
    assert too_much["error"] == "unauthorized_scope_error"
    assert come_back(sandbox, "anna", scopes=list(SELF_SERVE))["code"]


class TestTokenEndpoint(TokenEndpointContract):
    slug, app = "linkedin", APP

    def flow_at(self, base_url: str) -> LinkedInOAuth:
        return flow_at(base_url)


@pytest.mark.parametrize("body", ["{}", "[]", "<html>"])
def test_answer_that_names_nobody_is_unavailable(body: str) -> None:
    granted = answer('{"active":true,"scope":"openid,w_member_social"}')

    with raw_server(says(granted, answer(body))) as server, pytest.raises(Unavailable):
        flow_at(server.url).who_am_i(APP, access_token="t")


def test_revocation_ends_the_grant_and_twice_is_fine(sandbox: Sandbox) -> None:
    tokens = signed_in(sandbox)

    for _ in range(2):
        flow_of(sandbox).revoke(APP, token=tokens.access_token)

    with pytest.raises(NeedsReconnect):
        owner_of(sandbox, tokens)
    with pytest.raises(NeedsReconnect) as caught:
        flow_of(sandbox).refresh(APP, refresh_token=tokens.refresh_token)
    assert (caught.value.code, caught.value.can_refresh) == ("invalid_grant", False)
