"""What people do with endpoints: register, change, pause, rotate the secret, delete."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User, Workspace
from mastablasta.core.audit.recording import Subject, difference, record, subject_of
from mastablasta.core.crypto import Unreadable
from mastablasta.core.errors import Conflict, Invalid, NotThere
from mastablasta.core.logs import clean_text
from mastablasta.core.outbound import Unavailable, check_url
from webhooks import queue
from webhooks.models import Endpoint, EndpointLane
from webhooks.signing import UnusableSecret, check_own_secret, new_secret
from webhooks.states import EndpointStatus

MOST_ENDPOINTS = 50  # of a workspace
OVERLAP = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class WithSecret:
    """An endpoint and its secret, which is nowhere to be had again."""

    endpoint: Endpoint
    secret: str


def create_endpoint(workspace: Workspace, *, by: User, url: str, events: Sequence[str], secret: str = "") -> WithSecret:
    """Register a server for these types of events; outside a transaction, since the DNS is asked.

    `secret` "" = one is made. Raises Invalid (url, secret), Conflict (too_many_webhooks).
    """
    refuse_unusable_url(url)
    secret = _usable(secret)
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).only("id").get(pk=workspace.pk)
        if Endpoint.objects.in_workspace(workspace).count() >= MOST_ENDPOINTS:
            sentence = f"A workspace has at most {MOST_ENDPOINTS} webhooks; delete one that is no longer needed."
            raise Conflict("too_many_webhooks", sentence)
        endpoint = Endpoint.objects.create(
            workspace=workspace, created_by=by, url=url, events=_once_each(events), secret_enc=secret
        )
        EndpointLane.objects.create(endpoint=endpoint)
        record("created", [_told(endpoint, events=(None, endpoint.events))], at=endpoint.created_at)
    return WithSecret(endpoint, secret)


def change_endpoint(
    endpoint: Endpoint,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    status: str | None = None,
    at: datetime,
) -> Endpoint:
    """Change what is given; outside a transaction, since the DNS is asked about a new URL.

    `status`: paused, or active, which also switches on again what was switched off; what was missed meanwhile stays
    missed until it is asked for. Raises Invalid (url), Conflict (webhook_disabled: it cannot be paused).
    """
    if url is not None and url != endpoint.url:
        refuse_unusable_url(url)
    with transaction.atomic():
        current = locked(endpoint)
        before = _facts(current)
        if url is not None:
            current.url = url
        if events is not None:
            current.events = _once_each(events)
        if status is not None and status != current.status:
            _set_status(current, status, at=at)
        current.save()
        if changes := difference(before, _facts(current)):
            record("changed", [_told(current, **changes)], at=at)
    return current


def _facts(endpoint: Endpoint) -> dict[str, Any]:
    return {"url": endpoint.url, "events": endpoint.events, "status": endpoint.status}


def _told(endpoint: Endpoint, **changes: tuple[Any, Any]) -> Subject:
    return subject_of(endpoint, name=clean_text(endpoint.url), changes=changes)


def switch_on(endpoint: Endpoint, *, at: datetime) -> None:
    """Let a paused or disabled endpoint go on at once; in the caller's transaction, which holds its lock."""
    endpoint.status, endpoint.disabled_reason, endpoint.disabled_at = EndpointStatus.ACTIVE, "", None
    endpoint.save()
    queue.open_lane(endpoint, at=at)


def delete_endpoint(endpoint: Endpoint) -> None:
    """Remove it and its log; what a sender has in hand for it may still arrive."""
    with transaction.atomic():
        current = locked(endpoint)
        record("deleted", [_told(current)], at=timezone.now())
        current.delete()


def delete_endpoints(workspace: Workspace) -> None:
    """Remove all of a workspace, so that nothing of it is told any more."""
    with transaction.atomic():
        rows = Endpoint.objects.in_workspace(workspace)
        queue.lock_lanes(rows.values_list("id", flat=True))
        record("deleted", map(_told, rows), at=timezone.now())
        rows.delete()


def rotate_secret(endpoint: Endpoint, *, secret: str = "", overlap: timedelta = OVERLAP, at: datetime) -> WithSecret:
    """Give it another secret; until `overlap` has passed the old one signs too. Raises Invalid (secret)."""
    secret = _usable(secret)
    with transaction.atomic():
        current = locked(endpoint)
        if secret == current.secret_enc:
            raise Invalid.field("secret", "same_secret", "This is the present secret; give another one, or none.")
        current.old_secret_enc, current.old_secret_until = current.secret_enc, at + overlap
        if not overlap:
            current.old_secret_enc, current.old_secret_until = None, None
        current.secret_enc = secret
        current.save()
        record("secret rotated", [_told(current)], at=at)
    return WithSecret(current, secret)


def signing_secrets(endpoint: Endpoint, *, at: datetime) -> list[str]:
    """The secrets that sign a request of `at`, the newest first. Raises Undecryptable."""
    secrets, old = [str(endpoint.secret_enc)], endpoint.old_secret_enc
    is_valid = endpoint.old_secret_until is not None and endpoint.old_secret_until > at
    if old and is_valid and not isinstance(old, Unreadable):
        secrets.append(str(old))
    return secrets


def locked(endpoint: Endpoint) -> Endpoint:
    """The endpoint as it is now, locked until the transaction ends: after its lane, as everybody locks them.

    Raises NotThere when it was deleted meanwhile.
    """
    queue.lock_lanes([endpoint.pk])
    current = Endpoint.objects.select_for_update().filter(pk=endpoint.pk).first()
    if current is None:
        raise NotThere("not_found", "There is no such webhook.")
    return current


def refuse_unusable_url(url: str) -> None:
    """Raise Invalid where webhooks may not go there. The DNS is asked."""
    try:
        check_url(url, "webhook")
    except Unavailable as refused:
        hint = "" if refused.code == "dns_failure" else "; give an https address that the whole internet can reach"
        raise Invalid.field("url", refused.code, f"{_sentence(refused.message)}{hint}.") from None


def _set_status(endpoint: Endpoint, status: str, *, at: datetime) -> None:
    if status == EndpointStatus.ACTIVE:
        switch_on(endpoint, at=at)
        return
    if endpoint.status == EndpointStatus.DISABLED:
        sentence = "This webhook is switched off already; make it active, or leave it as it is."
        raise Conflict("webhook_disabled", sentence)
    endpoint.status = EndpointStatus.PAUSED
    queue.close_lane(endpoint)


def _usable(secret: str) -> str:
    if not secret:
        return new_secret()
    try:
        check_own_secret(secret)
    except UnusableSecret as error:
        raise Invalid.field("secret", "unusable_secret", str(error)) from None
    return secret


def _once_each(events: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(events))


def _sentence(text: str) -> str:
    text = text.rstrip(".")
    return text[:1].upper() + text[1:]
