"""Disconnecting an account: nothing of it is lost, and the grant is ended at the platform when nobody needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Count

from integrations import registry
from integrations.errors import CallFailed, NeedsReconnect
from integrations.models import Credential, PlatformHost, SocialAccount
from integrations.querysets import PROMISED
from integrations.services.accounts import lock_defaults
from integrations.services.connectors import sign_in_for
from integrations.services.hosts import app_of
from integrations.services.revocation import is_token_in_use
from integrations.sign_in import ClientApp
from integrations.states import ACCOUNT_MOVES, AccountState, CredentialState
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.crypto import Unreadable
from mastablasta.core.errors import Conflict, FieldProblem

log = structlog.get_logger(__name__)

# States of a delivery; posts/tests/test_reconnecting.py holds them to posts/states.py, which lies above this app.
BUSY = ("sending", "processing", "unknown")
UNCONFIRMED = ("unconfirmed",)

MOST_AT_ONCE = 8  # a platform that does not answer takes 10 s, a task may take 120

GONE = "Disconnected by a person; connect it again to use it."


@dataclass(frozen=True, slots=True)
class Ended:
    """A grant that nobody stands on any more, with what it takes to end it at the platform; no longer stored."""

    platform: str
    host: PlatformHost
    subject: str
    app: ClientApp
    tokens: tuple[str, ...] = field(repr=False)


def disconnect(account: SocialAccount, *, at: datetime, force: bool = False) -> list[FieldProblem]:
    """Stop using an account and erase its tokens; its row and all that it published stay. Outside a transaction.

    The tokens are gone before the platform is told, whatever it answers; a revoke that fails is not tried again.
    Posts that are promised to it stop this, unless `force`: then they wait until it is connected again. Returns what
    a person should know: [] = the platform took the access back, or it goes on for others who stand on it.
    Disconnected already = nothing is done. Raises Conflict: in_flight, unconfirmed, account_in_use.
    """
    with transaction.atomic():
        _lock_lane(account.id)
        lock_defaults(account.workspace_id)
        grant = Credential.objects.select_for_update().filter(accounts=account.id).first()
        accounts = SocialAccount.objects.filter(workspace=account.workspace_id, platform=account.platform)
        rows = {row.id: row for row in accounts.order_by("id").select_for_update(no_key=True)}
        account = rows[account.id]
        if account.state == AccountState.DISCONNECTED:
            return []
        _refuse_while_in_use(account, force=force)
        _leave(account, list(rows.values()), at=at)
        ended = _end(grant) if grant is not None else None
    log.info("account_disconnected", account=str(account.id), platform=account.platform)
    return [] if ended is None else _revoke(ended)


def disconnect_deleted(*, at: datetime, most: int = MOST_AT_ONCE) -> int:
    """Disconnect accounts of deleted workspaces, at most so many; return how many. The rest has another turn."""
    of_deleted = SocialAccount.objects.connected().filter(workspace__deleted_at__isnull=False)
    ended = 0
    for account in of_deleted.order_by("workspace__deleted_at", "id"):
        try:
            disconnect(account, at=at, force=True)
        except Conflict as conflict:  # sent just before the workspace went; it settles, and others do not wait for it
            log.info("account_not_disconnected", account=str(account.id), code=conflict.code)
            continue
        ended += 1
        if ended == most:
            break
    return ended


def end_unused_grants(*, most: int = MOST_AT_ONCE) -> int:
    """End grants that no account stands on, here and at the platform, at most so many; return how many.

    They are left when another person, who may act for the same page, connects it.
    """
    unused = Credential.objects.filter(accounts=None).order_by("id").values_list("id", flat=True)
    ended = 0
    for grant_id in unused[:most]:
        with transaction.atomic():
            grant = Credential.objects.select_for_update().filter(id=grant_id).first()
            left = _end(grant) if grant is not None else None
        if left is not None:
            _revoke(left)
            ended += 1
    return ended


def _lock_lane(account_id: UUID) -> None:
    """Keep claims away from this account until the transaction ends: what is in flight now stays all that is."""
    with_lane = SocialAccount.objects.filter(id=account_id, lane__isnull=False).select_related("lane")
    list(with_lane.select_for_update(of=("lane",)))


def _refuse_while_in_use(account: SocialAccount, *, force: bool) -> None:
    in_use = account.deliveries.filter(state__in=BUSY + UNCONFIRMED + PROMISED, post__deleted_at=None)
    count = dict(in_use.values_list("state").annotate(Count("id")).order_by())
    if busy := sum(count.get(state, 0) for state in BUSY):
        sentence = f"{_posts(busy)} being published to this account right now; try again when that has settled."
        raise _conflict("in_flight", sentence, busy)
    if unclear := sum(count.get(state, 0) for state in UNCONFIRMED):
        sentence = f"{_posts(unclear)} unconfirmed at this account; say first whether it is out (resolve)."
        raise _conflict("unconfirmed", sentence, unclear)
    promised = sum(count.get(state, 0) for state in PROMISED)
    if promised and not force:
        sentence = (
            f"{_posts(promised)} scheduled for this account; cancel or change that first, or repeat with ?force=true: "
            "what is scheduled then waits until the account is connected again."
        )
        raise _conflict("account_in_use", sentence, promised)


def _posts(count: int) -> str:
    return "1 post is" if count == 1 else f"{count} posts are"


def _conflict(code: str, sentence: str, count: int) -> Conflict:
    return Conflict(code, sentence, [FieldProblem("", code, sentence, {"deliveries": count})])


def _leave(account: SocialAccount, platform_accounts: list[SocialAccount], *, at: datetime) -> None:
    """Take the account out of use; where it was the default, the oldest active one of the platform follows."""
    ACCOUNT_MOVES.check(account.state, AccountState.DISCONNECTED)
    was_default = account.is_default
    changes = {"state": (account.state, AccountState.DISCONNECTED)}
    record("disconnected", [subject_of(account, name=account.handle, changes=changes)], at=at)
    account.state, account.state_reason = AccountState.DISCONNECTED, GONE
    account.credential, account.target_token_enc, account.is_default = None, None, False
    changed = ["state", "state_reason", "credential", "target_token_enc", "is_default", "updated_at"]
    account.save(update_fields=changed)
    active = [one for one in platform_accounts if one.state == AccountState.ACTIVE]
    if was_default and active:
        heir = min(active, key=lambda one: (one.connected_at, one.id))
        SocialAccount.objects.filter(id=heir.id).update(is_default=True, updated_at=at)


def _end(grant: Credential) -> Ended | None:
    """Erase the grant's tokens unless other accounts stand on it."""
    if SocialAccount.objects.connected().filter(credential=grant).exists():
        return None
    host = grant.platform_host
    # The refresh token first: with it, an access token could be had again.
    # One that cannot be read ends by itself at the platform, or when the person takes it back there.
    stored = (token for token in (grant.refresh_enc, grant.access_enc) if not isinstance(token, Unreadable))
    tokens = tuple(str(token) for token in stored if token)
    grant.delete()
    return Ended(host.platform, host, grant.subject, app_of(host), tokens)


