"""Connecting an account: out to the platform's consent page and back, with a state that proves who began it.

All HTTP is made outside of transactions; what came of it is stored in one, so that nothing is ever half connected.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import transaction

from accounts.models import Membership, User, Workspace
from accounts.roles import Action, Role, SiteRole, effective_role, may
from integrations import registry
from integrations.errors import CallFailed, ExchangeRefused
from integrations.models import OAuthState, SocialAccount
from integrations.services import hosts
from integrations.services.authorisations import Authorisation, context_of, from_state, save_accounts, to_json
from integrations.services.revocation import give_back, revoked_on_failure
from integrations.sign_in import ClientApp, OAuthFlow
from mastablasta.core.crypto import Undecryptable
from mastablasta.core.errors import Invalid

log = structlog.get_logger(__name__)

STATE_LIFETIME = timedelta(minutes=10)
MOST_GIVEN_BACK = 5  # in one run: a host that does not answer takes 10 s, a task may take 120


@dataclass(frozen=True, slots=True)
class Started:
    """Where the person's browser has to go, until when."""

    url: str
    state: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A finished sign-in that waits for a click: `token` is for the button, the rest is for the person to read."""

    token: str = field(repr=False)
    platform: str
    host: str
    handles: tuple[str, ...]
    workspace: str
    started_by: str
    expires_at: datetime


def start_connect(
    *,
    workspace: Workspace,
    user: User,
    platform: str,
    instance: str | None = None,
    sign_in: str | None = None,
    at: datetime,
) -> Started:
    """Begin to connect an account for `user` in `workspace`; registers our app at the host when it is new.

    `instance` names the host where a platform has many, `sign_in` one of its sign-ins where it has several; None = the
    usual one. Raises NotThere, Invalid, Unreachable.
    """
    hosts.require_redirect(platform)
    way, base_url = hosts.named_host(platform, instance, sign_in=sign_in)
    host, _ = hosts.reach(platform, base_url, sign_in=way, at=at)
    redirect_uri = hosts.redirect_uri_of(platform)
    app = hosts.our_app(host, hosts.flow_at(host), redirect_uri=redirect_uri, at=at)
    flow = hosts.flow_at(host)  # made again: it may have learned at the registration
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(64)
    begun = OAuthState.objects.create(
        sha256=sha256_of(state),
        user=user,
        workspace=workspace,
        platform_host=host,
        client_id=app.client_id,
        verifier_enc=verifier,
        redirect_uri=redirect_uri,
        scopes=list(flow.scopes),
        expires_at=at + STATE_LIFETIME,
    )
    url = flow.authorize_url(app, redirect_uri=redirect_uri, state=state, challenge=_challenge(verifier))
    return Started(url, state, begun.expires_at)


def finish_connect(
    *, platform: str, code: str, state: str, at: datetime, error: str = "", caller: User | None = None
) -> list[SocialAccount]:
    """Turn what the platform sent back into connected accounts, the first one first.

    With one place to publish to it is active, with several the new ones are pending. `caller` is who is signed in
    with this request, if anybody. Raises Invalid: state_missing, state_invalid, state_expired, state_used,
    state_foreign, access_denied, exchange_failed.
    """
    sign_in, authorisation = _authorise(platform=platform, code=code, state=state, error=error, caller=caller, at=at)
    with revoked_on_failure(sign_in.platform_host, _app_of(sign_in), authorisation.tokens), transaction.atomic():
        return save_accounts(authorisation, at=at)


def hold_connect(
    *, platform: str, code: str, state: str, at: datetime, error: str = "", caller: User | None = None
) -> Held:
    """Like finish_connect, but nothing is connected before `confirm_connect` is called with the token.

    For a browser that does not show who began: somebody may have been sent here with another's link, and shall see
    into whose workspace their account would go.
    """
    sign_in, authorisation = _authorise(platform=platform, code=code, state=state, error=error, caller=caller, at=at)
    token = secrets.token_urlsafe(32)
    held_until = at + STATE_LIFETIME
    OAuthState.objects.filter(id=sign_in.id).update(
        held_enc=to_json(authorisation), confirm_sha256=sha256_of(token), expires_at=held_until, updated_at=at
    )
    return Held(
        token=token,
        platform=registry.PLATFORMS[platform].label,
        host=sign_in.platform_host.host,
        handles=tuple(target.handle for target in authorisation.owner.targets),
        workspace=sign_in.workspace.name,
        started_by=sign_in.user.name or sign_in.user.email,
        expires_at=held_until,
    )


def confirm_connect(*, platform: str, token: str, at: datetime) -> list[SocialAccount]:
    """Connect what `hold_connect` held. Raises Invalid: state_missing, state_invalid, state_expired, state_used."""
    if not token:
        raise _refused("state_missing")
    held = OAuthState.objects.select_related("platform_host", "user", "workspace")
    sign_in = held.filter(confirm_sha256=sha256_of(token), platform_host__platform=platform).first()
    if sign_in is None:
        raise _refused("state_invalid")
    if not sign_in.held_enc:
        raise _refused("state_used")
    if sign_in.expires_at <= at:
        raise _refused("state_expired")
    authorisation = from_state(sign_in)
    with transaction.atomic():
        if not OAuthState.objects.filter(id=sign_in.id, held_enc__isnull=False).update(held_enc=None, updated_at=at):
            raise _refused("state_used")
        return save_accounts(authorisation, at=at)


def prune_states(*, at: datetime) -> int:
    """Delete sign-ins that have been over for a day; returns how many. Outside a transaction.

    What they held and nobody confirmed is ended at the platform and forgotten as soon as they are over.
    """
    over = OAuthState.objects.filter(expires_at__lte=at, held_enc__isnull=False).order_by("expires_at")
    for state_id in over.values_list("id", flat=True)[:MOST_GIVEN_BACK]:
        _give_up(state_id)
    return OAuthState.objects.filter(expires_at__lte=at - timedelta(days=1)).delete()[0]


def _give_up(state_id: UUID) -> None:
    """End at the platform what this sign-in holds, and forget it."""
    held = OAuthState.objects.filter(id=state_id, held_enc__isnull=False)
    try:
        sign_in = held.select_related("platform_host").first()
        authorisation = from_state(sign_in) if sign_in is not None else None
    except (Undecryptable, LookupError, TypeError, ValueError) as failure:  # of a lost key, or of another version
        log.warning("revoke_failed", state=str(state_id), reason=str(failure))
        sign_in = authorisation = None
    if held.update(held_enc=None) and sign_in is not None and authorisation is not None:
        give_back(sign_in.platform_host, _app_of(sign_in), authorisation.tokens)


def _app_of(sign_in: OAuthState) -> ClientApp:
    """Our registration with which the sign-in was begun; without its secret when there is another one by now."""
    app = hosts.app_of(sign_in.platform_host)
    return app if app.client_id == sign_in.client_id else ClientApp(sign_in.client_id, "")


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _challenge(verifier: str) -> str:
    """PKCE, S256: https://www.rfc-editor.org/rfc/rfc7636#section-4.2 (read 2026-11-23)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


