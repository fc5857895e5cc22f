"""When an account's figures are due next, kept on its lane: to claim is to read the first rows of one index.

`CollectionLane.ready_at` is never later than the earliest moment at which something of the account is due (its own
figures, its posts' plans) and it is not blocked; null = nothing will be. It may be earlier, as where a post was
deleted: then a claim finds nothing and moves it on. So whoever makes something due earlier says so here, in the same
transaction and before it writes plans; whoever moves a lane on holds its row while it looks at the plans.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce, Greatest, Least

from analytics.models import CollectionLane, CollectionPlan
from integrations.states import AccountState, CredentialState
from mastablasta.core.compiled_queries import CompiledQuery

AT_ONCE = 500  # rows that one statement names


def wake_lanes(due: Mapping[UUID, datetime], *, account_at: datetime) -> None:
    """Say that each account has something due from then on; one without a lane gets it.

    `account_at`: when the own figures of the latter are due. All are locked, by account, until the transaction ends.
    """
    rows = sorted(due.items())
    for first in range(0, len(rows), AT_ONCE):
        _wake(rows[first : first + AT_ONCE], account_at=account_at)


def _wake(rows: Sequence[tuple[UUID, datetime]], *, account_at: datetime) -> None:
    columns = {field.name: field for field in CollectionLane._meta.concrete_fields}
    fields = [columns[name] for name in ("account", "next_at", "ready_at")]
    values = [
        field.get_db_prep_save(value, connection)
        for account_id, moment in rows
        for field, value in zip(fields, (account_id, account_at, min(moment, account_at)), strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {CollectionLane._meta.db_table} AS l (account_id, next_at, ready_at, failures, is_parked) "  # noqa: S608  constants
            f"VALUES {', '.join(['(%s, %s, %s, 0, false)'] * len(rows))} "
            "ON CONFLICT (account_id) DO UPDATE SET is_parked = false, ready_at = CASE "
            "WHEN l.ready_at <= excluded.ready_at THEN l.ready_at "
            "WHEN l.blocked_until > excluded.ready_at THEN l.blocked_until ELSE excluded.ready_at END "
            "WHERE l.is_parked OR l.ready_at IS NULL OR l.ready_at > excluded.ready_at",
            values,
        )


def wake_all_lanes(*, at: datetime) -> None:
    """Make every account's own figures due at `at`; the lanes are locked, by account, until the transaction ends."""
    list(CollectionLane.objects.order_by("account").select_for_update().values_list("account"))
    ready_at = Least(Coalesce("ready_at", at), at)
    CollectionLane.objects.update(next_at=at, ready_at=Greatest(ready_at, Coalesce("blocked_until", ready_at)))


def repair_lanes() -> int:
    """Correct lanes that say too late, as none should: rows that were written past this module; how many."""
    plans = CollectionPlan.objects.filter(account=OuterRef("account"), next_at__isnull=False)
    first = Subquery(plans.order_by("next_at").values("next_at")[:1])
    due_at = Least(Coalesce(first, F("next_at")), Coalesce(F("next_at"), first))
    lanes = CollectionLane.objects.annotate(
        due_at=due_at, from_at=Greatest("due_at", Coalesce("blocked_until", "due_at"))
    )
    late = lanes.filter(Q(ready_at=None, due_at__isnull=False) | Q(ready_at__gt=F("from_at")))
    return _update_free(late, ready_at=due_at)


def lock_lanes(accounts: Collection[UUID]) -> None:
    """Keep claims and results away from these accounts until the transaction ends; the step before plans are locked."""
    lanes = CollectionLane.objects.filter(account__in=accounts).order_by("account")
    list(lanes.select_for_update().values_list("account"))


def _first_plan(account: UUID) -> QuerySet[Any, Any]:
    plans = CollectionPlan.objects.filter(account=account, next_at__isnull=False)
    return plans.order_by("next_at").values_list("next_at")[:1]


_FIRST_PLAN = CompiledQuery(_first_plan, account=UUID)


def ready_at(account_id: UUID, *, next_at: datetime | None, blocked_until: datetime | None) -> datetime | None:
    """When there is something to do for an account whose lane says this; the caller has locked the lane."""
    first = _FIRST_PLAN.first(account=account_id)
    due: list[datetime] = [moment for moment in (*(first or ()), next_at) if moment is not None]
    if not due:
        return None
    return max(min(due), blocked_until) if blocked_until else min(due)


def block_lanes(lanes: QuerySet[CollectionLane], *, until: datetime) -> None:
    """Leave these alone until then; those that somebody is at go by what comes of that."""
    later = Case(When(ready_at__isnull=False, then=Greatest("ready_at", until)), default=None)
    open_lanes = lanes.filter(Q(blocked_until=None) | Q(blocked_until__lt=until), lease_token=None)
    _update_free(open_lanes, blocked_until=until, ready_at=later)


def park_lanes(*, at: datetime) -> None:
    """Leave accounts alone that are due and cannot be asked, and let go on with those that can be again.

    Claims pass over the former as well, but one by one: they keep those that wait behind them waiting.
    """
    lanes = CollectionLane.objects.filter(lease_token=None)
    _update_free(lanes.filter(~usable(at=at), is_parked=False, ready_at__lte=at), is_parked=True)
    _update_free(lanes.filter(usable(at=at), is_parked=True), is_parked=False)


def usable(*, at: datetime) -> Q:
    """The lanes of accounts that may be asked, as far as they, their grant and their host are concerned."""
    host = "account__platform_host"
    return Q(
        Q(**{f"{host}__limited_until": None}) | Q(**{f"{host}__limited_until__lte": at}),
        account__state=AccountState.ACTIVE,
        account__credential__state=CredentialState.LIVE,
        **{f"{host}__paused_at": None, f"{host}__circuit_opened_at": None},
    )


def _update_free(lanes: QuerySet[CollectionLane], **changes: Any) -> int:
    """Change those that nobody else has locked: who changes many waits for none, and so for nobody who waits for it."""
    with transaction.atomic():
        free = lanes.select_for_update(skip_locked=True, of=("self",)).values("account")
        return CollectionLane.objects.filter(account__in=free).update(**changes)
