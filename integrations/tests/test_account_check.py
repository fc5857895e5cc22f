"""POST /accounts/{id}/refresh and /test: asking the platform, over HTTP on both sides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.tests.factories import signed_in
from integrations import registry
from integrations.models import Credential, SocialAccount
from integrations.services import account_check, disconnection
from integrations.tests.conftest import at_once
from integrations.tests.factories import ROTATING, connect, make_account
from tests.world import Sandbox

pytestmark = pytest.mark.django_db

ACCOUNTS = "/api/v2/accounts"


@pytest.fixture
def client_of(owner: User) -> APIClient:
    return signed_in(owner)


@pytest.fixture(params=ROTATING)
def rotating(sandbox: Sandbox, workspace: Workspace, request: pytest.FixtureRequest) -> SocialAccount:
    """An account whose tokens end in two hours and whose refresh tokens work once."""
    sandbox.instance(request.param, token_ttl_s=7200, **ROTATING[request.param])
    return connect(sandbox, platform=request.param, workspace=workspace)


def call(client: APIClient, account: SocialAccount, what: str) -> Any:
    return client.post(f"{ACCOUNTS}/{account.id}/{what}")


def token_calls(sandbox: Sandbox) -> int:
    return len([one for one in sandbox.requests() if one["operation"] == "token"])


def everything() -> list[Any]:
    return [*SocialAccount.objects.values(), *Credential.objects.values("version", "state", "access_enc")]


# --- refresh ---


def test_token_is_refreshed(rotating: SocialAccount, client_of: APIClient) -> None:
    old = Credential.objects.get()
    before = client_of.get(f"{ACCOUNTS}/{rotating.id}").json()

    answer = call(client_of, rotating, "refresh")

    new = Credential.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {**before, "token_expires_at": answer.json()["token_expires_at"]}
    assert answer.json()["token_expires_at"] >= before["token_expires_at"]
    assert (new.version, new.state, new.refresh_lease) == (old.version + 1, "live", None)
    assert new.access_enc != old.access_enc
    assert new.refresh_enc != old.refresh_enc
    assert str(new.access_enc) not in answer.content.decode()


def test_refresh_works_again_and_again(rotating: SocialAccount, client_of: APIClient) -> None:
    codes = [call(client_of, rotating, "refresh").status_code for _ in range(3)]

    assert codes == [200, 200, 200]
    assert Credential.objects.get().version == 4


def test_platform_that_gives_no_refresh_token_is_named(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    account = connect(sandbox, workspace=workspace)
    before = everything()

    answer = call(client_of, account, "refresh")

    assert (answer.status_code, answer.json()["code"]) == (409, "no_refresh_token")
    assert everything() == before


def test_refused_refresh_signs_out(sandbox: Sandbox, rotating: SocialAccount, client_of: APIClient) -> None:
    sandbox.fault(rotating.platform, "any", "revoke_token")

    answer = call(client_of, rotating, "refresh")

    shown = client_of.get(f"{ACCOUNTS}/{rotating.id}").json()
    assert (answer.status_code, answer.json()["code"]) == (409, "needs_reauth")
    assert (shown["status"], bool(shown["error"])) == ("needs_reauth", True)
    assert Credential.objects.get().state == "dead"
    assert call(client_of, rotating, "refresh").json()["code"] == "needs_reauth"


@pytest.mark.parametrize("effect", ["status_500", "status_503", "reset_before", "html_502"])
def test_platform_that_does_not_answer_signs_nobody_out(
    sandbox: Sandbox, rotating: SocialAccount, client_of: APIClient, effect: str
) -> None:
    before = everything()
    sandbox.fault(rotating.platform, "token", effect)

    answer = call(client_of, rotating, "refresh")

    assert (answer.status_code, answer.json()["code"]) == (502, "refresh_failed")
    assert everything() == before
    assert call(client_of, rotating, "refresh").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_several_at_once_are_one_refresh(sandbox: Sandbox, rotating: SocialAccount, owner: User) -> None:
    clients = [signed_in(owner) for _ in range(4)]
    before = token_calls(sandbox)
    sandbox.latency(300)  # so that all of them have come before the first one ends

    answers = at_once(4, lambda index: call(clients[index], rotating, "refresh").status_code)

    assert answers == [200] * 4
    assert token_calls(sandbox) - before == 1
    assert Credential.objects.get().version == 2


@pytest.mark.parametrize("what", ["refresh", "test"])
@pytest.mark.parametrize(("state", "code"), [("disconnected", "disconnected"), ("needs_reauth", "needs_reauth")])
def test_account_without_a_grant_is_refused(
    workspace: Workspace, client_of: APIClient, what: str, state: str, code: str
) -> None:
    account = make_account(workspace=workspace, credential=None, state=state)

    answer = call(client_of, account, what)

    assert (answer.status_code, answer.json()["code"]) == (409, code)


# --- test ---


def test_what_the_platform_says_is_kept(sandbox: Sandbox, workspace: Workspace, client_of: APIClient) -> None:
    account = connect(sandbox, workspace=workspace)
    before = client_of.get(f"{ACCOUNTS}/{account.id}").json()
    long_ago = timezone.now() - timedelta(days=9)
    SocialAccount.objects.update(handle="@old@host", display_name="Old", avatar_url="", checked_at=long_ago, facts={})

    answer = call(client_of, account, "test")

    checked_at = answer.json()["checked_at"]
    assert answer.status_code == 200
    assert answer.json() == {**before, "checked_at": checked_at}
    assert checked_at > before["checked_at"]
    account.refresh_from_db()
    assert account.facts["url"].endswith("/@anna")


@pytest.mark.parametrize("state", ["pending", "paused"])
def test_accounts_that_are_not_active_may_be_tested_and_stay_so(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient, state: str
) -> None:
    account = connect(sandbox, workspace=workspace)
    if state == "pending":
        SocialAccount.objects.update(state="disconnected")  # the way back there
    SocialAccount.objects.update(state=state)

    answer = call(client_of, account, "test")

    assert (answer.status_code, answer.json()["status"]) == (200, state)


def test_token_about_to_end_is_refreshed_first(rotating: SocialAccount, client_of: APIClient) -> None:
    Credential.objects.update(expires_at=timezone.now())

    assert call(client_of, rotating, "test").status_code == 200
    assert Credential.objects.get().version == 2


def test_token_that_is_refused_is_refreshed_once(
    sandbox: Sandbox, rotating: SocialAccount, client_of: APIClient
) -> None:
    sandbox.fault(rotating.platform, "any", "expire_token")

    assert call(client_of, rotating, "test").status_code == 200
    assert Credential.objects.get().version == 2


def test_refused_sign_in_has_to_be_made_again(sandbox: Sandbox, workspace: Workspace, client_of: APIClient) -> None:
    account = connect(sandbox, workspace=workspace)
    sandbox.fault("mastodon", "any", "revoke_token")

    answer = call(client_of, account, "test")

    shown = client_of.get(f"{ACCOUNTS}/{account.id}").json()
    assert (answer.status_code, answer.json()["code"]) == (409, "needs_reauth")
    assert (shown["status"], bool(shown["error"])) == ("needs_reauth", True)
    assert Credential.objects.get().state == "dead"


def test_rotating_sign_in_that_is_refused_has_to_be_made_again(
    sandbox: Sandbox, rotating: SocialAccount, client_of: APIClient
) -> None:
    sandbox.fault(rotating.platform, "any", "revoke_token")

    assert call(client_of, rotating, "test").json()["code"] == "needs_reauth"
    rotating.refresh_from_db()
    assert rotating.state == "needs_reauth"


SHUT = [
    ("bluesky", {"deactivated": ["anna.bsky.social"]}, "The account is deactivated; activate it in its app."),
    ("bluesky", {"suspended": ["anna.bsky.social"]}, "The service has suspended the account."),
    ("bluesky", {"taken_down": ["anna.bsky.social"]}, "The service has taken the account down."),
    ("mastodon", {"suspended": ["anna"]}, "The server has suspended the account."),
    ("mastodon", {"moved": ["anna"]}, "The account has moved to @anna@elsewhere.example; connect that one."),
]


@pytest.mark.parametrize(("platform", "settings", "reason"), SHUT)
def test_account_that_nobody_may_use_there_is_signed_out_with_the_reason_until_that_has_changed(
    sandbox: Sandbox,
    workspace: Workspace,
    client_of: APIClient,
    platform: str,
    settings: dict[str, list[str]],
    reason: str,
) -> None:
    account = connect(sandbox, platform=platform, workspace=workspace)
    sandbox.instance(platform, **settings)

    answer = call(client_of, account, "test")

    shown = client_of.get(f"{ACCOUNTS}/{account.id}").json()
    assert (answer.status_code, answer.json()["code"]) == (409, "needs_reauth")
    assert reason in answer.json()["detail"]
    assert (shown["status"], shown["error"]) == ("needs_reauth", reason)

    sandbox.instance(platform, **{name: [] for name in settings})
    again = call(client_of, account, "test")
    assert (again.status_code, again.json()["status"], again.json()["error"]) == (200, "active", None)


def test_login_that_is_disabled_has_to_be_made_again(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    account = connect(sandbox, workspace=workspace)
    sandbox.instance("mastodon", login_disabled=["anna"])

    answer = call(client_of, account, "test")

    assert answer.json()["code"] == "needs_reauth"
    assert "Your login is currently disabled" in client_of.get(f"{ACCOUNTS}/{account.id}").json()["error"]


def test_account_that_x_suspended_has_to_be_connected_again(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    account = connect(sandbox, platform="twitter", workspace=workspace)
    sandbox.fault("twitter", "other", "suspended")

    assert call(client_of, account, "test").json()["code"] == "needs_reauth"

    assert "suspended" in client_of.get(f"{ACCOUNTS}/{account.id}").json()["error"]


def test_account_that_fewer_people_see_may_be_used(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    account = connect(sandbox, workspace=workspace)
    sandbox.instance("mastodon", limited=["anna"])

    assert call(client_of, account, "test").json()["status"] == "active"
    account.refresh_from_db()
    assert account.facts["limited"] is True


def test_refresh_tells_of_an_account_that_nobody_may_use(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    account = connect(sandbox, platform="bluesky", workspace=workspace)
    sandbox.instance("bluesky", deactivated=["anna.bsky.social"])

    shown = call(client_of, account, "refresh").json()

    assert (shown["status"], shown["error"]) == ("needs_reauth", "The account is deactivated; activate it in its app.")
    assert Credential.objects.get().state == "live"


def test_paused_account_stays_paused_when_it_may_be_used(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    account = connect(sandbox, platform="bluesky", workspace=workspace)
    SocialAccount.objects.update(state="paused", state_reason="by a person")

    assert call(client_of, account, "test").json()["status"] == "paused"


@pytest.mark.parametrize(("platform", "settings", "reason"), SHUT[:2] + SHUT[3:])
def test_account_is_connected_as_what_the_platform_says_and_is_no_default(
    sandbox: Sandbox, workspace: Workspace, platform: str, settings: dict[str, list[str]], reason: str
) -> None:
    sandbox.instance(platform, **settings)

    shut = connect(sandbox, platform=platform, workspace=workspace)
    second = connect(sandbox, "bert", platform=platform, workspace=workspace)

    assert (shut.state, shut.state_reason, shut.is_default) == ("needs_reauth", reason, False)
    assert (second.state, second.is_default) == ("active", True)
    shut.refresh_from_db()
    assert shut.state == "needs_reauth"


def test_default_that_is_shut_stays_the_default_when_it_is_connected_again(
    sandbox: Sandbox, workspace: Workspace
) -> None:
    connect(sandbox, platform="bluesky", workspace=workspace)
    sandbox.instance("bluesky", deactivated=["anna.bsky.social"])

    again = connect(sandbox, platform="bluesky", workspace=workspace)

    assert (again.state, again.is_default) == ("needs_reauth", True)


@pytest.mark.parametrize("effect", ["status_503", "reset_before", "html_502", "garbage_200"])
def test_platform_that_cannot_be_asked_changes_nothing(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient, effect: str
) -> None:
    account = connect(sandbox, workspace=workspace)
    before = everything()
    sandbox.fault("mastodon", "other", effect, times=9)

    answer = call(client_of, account, "test")

    assert (answer.status_code, answer.json()["code"]) == (502, "platform_unreachable")
    assert everything() == before


def test_sign_in_of_somebody_else_is_not_used(sandbox: Sandbox, workspace: Workspace, client_of: APIClient) -> None:
    account, bert = connect(sandbox, "anna", workspace=workspace), connect(sandbox, "bert", workspace=workspace)
    assert bert.credential is not None
    Credential.objects.filter(id=account.credential_id).update(access_enc=bert.credential.access_enc)

    answer = call(client_of, account, "test")

    account.refresh_from_db()
    bert.refresh_from_db()
    assert (answer.status_code, answer.json()["code"]) == (409, "other_identity")
    assert (account.state, account.handle.startswith("@anna@"), bert.state) == ("needs_reauth", True, "active")


def test_place_that_the_sign_in_no_longer_names_is_said(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    anna = connect(sandbox, workspace=workspace)
    page = make_account(workspace=workspace, credential=anna.credential, platform_host=anna.platform_host)

    answer = call(client_of, page, "test")

    page.refresh_from_db()
    assert (answer.status_code, answer.json()["code"]) == (409, "place_gone")
    assert page.handle in answer.json()["detail"]
    assert (page.state, page.checked_at) == ("active", None)


def test_answer_that_comes_after_the_end_is_not_kept(sandbox: Sandbox, workspace: Workspace) -> None:
    from integrations.sign_in import TargetIdentity

    account = connect(sandbox, workspace=workspace)
    grant = Credential.objects.get()
    disconnection.disconnect(account, at=timezone.now())

    account_check._keep(account, grant, TargetIdentity(account.remote_id, "@late@host"), at=timezone.now())

    account.refresh_from_db()
    assert account.handle.startswith("@anna@")


def test_platform_that_cannot_be_connected_here_is_named(
    workspace: Workspace, client_of: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.PLATFORMS, "youtube", registry.Entry("YouTube"))
    account = make_account(workspace=workspace, platform="youtube")

    answer = call(client_of, account, "test")

    assert (answer.status_code, answer.json()["code"]) == (400, "platform_not_available")
