"""Token care: one refresh at a time for a grant, stored before it is used; a grant dies only when the platform says so.

Three steps, so that the call can be made on a thread that never touches the database: `begin_refresh` (database),
`perform_refresh` (HTTP), `store_refresh` or `fail_refresh` (database).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from integrations.errors import CallFailed, NeedsReconnect
from integrations.models import Credential, SocialAccount
from integrations.services.connectors import sign_in_for
from integrations.services.hosts import app_of
from integrations.services.signing_out import DEAD, disconnected_sentence, needs_reauth_sentence, sign_out_accounts
from integrations.sign_in import ClientApp, Tokens
from integrations.states import AccountState, CredentialState
from mastablasta.core import holds
from mastablasta.core.crypto import Undecryptable
from mastablasta.core.errors import Conflict, Unreachable
from mastablasta.core.ids import new_id
from mastablasta.core.models import Tally

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)  # longer than the longest call
AHEAD = timedelta(seconds=60)
WAIT_S = 5.0
LOOK_AGAIN_S = 0.1
# A token is renewed ahead by a sixth of its life, within these bounds; and by up to half as much again, by the grant's
# id, so that grants that were made together are not renewed together.
SHARE = 6
SOON = timedelta(minutes=15)
LONGEST_AHEAD = timedelta(days=7)
RETRY_AFTER = timedelta(minutes=5)
WENT_WRONG = "Something went wrong here."


@dataclass(frozen=True, slots=True)
class RefreshTurn:
    """The right to refresh one grant, for `LEASE`, with everything the call needs as plain values."""

    credential_id: UUID
    lease: UUID
    version: int
    platform: str
    base_url: str
    info: dict[str, Any]
    sign_in: str
    app: ClientApp
    refresh_token: str = field(repr=False)


def begin_refresh(credential_id: UUID, *, version: int, at: datetime) -> RefreshTurn | None:
    """Take the turn to refresh this grant; None = somebody else has it, or the grant is newer than `version`, or dead.

    A turn that is neither stored nor failed within 30 s (its holder died) can be taken by another. Raises
    Undecryptable, which counts as a refresh that failed.
    """
    lease = new_id()
    taken = (
        Credential.objects.filter(id=credential_id, version=version, state=CredentialState.LIVE)
        .filter(Q(refresh_lease=None) | Q(refresh_lease_expires_at__lte=at))
        .update(refresh_lease=lease, refresh_lease_expires_at=at + LEASE)
    )
    if not taken:
        return None
    credential = Credential.objects.select_related("platform_host").get(id=credential_id)
    host = credential.platform_host
    try:
        refresh_token = str(credential.refresh_enc or "")
        str(host.client_secret_enc or "")  # without it the host may say of a good grant that it is none
    except Undecryptable as secret:
        mine = Credential.objects.filter(id=credential_id, refresh_lease=lease)
        mine.update(**_NO_LEASE, error=secret.detail, updated_at=at)
        raise
    return RefreshTurn(
        credential_id=credential_id,
        lease=lease,
        version=version,
        platform=host.platform,
        base_url=host.base_url,
        info=host.info,
        sign_in=host.sign_in,
        app=app_of(host),
        refresh_token=refresh_token,
    )


def perform_refresh(turn: RefreshTurn) -> Tokens:
    """Ask the platform for a new pair; no database.

    Raises NeedsReconnect (the grant is dead), OperatorProblem (our app is not known), Unavailable, RateLimited.
    """
    if not turn.refresh_token:
        raise NeedsReconnect("The platform gave no refresh token.", code="no_refresh_token", can_refresh=False)
    flow = sign_in_for(turn.platform, turn.base_url, turn.info, name=turn.sign_in)
    return flow.refresh(turn.app, refresh_token=turn.refresh_token)


def store_refresh(turn: RefreshTurn, tokens: Tokens, *, at: datetime) -> bool:
    """Store the new pair and end the turn; False = the turn had been lost, and nothing was stored.

    Where the platform gave no new refresh token the old one goes on. Where it says that the account may not be used,
    those on the grant are signed out; the grant lives.
    """
    changes: dict[str, Any] = {
        "access_enc": tokens.access_token,
        "expires_at": tokens.expires_at,
        "refresh_not_before": tokens.not_before,
        "version": F("version") + 1,
        "refreshed_at": at,
        "error": "",
        **_NO_LEASE,
    }
    if tokens.refresh_token:
        changes["refresh_enc"] = tokens.refresh_token
    if tokens.refresh_expires_at is not None:
        changes["refresh_expires_at"] = tokens.refresh_expires_at
    if tokens.scopes:
        changes["scopes"] = list(tokens.scopes)
    with transaction.atomic():
        stored = bool(_mine(turn).update(**changes, updated_at=at))
        if stored and tokens.unusable:
            sign_out_accounts(turn.credential_id, reason=tokens.unusable, at=at)
    if stored:
        _count(turn, "renewed")
    return stored


def fail_refresh(turn: RefreshTurn, error: CallFailed, *, at: datetime) -> None:
    """End the turn without a pair: a dead grant signs its accounts out, anything else changes nothing.

    Where it is the account that nobody may use, the grant is not dead.
    """
    _count(turn, error.kind)
    if isinstance(error, NeedsReconnect) and error.scope == "account":
        with transaction.atomic():
            if _mine(turn).update(**_NO_LEASE, error=error.message[:500], updated_at=at):
                sign_out_accounts(turn.credential_id, reason=error.message, at=at)
        return
    if not isinstance(error, NeedsReconnect):
        _mine(turn).update(**_NO_LEASE, error=error.message[:500], updated_at=at)
        return
    with transaction.atomic():
        if _mine(turn).update(**DEAD, error=error.message[:500], updated_at=at):
            sign_out_accounts(turn.credential_id, reason=error.message, at=at)


def fresh_credentials(credential: Credential, *, at: datetime, wait_s: float = WAIT_S) -> Credential:
    """Return the grant with a token that is good for a minute at least, refreshed if need be; outside a transaction.

    Where another refreshes it, waits up to `wait_s`. Raises Conflict (has to be connected again), Unreachable.
    """

    def is_good(one: Credential) -> bool:
        return one.expires_at is None or one.expires_at > at + AHEAD

    try:
        return _refreshed(credential, until=is_good, at=at, wait_s=wait_s)
    except Unreachable as failure:
        if failure.code == "refresh_failed" and credential.expires_at is not None and credential.expires_at > at:
            return credential  # the old token is still good
        raise


def newer_credentials(credential: Credential, *, at: datetime, wait_s: float = WAIT_S) -> Credential:
    """Return the grant with a newer pair than `credential` has, however good the old one; outside a transaction.

    Where another refreshes it at the moment, theirs is taken. Raises Conflict (needs_reauth, no_refresh_token,
    too_soon), Unreachable.
    """
    if credential.state == CredentialState.LIVE and not credential.refresh_enc:
        raise Conflict("no_refresh_token", "The platform gave no refresh token; the account's token cannot be renewed.")
    if credential.refresh_not_before is not None and credential.refresh_not_before > at:
        sentence = f"The platform renews this token from {credential.refresh_not_before:%Y-%m-%d %H:%M} UTC on."
        raise Conflict("too_soon", sentence)
    return _refreshed(credential, until=lambda one: one.version > credential.version, at=at, wait_s=wait_s)


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What became of one grant. `message` says why it was not renewed."""

    credential_id: UUID
    outcome: Literal["renewed", "would_renew", "under_way", "refused", "failed", "not_asked", "no_refresh_token"]
    message: str = ""


