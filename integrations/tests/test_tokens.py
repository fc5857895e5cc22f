"""Token care: one refresh at a time, stored before it is used, and a grant that dies only when the platform says so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Workspace
from integrations.errors import CallFailed, NeedsReconnect, RateLimited, Unavailable
from integrations.models import Credential, SocialAccount
from integrations.services import signing_out, tokens
from integrations.sign_in import Tokens
from integrations.states import AccountState
from integrations.tests.conftest import at_once
from integrations.tests.factories import connect, make_account, make_credential
from mastablasta.core.errors import Conflict, DomainError, Unreachable
from tests.world import Sandbox
from webhooks.event_types import CATALOGUE
from webhooks.models import Event
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NEW = Tokens("new-access", "new-refresh", NOON + timedelta(hours=2), ("write",))


def begin(credential: Credential, **how: Any) -> tokens.RefreshTurn | None:
    return tokens.begin_refresh(credential.id, **{"version": credential.version, "at": NOON, **how})


def turn_for(credential: Credential, **how: Any) -> tokens.RefreshTurn:
    turn = begin(credential, **how)
    assert turn is not None
    return turn


def row(credential: Credential) -> tuple[Any, ...]:
    stored = Credential.objects.get(id=credential.id)
    return (stored.access_enc, stored.refresh_enc, stored.version, stored.state, stored.refresh_lease)


@pytest.fixture
def credential(workspace: Workspace) -> Credential:
    return make_credential(workspace=workspace, access_enc="old-access", refresh_enc="old-refresh", expires_at=NOON)


# --- three steps ---


def test_turn_holds_what_the_call_needs(credential: Credential) -> None:
    turn = turn_for(credential)

    host = credential.platform_host
    assert (turn.credential_id, turn.version, turn.refresh_token) == (credential.id, 1, "old-refresh")
    assert (turn.platform, turn.base_url, turn.info) == ("mastodon", host.base_url, host.info)
    assert (turn.app.client_id, turn.app.client_secret) == ("client-id", "client-secret")
    assert "old-refresh" not in repr(turn)
    assert "client-secret" not in repr(turn)


def test_one_has_the_turn_at_a_time(credential: Credential) -> None:
    assert begin(credential) is not None
    assert begin(credential) is None
    assert begin(credential, at=NOON + timedelta(seconds=29)) is None


def test_turn_of_a_holder_who_died_is_taken_over_and_the_late_one_changes_nothing(credential: Credential) -> None:
    late = turn_for(credential)
    later = NOON + timedelta(seconds=30)
    mine = turn_for(credential, at=later)

    assert not tokens.store_refresh(late, replace(NEW, access_token="late"), at=later)
    tokens.fail_refresh(late, NeedsReconnect("late"), at=later)
    assert tokens.store_refresh(mine, NEW, at=later)

    assert row(credential) == ("new-access", "new-refresh", 2, "live", None)


@pytest.mark.parametrize("change", [{"version": 2}, {"state": "dead"}])
def test_grant_that_is_newer_or_dead_is_not_refreshed(credential: Credential, change: dict[str, Any]) -> None:
    Credential.objects.filter(id=credential.id).update(**change)

    assert begin(credential) is None


def test_new_pair_is_stored(credential: Credential) -> None:
    assert tokens.store_refresh(turn_for(credential), NEW, at=NOON)

    stored = Credential.objects.get()
    assert row(credential) == ("new-access", "new-refresh", 2, "live", None)
    assert (stored.expires_at, stored.scopes, stored.refreshed_at) == (NEW.expires_at, ["write"], NOON)
    assert stored.refresh_lease_expires_at is None


def test_old_refresh_token_goes_on_when_there_is_no_new_one(credential: Credential) -> None:
    assert tokens.store_refresh(turn_for(credential), Tokens("new-access"), at=NOON)

    stored = Credential.objects.get()
    assert row(credential) == ("new-access", "old-refresh", 2, "live", None)
    assert stored.scopes == credential.scopes


def test_pair_is_stored_once(credential: Credential) -> None:
    turn = turn_for(credential)
    tokens.store_refresh(turn, NEW, at=NOON)

    assert not tokens.store_refresh(turn, replace(NEW, access_token="again"), at=NOON)
    assert row(credential)[0] == "new-access"


@pytest.mark.parametrize(
    "failure",
    [Unavailable("down", code="timed_out"), RateLimited("wait", until=NOON), CallFailed("odd")],
    ids=["unavailable", "rate limited", "odd"],
)
def test_failure_that_passes_leaves_everything_connected(workspace: Workspace, failure: CallFailed) -> None:
    account = make_account(workspace=workspace)
    for _ in range(5):
        tokens.fail_refresh(turn_for(account.credential), failure, at=NOON)

    account.refresh_from_db()
    assert (account.state, account.credential.state, account.credential.version) == ("active", "live", 1)
    assert begin(account.credential) is not None


def test_refusal_signs_out_every_account_of_the_grant_and_no_other(workspace: Workspace) -> None:
    account = make_account(workspace=workspace)
    sibling = make_account(workspace=workspace, credential=account.credential, state=AccountState.PAUSED)
    pending = make_account(workspace=workspace, credential=account.credential, state=AccountState.PENDING)
    stranger = make_account(workspace=workspace)

    tokens.fail_refresh(turn_for(account.credential), NeedsReconnect("The grant ended."), at=NOON)

    states = dict(SocialAccount.objects.values_list("id", "state"))
    assert states == {
        account.id: "needs_reauth",
        sibling.id: "needs_reauth",
        pending.id: "pending",
        stranger.id: "active",
    }
    account.refresh_from_db()
    assert (account.state_reason, account.credential.state, account.credential.error) == (
        "The grant ended.",
        "dead",
        "The grant ended.",
    )
    assert account.credential.refresh_lease is None


# --- refused by the platform ---


def test_refused_grant_signs_its_accounts_out_once(workspace: Workspace) -> None:
    account = make_account(workspace=workspace)

    assert signing_out.needs_reauth(account.credential_id, reason="revoked", at=NOON)
    assert not signing_out.needs_reauth(account.credential_id, reason="again", at=NOON)

    account.refresh_from_db()
    assert (account.state, account.state_reason, account.checked_at) == ("needs_reauth", "revoked", NOON)


def test_accounts_that_were_signed_out_are_told_of_once(workspace: Workspace) -> None:
    make_endpoint(workspace=workspace, events=["account.needs_reauth"])
    account = make_account(workspace=workspace)
    paused = make_account(workspace=workspace, credential=account.credential, state="paused")
    make_account(workspace=workspace, credential=account.credential, state="disconnected")

    for _ in "12":
        signing_out.needs_reauth(account.credential_id, reason="revoked", at=NOON)

    told = [json.loads(body)["data"] for body in Event.objects.order_by("id").values_list("body", flat=True)]
    assert told == [
        {"account_id": str(one.id), "platform": "mastodon", "handle": one.handle, "reason": "revoked"}
        for one in (account, paused)
    ]
    assert told[0].keys() == CATALOGUE["account.needs_reauth"].example.keys()


def test_refusal_of_an_older_pair_does_not_touch_a_newer(workspace: Workspace) -> None:
    account = make_account(workspace=workspace)
    tokens.store_refresh(turn_for(account.credential), NEW, at=NOON)

    assert not signing_out.needs_reauth(account.credential_id, reason="revoked", at=NOON, version=1)

    account.refresh_from_db()
    assert account.state == "active"


# --- for the web: fresh_credentials ---


@pytest.fixture
def rotating(sandbox: Sandbox) -> Sandbox:
    """A server whose tokens end, with refresh tokens that work once."""
    sandbox.instance("mastodon", rotating_tokens=True, token_ttl_s=600)
    return sandbox


def tokens_asked(sandbox: Sandbox) -> int:
    return sum(call["operation"] == "token" for call in sandbox.requests("mastodon"))


def test_token_without_an_end_is_fresh(workspace: Workspace) -> None:
    credential = make_credential(workspace=workspace)

    assert tokens.fresh_credentials(credential, at=NOON) is credential


def ending(sandbox: Sandbox, *, in_s: int = 30) -> Credential:
    """A grant of the simulator whose token ends in so many seconds."""
    credential = connect(sandbox).credential
    Credential.objects.filter(id=credential.id).update(expires_at=timezone.now() + timedelta(seconds=in_s))
    return Credential.objects.get(id=credential.id)


def test_token_that_ends_soon_is_refreshed(rotating: Sandbox) -> None:
    old = ending(rotating)

    new = tokens.fresh_credentials(old, at=timezone.now())

    assert new.version == 2
    assert new.access_enc != old.access_enc
    assert new.refresh_enc != old.refresh_enc
    assert new.expires_at > old.expires_at
    assert tokens_asked(rotating) == 2  # the exchange and one refresh


@pytest.mark.django_db(transaction=True)
def test_many_at_once_refresh_once(rotating: Sandbox) -> None:
    old, at = ending(rotating), timezone.now()

    got = at_once(12, lambda _: tokens.fresh_credentials(old, at=at))

    assert {one.access_enc for one in got} == {Credential.objects.get().access_enc}
    assert {one.version for one in got} == {2}
    assert tokens_asked(rotating) == 2


def test_failures_that_pass_leave_the_account_connected(rotating: Sandbox) -> None:
    credential, at = ending(rotating, in_s=-1), timezone.now()
    rotating.fault("mastodon", "token", "status_503", times=5)

    for _ in range(5):
        with pytest.raises(Unreachable):
            tokens.fresh_credentials(credential, at=at)

    assert SocialAccount.objects.get().state == "active"
    assert tokens.fresh_credentials(credential, at=at).version == 2


def test_token_that_is_still_good_serves_when_the_refresh_fails(rotating: Sandbox) -> None:
    old = ending(rotating)
    rotating.fault("mastodon", "token", "status_503")

    assert tokens.fresh_credentials(old, at=timezone.now()).version == 1


def test_revoked_grant_signs_out(rotating: Sandbox) -> None:
    account = connect(rotating)
    rotating.fault("mastodon", "any", "revoke_token")

    with pytest.raises(Conflict) as caught:
        tokens.fresh_credentials(account.credential, at=account.credential.expires_at)

    account.refresh_from_db()
    assert (caught.value.code, account.state, account.credential.state) == ("needs_reauth", "needs_reauth", "dead")


def test_grant_without_refresh_token_signs_out_when_it_ends(workspace: Workspace) -> None:
    account = make_account(workspace=workspace)
    Credential.objects.update(expires_at=NOON)

    with pytest.raises(Conflict):
        tokens.fresh_credentials(Credential.objects.get(), at=NOON)

    account.refresh_from_db()
    assert account.state == "needs_reauth"


def test_who_waits_for_another_gives_up_in_the_end(credential: Credential) -> None:
    turn_for(credential)

    with pytest.raises(Unreachable) as caught:
        tokens.fresh_credentials(credential, at=NOON, wait_s=0.15)

    assert caught.value.code == "refresh_under_way"


def test_dead_grant_is_told_at_once(workspace: Workspace) -> None:
    dead = make_credential(workspace=workspace, state="dead")

    with pytest.raises(DomainError) as caught:
        tokens.fresh_credentials(dead, at=NOON)

    assert caught.value.code == "needs_reauth"


def test_bug_in_the_call_gives_the_turn_back(credential: Credential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.services.tokens.perform_refresh", lambda _: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        tokens.fresh_credentials(credential, at=NOON)

    assert begin(credential) is not None


# --- what a platform says of its tokens' times ---


def test_times_of_a_pair_are_stored_and_a_fixed_day_stays(credential: Credential) -> None:
    Credential.objects.filter(id=credential.id).update(refresh_enc="refresh")
    now, day = timezone.now(), timezone.now() + timedelta(days=365)
    first = Tokens("a", "r", now, refresh_expires_at=day, not_before=now)

    tokens.store_refresh(turn_for(credential), first, at=now)
    credential.refresh_from_db()
    stored = (credential.refresh_expires_at, credential.refresh_not_before)
    tokens.store_refresh(turn_for(credential), Tokens("b"), at=now)
    credential.refresh_from_db()

    assert stored == (day, now)
    assert (credential.refresh_expires_at, credential.refresh_not_before, credential.refresh_enc) == (day, None, "r")


def test_person_who_asks_too_soon_is_told_when(workspace: Workspace) -> None:
    later = timezone.now() + timedelta(hours=20)
    young = make_credential(workspace=workspace, refresh_enc="r", refresh_not_before=later)

    with pytest.raises(Conflict) as caught:
        tokens.newer_credentials(young, at=timezone.now())

    assert caught.value.code == "too_soon"
    assert f"{later:%Y-%m-%d %H:%M} UTC" in str(caught.value)


@pytest.mark.parametrize(
    ("token", "not_before_h", "ends_h", "may"),
    [
        ("", None, None, False), (None, None, None, False), ("r", None, None, True), ("r", 1, None, False),
        ("r", -1, 1, True), ("r", None, -1, False),
    ],
)  # fmt: skip
def test_refused_token_is_renewed_only_where_that_can_help(
    token: str | None, not_before_h: int | None, ends_h: int | None, may: bool
) -> None:
    now = timezone.now()

    def in_hours(hours: int | None) -> datetime | None:
        return None if hours is None else now + timedelta(hours=hours)

    assert tokens.may_refresh(token, not_before=in_hours(not_before_h), ends_at=in_hours(ends_h), at=now) is may
