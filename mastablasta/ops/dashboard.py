"""What the first page of Django admin shows: what goes out, what failed, how the instance is, what the posts gained.

All of it of the workspaces that are asked for, by a number of queries that does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, Sum
from django.db.models.functions import TruncDate
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from analytics.figures import FIGURES, engagements
from analytics.models import Rollup
from analytics.services.sums import Sums, summed
from integrations.models import PlatformHost, SocialAccount
from integrations.services.forecast import ENDS_SOON, Forecast, forecast_of
from integrations.states import AccountState
from mastablasta.ops import health
from posts.models import Delivery, Post
from posts.querysets import DeliveryQuerySet
from posts.states import DeliveryState, PostStatus

SHOWN = 8  # rows of a list
DAYS = 30  # of figures, today included
FOR_A_PERSON = (DeliveryState.FAILED, DeliveryState.REJECTED, DeliveryState.UNCONFIRMED, DeliveryState.HELD)
CHECKS = {
    "due_work": gettext_lazy("Publishing"),
    "worker": gettext_lazy("Workers"),
    "clock": gettext_lazy("Clock"),
    "database": gettext_lazy("Database"),
    "storage": gettext_lazy("Storage of files"),
    "media": gettext_lazy("Pictures and films"),
    "webhooks": gettext_lazy("Webhooks"),
    "analytics": gettext_lazy("Figures"),
}
Workspaces = frozenset[UUID] | None  # None = all


@dataclass(frozen=True, slots=True)
class Check:
    """A part of the instance. `late_s`: how long its work is overdue, or its last sign of life ago; None = neither."""

    name: str
    ok: bool
    detail: str
    late_s: int | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A day of a chart that is 10 wide for each day and 100 high; `y`: where the bar begins, from above."""

    day: date
    value: int
    x: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Gains:
    """What the posts gained in the last DAYS days of UTC. `sums.figures` None = no platform tells it."""

    sums: Sums
    engagements: int | None
    reach_by_day: list[Bar]
    engagements_by_day: list[Bar]


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do first. `where`: an address; "" = it is no page. `is_optional`: who works alone needs it never."""

    name: str
    detail: str
    where: str
    is_done: bool
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`failures`: the newest of what waits for a person; `counts`: all of it, by state."""

    upcoming: list[Delivery]
    failures: list[Delivery]
    counts: dict[DeliveryState, int]
    accounts: dict[AccountState, int]
    halted: list[PlatformHost]
    ending: list[Forecast]
    checks: list[Check]
    gains: Gains
    steps: list[Step]

    @property
    def is_new(self) -> bool:
        """Whether there is still something to do first."""
        return not all(step.is_done or step.is_optional for step in self.steps)

    @property
    def connected(self) -> int:
        return sum(self.accounts.values())

    @property
    def waiting(self) -> int:
        """How many deliveries wait for a person."""
        return sum(self.counts.values())


def dashboard_of(workspaces: Workspaces, *, at: datetime) -> Dashboard:
    """What there is to see in these workspaces at `at`; None = in all, as a site admin sees it."""
    accounts = _account_states(workspaces)
    return Dashboard(
        upcoming=_upcoming(workspaces),
        failures=_failures(workspaces),
        counts=_counts(workspaces),
        accounts=accounts,
        halted=_halted(workspaces),
        ending=_ending(workspaces, at),
        checks=checks(),
        gains=_gains(workspaces, at),
        steps=_steps(workspaces, has_account=bool(accounts)),
    )


def checks() -> list[Check]:
    """How the parts of the instance are: what /readyz and /api/v2/status say of them, with their words."""
    asked = {name: (health.READY | health.STATUS)[name] for name in ("database", *CHECKS)}
    found = health.findings(asked)
    return [_check(str(name), found[key]) for key, name in CHECKS.items()]


def _check(name: str, finding: health.Finding) -> Check:
    late_s = None if finding.age is None else int(finding.age.total_seconds())
    return Check(name, finding.ok, finding.detail, late_s)


def _in(workspaces: Workspaces, path: str = "workspace") -> Q:
    return Q(**{f"{path}__deleted_at": None} if workspaces is None else {f"{path}__in": workspaces})


def _deliveries(workspaces: Workspaces) -> DeliveryQuerySet:
    return Delivery.objects.filter(_in(workspaces)).of_kept_posts()


def _first(rows: DeliveryQuerySet, *order: Any) -> list[Delivery]:
    """The first SHOWN of `rows`: looked for first, and then joined with what is shown of their posts."""
    keys = list(rows.order_by(*order).values_list("pk", flat=True)[:SHOWN])
    shown = Delivery.objects.filter(pk__in=keys).select_related("post", "account").order_by(*order)
    return list(shown.only(
        "state", "due_at", "error_code", "error_message", "updated_at", "platform", "post__content", "account__handle",
        "account__platform",
    ))  # fmt: skip


