"""Accounts that cannot be used for a while: their posts wait, keep their status and retries, and go out once.

Real drains against the simulator; people act over HTTP.
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.tests.factories import signed_in
from integrations import querysets
from integrations.models import Credential, SocialAccount
from integrations.services import disconnection
from integrations.tests.conftest import at_once
from posts import states, tasks
from posts.engine.publisher import drain
from posts.models import Delivery, Lane
from posts.queue import claims
from posts.states import DeliveryState
from posts.tests.conftest import Connect
from posts.tests.factories import make_delivery
from tests.kit.connector_contract import consent
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

V2 = "/api/v2"


@pytest.fixture
def client(workspace: Workspace) -> APIClient:
    owner: User = workspace.memberships.select_related("user").get(role="owner").user
    return signed_in(owner)


@pytest.fixture
def anna(connected: Connect, workspace: Workspace) -> SocialAccount:
    return connected("anna", workspace=workspace)


def due(account: SocialAccount, *contents: str) -> list[Delivery]:
    """Deliveries that are due by now, in this order."""
    at = timezone.now() - timedelta(seconds=len(contents))
    return [
        make_delivery(account, content=content, due_at=at + timedelta(milliseconds=index))
        for index, content in enumerate(contents)
    ]


def run() -> None:
    drain(worker="test", threads=4)


def out(sandbox: Sandbox) -> list[str]:
    return [post["text"] for post in sandbox.posts("mastodon")]


def shown(client: APIClient, delivery: Delivery) -> tuple[str, str, str | None, int]:
    """The post's status; its delivery's status, what that waits for, and its attempts."""
    post = client.get(f"{V2}/posts/{delivery.post_id}").json()
    [one] = post["deliveries"]
    return post["status"], one["status"], one["waiting_for"], one["attempts"]


def states_of(deliveries: list[Delivery]) -> list[tuple[str, int]]:
    """Each one's state and used retries."""
    rows = Delivery.objects.in_bulk([one.id for one in deliveries])
    return [(rows[one.id].state, rows[one.id].tries) for one in deliveries]


def reconnect(client: APIClient, handle: str = "anna") -> dict[str, Any]:
    """Sign in again, as a person does."""
    started = client.get(f"{V2}/oauth/mastodon/authorize").json()
    answer = client.get(f"{V2}/oauth/mastodon/callback", consent(started["url"], handle))
    assert answer.status_code == 200, answer.content
    [account] = answer.json()["accounts"]
    assert isinstance(account, dict)
    return account


# --- signed out by the platform ---


def test_revoked_account_waits_and_goes_on_after_reconnecting(
    sandbox: Sandbox, anna: SocialAccount, client: APIClient
) -> None:
    deliveries = due(anna, "one", "two", "three")
    sandbox.fault("mastodon", "any", "revoke_token")
    before = shown(client, deliveries[2])

    run()

    account = client.get(f"{V2}/accounts/{anna.id}").json()
    assert (account["status"], bool(account["error"])) == ("needs_reauth", True)
    assert states_of(deliveries)[0] == ("blocked", 0)
    assert [shown(client, one)[1:3] for one in deliveries] == [("pending", "account")] * 3
    assert shown(client, deliveries[2])[0] == before[0] == "scheduled"
    asked = len(sandbox.requests("mastodon"))

    for _ in range(2):  # nothing changes by itself, and nobody is asked
        tasks.unpark_lanes()
        tasks.sweep_lanes()
        run()
    assert len(sandbox.requests("mastodon")) == asked
    assert [tries for _, tries in states_of(deliveries)] == [0, 0, 0]

    again = reconnect(client)
    tasks.unpark_lanes()
    run()

    assert (again["id"], again["status"], again["error"]) == (str(anna.id), "active", None)
    assert out(sandbox) == ["one", "two", "three"]
    assert states_of(deliveries) == [("published", 0)] * 3
    assert {shown(client, one)[0] for one in deliveries} == {"published"}

    tasks.unpark_lanes()
    run()
    assert out(sandbox) == ["one", "two", "three"]


def test_post_that_is_signed_out_on_its_way_keeps_its_retries(
    sandbox: Sandbox, anna: SocialAccount, client: APIClient
) -> None:
    [delivery] = due(anna, "one")
    Delivery.objects.filter(id=delivery.id).update(tries=2)
    sandbox.fault("mastodon", "any", "revoke_token")

    run()
    reconnect(client)
    tasks.unpark_lanes()

    row = Delivery.objects.get(id=delivery.id)
    assert (row.state, row.tries, row.error_code) == (DeliveryState.QUEUED, 2, "")
    run()
    assert out(sandbox) == ["one"]


