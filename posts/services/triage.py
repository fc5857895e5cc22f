"""What needs a person, gathered by its cause: counted by the database, however much there is of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from integrations.models import PlatformHost
from integrations.querysets import SocialAccountQuerySet
from integrations.states import AccountState
from posts.models import Delivery
from posts.querysets import DeliveryQuerySet
from posts.states import DeliveryState

S = DeliveryState

NEEDS_PERSON = (S.FAILED, S.REJECTED, S.UNCONFIRMED, S.HELD)
MOST_GROUPS = 200
MOST_ACCOUNTS = 20  # of one group

Order = Literal["largest", "newest"]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why deliveries stand still. `code`: of their error, "" = they have none. `account` None = whichever."""

    state: str
    code: str
    platform: str
    account: UUID | None = None

    def among(self, rows: DeliveryQuerySet) -> DeliveryQuerySet:
        """Those of `rows` that stand still for this reason."""
        found = rows.filter(state=self.state, error_code=self.code, platform=self.platform)
        return found if self.account is None else found.filter(account=self.account)


@dataclass(frozen=True, slots=True)
class Group:
    """Deliveries with one cause. `message`: what one of them says; `handle`: of its account, where there is but one.

    `retryable`: how many may be sent again as they are. `oldest`, `newest`: when they came to a stand.
    """

    cause: Cause
    count: int
    retryable: int
    accounts: int
    workspaces: int
    oldest: datetime
    newest: datetime
    message: str
    handle: str


@dataclass(frozen=True, slots=True)
class AccountShare:
    """How many deliveries of a group are of one account."""

    account: UUID
    handle: str
    count: int


def needing_person(rows: DeliveryQuerySet) -> DeliveryQuerySet:
    """Those of `rows` that nothing but a person moves on."""
    return rows.of_kept_posts().filter(workspace__deleted_at=None, state__in=NEEDS_PERSON)


def groups_of(rows: DeliveryQuerySet, *, order: Order = "largest") -> list[Group]:
    """What needs a person among `rows`, by state, error code and platform; one query, MOST_GROUPS at most."""
    counted = needing_person(rows).order_by().values("state", "error_code", "platform")
    found = counted.annotate(
        count=Count("id"),
        retryable=Count("id", filter=Q(error_retryable=True)),
        accounts=Count("account", distinct=True),
        workspaces=Count("workspace", distinct=True),
        oldest=Min("updated_at"),
        newest=Max("updated_at"),
        message=Max("error_message"),
        handle=Min("account__handle"),
    )
    by = ("-count", "-newest") if order == "largest" else ("-newest", "-count")
    return [_group(dict(row)) for row in found.order_by(*by, "state", "error_code", "platform")[:MOST_GROUPS]]


def accounts_of(rows: DeliveryQuerySet) -> list[AccountShare]:
    """The accounts with most of `rows`, MOST_ACCOUNTS at most."""
    counted = rows.order_by().values("account", "account__handle")
    most = counted.annotate(count=Count("id")).order_by("-count", "account")[:MOST_ACCOUNTS]
    return [AccountShare(row["account"], row["account__handle"], row["count"]) for row in most]


def page_of(rows: DeliveryQuerySet, *, after: tuple[datetime, UUID] | None, size: int) -> Sequence[Delivery]:
    """`size` of `rows` and one more if there is one, newest first, from behind the row that stands at `after`."""
    if after is not None:
        at, delivery_id = after
        rows = rows.filter(Q(updated_at__lt=at) | Q(updated_at=at, id__lt=delivery_id))
    shown = rows.select_related("account", "workspace", "post__author")
    return list(shown.order_by("-updated_at", "-id")[: size + 1])


def _group(row: dict[str, Any]) -> Group:
    cause = Cause(row.pop("state"), row.pop("error_code"), row.pop("platform"))
    return Group(cause=cause, **row)


# --- accounts and hosts ---
def accounts_in_trouble(rows: SocialAccountQuerySet) -> SocialAccountQuerySet:
    """Those of `rows` that a person has to connect again, or has paused, with `waiting`; those with most come first."""
    troubled = rows.filter(state__in=[AccountState.NEEDS_REAUTH, AccountState.PAUSED])
    return with_parked(troubled).order_by(F("waiting").desc(), "state", "id")


def with_parked(rows: SocialAccountQuerySet) -> SocialAccountQuerySet:
    """`rows` with `waiting`: how many deliveries are due and wait for the account or its host."""
    parked = Delivery.objects.filter(account=OuterRef("pk"), state=S.BLOCKED).order_by()
    count = Subquery(parked.values("account").annotate(count=Count("pk")).values("count"))
    return rows.annotate(waiting=Coalesce(count, 0))


def hosts_in_trouble(rows: QuerySet[PlatformHost]) -> QuerySet[PlatformHost]:
    """Those of `rows` that are paused or answer nobody."""
    return with_waiting(rows.filter(Q(paused_at__isnull=False) | Q(circuit_opened_at__isnull=False)))


def with_waiting(rows: QuerySet[PlatformHost]) -> QuerySet[PlatformHost]:
    """`rows` with `waiting`: how many deliveries are due and wait. Those with most come first."""
    parked = Delivery.objects.filter(account__platform_host=OuterRef("pk"), state=S.BLOCKED).order_by()
    count = Subquery(parked.values("account__platform_host").annotate(count=Count("pk")).values("count"))
    return rows.annotate(waiting=Coalesce(count, 0)).order_by("-waiting", "platform", "host")