def _upcoming(workspaces: Workspaces) -> list[Delivery]:
    waiting = _deliveries(workspaces).filter(state=DeliveryState.QUEUED, lease_token=None)
    return _first(waiting, "next_attempt_at", "id")


def _failures(workspaces: Workspaces) -> list[Delivery]:
    return _first(_deliveries(workspaces).filter(state__in=FOR_A_PERSON), F("updated_at").desc(), "-id")


def _counts(workspaces: Workspaces) -> dict[DeliveryState, int]:
    rows = _deliveries(workspaces).filter(state__in=FOR_A_PERSON)
    found = dict(rows.values_list("state").annotate(count=Count("id")).order_by())
    return {state: found[state] for state in FOR_A_PERSON if state in found}


def _account_states(workspaces: Workspaces) -> dict[AccountState, int]:
    rows = SocialAccount.objects.filter(_in(workspaces)).connected()
    found = dict(rows.values_list("state").annotate(count=Count("id")).order_by())
    return {state: found[state] for state in AccountState if state in found}


def _halted(workspaces: Workspaces) -> list[PlatformHost]:
    """Platforms to which nothing goes out just now, as far as an account of the workspaces is there."""
    rows = PlatformHost.objects.exclude(paused_at=None, circuit_opened_at=None).defer("client_secret_enc", "info")
    if workspaces is not None:
        rows = rows.filter(Exists(SocialAccount.objects.filter(_in(workspaces), platform_host=OuterRef("pk"))))
    return list(rows.order_by("platform", "host")[:SHOWN])


def _ending(workspaces: Workspaces, at: datetime) -> list[Forecast]:
    rows: Any = SocialAccount.objects.filter(_in(workspaces)).connected().with_forecast()
    soon = (
        rows.filter(sign_in_ends_at__lt=at + ENDS_SOON).order_by("sign_in_ends_at").defer("target_token_enc", "facts")
    )
    return [forecast for account in soon[:SHOWN] if (forecast := forecast_of(account))]


def _gains(workspaces: Workspaces, at: datetime) -> Gains:
    today = at.astimezone(UTC).date()
    days = [today - timedelta(days=number) for number in reversed(range(DAYS))]
    begin = datetime.combine(days[0], datetime.min.time(), UTC)
    rows: Any = Rollup.objects.filter(_in(workspaces, "account__workspace"), starts_at__gte=begin).order_by()
    sums = {f"sum_{name}": Sum(name) for name in FIGURES}
    by_account = [_told(row) for row in rows.values("account").annotate(**sums)]
    by_day = {
        row["day"]: _told(row)
        for row in rows.annotate(day=TruncDate("starts_at", tzinfo=UTC)).values("day").annotate(**sums)
    }
    total = summed(by_account)
    return Gains(
        sums=total,
        engagements=engagements(total.figures),
        reach_by_day=_bars((day, (by_day.get(day) or {}).get("reach")) for day in days),
        engagements_by_day=_bars((day, engagements(by_day[day]) if day in by_day else None) for day in days),
    )


def _told(row: dict[str, Any]) -> dict[str, int | None]:
    return {name: row[f"sum_{name}"] for name in FIGURES}


def _bars(values: Iterable[tuple[date, int | None]]) -> list[Bar]:
    told = [(day, max(value or 0, 0)) for day, value in values]
    highest = max([1, *(value for _, value in told)])
    heights = [round(100 * value / highest, 1) for _, value in told]
    return [
        Bar(day, value, 10 * number, 100 - height, height)
        for number, ((day, value), height) in enumerate(zip(told, heights, strict=True))
    ]


def _steps(workspaces: Workspaces, *, has_account: bool) -> list[Step]:
    has_post = Post.objects.filter(_in(workspaces), deleted_at=None).exists()
    is_out = Post.objects.filter(_in(workspaces), deleted_at=None, status=PostStatus.PUBLISHED).exists()
    steps = [
        Step(_("Connect an account"), _("Sign in at a platform."), reverse("connecting:overview"), has_account),
        Step(
            _("Write a post"),
            _("For now or for later, or import a file of them."),
            reverse("admin:posts_post_write"),
            has_post,
        ),
        Step(
            _("See it published"),
            _("It goes out when it is due; what fails is listed on this page."),
            reverse("calendar:month"),
            is_out,
        ),
    ]
    if workspaces is None:
        has_others = User.objects.order_by()[1:2].exists()
        people = _("Make them here, or let them register; staff access lets them in here.")
        steps.insert(
            0, Step(_("Add the people who write"), people, reverse("admin:accounts_user_add"), has_others, True)
        )
    return steps
