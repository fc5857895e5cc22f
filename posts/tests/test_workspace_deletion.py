"""DELETE /workspaces/{id}: nothing goes out any more, nobody gets in, and the platforms are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Invitation, Membership, User, Workspace
from accounts.tests.factories import (
    make_api_key,
    make_invitation,
    make_member,
    make_workspace,
    signed_in,
    with_key,
)
from integrations.models import Credential, SocialAccount
from integrations.services import disconnection
from integrations.states import AccountState
from integrations.tasks import disconnect_deleted
from integrations.tests.factories import connect, make_account
from mastablasta.core.tests.answers import assert_problem
from posts.models import Delivery, Lane, Post
from posts.states import DeliveryState
from posts.tests.factories import make_delivery, make_post
from tests.world import Sandbox
from webhooks.models import Endpoint
from webhooks.tests.factories import make_delivery as make_endpoint_delivery
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(workspace: Workspace) -> User:
    user: User = workspace.members.get()
    return user


def delete(user: User, workspace: Workspace, query: str = "") -> Any:
    return signed_in(user).delete(f"/api/v2/workspaces/{workspace.id}{query}")


def test_it_is_gone_for_everybody_with_its_keys_and_invitations(workspace: Workspace, owner: User) -> None:
    editor = make_member(workspace)
    other = make_workspace(owner=editor)
    _, key = make_api_key(editor, workspace)
    make_invitation(workspace)
    clients = [signed_in(owner), signed_in(editor)]
    draft = make_post(workspace=workspace, accounts=[make_account(workspace=workspace)])

    answer = clients[0].delete(f"/api/v2/workspaces/{workspace.id}")

    assert (answer.status_code, answer.content) == (204, b"")
    for client in clients:
        assert client.get(f"/api/v2/workspaces/{workspace.id}").status_code == 404
        assert client.get("/api/v2/posts", headers={"X-Workspace": str(workspace.id)}).status_code == 404
    assert with_key(key).get("/api/v2/posts").json()["code"] == "api_key_invalid"
    assert Invitation.objects.get().withdrawn_at is not None
    assert User.objects.get(pk=editor.pk).default_workspace == other
    assert User.objects.get(pk=owner.pk).default_workspace is None
    assert Post.objects.get(pk=draft.pk).status == "draft"
    assert Membership.objects.filter(workspace=workspace).count() == 2  # who was in it is still known


def test_its_webhooks_are_gone_with_what_they_were_to_be_told(workspace: Workspace, owner: User) -> None:
    make_endpoint_delivery(make_endpoint(workspace=workspace))
    others = make_endpoint()

    assert delete(owner, workspace).status_code == 204

    assert list(Endpoint.objects.values_list("id", flat=True)) == [others.id]


@pytest.mark.parametrize(
    ("state", "code"),
    [("sending", "in_flight"), ("processing", "in_flight"), ("unknown", "in_flight"), ("unconfirmed", "unconfirmed")],
)
def test_what_is_in_flight_or_in_doubt_stops_it_even_forced(
    workspace: Workspace, owner: User, state: str, code: str
) -> None:
    at = timezone.now()
    marks = {"sent_at": at, "doubted_at": at if state in {"unknown", "unconfirmed"} else None}
    held = {"lease_token": workspace.id, "lease_expires_at": at} if state == "sending" else {}
    make_delivery(make_account(workspace=workspace), state=state, **marks, **held)

    answer = delete(owner, workspace, "?force=true")

    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert Workspace.objects.get(pk=workspace.pk).deleted_at is None


def test_what_is_scheduled_stops_it_and_is_cancelled_when_forced(workspace: Workspace, owner: User) -> None:
    account, foreign = make_account(workspace=workspace), make_account()
    waiting = [make_delivery(account), make_delivery(account), make_delivery(foreign)]

    refused = delete(owner, workspace)
    done = delete(owner, workspace, "?force=true")

    sentence = (
        "2 posts are scheduled in this workspace; cancel or publish that first, or repeat with ?force=true, which "
        "cancels it."
    )
    fault = {"field": "", "code": "workspace_in_use", "message": sentence, "params": {"deliveries": 2}}
    assert_problem(refused, 409, "workspace_in_use", sentence, [fault])
    assert done.status_code == 204
    states = [Delivery.objects.get(pk=one.pk).state for one in waiting]
    assert states == [DeliveryState.CANCELLED, DeliveryState.CANCELLED, DeliveryState.QUEUED]
    assert {post.status for post in Post.objects.filter(workspace=workspace)} == {"cancelled"}
    assert Lane.objects.get(account=account).ready_at is None


def test_its_accounts_are_disconnected_and_the_platform_told(
    sandbox: Sandbox, workspace: Workspace, owner: User
) -> None:
    account, kept = connect(sandbox, workspace=workspace), make_account()

    assert delete(owner, workspace).status_code == 204
    disconnect_deleted()
    disconnect_deleted()

    assert SocialAccount.objects.get(pk=account.pk).state == AccountState.DISCONNECTED
    assert SocialAccount.objects.get(pk=kept.pk).state == AccountState.ACTIVE
    assert set(Credential.objects.all()) == {kept.credential}
    assert [call["status"] for call in sandbox.requests("mastodon") if call["path"].endswith("/oauth/revoke")] == [200]


def test_account_that_cannot_be_ended_yet_keeps_no_other_connected(workspace: Workspace) -> None:
    """Nobody settles any more what is unconfirmed in a deleted workspace."""
    account, waiting = make_account(), make_account(workspace=workspace)
    make_delivery(waiting, state="unconfirmed", sent_at=timezone.now(), doubted_at=timezone.now())
    for hours, one in enumerate((account, waiting)):  # the one that waits went first
        Workspace.objects.filter(id=one.workspace_id).update(deleted_at=timezone.now() - timedelta(hours=hours))

    assert disconnection.disconnect_deleted(at=timezone.now(), most=1) == 1

    states = [SocialAccount.objects.get(pk=one.pk).state for one in (account, waiting)]
    assert states == [AccountState.DISCONNECTED, AccountState.ACTIVE]


def test_force_is_true_or_false(workspace: Workspace, owner: User) -> None:
    client: APIClient = signed_in(owner)

    answer = client.delete(f"/api/v2/workspaces/{workspace.id}?force=maybe")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