def refresh_expiring(*, at: datetime, most: int = 200, for_s: float = 50) -> int:
    """Renew the grants whose time has come (`renewed_from`), those not tried for longest first; returns how many.

    Ends after `most` grants or `for_s` seconds and one call. A grant that failed is left alone for RETRY_AFTER, a host
    whose circuit is open until it closes; neither signs anybody out. An instance that is held (core/holds.py) renews
    none: where a refresh ends the old token, it would take it from the instance that works.
    """
    if holds.is_held():
        return 0
    rows = _renewable(at=at).filter(expires_at__lte=at + 1.5 * LONGEST_AHEAD)
    rows = rows.exclude(~Q(error=""), updated_at__gt=at - RETRY_AFTER)
    times = rows.order_by("updated_at", "id").values_list("id", "expires_at", "refreshed_at")
    due = [id_ for id_, ends_at, began_at in times.iterator() if ends_at and at >= renewed_from(id_, began_at, ends_at)]
    return sum(one.outcome == "renewed" for one in refresh_each(due[:most], for_s=for_s))


def renewed_from(credential_id: UUID, began_at: datetime | None, ends_at: datetime) -> datetime:
    """When a token that is good from `began_at` to `ends_at` is to be renewed."""
    life = ends_at - began_at if began_at is not None else timedelta(0)
    ahead = min(max(life / SHARE, SOON), LONGEST_AHEAD)
    return ends_at - ahead * (1 + credential_id.int % 1000 / 2000)


def refresh_each(credentials: Iterable[UUID], *, for_s: float = math.inf) -> Iterator[Refreshed]:
    """Renew these grants one after the other, and tell of each; single flight. Outside a transaction.

    A host that does not answer is not asked again; after `for_s` seconds nobody is.
    """
    give_up, silent = time.monotonic() + for_s, dict[UUID, str]()
    for credential_id in credentials:
        if time.monotonic() >= give_up:
            return
        found = Credential.objects.filter(id=credential_id).values_list("version", "platform_host").first()
        version, host = found or (0, credential_id)
        if host in silent:
            yield Refreshed(credential_id, "not_asked", silent[host])
            continue
        try:
            turn = begin_refresh(credential_id, version=version, at=timezone.now()) if found else None
            if turn is None:
                yield Refreshed(credential_id, "under_way", "Somebody else renews it, or has ended it.")
                continue
            stored = _take_turn(turn)
        except NeedsReconnect as refusal:
            yield Refreshed(credential_id, "refused", refusal.message)
        except CallFailed as failure:
            silent[host] = failure.message
            yield Refreshed(credential_id, "failed", failure.message)
        except Undecryptable as secret:
            yield Refreshed(credential_id, "failed", secret.detail)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # what is wrong with one grant must not end the others
            log.exception("grant_not_renewed", credential=str(credential_id))
            yield Refreshed(credential_id, "failed", WENT_WRONG)
        else:
            yield Refreshed(credential_id, "renewed" if stored else "under_way")