_SENTENCES = {
    "state_missing": "The address lacks its `state`; begin to connect again.",
    "state_invalid": "This `state` is not one of ours; begin to connect again.",
    "state_expired": "This took longer than 10 minutes; begin to connect again.",
    "state_used": "This was used already; begin to connect again.",
    "state_foreign": "Somebody else began this; sign in as that person, or begin to connect yourself.",
    "access_denied": "The platform was not allowed to connect the account; begin again to change that.",
}


def _refused(code: str, sentence: str = "") -> Invalid:
    return Invalid(code, sentence or _SENTENCES[code])


def _authorise(
    *, platform: str, code: str, state: str, error: str, caller: User | None, at: datetime
) -> tuple[OAuthState, Authorisation]:
    """Use up the state, then ask the platform for tokens and whose they are."""
    hosts.require_redirect(platform)
    sign_in = _use_up(platform, state, caller, at=at)
    flow = hosts.flow_at(sign_in.platform_host)
    if error in flow.denials:
        raise _refused("access_denied")
    if error or not code:
        reason = f"it said {error[:60]!r}" if error else "it sent no `code`"
        raise _refused("exchange_failed", f"The platform did not finish the sign-in: {reason}; begin again.")
    _check_still_may_connect(sign_in)
    host = sign_in.platform_host
    app = _app_of(sign_in)
    try:
        tokens = flow.exchange(app, code=code, redirect_uri=sign_in.redirect_uri, verifier=str(sign_in.verifier_enc))
    except CallFailed as failure:
        raise _not_exchanged(sign_in, flow, failure, at=at) from failure
    with revoked_on_failure(host, app, tokens):
        if missing := flow.missing_scopes(tokens):
            reason = f"The platform did not grant {', '.join(missing)}, without which nothing can be published"
            raise _refused("exchange_failed", f"{reason}; begin again and allow it.")
        try:
            owner = flow.who_am_i(app, access_token=tokens.access_token)
        except CallFailed as failure:
            raise _not_exchanged(sign_in, flow, failure, at=at) from failure
        if not owner.targets:
            raise _refused("exchange_failed", "This sign-in has no place to publish to; begin again with another one.")
    return sign_in, Authorisation(context_of(sign_in), tokens, owner)


def _not_exchanged(sign_in: OAuthState, flow: OAuthFlow, failure: CallFailed, *, at: datetime) -> Invalid:
    """What a person is told; what it shows of the host is kept, for when they begin again."""
    host = sign_in.platform_host
    if isinstance(failure, ExchangeRefused) and failure.app_unknown:
        hosts.forget_app(host.id, client_id=sign_in.client_id, at=at)
    log.warning("exchange_failed", platform=host.platform, host=host.host, code=failure.code)
    if hosts.learn(host, flow, failure.code, at=at):
        sentence = (
            "The server does not know the permissions that were asked for; begin again, and it is asked for wider ones."
        )
        return _refused("exchange_failed", sentence)
    return _refused("exchange_failed", f"{failure.message.rstrip('.')}; begin to connect again.")


def _use_up(platform: str, state: str, caller: User | None, *, at: datetime) -> OAuthState:
    if not state:
        raise _refused("state_missing")
    sign_ins = OAuthState.objects.select_related("platform_host", "user", "workspace")
    sign_in = sign_ins.filter(sha256=sha256_of(state), platform_host__platform=platform).first()
    if sign_in is None:
        raise _refused("state_invalid")
    if caller is not None and caller.pk != sign_in.user_id:
        raise _refused("state_foreign")  # not used up: its owner may still finish
    if sign_in.used_at is not None:
        raise _refused("state_used")
    if sign_in.expires_at <= at:
        raise _refused("state_expired")
    if not OAuthState.objects.filter(id=sign_in.id, used_at=None).update(used_at=at, updated_at=at):
        raise _refused("state_used")
    return sign_in


def _check_still_may_connect(sign_in: OAuthState) -> None:
    user, workspace = sign_in.user, sign_in.workspace
    membership = Membership.objects.filter(user=user, workspace=workspace).values_list("role", flat=True).first()
    role = effective_role(Role(membership) if membership else None, site_role=SiteRole(user.site_role))
    if not user.is_active or workspace.deleted_at is not None or not may(role, Action.WRITE):
        raise _refused("state_invalid", "Who began this may no longer connect accounts in that workspace.")