def _has_another_grant(ended: Ended) -> bool:
    """Whether the same person has another grant of the same app, in any workspace, that a revocation would end too.

    Asked when the ended one is gone for good: of two that end at once, the last one to ask finds nobody.
    """
    others = Credential.objects.filter(subject=ended.subject, state=CredentialState.LIVE)
    others = others.select_related("platform_host").defer("access_enc", "refresh_enc")
    return any(app_of(other.platform_host).client_id == ended.app.client_id for other in others)


def _revoke(ended: Ended) -> list[FieldProblem]:
    label = registry.PLATFORMS[ended.platform].label
    try:
        flow = sign_in_for(ended.platform, ended.host.base_url, ended.host.info, name=ended.host.sign_in)
        if flow.revoke_ends == "person" and _has_another_grant(ended):
            log.info("revoke_withheld", platform=ended.platform, host=ended.host.host)
            return []
        for token in ended.tokens:
            if not is_token_in_use(ended.host, token, subject=ended.subject):
                flow.revoke(ended.app, token=token)
    except (registry.NotBuilt, NeedsReconnect):
        return []  # there is nothing to take back, or it has ended already
    except CallFailed as failure:
        log.warning("revoke_failed", platform=ended.platform, host=ended.host.host, code=failure.code)
        sentence = (
            f"{label} could not be told that the access ended ({failure.message.rstrip('.')}). It is no longer used "
            f"here; take it back in the account's own settings at {ended.host.host}."
        )
        return [FieldProblem("", "not_revoked", sentence, {"host": ended.host.host})]
    return []
