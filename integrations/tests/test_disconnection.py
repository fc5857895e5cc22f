"""DELETE /accounts/{id}: the grant ends at the platform, the tokens here, and nothing is lost.

Problems with it (posts in flight, scheduled, unconfirmed) is in posts/tests/test_reconnecting.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.tests.factories import signed_in
from integrations.models import Credential, SocialAccount
from integrations.services.disconnection import GONE, disconnect
from integrations.tests.conftest import at_once
from integrations.tests.factories import CONNECTED_AT, connect, make_account
from tests.world import Sandbox

pytestmark = pytest.mark.django_db

ACCOUNTS = "/api/v2/accounts"


@pytest.fixture
def client_of(owner: User) -> APIClient:
    return signed_in(owner)


def delete(client: APIClient, account: SocialAccount, query: str = "") -> Any:
    return client.delete(f"{ACCOUNTS}/{account.id}{query}")


def revocations(sandbox: Sandbox) -> list[int]:
    """The status of each revocation that the platform saw."""
    return [call["status"] for call in sandbox.requests("mastodon") if call["path"].endswith("/oauth/revoke")]


def test_account_is_disconnected(sandbox: Sandbox, workspace: Workspace, client_of: APIClient) -> None:
    account = connect(sandbox, workspace=workspace)
    before = client_of.get(f"{ACCOUNTS}/{account.id}").json()

    answer = delete(client_of, account)

    assert (answer.status_code, answer.content) == (204, b"")
    assert client_of.get(f"{ACCOUNTS}/{account.id}").json() == {
        **before,
        "status": "disconnected",
        "is_default": False,
        "scopes": [],
        "error": GONE,
    }
    assert client_of.get(ACCOUNTS).json()["accounts"] == []
    assert not Credential.objects.exists()
    assert revocations(sandbox) == [200]


def test_token_no_longer_works_at_the_platform(sandbox: Sandbox, workspace: Workspace, client_of: APIClient) -> None:
    from integrations import registry
    from integrations.errors import NeedsReconnect
    from integrations.sign_in import NO_APP
    from mastablasta.core.outbound import Http

    account = connect(sandbox, workspace=workspace)
    assert account.credential is not None
    token, host = str(account.credential.access_enc), account.platform_host

    delete(client_of, account)

    with pytest.raises(NeedsReconnect):
        registry.oauth_flow("mastodon")(Http(host.base_url), host.info).who_am_i(NO_APP, access_token=token)


def test_token_that_another_workspace_lives_by_is_not_revoked(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    """Mastodon gives the same person the same token, whichever workspace they connect to."""
    account, other = connect(sandbox, workspace=workspace), connect(sandbox)
    assert account.credential is not None
    Credential.objects.filter(id=other.credential_id).update(access_enc=account.credential.access_enc)

    assert delete(client_of, account).status_code == 204

    assert revocations(sandbox) == []


def test_refresh_token_is_revoked_too(sandbox: Sandbox, workspace: Workspace, client_of: APIClient) -> None:
    sandbox.instance("mastodon", rotating_tokens=True)
    account = connect(sandbox, workspace=workspace)

    assert delete(client_of, account).status_code == 204
    assert revocations(sandbox) == [200, 200]


def test_second_time_does_nothing(sandbox: Sandbox, workspace: Workspace, client_of: APIClient) -> None:
    account = connect(sandbox, workspace=workspace)
    delete(client_of, account)

    assert delete(client_of, account).status_code == 204
    assert revocations(sandbox) == [200]


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_does_it(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    account = connect(sandbox, workspace=workspace)
    clients = [signed_in(owner) for _ in range(3)]

    answers = at_once(3, lambda index: delete(clients[index], account).status_code)

    assert answers == [204] * 3
    assert revocations(sandbox) == [200]


def test_connecting_again_revives_the_row(sandbox: Sandbox, workspace: Workspace, client_of: APIClient) -> None:
    account = connect(sandbox, workspace=workspace)
    delete(client_of, account)

    again = connect(sandbox, workspace=workspace)

    assert again.id == account.id
    assert (again.state, again.state_reason, again.is_default) == ("active", "", True)
    assert Credential.objects.get().id == again.credential_id


# --- the default ---


def test_default_moves_to_the_oldest_active_account(workspace: Workspace, client_of: APIClient) -> None:
    account = make_account(workspace=workspace, credential=None)
    make_account(workspace=workspace, state="paused", connected_at=CONNECTED_AT - timedelta(days=9))
    make_account(workspace=workspace, connected_at=CONNECTED_AT + timedelta(days=1))
    oldest = make_account(workspace=workspace, connected_at=CONNECTED_AT)
    make_account(workspace=workspace, platform="bluesky", connected_at=CONNECTED_AT - timedelta(days=9))
    make_account()

    delete(client_of, account)

    found = SocialAccount.objects.in_workspace(workspace).default_for("mastodon")
    assert [one.id for one in found] == [oldest.id]


def test_without_another_there_is_no_default(workspace: Workspace, client_of: APIClient) -> None:
    account = make_account(workspace=workspace, credential=None)
    make_account(workspace=workspace, state="pending")

    delete(client_of, account)

    assert not SocialAccount.objects.in_workspace(workspace).default_for("mastodon").exists()


def test_default_stays_when_another_leaves(workspace: Workspace, client_of: APIClient) -> None:
    default = make_account(workspace=workspace)
    other = make_account(workspace=workspace, credential=None)

    delete(client_of, other)

    assert SocialAccount.objects.default_for("mastodon").get() == default


@pytest.mark.django_db(transaction=True)
def test_default_and_its_heir_may_leave_at_once(workspace: Workspace, owner: User) -> None:
    accounts = [make_account(workspace=workspace, credential=None) for _ in range(3)]
    clients = [signed_in(owner) for _ in accounts]

    assert at_once(2, lambda index: delete(clients[index], accounts[index]).status_code) == [204, 204]
    assert SocialAccount.objects.default_for("mastodon").get() == accounts[2]


# --- the grant ---


def test_grant_that_others_stand_on_goes_on(sandbox: Sandbox, workspace: Workspace, client_of: APIClient) -> None:
    account = connect(sandbox, workspace=workspace)
    sibling = make_account(
        workspace=workspace,
        credential=account.credential,
        platform_host=account.platform_host,
        state="pending",
        is_default=False,
    )

    assert delete(client_of, account).status_code == 204

    account.refresh_from_db()
    sibling.refresh_from_db()
    assert (account.state, account.credential, sibling.credential) == ("disconnected", None, Credential.objects.get())
    assert revocations(sandbox) == []

    assert delete(client_of, sibling).status_code == 204
    assert (revocations(sandbox), Credential.objects.count()) == ([200], 0)


@pytest.mark.django_db(transaction=True)
def test_last_two_of_a_grant_at_once_end_it_once(sandbox: Sandbox, workspace: Workspace, owner: User) -> None:
    account = connect(sandbox, workspace=workspace)
    host = account.platform_host
    sibling = make_account(workspace=workspace, credential=account.credential, platform_host=host)
    pair, clients = [account, sibling], [signed_in(owner), signed_in(owner)]

    assert at_once(2, lambda index: delete(clients[index], pair[index]).status_code) == [204, 204]
    assert (revocations(sandbox), Credential.objects.count()) == ([200], 0)


@pytest.mark.parametrize("effect", ["status_503", "reset_before", "garbage_200"])
def test_platform_that_cannot_be_told_is_named(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient, effect: str
) -> None:
    account = connect(sandbox, workspace=workspace)
    sandbox.fault("mastodon", "token", effect, times=9)

    answer = delete(client_of, account)

    account.refresh_from_db()
    assert (account.state, account.credential_id, Credential.objects.count()) == ("disconnected", None, 0)
    if effect == "garbage_200":
        assert answer.status_code == 204  # what a revocation says is of no interest
        return
    assert answer.status_code == 200
    [warning] = answer.json()["warnings"]
    assert (warning["code"], "take it back" in warning["message"]) == ("not_revoked", True)
    assert account.platform_host.host in warning["message"]
    assert answer.json()["account"] == client_of.get(f"{ACCOUNTS}/{account.id}").json()


def test_account_that_was_signed_out_is_disconnected_quietly(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    account = connect(sandbox, workspace=workspace)
    sandbox.fault("mastodon", "any", "revoke_token")
    SocialAccount.objects.update(state="needs_reauth")
    Credential.objects.update(state="dead")

    assert delete(client_of, account).status_code == 204


def test_refresh_that_ends_afterwards_brings_nothing_back(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    from integrations.services import tokens
    from integrations.sign_in import Tokens

    account = connect(sandbox, workspace=workspace)
    assert account.credential is not None
    turn = tokens.begin_refresh(account.credential.id, version=1, at=CONNECTED_AT)
    assert turn is not None

    delete(client_of, account)

    assert not tokens.store_refresh(turn, Tokens("late"), at=CONNECTED_AT)
    assert not Credential.objects.exists()


@pytest.mark.parametrize("query", ["?force=yes", "?force=", "?force=1", "?forced=true"])
def test_question_that_is_not_understood_is_refused(workspace: Workspace, client_of: APIClient, query: str) -> None:
    account = make_account(workspace=workspace)

    assert delete(client_of, account, query).status_code == 400
    account.refresh_from_db()
    assert account.state == "active"


def test_secrets_are_not_in_the_answer(sandbox: Sandbox, workspace: Workspace, client_of: APIClient) -> None:
    account = connect(sandbox, workspace=workspace)
    assert account.credential is not None
    secrets = [str(account.credential.access_enc), str(account.platform_host.client_secret_enc)]
    sandbox.fault("mastodon", "token", "status_503", times=9)

    answer = delete(client_of, account)

    assert [secret for secret in secrets if secret in answer.content.decode()] == []


# --- platforms where a revocation ends all that a person granted to the app ---


@pytest.fixture
def ends_person(monkeypatch: pytest.MonkeyPatch) -> None:
    from integrations.platforms.mastodon.oauth import MastodonOAuth

    monkeypatch.setattr(MastodonOAuth, "revoke_ends", "person")


@pytest.mark.usefixtures("ends_person")
def test_other_workspaces_grant_of_the_person_is_not_ended(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    account, elsewhere = connect(sandbox, workspace=workspace), connect(sandbox)

    assert delete(client_of, account).status_code == 204
    assert revocations(sandbox) == []

    assert elsewhere.credential is not None
    assert [one.id for one in Credential.objects.all()] == [elsewhere.credential.id]
    assert disconnect(elsewhere, at=CONNECTED_AT) == []
    assert revocations(sandbox) == [200]


@pytest.mark.usefixtures("ends_person")
def test_grants_of_others_and_of_other_apps_do_not_count(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    account = connect(sandbox, workspace=workspace)
    connect(sandbox, "bert")
    make_account(remote_id=account.remote_id)  # the same id at another host, where another app of ours is registered
    dead = make_account(remote_id=account.remote_id, platform_host=account.platform_host)
    Credential.objects.filter(id=dead.credential_id).update(state="dead")

    assert delete(client_of, account).status_code == 204
    assert revocations(sandbox) == [200]


def test_where_a_grant_ends_alone_it_is_revoked_whoever_else_stands_there(
    sandbox: Sandbox, workspace: Workspace, client_of: APIClient
) -> None:
    account = connect(sandbox, workspace=workspace)
    connect(sandbox)

    assert delete(client_of, account).status_code == 204
    assert revocations(sandbox) == [200]


@pytest.mark.usefixtures("ends_person")
@pytest.mark.django_db(transaction=True)
def test_last_two_grants_of_a_person_at_once_leave_no_access_behind(sandbox: Sandbox, workspace: Workspace) -> None:
    pair = [connect(sandbox, workspace=workspace), connect(sandbox)]

    assert at_once(2, lambda index: disconnect(pair[index], at=CONNECTED_AT)) == [[], []]
    assert revocations(sandbox) in ([200], [200, 200])
