"""Default, pause and activation over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.roles import Role
from accounts.tests.factories import make_member, signed_in
from integrations.models import SocialAccount
from integrations.services.accounts import PAUSED
from integrations.states import ACCOUNT_MOVES, AccountState
from integrations.tests.conftest import at_once
from integrations.tests.factories import CONNECTED_AT, make_account, make_credential

pytestmark = pytest.mark.django_db

ACCOUNTS = "/api/v2/accounts"


@pytest.fixture
def client_of(owner: User) -> APIClient:
    return signed_in(owner)


def patch(client: APIClient, account: SocialAccount, **changes: Any) -> Any:
    return client.patch(f"{ACCOUNTS}/{account.id}", changes)


def defaults(workspace: Workspace) -> list[Any]:
    found = SocialAccount.objects.in_workspace(workspace).filter(is_default=True)
    return list(found.order_by("platform").values_list("id", flat=True))


def rows() -> list[Any]:
    return list(SocialAccount.objects.order_by("id").values("id", "state", "is_default", "state_reason"))


# --- the default ---


def test_default_moves(workspace: Workspace, client_of: APIClient) -> None:
    _, second = make_account(workspace=workspace), make_account(workspace=workspace)
    bluesky, foreign = make_account(workspace=workspace, platform="bluesky"), make_account()

    answer = patch(client_of, second, is_default=True)

    assert answer.status_code == 200
    assert answer.json() == client_of.get(f"{ACCOUNTS}/{second.id}").json()
    assert (answer.json()["id"], answer.json()["is_default"]) == (str(second.id), True)
    assert defaults(workspace) == [bluesky.id, second.id]
    foreign.refresh_from_db()
    assert foreign.is_default


def test_default_may_be_given_up(workspace: Workspace, client_of: APIClient) -> None:
    account = make_account(workspace=workspace)
    make_account(workspace=workspace)

    assert patch(client_of, account, is_default=False).json()["is_default"] is False
    assert defaults(workspace) == []


def test_default_that_is_it_already_stays(workspace: Workspace, client_of: APIClient) -> None:
    account = make_account(workspace=workspace)

    assert patch(client_of, account, is_default=True).status_code == 200
    assert defaults(workspace) == [account.id]


@pytest.mark.parametrize(("state", "code"), [("pending", "account_pending"), ("disconnected", "disconnected")])
def test_account_that_is_not_in_use_is_no_default(
    workspace: Workspace, client_of: APIClient, state: str, code: str
) -> None:
    first = make_account(workspace=workspace)
    account = make_account(workspace=workspace, state=state)

    answer = patch(client_of, account, is_default=True)

    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert defaults(workspace) == [first.id]


@pytest.mark.django_db(transaction=True)
def test_of_two_that_choose_a_default_at_once_one_has_it(workspace: Workspace, owner: User) -> None:
    accounts = [make_account(workspace=workspace) for _ in range(4)]
    clients = [signed_in(owner) for _ in accounts]

    answers = at_once(4, lambda index: patch(clients[index], accounts[index], is_default=True).status_code)

    assert answers == [200] * 4
    assert len(defaults(workspace)) == 1


# --- pausing ---


def test_account_is_paused_and_goes_on(workspace: Workspace, client_of: APIClient) -> None:
    account = make_account(workspace=workspace)
    before = client_of.get(f"{ACCOUNTS}/{account.id}").json()

    paused = patch(client_of, account, status="paused").json()
    again = patch(client_of, account, status="paused").json()
    active = patch(client_of, account, status="active").json()

    assert paused == {**before, "status": "paused", "error": PAUSED}
    assert again == paused
    assert active == before


def test_both_at_once_are_one_change(workspace: Workspace, client_of: APIClient) -> None:
    first, second = make_account(workspace=workspace), make_account(workspace=workspace, state="pending")

    refused = patch(client_of, second, is_default=True, status="paused")
    done = patch(client_of, second, is_default=True, status="active")

    assert (refused.status_code, refused.json()["code"]) == (409, "move_not_allowed")
    assert (done.json()["status"], done.json()["is_default"]) == ("active", True)
    first.refresh_from_db()
    assert not first.is_default


@pytest.mark.parametrize("state", [state.value for state in AccountState])
@pytest.mark.parametrize("status", ["active", "paused"])
def test_moves_are_those_of_the_table(workspace: Workspace, client_of: APIClient, state: str, status: str) -> None:
    account = make_account(workspace=workspace, state=state)
    before = rows()

    answer = patch(client_of, account, status=status)

    takes_a_sign_in = state == "disconnected" or (state, status) == ("needs_reauth", "active")
    if state == status or (ACCOUNT_MOVES.allows(state, status) and not takes_a_sign_in):
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    else:
        codes = {"disconnected": "disconnected", "needs_reauth": "needs_reauth", "pending": "move_not_allowed"}
        assert (answer.status_code, answer.json()["code"]) == (409, codes[state])
        assert rows() == before


@pytest.mark.parametrize("grant", ["dead", "none"])
def test_account_whose_sign_in_ended_while_paused_does_not_go_on(
    workspace: Workspace, client_of: APIClient, grant: str
) -> None:
    credential = make_credential(workspace=workspace, state="dead") if grant == "dead" else None
    account = make_account(workspace=workspace, state="paused", credential=credential)

    answer = patch(client_of, account, status="active")

    assert (answer.status_code, answer.json()["code"]) == (409, "needs_reauth")
    assert "/oauth/" in answer.json()["detail"]
    account.refresh_from_db()
    assert account.state == "paused"


# --- what is not understood ---


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"status": "needs_reauth"}, "status", "invalid_choice"),
        ({"status": "disconnected"}, "status", "invalid_choice"),
        ({"status": None}, "status", "null"),
        ({"status": True}, "status", "wrong_type"),
        ({"is_default": "true"}, "is_default", "wrong_type"),
        ({"is_default": None}, "is_default", "null"),
        ({"paused": True}, "paused", "unknown"),
    ],
)
def test_wrong_names_and_values_are_refused(
    workspace: Workspace, client_of: APIClient, changes: dict[str, Any], field: str, code: str
) -> None:
    account = make_account(workspace=workspace)
    before = rows()

    answer = patch(client_of, account, **changes)

    assert answer.status_code == 400
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [(field, code)]
    assert rows() == before


def test_what_get_gave_may_be_sent_back(workspace: Workspace, client_of: APIClient) -> None:
    account = make_account(workspace=workspace)
    got = client_of.get(f"{ACCOUNTS}/{account.id}").json()

    answer = patch(client_of, account, **{**got, "handle": "@somebody@else"})

    assert (answer.status_code, answer.json()) == (200, got)


def test_body_that_is_empty_changes_nothing(workspace: Workspace, client_of: APIClient) -> None:
    account = make_account(workspace=workspace)

    assert patch(client_of, account).json() == client_of.get(f"{ACCOUNTS}/{account.id}").json()


# --- activation ---


def test_pending_account_is_activated(workspace: Workspace, client_of: APIClient) -> None:
    first = make_account(workspace=workspace, state="pending", is_default=False)
    second = make_account(workspace=workspace, state="pending", is_default=False)

    answers = [client_of.post(f"{ACCOUNTS}/{one.id}/activate") for one in (first, second)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == {
        **client_of.get(f"{ACCOUNTS}/{first.id}").json(),
        "status": "active",
        "is_default": True,
        "error": None,
    }
    assert (answers[1].json()["status"], answers[1].json()["is_default"]) == ("active", False)


@pytest.mark.parametrize("state", ["active", "needs_reauth", "paused", "disconnected"])
def test_other_accounts_are_not_activated(workspace: Workspace, client_of: APIClient, state: str) -> None:
    account = make_account(workspace=workspace, state=state)

    answer = client_of.post(f"{ACCOUNTS}/{account.id}/activate")

    assert (answer.status_code, answer.json()["code"]) == (409, "not_pending")
    account.refresh_from_db()
    assert account.state == state


def test_pending_account_whose_sign_in_ended_has_to_be_connected_again(
    workspace: Workspace, client_of: APIClient
) -> None:
    dead = make_credential(workspace=workspace, state="dead")
    account = make_account(workspace=workspace, state="pending", is_default=False, credential=dead)

    answer = client_of.post(f"{ACCOUNTS}/{account.id}/activate")

    assert (answer.status_code, answer.json()["code"]) == (409, "needs_reauth")


@pytest.mark.parametrize("call", ["activate", "refresh", "test"])
def test_calls_take_no_body(workspace: Workspace, client_of: APIClient, call: str) -> None:
    account = make_account(workspace=workspace)

    answer = client_of.post(f"{ACCOUNTS}/{account.id}/{call}", {"now": True})

    assert (answer.status_code, [one["code"] for one in answer.json()["errors"]]) == (400, ["unknown"])


@pytest.mark.django_db(transaction=True)
def test_of_two_that_are_activated_at_once_one_is_the_default(workspace: Workspace, owner: User) -> None:
    accounts = [make_account(workspace=workspace, state="pending", is_default=False) for _ in range(3)]
    clients = [signed_in(owner) for _ in accounts]

    codes = at_once(3, lambda index: clients[index].post(f"{ACCOUNTS}/{accounts[index].id}/activate").status_code)

    assert codes == [200] * 3
    assert len(defaults(workspace)) == 1


def test_viewer_changes_nothing(workspace: Workspace) -> None:
    account = make_account(workspace=workspace)
    viewer = signed_in(make_member(workspace, role=Role.VIEWER))

    assert patch(viewer, account, status="paused").status_code == 403
    assert viewer.delete(f"{ACCOUNTS}/{account.id}").status_code == 403
    for call in ("activate", "refresh", "test"):
        assert viewer.post(f"{ACCOUNTS}/{account.id}/{call}").status_code == 403


# --- a pause outlives a new sign-in for all pages ---


def test_signing_in_for_several_pages_leaves_a_paused_one_paused(workspace: Workspace, owner: User) -> None:
    from integrations.services.authorisations import Authorisation, save_accounts
    from integrations.sign_in import GrantOwner, TargetIdentity, Tokens
    from integrations.tests.factories import make_oauth_state

    paused = make_account(workspace=workspace, state="paused", state_reason=PAUSED)
    ended = make_account(workspace=workspace, state="needs_reauth", credential=paused.credential, is_default=False)
    places = tuple(TargetIdentity(one.remote_id, one.handle) for one in (paused, ended))
    sign_in = make_oauth_state(workspace=workspace, user=owner)
    subject = paused.credential.subject if paused.credential else ""

    several = save_accounts(Authorisation(sign_in, Tokens("new"), GrantOwner(subject, places)), at=CONNECTED_AT)
    only = save_accounts(Authorisation(sign_in, Tokens("new"), GrantOwner(subject, places[:1])), at=CONNECTED_AT)

    assert [(one.state, one.state_reason, one.is_default) for one in several] == [
        ("paused", PAUSED, True),
        ("active", "", False),
    ]
    assert [(one.state, one.state_reason, one.is_default) for one in only] == [("active", "", True)]
