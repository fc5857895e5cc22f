"""What attackers try with a sign-in, at every platform that people are sent to: each is refused under its own code."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.roles import Role
from accounts.tests.factories import make_member, signed_in
from integrations import registry
from integrations.models import Credential, OAuthState, SocialAccount
from integrations.services.oauth_connect import sha256_of
from integrations.tests.factories import make_host, make_oauth_state
from tests.kit.connector_contract import consent
from tests.world import Sandbox

pytestmark = pytest.mark.django_db

SIGN_INS = [
    (slug, entry.name)
    for slug in registry.built()
    for entry in registry.PLATFORMS[slug].sign_ins
    if entry.way == "redirect"
]
EVIL = "https://evil.example/"
each_sign_in = pytest.mark.parametrize(("platform", "name"), SIGN_INS, ids=["-".join(one) for one in SIGN_INS])


def begin(client: APIClient, platform: str, name: str) -> dict[str, str]:
    answer = client.get(f"/api/v2/oauth/{platform}/authorize", {"sign_in": name} if name else {})
    assert answer.status_code == 200, answer.content
    begun: dict[str, str] = answer.json()
    return begun


def callback(platform: str, query: dict[str, str]) -> str:
    return f"/api/v2/oauth/{platform}/callback?{urlencode(query)}"


def outcome(platform: str, query: dict[str, str], client: APIClient | None = None) -> str:
    """The error code, "" where it connected; what comes back never sends anybody elsewhere."""
    answer = (client or APIClient()).get(callback(platform, query))
    assert "Location" not in answer
    return str(answer.json().get("code", ""))


def nothing_is_connected() -> bool:
    return not SocialAccount.objects.exists() and not Credential.objects.exists()


@each_sign_in
def test_states_are_secret_short_lived_bound_and_used_once(
    sandbox: Sandbox, workspace: Workspace, owner: User, platform: str, name: str
) -> None:
    ours = signed_in(owner)
    back = consent(begin(ours, platform, name)["url"], "anna")
    other = next(slug for slug in registry.built() if slug != platform)
    make_oauth_state(workspace=workspace, state="of another platform", platform_host=make_host(platform=other))
    late = begin(ours, platform, name)["state"]
    OAuthState.objects.filter(sha256=sha256_of(late)).update(expires_at=timezone.now() - timedelta(seconds=1))
    said_no = begin(ours, platform, name)
    foreign = signed_in(make_member(workspace, role=Role.ADMIN))
    code = back["code"]

    refusals = {
        "missing": outcome(platform, {"code": code}),
        "guessed": outcome(platform, {"code": code, "state": "a" * 43}),
        "of another platform": outcome(platform, {"code": code, "state": "of another platform"}),
        "expired": outcome(platform, {"code": code, "state": late}),
        "of somebody else": outcome(platform, back, foreign),
        "no code": outcome(platform, {"state": begin(ours, platform, name)["state"]}),
        "invented code": outcome(platform, {"code": "invented", "state": begin(ours, platform, name)["state"]}),
        "said no": outcome(platform, consent(said_no["url"], "deny")),
        "said no, again": outcome(platform, {"code": code, "state": said_no["state"]}),
    }

    assert refusals == {
        "missing": "state_missing",
        "guessed": "state_invalid",
        "of another platform": "state_invalid",
        "expired": "state_expired",
        "of somebody else": "state_foreign",
        "no code": "exchange_failed",
        "invented code": "exchange_failed",
        "said no": "access_denied",
        "said no, again": "state_used",
    }
    assert nothing_is_connected()
    assert outcome(platform, back, ours) == ""
    connected = set(SocialAccount.objects.values_list("id", "state"))
    assert outcome(platform, back, ours) == "state_used"
    assert set(SocialAccount.objects.values_list("id", "state")) == connected != set()


@each_sign_in
def test_code_of_another_sign_in_is_refused_where_the_platform_knows_pkce(
    sandbox: Sandbox, workspace: Workspace, owner: User, platform: str, name: str
) -> None:
    ours = signed_in(owner)
    begun = begin(ours, platform, name)
    asked = parse_qs(urlsplit(begun["url"]).query)
    mallory = consent(begin(ours, platform, name)["url"], "mallory")

    if has_pkce := "code_challenge" in asked:
        assert asked["code_challenge_method"] == ["S256"]
        assert outcome(platform, {"code": mallory["code"], "state": begun["state"]}) == "exchange_failed"
        assert nothing_is_connected()
    assert has_pkce == (platform not in {"facebook", "instagram", "linkedin"})  # these have none for servers


@each_sign_in
def test_nobody_is_sent_anywhere_but_to_the_platform_and_back_to_us(
    sandbox: Sandbox, workspace: Workspace, owner: User, platform: str, name: str
) -> None:
    ours = signed_in(owner)
    url = begin(ours, platform, name)["url"]
    asked = {"next": EVIL, "redirect_uri": EVIL, "return_to": EVIL}

    assert url.startswith(f"{sandbox.url}/")
    assert parse_qs(urlsplit(url).query)["redirect_uri"] == [f"http://127.0.0.1:33766/api/v2/oauth/{platform}/callback"]
    refused = ours.get(f"/api/v2/oauth/{platform}/authorize", asked)
    assert refused.status_code == 400
    assert "Location" not in refused
    answer = ours.get(callback(platform, {**consent(url, "anna"), **asked}))
    assert "Location" not in answer
    assert EVIL not in answer.content.decode()


@each_sign_in
def test_who_follows_an_attackers_link_connects_nothing_unknowingly(
    sandbox: Sandbox, workspace: Workspace, owner: User, platform: str, name: str
) -> None:
    """The attacker begins, the victim consents: the page names whose workspace it is, and only its button connects."""
    back = consent(begin(signed_in(owner), platform, name)["url"], "victim")
    browser = Client(HTTP_ACCEPT="text/html", enforce_csrf_checks=True)

    page = browser.get(callback(platform, back))

    assert page.status_code == 200
    assert workspace.name in page.content.decode()
    assert nothing_is_connected()
    again = browser.get(callback(platform, back))
    assert again.status_code == 400
    body = urlencode({"token": back["state"]})
    forged = browser.post(f"/api/v2/oauth/{platform}/confirm", body, content_type="application/x-www-form-urlencoded")
    assert forged.status_code == 400
    assert nothing_is_connected()