def test_other_accounts_go_out_meanwhile(
    sandbox: Sandbox, anna: SocialAccount, connected: Connect, workspace: Workspace
) -> None:
    waiting = due(anna, "hers")
    sandbox.fault("mastodon", "any", "revoke_token")
    other = due(connected("bert", workspace=workspace), "his")

    run()

    assert (states_of(waiting), states_of(other)) == ([("blocked", 0)], [("published", 0)])
    assert out(sandbox) == ["his"]


def test_post_whose_fate_is_unknown_is_asked_for_after_reconnecting(
    sandbox: Sandbox, anna: SocialAccount, client: APIClient
) -> None:
    """The answer was lost, then the account was signed out: what is out is found, not sent again."""
    [delivery] = due(anna, "one")
    sandbox.limits(duplicates=False, idempotency=False)
    sandbox.fault("mastodon", "publish", "accept_then_reset")
    sandbox.fault("mastodon", "lookup", "status_503", times=1)
    run()
    Delivery.objects.filter(id=delivery.id, state="unknown").update(next_attempt_at=timezone.now())
    sandbox.clear_faults()
    if Delivery.objects.get(id=delivery.id).state == DeliveryState.UNKNOWN:
        sandbox.fault("mastodon", "any", "revoke_token")
        with_lane = Lane.objects.filter(account=anna)
        with_lane.update(ready_at=timezone.now())
        run()
        assert states_of([delivery]) == [("unknown", 0)]
        assert client.delete(f"{V2}/accounts/{anna.id}?force=true").json()["code"] == "in_flight"

    reconnect(client)
    tasks.unpark_lanes()
    Delivery.objects.filter(id=delivery.id, state="unknown").update(next_attempt_at=timezone.now())
    Lane.objects.filter(account=anna, is_parked=False).update(ready_at=timezone.now())
    run()

    assert states_of([delivery]) == [("published", 0)]
    assert out(sandbox) == ["one"]


# --- rotating tokens ---


def test_token_that_ended_is_refreshed_on_the_way(sandbox: Sandbox, connected: Connect, workspace: Workspace) -> None:
    sandbox.instance("mastodon", rotating_tokens=True)
    deliveries = due(connected("anna", workspace=workspace), "one", "two")
    sandbox.fault("mastodon", "any", "expire_token")

    run()

    assert states_of(deliveries) == [("published", 0)] * 2
    assert Credential.objects.get().version == 2


def test_refresh_that_fails_for_a_while_signs_nobody_out(
    sandbox: Sandbox, connected: Connect, workspace: Workspace
) -> None:
    sandbox.instance("mastodon", rotating_tokens=True)
    account = connected("anna", workspace=workspace)
    deliveries = due(account, "one")
    sandbox.fault("mastodon", "any", "expire_token")
    sandbox.fault("mastodon", "token", "status_503", times=1)

    run()
    Delivery.objects.filter(state="queued").update(next_attempt_at=timezone.now())
    Lane.objects.update(ready_at=timezone.now())
    run()

    account.refresh_from_db()
    assert (account.state, out(sandbox)) == ("active", ["one"])
    assert [state for state, _ in states_of(deliveries)] == ["published"]


def test_refused_refresh_signs_out_and_reconnecting_goes_on(
    sandbox: Sandbox, connected: Connect, workspace: Workspace, client: APIClient
) -> None:
    sandbox.instance("mastodon", rotating_tokens=True)
    account = connected("anna", workspace=workspace)
    deliveries = due(account, "one", "two")
    sandbox.fault("mastodon", "any", "revoke_token")

    run()
    assert client.get(f"{V2}/accounts/{account.id}").json()["status"] == "needs_reauth"
    assert {one[1] for one in states_of(deliveries)} == {0}
    reconnect(client)
    tasks.unpark_lanes()
    run()

    assert out(sandbox) == ["one", "two"]


# --- paused by a person ---


def test_paused_account_waits_and_goes_on(sandbox: Sandbox, anna: SocialAccount, client: APIClient) -> None:
    deliveries = due(anna, "one", "two")
    client.patch(f"{V2}/accounts/{anna.id}", {"status": "paused"})

    run()
    tasks.unpark_lanes()
    run()

    assert [shown(client, one) for one in deliveries] == [("scheduled", "pending", "account", 0)] * 2
    assert out(sandbox) == []

    client.patch(f"{V2}/accounts/{anna.id}", {"status": "active"})
    tasks.unpark_lanes()
    run()

    assert out(sandbox) == ["one", "two"]
    assert states_of(deliveries) == [("published", 0)] * 2


# --- disconnected by a person ---


