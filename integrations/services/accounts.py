"""What a person does with a connected account: make it the default, pause it, let it go on, activate it.

Locks are taken in one order everywhere: lane, workspace, grant, accounts by id.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.models import Workspace
from integrations.models import SocialAccount
from integrations.querysets import SocialAccountQuerySet
from integrations.services.signing_out import disconnected_sentence, needs_reauth_sentence
from integrations.states import ACCOUNT_MOVES, AccountState, CredentialState
from mastablasta.core.audit.recording import difference, record, subject_of
from mastablasta.core.errors import Conflict

PAUSED = "Paused by a person; set its status to active to go on."


def change_account(
    account: SocialAccount, *, at: datetime, is_default: bool | None = None, status: str | None = None
) -> SocialAccount:
    """Make it the default or not, pause it or let it go on; None = as it is. All of it or nothing.

    What is due at a paused account waits, and goes out when the account goes on. Raises Conflict: disconnected,
    needs_reauth, account_pending, move_not_allowed.
    """
    with transaction.atomic():
        account = _locked(account)
        before = _told(account)
        if status is not None and status != account.state:
            _move(account, AccountState(status))
        if is_default is not None and is_default != account.is_default:
            _set_default(account, is_default=is_default, at=at)
        account.save(update_fields=["state", "state_reason", "is_default", "updated_at"])
        if changes := difference(before, _told(account)):
            record("changed", [subject_of(account, name=account.handle, changes=changes)], at=at)
    return account


def _told(account: SocialAccount) -> dict[str, object]:
    return {"state": account.state, "is_default": account.is_default}


def activate_account(account: SocialAccount, *, at: datetime) -> SocialAccount:
    """Use one of several places that a sign-in gave; it becomes the default where there is none.

    Raises Conflict: not_pending, needs_reauth.
    """
    with transaction.atomic():
        account = _locked(account)
        before = _told(account)
        if account.state != AccountState.PENDING:
            raise Conflict("not_pending", f"This account is {account.state}; only pending ones can be activated.")
        _move(account, AccountState.ACTIVE)
        if not _others(account).exists():
            _set_default(account, is_default=True, at=at)
        account.save(update_fields=["state", "state_reason", "is_default", "updated_at"])
        changes = difference(before, _told(account))
        record("activated", [subject_of(account, name=account.handle, changes=changes)], at=at)
    return account


def lock_defaults(workspace_id: UUID) -> None:
    """Let nobody else choose a default account in this workspace until the transaction ends."""
    # NO KEY: rows that only refer to the workspace (a new post) are still made meanwhile.
    Workspace.objects.select_for_update(no_key=True).only("id").get(id=workspace_id)


def _locked(account: SocialAccount) -> SocialAccount:
    """The account as it is now, with its platform's default beside it, both locked."""
    lock_defaults(account.workspace_id)
    is_default_there = Q(workspace=account.workspace_id, platform=account.platform, is_default=True)
    rows = SocialAccount.objects.filter(Q(id=account.id) | is_default_there).order_by("id")
    return {row.id: row for row in rows.select_for_update(no_key=True)}[account.id]


def _move(account: SocialAccount, status: AccountState) -> None:
    if account.state == AccountState.DISCONNECTED:
        raise Conflict("disconnected", disconnected_sentence(account.platform))
    if status == AccountState.ACTIVE and (account.state == AccountState.NEEDS_REAUTH or not _has_live_grant(account)):
        raise Conflict("needs_reauth", needs_reauth_sentence(account.platform))
    if not ACCOUNT_MOVES.allows(account.state, status):
        raise Conflict("move_not_allowed", f"This account is {account.state} and cannot be set to {status}.")
    account.state = status
    account.state_reason = PAUSED if status == AccountState.PAUSED else ""


def _has_live_grant(account: SocialAccount) -> bool:
    grant = account.credential
    return grant is not None and grant.state == CredentialState.LIVE


def _set_default(account: SocialAccount, *, is_default: bool, at: datetime) -> None:
    if account.state == AccountState.DISCONNECTED:
        raise Conflict("disconnected", disconnected_sentence(account.platform))
    if account.state == AccountState.PENDING:
        raise Conflict("account_pending", "This account is pending; activate it first.")
    if is_default:
        _others(account).update(is_default=False, updated_at=at)
    account.is_default = is_default


def _others(account: SocialAccount) -> SocialAccountQuerySet:
    """The default account of the same platform, unless it is this one."""
    of_workspace = SocialAccount.objects.filter(workspace=account.workspace_id)
    return of_workspace.default_for(account.platform).exclude(pk=account.pk)
