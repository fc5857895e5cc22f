"""Who works on what: the engine's only view of the queue.

`claim` takes lanes and from each its earliest due delivery, with the Attempts, in one transaction; `save` writes what a
crash must not lose; `finish` writes results; `renew` keeps what is held; `take_over` collects what a dead worker held.
Every write after the claim carries the lease token: a late worker changes nothing.

All of them run inside the caller's transaction. Lock order everywhere: lanes by account, deliveries, posts by id.
Measured on PostgreSQL: the claim stays at 1-3 ms per 128 rows whatever the backlog looks like.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Least
from django.utils import timezone

from integrations.services import circuits
from mastablasta.core.compiled_queries import CompiledQuery
from mastablasta.core.time_scale import scaled
from posts.events import record_status_changes
from posts.queue.types import Claimed, Dialect, Result, Save
from posts.states import DeliveryState

LEASE = timedelta(seconds=scaled(20))


def _dialect() -> Dialect:
    if connection.vendor == "postgresql":
        from posts.queue.postgresql import PostgreSQL

        return PostgreSQL()
    from posts.queue.sqlite import SQLite

    return SQLite()


# --- the engine's side ---
def claim(*, at: datetime, limit: int, token: UUID, worker: str) -> list[Claimed]:
    """Take up to `limit` due deliveries, at most one an account, oldest promise first; [] = nothing is due."""
    return _dialect().claim(at=at, limit=limit, token=token, expires_at=at + LEASE, worker=worker)


def save(saves: Sequence[Save], *, at: datetime) -> set[UUID]:
    """Write them and return the deliveries whose lease still holds; the others must not be sent."""
    return _dialect().save(saves, at=at) if saves else set()


def finish(results: Sequence[Result], *, at: datetime) -> set[UUID]:
    """Write the results, free their lanes and return the deliveries written; a late worker's are left out.

    Posts are not settled here: the caller does it once for all that it touched (`recompute_post_status`).
    """
    return _dialect().finish(results, at=at) if results else set()


def renew(tokens: list[UUID], *, at: datetime) -> None:
    if tokens:
        _dialect().renew(tokens, expires_at=at + LEASE)


def take_over(*, at: datetime, limit: int = 1000) -> int:
    """Free what dead workers held, and return how many: unmarked = due again, marked = to be reconciled.

    A poll that was lost is marked when it had begun a visible call of its own, as the last one of media does.

    What MOST_LOSSES workers in a row vanished with may be what ends them: it is given up, for a person to look at.
    """
    freed, given_up = _dialect().take_over(at=at, limit=limit)
    recompute_post_status(given_up, at=at)
    return freed


# --- everybody's side ---
def lock_lanes(accounts: Iterable[UUID]) -> None:
    """Keep claims away from these accounts until the transaction ends; first step of every change to a delivery."""
    _dialect().lock_lanes(sorted(set(accounts)))


def wake_lanes(due: Mapping[UUID, datetime]) -> None:
    """Say that each account has something to look at from then on; wakes the clock when the transaction commits."""
    if due:
        _dialect().wake_lanes(due)


def recompute_lanes(accounts: Iterable[UUID]) -> None:
    """Compute `ready_at` again from the deliveries; the lanes must be locked by this transaction."""
    _dialect().recompute_lanes(sorted(set(accounts)))


def recompute_post_status(posts: Iterable[UUID], *, at: datetime) -> None:
    """Compute the status of each post again from its deliveries; locks the posts in id order.

    Where that settles one, its webhooks' events are written.
    """
    ids = sorted(set(posts))
    if ids and (changes := _dialect().recompute_post_status(ids, at=at)):
        record_status_changes(changes, at=at)


def next_ready_at() -> datetime | None:
    """When the next lane wants a look, maybe in the past; None = nothing waits anywhere."""
    row = _NEXT_READY.first()
    return row[0] if row else None


def ready_lanes(*, at: datetime, most: int) -> int:
    """How many accounts have something due that nobody holds, counted up to `most`."""
    from posts.models import Lane

    return Lane.objects.filter(lease_token=None, ready_at__lte=at)[:most].count()


def next_lease_end() -> datetime | None:
    """When the earliest lease ends; None = nothing is in flight."""
    row = _NEXT_LEASE_END.first()
    return row[0] if row else None


def _ready() -> QuerySet[Any, Any]:
    from posts.models import Lane

    waiting = Lane.objects.filter(lease_token=None, ready_at__isnull=False)
    return waiting.order_by("ready_at", "account").values_list("ready_at")[:1]


def _held() -> QuerySet[Any, Any]:
    from posts.models import Lane

    held = Lane.objects.filter(lease_token__isnull=False)
    return held.order_by("lease_expires_at").values_list("lease_expires_at")[:1]


def _parked() -> QuerySet[Any, Any]:
    from posts.models import Lane

    return Lane.objects.filter(is_parked=True).order_by().values_list("account")[:1]


_NEXT_READY, _NEXT_LEASE_END, _PARKED = CompiledQuery(_ready), CompiledQuery(_held), CompiledQuery(_parked)


def sweep_lanes(limit: int = 1000) -> int:
    """Repair lanes that would be looked at too late, and return how many; more than none is a bug to be found."""
    repaired = 0
    while True:
        with transaction.atomic():
            late = _dialect().late_lanes(limit)
            if not late:
                return repaired
            lock_lanes(late)
            recompute_lanes(late)
            repaired += len(late)
        if len(late) < limit:
            return repaired


def something_is_parked() -> bool:
    """Whether `unpark_lanes` may find anything to do."""
    return _PARKED.first() is not None or circuits.something_answers_again()


def unpark_lanes(*, at: datetime | None = None) -> int:
    """Let go on what waited for its account or platform, where that is usable again; return how many accounts.

    A host that answers again wakes all of its deliveries, and what is in doubt is looked up at once.
    """
    from posts.models import Delivery, Lane

    at = at or timezone.now()
    usable = list(
        Lane.objects.filter(
            is_parked=True,
            account__state="active",
            account__platform_host__paused_at=None,
            account__platform_host__circuit_opened_at=None,
        ).values_list("account", flat=True)
    )
    answering = circuits.answering_again()
    usable = sorted({*usable, *_in_doubt(answering, at=at), *_probes(at=at)})
    if not usable and not answering:
        return 0
    with transaction.atomic():
        lock_lanes(usable)
        blocked = Delivery.objects.filter(account__in=usable, state=DeliveryState.BLOCKED)
        posts = list(blocked.values_list("post", flat=True))
        doubts = Delivery.objects.filter(account__in=usable, state=DeliveryState.UNKNOWN, lease_token=None)
        # In the order of their promises: what was blocked first must not end up behind what came after it.
        doubts.filter(next_attempt_at__gt=F("due_at")).update(next_attempt_at=F("due_at"))
        blocked.update(
            state=DeliveryState.QUEUED, next_attempt_at=F("due_at"), error_code="", error_kind="", error_message=""
        )
        Lane.objects.filter(account__in=usable).update(is_parked=False)
        recompute_lanes(usable)
        recompute_post_status(posts, at=at)
        circuits.have_woken(answering)
    return len(usable)


def _in_doubt(answering: Collection[UUID], *, at: datetime) -> Iterable[UUID]:
    """Accounts whose look-ups need not wait: their host answers again, or answers to nothing else.

    Of the latter only those where the look-up would come first: before a send the lane is closed again.
    """
    from posts.models import Delivery

    doubts = Delivery.objects.filter(
        state=DeliveryState.UNKNOWN, lease_token=None, account__state="active", account__platform_host__paused_at=None
    )
    ahead = Delivery.objects.filter(
        account=OuterRef("account"),
        state__in=[DeliveryState.QUEUED, DeliveryState.PROCESSING],
        lease_token=None,
        next_attempt_at__lt=Least(OuterRef("next_attempt_at"), OuterRef("due_at")),
    )
    shut_in = doubts.filter(
        ~Exists(ahead),
        account__platform_host__in=circuits.only_looked_up(),
        account__lane__is_parked=True,
        next_attempt_at__lte=at,
    )
    woken = doubts.filter(account__platform_host__in=list(answering))
    return chain(woken.values_list("account", flat=True), shut_in.values_list("account", flat=True))


def _probes(*, at: datetime) -> list[UUID]:
    """For each host whose circuit wants a probe: the account whose turn is first, let through alone.

    Where look-ups are answered the probe is to be a send.
    """
    from posts.models import Delivery

    waiting = Delivery.objects.due(at).filter(account__lane__is_parked=True, account__state="active")
    probes = []
    for host in circuits.hosts_to_probe(at=at):
        here = waiting.filter(account__platform_host=host)
        if circuits.takes_look_ups(host):
            here = here.exclude(state=DeliveryState.UNKNOWN)
        account = here.values_list("account", flat=True).first()
        if account is not None and circuits.send_probe(host, account=account, at=at):
            probes.append(account)
    return probes