def test_account_with_scheduled_posts_is_disconnected_by_force_only(
    sandbox: Sandbox, anna: SocialAccount, client: APIClient
) -> None:
    deliveries = due(anna, "one", "two")

    refused = client.delete(f"{V2}/accounts/{anna.id}")
    anna.refresh_from_db()
    assert (refused.status_code, refused.json()["code"]) == (409, "account_in_use")
    assert refused.json()["errors"] == [
        {"field": "", "code": "account_in_use", "message": refused.json()["detail"], "params": {"deliveries": 2}}
    ]
    assert ("2 posts are scheduled" in refused.json()["detail"], anna.state) == (True, "active")

    assert client.delete(f"{V2}/accounts/{anna.id}?force=true").status_code == 204
    assert [shown(client, one) for one in deliveries] == [("scheduled", "pending", "account", 0)] * 2
    run()
    tasks.unpark_lanes()
    run()
    assert (out(sandbox), states_of(deliveries)[0]) == ([], ("blocked", 0))
    assert [shown(client, one) for one in deliveries] == [("scheduled", "pending", "account", 0)] * 2

    again = reconnect(client)
    tasks.unpark_lanes()
    run()

    assert again["id"] == str(anna.id)
    assert out(sandbox) == ["one", "two"]
    assert states_of(deliveries) == [("published", 0)] * 2


@pytest.mark.parametrize("state", ["draft", "failed", "rejected", "cancelled"])
def test_what_is_not_promised_stops_nobody(anna: SocialAccount, client: APIClient, state: str) -> None:
    make_delivery(anna, state=state, next_attempt_at=None)

    assert client.delete(f"{V2}/accounts/{anna.id}").status_code == 204


@pytest.mark.parametrize("force", ["", "?force=true"])
def test_post_in_flight_stops_it(sandbox: Sandbox, anna: SocialAccount, client: APIClient, force: str) -> None:
    [delivery] = due(anna, "one")
    at = timezone.now()
    assert len(claims.claim(at=at, limit=1, token=uuid4(), worker="other")) == 1

    answer = client.delete(f"{V2}/accounts/{anna.id}{force}")

    anna.refresh_from_db()
    assert (answer.status_code, answer.json()["code"]) == (409, "in_flight")
    assert answer.json()["errors"][0]["params"] == {"deliveries": 1}
    assert (anna.state, Credential.objects.count(), states_of([delivery])) == ("active", 1, [("sending", 0)])


@pytest.mark.parametrize("force", ["", "?force=true"])
def test_unconfirmed_post_stops_it(anna: SocialAccount, client: APIClient, force: str) -> None:
    make_delivery(anna, state="unconfirmed", next_attempt_at=None)

    answer = client.delete(f"{V2}/accounts/{anna.id}{force}")

    assert (answer.status_code, answer.json()["code"]) == (409, "unconfirmed")


def test_disconnection_waits_for_a_claim_that_is_being_made(
    sandbox: Sandbox, anna: SocialAccount, client: APIClient
) -> None:
    due(anna, "one")
    is_claimed = threading.Event()

    def claim() -> None:
        with transaction.atomic():
            claims.claim(at=timezone.now(), limit=1, token=uuid4(), worker="other")
            is_claimed.set()
            time.sleep(0.3)  # the disconnection comes in between

    def disconnect() -> Any:
        is_claimed.wait(10)
        return client.delete(f"{V2}/accounts/{anna.id}?force=true").json()["code"]

    assert at_once(2, lambda index: (claim, disconnect)[index]())[1] == "in_flight"


def test_claim_and_disconnection_at_once_never_leave_a_post_without_its_account(
    sandbox: Sandbox, connected: Connect, workspace: Workspace, client: APIClient
) -> None:
    """Whichever comes first: the post is out and the account stays, or it waits and the account is gone."""
    accounts = [connected(f"person{number}", workspace=workspace) for number in range(4)]
    deliveries = {account.id: due(account, f"post {account.id}")[0] for account in accounts}

    def act(index: int) -> Any:
        if index == 0:
            return run()
        return client.delete(f"{V2}/accounts/{accounts[index - 1].id}?force=true").status_code

    answers = dict(zip([account.id for account in accounts], at_once(5, act)[1:], strict=True))

    for account in SocialAccount.objects.all():
        state = Delivery.objects.get(id=deliveries[account.id].id).state
        is_out = f"post {account.id}" in out(sandbox)
        if answers[account.id] == 204:  # before it was claimed, or after it had settled
            assert (account.state, state) == ("disconnected", "published" if is_out else state)
            assert is_out or state in {"queued", "blocked"}
        else:
            assert (answers[account.id], account.state, state, is_out) == (409, "active", "published", True)


def test_states_that_stop_a_disconnection_are_those_of_deliveries() -> None:
    busy = {*disconnection.BUSY, *disconnection.UNCONFIRMED}

    assert busy == {state.value for state in states.IN_FLIGHT_OR_UNCERTAIN}
    assert set(querysets.PROMISED) == {"queued", "blocked", "held"} <= set(DeliveryState.values)
