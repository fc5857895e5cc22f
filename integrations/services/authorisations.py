"""What came back from a sign-in, and how it becomes a grant and its accounts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.acting import actor_for
from accounts.models import User
from integrations.models import Credential, OAuthState, PlatformHost, SocialAccount
from integrations.querysets import SocialAccountQuerySet
from integrations.services.accounts import lock_defaults
from integrations.services.signing_out import account_needs_reauth, targets_not_named
from integrations.sign_in import GrantOwner, TargetIdentity, Tokens
from integrations.states import ACCOUNT_MOVES, AccountState, CredentialState
from mastablasta.core.audit.actors import Actor, Via, current_actor
from mastablasta.core.audit.recording import record, subject_of

_MOMENTS = ("expires_at", "refresh_expires_at", "not_before")  # of Tokens


@dataclass(frozen=True, slots=True)
class AuthContext:
    """For whom somebody signs in at which host. `scopes`: what was asked for."""

    workspace_id: UUID
    user_id: UUID
    platform_host: PlatformHost
    scopes: tuple[str, ...] = ()


def context_of(sign_in: OAuthState) -> AuthContext:
    return AuthContext(sign_in.workspace_id, sign_in.user_id, sign_in.platform_host, tuple(sign_in.scopes))


@dataclass(frozen=True, slots=True)
class Authorisation:
    """A sign-in that the platform has confirmed: the tokens, and whose they are. Nothing of it is stored yet."""

    context: AuthContext
    tokens: Tokens
    owner: GrantOwner


def to_json(authorisation: Authorisation) -> str:
    """The authorisation as text, to be stored encrypted."""
    tokens = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(authorisation.tokens).items()
    }
    return json.dumps({"tokens": tokens, "owner": asdict(authorisation.owner)})


def from_state(sign_in: OAuthState) -> Authorisation:
    """The authorisation that `sign_in` holds."""
    held = json.loads(str(sign_in.held_enc))
    tokens: dict[str, Any] = held["tokens"]
    for name in _MOMENTS:
        if tokens.get(name) is not None:
            tokens[name] = datetime.fromisoformat(tokens[name])
    # "grantor" and "places": as earlier versions wrote it, for sign-ins that an upgrade finds under way.
    owner = held.get("owner") or held["grantor"]
    targets = tuple(TargetIdentity(**target) for target in owner.get("targets") or owner["places"])
    return Authorisation(
        context_of(sign_in),
        Tokens(**{**tokens, "scopes": tuple(tokens["scopes"])}),
        GrantOwner(owner["subject"], targets),
    )


def save_accounts(authorisation: Authorisation, *, at: datetime) -> list[SocialAccount]:
    """Make or renew the grant and its accounts, in their order; inside a transaction.

    An account that was connected before keeps its row. Its only target is active at once, of several the new ones wait.
    What an earlier sign-in of the same person named, and this one does not, has to be connected again.
    """
    context = authorisation.context
    # One sign-in at a time in a workspace: of two that end together only one account becomes the default.
    lock_defaults(context.workspace_id)
    known = dict(_of_host(context).values_list("remote_id", "state"))
    credential = _store_credential(authorisation, at=at)
    is_only = len(authorisation.owner.targets) == 1
    accounts = [
        _store_account(context, credential, target, is_only=is_only, at=at) for target in authorisation.owner.targets
    ]
    connected = [
        subject_of(account, name=account.handle, changes={"state": (known.get(account.remote_id), account.state)})
        for account in accounts
    ]
    record("connected", connected, at=at, by=_actor(context))
    targets_not_named(credential.id, named=[account.id for account in accounts], at=at)
    return accounts


def _of_host(context: AuthContext) -> SocialAccountQuerySet:
    return SocialAccount.objects.filter(workspace=context.workspace_id, platform_host=context.platform_host)


def _actor(context: AuthContext) -> Actor | None:
    """Who began the sign-in, where nobody is signed in to the browser that comes back from the platform."""
    if current_actor().user_id is not None:
        return None
    return actor_for(User.objects.get(pk=context.user_id), Via.BROWSER)


def _store_credential(authorisation: Authorisation, *, at: datetime) -> Credential:
    """The grant, new or renewed. A renewed one keeps its refresh token when the platform gave no new one."""
    context, tokens = authorisation.context, authorisation.tokens
    # Locked: a refresh that ends in between would lose its pair, or give two pairs one version.
    rows = Credential.objects.select_for_update(of=("self",))
    credential = rows.filter(
        workspace=context.workspace_id, platform_host=context.platform_host, subject=authorisation.owner.subject
    ).first() or Credential(
        workspace_id=context.workspace_id,
        platform_host=context.platform_host,
        subject=authorisation.owner.subject,
        version=0,
    )
    credential.version += 1
    credential.access_enc = tokens.access_token
    if tokens.refresh_token:
        credential.refresh_enc = tokens.refresh_token
        credential.refresh_expires_at = tokens.refresh_expires_at
    credential.refresh_not_before = tokens.not_before
    credential.expires_at = tokens.expires_at
    credential.scopes = list(tokens.scopes or context.scopes)
    credential.state = CredentialState.LIVE
    credential.refresh_lease = credential.refresh_lease_expires_at = None
    credential.refreshed_at = at
    credential.error = ""
    credential.save()
    return credential


def _store_account(
    context: AuthContext, credential: Credential, target: TargetIdentity, *, is_only: bool, at: datetime
) -> SocialAccount:
    host = context.platform_host
    account = SocialAccount.objects.filter(
        workspace=context.workspace_id, platform=host.platform, platform_host=host, remote_id=target.remote_id
    ).first() or SocialAccount(
        workspace_id=context.workspace_id,
        platform=host.platform,
        platform_host=host,
        remote_id=target.remote_id,
        state=AccountState.PENDING,
    )
    account.handle = target.handle
    was_default = account.is_default and account.state != AccountState.DISCONNECTED
    state, is_default = _place_in_line(account, is_only=is_only, at=at)
    if target.unusable:
        is_default = was_default
    if account.state != state:
        ACCOUNT_MOVES.check(account.state, state)
    account.state_reason = account.state_reason if state == AccountState.PAUSED else ""
    account.state, account.is_default = state, is_default
    account.credential = credential
    account.kind = target.kind
    account.display_name = target.name
    account.avatar_url = target.avatar_url
    account.facts = dict(target.facts)
    account.target_token_enc = target.token or None
    account.connected_by_id = context.user_id
    account.connected_at = account.checked_at = at
    account.save()
    if target.unusable and account.state == AccountState.ACTIVE:
        account_needs_reauth(account.id, reason=target.unusable, at=at)
        account.refresh_from_db(fields=["state", "state_reason"])
    return account


def _place_in_line(account: SocialAccount, *, is_only: bool, at: datetime) -> tuple[AccountState, bool]:
    """The state that a sign-in gives an account, and whether it is the default then.

    A host that was set up again gives the same name to another account, and the one before it is dead: its place as the
    default is taken over.
    """
    was_in_use = account.state not in {AccountState.PENDING, AccountState.DISCONNECTED}
    if was_in_use:
        # Who signs in again for their pages does not set those going that somebody paused.
        stays_paused = account.state == AccountState.PAUSED and not is_only
        return AccountState.PAUSED if stays_paused else AccountState.ACTIVE, account.is_default
    if not is_only:
        return AccountState.PENDING, False
    of_workspace = SocialAccount.objects.filter(workspace=account.workspace_id)
    others = of_workspace.default_for(account.platform).exclude(pk=account.pk)
    namesake = others.filter(platform_host=account.platform_host, handle__iexact=account.handle)
    namesake.filter(kind=SocialAccount.Kind.PERSON).update(is_default=False, updated_at=at)
    return AccountState.ACTIVE, not others.exists()