def grants_ending(*, at: datetime, within: timedelta) -> QuerySet[Credential]:
    """Live grants in use that end within this, or whose token does, also what cannot be renewed; by their ends."""
    return _in_use().filter(ends_by(at + within)).order_by("expires_at", "id")


def ends_by(moment: datetime) -> Q:
    """Grants whose token, or fixed day, comes by then."""
    return Q(expires_at__lte=moment) | Q(refresh_expires_at__lte=moment)


def can_be_renewed(*, at: datetime) -> Q:
    """Grants that a refresh at `at` would give a token which ends later than the one at hand."""
    is_old_enough = Q(refresh_not_before=None) | Q(refresh_not_before__lte=at)
    outlives = Q(refresh_expires_at__gt=at) & Q(refresh_expires_at__gt=F("expires_at"))
    return ~Q(refresh_enc=None) & ~Q(refresh_enc="") & is_old_enough & (Q(refresh_expires_at=None) | outlives)


def may_refresh(
    refresh_token: str | None, *, not_before: datetime | None, ends_at: datetime | None, at: datetime
) -> bool:
    """Whether asking for a new token at `at` makes sense, when the one at hand was refused or has ended."""
    return bool(refresh_token) and (not_before is None or not_before <= at) and (ends_at is None or ends_at > at)


def _in_use() -> QuerySet[Credential]:
    in_use = SocialAccount.objects.connected().filter(credential=OuterRef("id"))
    return Credential.objects.filter(Exists(in_use), state=CredentialState.LIVE)


def _renewable(*, at: datetime) -> QuerySet[Credential]:
    """That would bring something, in nobody's hands, at a host that answers; for accounts that may be used there."""
    usable = SocialAccount.objects.connected().exclude(state=AccountState.NEEDS_REAUTH)
    return (
        Credential.objects.filter(Exists(usable.filter(credential=OuterRef("id"))), state=CredentialState.LIVE)
        .filter(can_be_renewed(at=at))
        .filter(Q(refresh_lease=None) | Q(refresh_lease_expires_at__lte=at))
        .filter(platform_host__circuit_opened_at=None)
    )


def _refreshed(
    credential: Credential, *, until: Callable[[Credential], bool], at: datetime, wait_s: float
) -> Credential:
    give_up = time.monotonic() + wait_s
    while True:
        if credential.state != CredentialState.LIVE:
            raise Conflict("needs_reauth", needs_reauth_sentence(credential.platform_host.platform))
        if until(credential):
            return credential
        turn = begin_refresh(credential.id, version=credential.version, at=at)
        if turn is not None:
            return _refresh(credential, turn, at=at)
        if time.monotonic() >= give_up:
            raise Unreachable("refresh_under_way", "The account's token is being refreshed; try again in a moment.")
        time.sleep(LOOK_AGAIN_S)
        credential = reread(credential)


def _refresh(credential: Credential, turn: RefreshTurn, *, at: datetime) -> Credential:
    try:
        _take_turn(turn, at=at)
    except NeedsReconnect as refusal:
        raise Conflict("needs_reauth", needs_reauth_sentence(credential.platform_host.platform)) from refusal
    except CallFailed as failure:
        sentence = f"The platform did not refresh the account's token ({failure.message.rstrip('.')}); try again later."
        raise Unreachable("refresh_failed", sentence) from failure
    return reread(credential)


def _take_turn(turn: RefreshTurn, *, at: datetime | None = None) -> bool:
    """All that is left of a turn, on one thread. Raises CallFailed, whose consequences are stored."""
    try:
        tokens = perform_refresh(turn)
    except CallFailed as failure:
        fail_refresh(turn, failure, at=at or timezone.now())
        raise
    except Exception:
        _mine(turn).update(**_NO_LEASE, error=WENT_WRONG, updated_at=at or timezone.now())
        raise
    except BaseException:
        _mine(turn).update(**_NO_LEASE)
        raise
    return store_refresh(turn, tokens, at=at or timezone.now())


def reread(credential: Credential) -> Credential:
    """The grant as it is now. Raises Conflict (disconnected)."""
    found = Credential.objects.select_related("platform_host").filter(id=credential.id).first()
    if found is None:
        raise Conflict("disconnected", disconnected_sentence(credential.platform_host.platform))
    return found


def _count(turn: RefreshTurn, outcome: str) -> None:
    Tally.objects.note("token_refreshes", platform=turn.platform, outcome=outcome)


_NO_LEASE: dict[str, Any] = {"refresh_lease": None, "refresh_lease_expires_at": None}


def _mine(turn: RefreshTurn) -> Any:
    return Credential.objects.filter(id=turn.credential_id, refresh_lease=turn.lease, version=turn.version)
