"""Asking a platform about a connected account: a new token now, and whose it is."""

from __future__ import annotations

from datetime import datetime

from integrations.errors import CallFailed, NeedsReconnect, SignInEnded
from integrations.models import Credential, SocialAccount
from integrations.services import hosts
from integrations.services.connectors import sign_in_for
from integrations.services.signing_out import (
    account_needs_reauth,
    account_usable_again,
    accounts_unusable,
    disconnected_sentence,
    needs_reauth,
    needs_reauth_sentence,
)
from integrations.services.tokens import fresh_credentials, may_refresh, newer_credentials
from integrations.sign_in import GrantOwner, TargetIdentity
from integrations.states import AccountState
from mastablasta.core.errors import Conflict, Unreachable

TEST_AGAIN = "Test the account again when that has changed."


def refresh_account(account: SocialAccount, *, at: datetime) -> None:
    """Renew the token of the account's grant now; outside a transaction.

    Raises Conflict (no_refresh_token, needs_reauth, disconnected), Unreachable: then the account is as it was.
    """
    newer_credentials(_grant_of(account), at=at)


def check_account(account: SocialAccount, *, at: datetime) -> None:
    """Ask the platform whose account this is, and keep what it says of name and picture; outside a transaction.

    A sign-in that it refuses has to be made again. An account that nobody may use there (suspended, deactivated) is
    signed out with the platform's reason, and back in use once it may be used again.
    Raises Conflict (needs_reauth, other_identity, place_gone, disconnected); with Conflict (sign_in_ended) and
    Unreachable it is as it was.
    """
    hosts.require_built(account.platform)
    grant, owner = _ask(fresh_credentials(_grant_of(account), at=at), at=at)
    if owner.subject != grant.subject:
        reason = f"The sign-in belongs to somebody else at {grant.platform_host.host} now; connect the account again."
        needs_reauth(grant.id, reason=reason, at=at, version=grant.version)
        raise Conflict("other_identity", reason)
    target = next((target for target in owner.targets if target.remote_id == account.remote_id), None)
    if target is None:
        raise Conflict(
            "place_gone",
            f"The sign-in no longer names {account.handle} among the places it may publish to; look into its roles "
            "and permissions at the platform, then connect it again.",
        )
    _keep(account, grant, target, at=at)
    if target.unusable:
        account_needs_reauth(account.id, reason=target.unusable, at=at, version=grant.version)
        raise Conflict("needs_reauth", f"{target.unusable} {TEST_AGAIN}")
    account_usable_again(account.id, version=grant.version, at=at)


def _grant_of(account: SocialAccount) -> Credential:
    grant = Credential.objects.select_related("platform_host").filter(accounts=account.id).first()
    if grant is None:
        if account.state == AccountState.DISCONNECTED:
            raise Conflict("disconnected", disconnected_sentence(account.platform))
        raise Conflict("needs_reauth", needs_reauth_sentence(account.platform))
    return grant


def _ask(grant: Credential, *, at: datetime) -> tuple[Credential, GrantOwner]:
    """Who the grant's person is; a token that is refused is renewed once, if it can be."""
    try:
        return grant, _who(grant)
    except NeedsReconnect as refusal:
        if not (refusal.can_refresh and _may_refresh(grant, at=at)):
            raise _signed_out(grant, refusal, at=at) from refusal
    grant = newer_credentials(grant, at=at)
    try:
        return grant, _who(grant)
    except NeedsReconnect as refusal:
        raise _signed_out(grant, refusal, at=at) from refusal


def _may_refresh(grant: Credential, *, at: datetime) -> bool:
    return may_refresh(grant.refresh_enc, not_before=grant.refresh_not_before, ends_at=grant.refresh_expires_at, at=at)


def _who(grant: Credential) -> GrantOwner:
    host = grant.platform_host
    flow = sign_in_for(host.platform, host.base_url, host.info, name=host.sign_in)
    try:
        return flow.who_am_i(hosts.app_of(host), access_token=str(grant.access_enc))
    except NeedsReconnect:
        raise
    except SignInEnded as ended:
        raise Conflict(ended.code, ended.message) from ended
    except CallFailed as failure:
        sentence = f"The platform cannot be asked right now ({failure.message.rstrip('.')}); try again later."
        raise Unreachable("platform_unreachable", sentence) from failure


def _signed_out(grant: Credential, refusal: NeedsReconnect, *, at: datetime) -> Conflict:
    if refusal.scope == "account":
        accounts_unusable(grant.id, reason=refusal.message, at=at, version=grant.version)
        return Conflict("needs_reauth", f"{refusal.message} {TEST_AGAIN}")
    needs_reauth(grant.id, reason=refusal.message, at=at, version=grant.version)
    return Conflict("needs_reauth", f"{refusal.message} {needs_reauth_sentence(grant.platform_host.platform)}")


def _keep(account: SocialAccount, grant: Credential, target: TargetIdentity, *, at: datetime) -> None:
    SocialAccount.objects.filter(id=account.id, credential=grant).update(
        kind=target.kind,
        handle=target.handle,
        display_name=target.name,
        avatar_url=target.avatar_url,
        facts=dict(target.facts),
        target_token_enc=target.token or None,
        checked_at=at,
        updated_at=at,
    )
