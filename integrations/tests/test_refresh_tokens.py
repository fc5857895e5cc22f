"""manage.py refresh_tokens: what the periodic task does, for operators, with a word on each account."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Workspace
from integrations.models import Credential, SocialAccount
from integrations.services import tokens
from integrations.tests.conftest import at_once
from integrations.tests.factories import connect, make_account, make_credential, make_host
from mastablasta.core.tests.test_commands import Terminal
from tests.world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(sandbox: Sandbox, workspace: Workspace) -> SocialAccount:
    """An account whose token ends in ten minutes; new ones last two hours."""
    sandbox.instance("twitter", token_ttl_s=600)
    made = connect(sandbox, platform="twitter", workspace=workspace)
    sandbox.instance("twitter", token_ttl_s=7200)
    return made


def refresh_tokens(*arguments: str) -> tuple[int, Any]:
    out = io.StringIO()
    try:
        call_command("refresh_tokens", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def token_calls(sandbox: Sandbox) -> int:
    return sum(call["operation"] == "token" for call in sandbox.requests())


def test_what_ends_soon_is_renewed_and_told(account: SocialAccount) -> None:
    first, second = refresh_tokens(), refresh_tokens()

    ends_at = Credential.objects.get().expires_at
    assert ends_at is not None
    assert ends_at > timezone.now() + timedelta(hours=1)
    row = {
        "account_id": str(account.id), "workspace_id": str(account.workspace_id), "platform": "twitter",
        "handle": account.handle, "outcome": "renewed", "message": "",
        "token_expires_at": ends_at.isoformat().replace("+00:00", "Z"),
    }  # fmt: skip
    assert first == (0, {"accounts": [row], "renewed": 1, "not_renewed": 0})
    assert second == (0, {"accounts": [], "renewed": 0, "not_renewed": 0})


def test_rehearsal_asks_nobody(sandbox: Sandbox, account: SocialAccount) -> None:
    before = token_calls(sandbox)

    status, answer = refresh_tokens("--dry-run", "--within", "0.5")

    assert (status, [row["outcome"] for row in answer["accounts"]]) == (0, ["would_renew"])
    assert (token_calls(sandbox), Credential.objects.get().version) == (before, 1)


@pytest.mark.parametrize(
    ("effect", "outcome", "state"), [("status_503", "failed", "active"), ("revoke_token", "refused", "needs_reauth")]
)
def test_only_a_refusal_signs_out(
    sandbox: Sandbox, account: SocialAccount, effect: str, outcome: str, state: str
) -> None:
    sandbox.fault("twitter", "any" if effect == "revoke_token" else "token", effect)

    status, answer = refresh_tokens()

    [row] = answer["accounts"]
    account.refresh_from_db()
    assert (status, row["outcome"], bool(row["message"]), account.state) == (1, outcome, True, state)
    assert (answer["renewed"], answer["not_renewed"]) == (0, 1)


def test_what_cannot_be_renewed_is_told_too(workspace: Workspace) -> None:
    grant = make_credential(workspace=workspace, expires_at=timezone.now() + timedelta(minutes=5))
    make_account(workspace=workspace, credential=grant)

    status, answer = refresh_tokens()

    assert (status, answer["accounts"][0]["outcome"]) == (1, "no_refresh_token")
    assert "connect the account again" in answer["accounts"][0]["message"]


def test_fixed_end_is_foretold_although_the_token_is_renewed_until_then(workspace: Workspace) -> None:
    now = timezone.now()
    days = {"expires_at": now + timedelta(days=40), "refresh_expires_at": now + timedelta(days=20)}
    make_account(workspace=workspace, credential=make_credential(workspace=workspace, refresh_enc="r", **days))

    near, far = refresh_tokens("--dry-run"), refresh_tokens("--dry-run", "--within", "720")

    assert near == (0, {"accounts": [], "renewed": 0, "not_renewed": 0})
    assert (far[0], far[1]["accounts"][0]["outcome"]) == (1, "no_refresh_token")
    assert f"ends this sign-in at {days['refresh_expires_at']:%Y-%m-%d %H:%M} UTC" in far[1]["accounts"][0]["message"]


def test_token_that_is_too_young_is_not_asked_for(workspace: Workspace) -> None:
    now = timezone.now()
    young = {"expires_at": now + timedelta(minutes=30), "refresh_not_before": now + timedelta(minutes=10)}
    make_account(workspace=workspace, credential=make_credential(workspace=workspace, refresh_enc="r", **young))

    status, answer = refresh_tokens()

    assert (status, answer["accounts"][0]["outcome"]) == (1, "not_asked")
    assert f"{young['refresh_not_before']:%H:%M} UTC on" in answer["accounts"][0]["message"]


def test_silent_host_is_asked_once(account: SocialAccount, workspace: Workspace) -> None:
    deaf = make_host(host="deaf.test", base_url="http://127.0.0.1:1")
    for _ in range(2):
        grant = make_credential(
            workspace=workspace, platform_host=deaf, refresh_enc="refresh", expires_at=timezone.now()
        )
        make_account(workspace=workspace, platform_host=deaf, credential=grant, is_default=False)

    status, answer = refresh_tokens()

    assert (status, [row["outcome"] for row in answer["accounts"]]) == (1, ["failed", "not_asked", "renewed"])


def test_filters_leave_the_others_alone(account: SocialAccount) -> None:
    assert refresh_tokens("--platform", "mastodon")[1]["accounts"] == []
    assert refresh_tokens("--workspace", str(make_account().workspace_id))[1]["accounts"] == []
    assert refresh_tokens("--within", "0.1")[1]["accounts"] == []
    assert refresh_tokens("--platform", "twitter", "--workspace", str(account.workspace_id))[1]["renewed"] == 1


def test_beside_the_chore_a_token_is_renewed_once(sandbox: Sandbox, account: SocialAccount) -> None:
    before = token_calls(sandbox)
    sandbox.latency(200)

    def run(number: int) -> int:
        return refresh_tokens()[1]["renewed"] if number else tokens.refresh_expiring(at=timezone.now())

    assert sorted(at_once(3, run)) == [0, 0, 1]
    assert token_calls(sandbox) - before == 1


def test_people_read_a_line_an_account(account: SocialAccount) -> None:
    out, seen, piped = io.StringIO(), Terminal(), io.StringIO()

    call_command("refresh_tokens", "--dry-run", stdout=out, stderr=piped)
    call_command("refresh_tokens", stdout=out, stderr=seen)

    lines = out.getvalue().splitlines()
    assert lines[0].startswith(f"twitter {account.handle}: would be renewed, its token ends at ")
    assert lines[2].startswith(f"twitter {account.handle}: renewed, its token ends at ")
    assert (lines[1], lines[3]) == ("0 renewed, 0 could not be", "1 renewed, 0 could not be")
    assert "1 of 1" in seen.getvalue()
    assert piped.getvalue() == ""


@pytest.mark.parametrize("arguments", [["--within", "soon"], ["--platform", "myspace"], ["--workspace", "1"]], ids=str)
def test_wrong_arguments_are_named(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match=arguments[0]):
        refresh_tokens(*arguments)
