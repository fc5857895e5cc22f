"""Accounts that a platform refuses have to be connected again: one of them, all on a grant, what a sign-in left out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import QuerySet

from integrations.models import Credential, SocialAccount
from integrations.services.account_events import record_needs_reauth
from integrations.services.operator_apps import BY_PASSWORD
from integrations.states import ACCOUNT_MOVES, AccountState, CredentialState

log = structlog.get_logger(__name__)

NOT_NAMED = "The last sign-in did not name this account any more; connect it again and choose it there."
# What becomes of a grant that is refused: also whoever refreshes it has lost their turn.
DEAD: dict[str, Any] = {"state": CredentialState.DEAD, "refresh_lease": None, "refresh_lease_expires_at": None}


def needs_reauth_sentence(platform: str) -> str:
    return f"This account has to be connected again: {_way_of(platform)}."


def disconnected_sentence(platform: str) -> str:
    return f"This account is disconnected; connect it again: {_way_of(platform)}."


def _way_of(platform: str) -> str:
    if platform in BY_PASSWORD:
        return "POST /api/v2/accounts with handle and app_password"
    return f"GET /api/v2/oauth/{platform}/authorize"


def needs_reauth(credential_id: UUID, *, reason: str, at: datetime, version: int | None = None) -> bool:
    """The platform refused this grant: its accounts have to be connected again. False = it was dead already.

    With `version`, only if the grant still is that one: a newer pair has not been refused.
    """
    grant = Credential.objects.filter(id=credential_id, state=CredentialState.LIVE)
    if version is not None:
        grant = grant.filter(version=version)
    with transaction.atomic():
        if not grant.update(**DEAD, error=reason[:500], updated_at=at):
            return False
        sign_out_accounts(credential_id, reason=reason, at=at)
        return True


def account_needs_reauth(account_id: UUID, *, reason: str, at: datetime, version: int | None = None) -> bool:
    """The platform refused this account alone: its grant and the other accounts on it go on. False = nothing changed.

    With `version`, only if its grant still is that one: a newer sign-in has not been refused.
    """
    account = SocialAccount.objects.filter(id=account_id)
    if version is not None:
        account = account.filter(credential__in=Credential.objects.filter(version=version))
    with transaction.atomic():
        return bool(_sign_out(account, reason=reason, at=at))


def targets_not_named(credential_id: UUID, *, named: Collection[UUID], at: datetime) -> None:
    """Accounts on this grant that its newest sign-in does not name have to be chosen there again; those that were never
    used are disconnected. Inside a transaction.
    """
    left_out = SocialAccount.objects.filter(credential=credential_id).exclude(id__in=named)
    _sign_out(left_out, reason=NOT_NAMED, at=at)
    left_out.filter(state=AccountState.PENDING).update(
        state=AccountState.DISCONNECTED, state_reason=NOT_NAMED, credential=None, target_token_enc=None, updated_at=at
    )


def accounts_unusable(credential_id: UUID, *, reason: str, at: datetime, version: int) -> None:
    """The platform lets nobody use the accounts on this grant, which lives on. Nothing changes for a newer version."""
    with transaction.atomic():
        if Credential.objects.filter(id=credential_id, version=version).update(updated_at=at):
            sign_out_accounts(credential_id, reason=reason, at=at)


def account_usable_again(account_id: UUID, *, version: int, at: datetime) -> bool:
    """The platform lets this account publish (again), by a live grant of this version. False = nothing changed."""
    grant = Credential.objects.filter(state=CredentialState.LIVE, version=version)
    signed_out = SocialAccount.objects.filter(id=account_id, state=AccountState.NEEDS_REAUTH, credential__in=grant)
    return bool(signed_out.update(state=AccountState.ACTIVE, state_reason="", updated_at=at))


def sign_out_accounts(credential_id: UUID, *, reason: str, at: datetime) -> None:
    """All accounts on this grant have to be connected again; inside a transaction. The grant stays as it is."""
    moved = _sign_out(SocialAccount.objects.filter(credential=credential_id), reason=reason, at=at)
    log.warning("accounts_signed_out", credential=str(credential_id), accounts=moved)


def _sign_out(accounts: QuerySet[SocialAccount], *, reason: str, at: datetime) -> int:
    may_move = accounts.filter(state__in=ACCOUNT_MOVES.sources_of(AccountState.NEEDS_REAUTH))
    # In id order, as everybody locks accounts.
    ids = list(may_move.order_by("id").select_for_update(no_key=True).values_list("id", flat=True))
    if not ids:
        return 0
    SocialAccount.objects.filter(id__in=ids).update(
        state=AccountState.NEEDS_REAUTH, state_reason=reason[:500], checked_at=at, updated_at=at
    )
    record_needs_reauth(ids, reason=reason[:500], at=at)
    return len(ids)
