"""The periodic task that renews tokens before they end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Workspace
from integrations import tasks
from integrations.models import Credential, PlatformHost, SocialAccount
from integrations.services import tokens
from integrations.tests.conftest import at_once
from integrations.tests.factories import ROTATING, connect, make_account, make_credential, make_host
from mastablasta.core.ids import new_id
from tests.world import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture(params=ROTATING)
def rotating(sandbox: Sandbox, workspace: Workspace, request: pytest.FixtureRequest) -> SocialAccount:
    """An account whose token ends in ten minutes and whose refresh tokens work once."""
    sandbox.instance(request.param, token_ttl_s=600, **ROTATING[request.param])
    return connect(sandbox, platform=request.param, workspace=workspace)


def ahead(**how: Any) -> int:
    return tokens.refresh_expiring(**{"at": timezone.now(), **how})


def refreshes(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [call for call in sandbox.requests() if call["operation"] == "token"]


def test_token_that_ends_soon_is_renewed(sandbox: Sandbox, rotating: SocialAccount) -> None:
    sandbox.instance(rotating.platform, token_ttl_s=7200)

    tasks.refresh_tokens()

    credential = Credential.objects.get()
    assert (credential.version, credential.state, credential.refresh_lease) == (2, "live", None)
    assert credential.expires_at is not None
    assert credential.expires_at > timezone.now() + timedelta(hours=1)


def test_rotating_tokens_are_renewed_time_and_again(rotating: SocialAccount) -> None:
    assert [ahead() for _ in range(3)] == [1, 1, 1]
    assert Credential.objects.get().version == 4


def test_token_that_has_ended_is_renewed(rotating: SocialAccount) -> None:
    assert ahead(at=timezone.now() + timedelta(days=1)) == 1


@pytest.mark.django_db(transaction=True)
def test_two_clocks_renew_a_token_once(sandbox: Sandbox, rotating: SocialAccount) -> None:
    sandbox.instance(rotating.platform, token_ttl_s=7200)
    before = len(refreshes(sandbox))
    sandbox.latency(200)

    assert sorted(at_once(3, lambda _: ahead())) == [0, 0, 1]
    assert len(refreshes(sandbox)) - before == 1


def test_others_are_left_alone(workspace: Workspace) -> None:
    now = timezone.now()
    soon = now + timedelta(minutes=5)
    lasting: list[dict[str, Any]] = [
        {"expires_at": None},
        {"expires_at": now + timedelta(minutes=23)},
        {"expires_at": now + timedelta(days=11), "refreshed_at": now - timedelta(days=49)},
        {"expires_at": soon, "state": "dead"},
        {"expires_at": soon, "refresh_enc": None},
        {"expires_at": soon, "refresh_enc": ""},
        {"expires_at": soon, "refresh_lease": new_id(), "refresh_lease_expires_at": soon},
        {"expires_at": soon, "error": "timed out"},
    ]
    for overrides in lasting:
        credential = make_credential(workspace=workspace, **{"refresh_enc": "refresh", **overrides})
        make_account(workspace=workspace, credential=credential, is_default=False)
    gone = make_credential(workspace=workspace, refresh_enc="refresh", expires_at=soon)
    make_account(workspace=workspace, credential=gone, state="disconnected", is_default=False)
    make_credential(workspace=workspace, refresh_enc="refresh", expires_at=soon)  # nobody stands on it

    assert ahead(at=now) == 0
    assert set(Credential.objects.values_list("version", flat=True)) == {1}


@pytest.mark.parametrize(
    ("life", "earliest", "latest"),
    [
        (timedelta(hours=1), timedelta(minutes=22.5), timedelta(minutes=15)),
        (timedelta(hours=2), timedelta(minutes=30), timedelta(minutes=20)),
        (timedelta(days=60), timedelta(days=10.5), timedelta(days=7)),
    ],
    ids=str,
)
def test_tokens_of_one_moment_are_renewed_at_many(life: timedelta, earliest: timedelta, latest: timedelta) -> None:
    began_at = timezone.now()
    ends_at = began_at + life

    ahead = sorted(ends_at - tokens.renewed_from(new_id(), began_at, ends_at) for _ in range(500))

    assert latest <= ahead[0] < ahead[-1] <= earliest
    tenth = (earliest - latest) / 10
    for number in range(10):
        assert sum(latest + number * tenth <= one < latest + (number + 1) * tenth for one in ahead) < 100


def test_long_life_is_renewed_days_ahead(sandbox: Sandbox, rotating: SocialAccount) -> None:
    now = timezone.now()
    Credential.objects.update(refreshed_at=now - timedelta(days=54), expires_at=now + timedelta(days=6))

    assert ahead() == 1


def test_host_whose_circuit_is_open_is_not_asked(sandbox: Sandbox, rotating: SocialAccount) -> None:
    before = len(refreshes(sandbox))
    PlatformHost.objects.update(circuit_opened_at=timezone.now())

    assert ahead() == 0
    assert len(refreshes(sandbox)) == before


@pytest.mark.parametrize("state", ["pending", "paused"])
def test_grants_of_accounts_that_wait_are_kept_alive(rotating: SocialAccount, state: str) -> None:
    if state == "pending":
        SocialAccount.objects.update(state="disconnected")  # the way back there
    SocialAccount.objects.update(state=state)

    assert ahead() == 1


@pytest.mark.parametrize("effect", ["status_503", "reset_before", "html_502"])
def test_failure_that_passes_signs_nobody_out_and_is_tried_again_later(
    sandbox: Sandbox, rotating: SocialAccount, effect: str
) -> None:
    sandbox.fault(rotating.platform, "token", effect)
    now = timezone.now()

    assert (ahead(), ahead()) == (0, 0)

    rotating.refresh_from_db()
    assert (rotating.state, Credential.objects.get().state) == ("active", "live")
    assert ahead(at=now + timedelta(minutes=6)) == 1
    assert Credential.objects.get().error == ""


def test_refused_grant_has_to_be_connected_again(sandbox: Sandbox, rotating: SocialAccount) -> None:
    sandbox.fault(rotating.platform, "any", "revoke_token")

    assert ahead() == 0

    rotating.refresh_from_db()
    assert (rotating.state, Credential.objects.get().state) == ("needs_reauth", "dead")


def test_host_that_does_not_answer_is_asked_once_and_holds_up_nobody(
    sandbox: Sandbox, rotating: SocialAccount, workspace: Workspace
) -> None:
    deaf = make_host(host="deaf.test", base_url="http://127.0.0.1:1")
    for _ in range(3):
        credential = make_credential(
            workspace=workspace, platform_host=deaf, refresh_enc="refresh", expires_at=timezone.now()
        )
        make_account(workspace=workspace, platform_host=deaf, credential=credential, is_default=False)
    Credential.objects.filter(platform_host=deaf).update(updated_at=timezone.now() - timedelta(days=1))

    assert ahead() == 1
    assert Credential.objects.filter(platform_host=deaf).exclude(error="").count() == 1


def test_batch_is_bounded_and_the_next_goes_on(sandbox: Sandbox, rotating: SocialAccount, workspace: Workspace) -> None:
    for handle in ("bert", "carl"):
        connect(sandbox, handle, platform=rotating.platform, workspace=workspace)
    sandbox.instance(rotating.platform, token_ttl_s=7200)

    assert [ahead(most=2), ahead(most=2)] == [2, 1]
    assert ahead(for_s=0) == 0


# --- grants that end on a fixed day, and tokens that are too young ---


def test_grant_that_ends_with_its_token_is_not_renewed_in_vain(sandbox: Sandbox, rotating: SocialAccount) -> None:
    ends_at = Credential.objects.get().expires_at
    Credential.objects.update(refresh_expires_at=ends_at)
    before = len(refreshes(sandbox))

    assert ahead() == 0

    rotating.refresh_from_db()
    assert (len(refreshes(sandbox)), rotating.state) == (before, "active")


def test_grant_that_lives_beyond_its_token_is_renewed_until_its_day(rotating: SocialAccount) -> None:
    now = timezone.now()
    Credential.objects.update(refresh_expires_at=now + timedelta(days=300))

    assert (ahead(), ahead(at=now + timedelta(days=301))) == (1, 0)
    assert Credential.objects.get().refresh_expires_at == now + timedelta(days=300)


def test_token_that_is_too_young_waits(sandbox: Sandbox, rotating: SocialAccount) -> None:
    now = timezone.now()
    Credential.objects.update(refresh_not_before=now + timedelta(minutes=5))

    assert (ahead(at=now), ahead(at=now + timedelta(minutes=5))) == (0, 1)
    assert Credential.objects.get().refresh_not_before is None  # as the new pair says
