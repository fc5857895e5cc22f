"""What goes out when: posts by local day, and times at which an account is taken already."""

from __future__ import annotations

import zoneinfo
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Window
from django.db.models.functions import Left, RowNumber, TruncDate

from accounts.models import Workspace
from integrations.models import SocialAccount
from mastablasta.core.errors import FieldProblem, Invalid
from posts.models import Delivery, Post
from posts.querysets import PostQuerySet
from posts.services import post_content, scheduling
from posts.states import TAKEN, PostStatus

MOST_DAYS = 92
MOST_A_DAY = 50
MOST_CONFLICTS = 100
SUGGESTIONS = 3
CHUNK, MOST_PIECES = 500, 20
OUT_OF_RANGE = "The time is out of range; choose one between the years 1 and 9999."
EXCERPT = 80
COLUMNS = ("id", "workspace_id", "excerpt", "post_type", "status", "scheduled_at", "published_at", "wanted_platforms")


@dataclass(slots=True)
class Day:
    """One local day: its first posts in due order, and how many there are, by status too."""

    date: date
    posts: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Clash:
    """A delivery that is close to the wanted time, for an account that is wanted. Seconds are whole, never negative."""

    post_id: UUID
    account_id: UUID
    platform: str
    scheduled_at: datetime
    seconds_apart: int
    excerpt: str


@dataclass(frozen=True, slots=True)
class Findings:
    """`clashes`: the nearest first, at most 100 of `total`. `free`: the next times (UTC) that
    would do, three unless 10,000 promised times leave no room."""

    clashes: list[Clash]
    total: int
    free: list[datetime]


def days_of(rows: PostQuerySet, *, begin: datetime, end: datetime, zone: str) -> list[Day]:
    """Return each local day from `begin` to before `end`, also the empty ones, with those of `rows` promised then.

    Posts are rows of COLUMNS with `deliveries`, a list of (platform, account id); at most MOST_A_DAY a day. Deleted
    ones are left out. Three queries. Raises Invalid for more than MOST_DAYS days.
    """
    tz = zoneinfo.ZoneInfo(zone)
    try:
        first, last = begin.astimezone(tz).date(), (end - timedelta(microseconds=1)).astimezone(tz).date()
    except OverflowError as error:
        raise Invalid.field("from", "overflow", OUT_OF_RANGE) from error
    length = (last - first).days + 1
    if length > MOST_DAYS:
        message = f"A calendar shows at most {MOST_DAYS} days at once; these are {length}."
        raise Invalid.field("to", "too_long", message, limit=MOST_DAYS, actual=length)
    days = {day: Day(day) for day in (first + timedelta(days=number) for number in range(length))}
    posts = (
        rows.kept()
        .filter(scheduled_at__gte=begin, scheduled_at__lt=end)
        .annotate(day=TruncDate("scheduled_at", tzinfo=tz), excerpt=Left("content", EXCERPT))
    )
    for row in posts.order_by().values("day", "status").annotate(number=Count("id")):
        days[row["day"]].counts[row["status"]] = row["number"]
    rank = Window(RowNumber(), partition_by=F("day"), order_by=[F("scheduled_at").asc(), F("id").asc()])
    shown = list(
        posts.annotate(rank=rank).filter(rank__lte=MOST_A_DAY).order_by("scheduled_at", "id").values(*COLUMNS, "day")
    )
    deliveries = _deliveries([row["id"] for row in shown])
    for row in shown:
        days[row["day"]].posts.append({**row, "deliveries": deliveries[row["id"]]})
    for day in days.values():
        day.counts = {status: day.counts[status] for status in PostStatus.values if status in day.counts}
    return list(days.values())


def _deliveries(post_ids: Sequence[UUID]) -> dict[UUID, list[tuple[str, UUID]]]:
    found: dict[UUID, list[tuple[str, UUID]]] = defaultdict(list)
    rows = Delivery.objects.filter(post__in=post_ids).order_by("platform", "id")
    for post_id, platform, account_id in rows.values_list("post", "platform", "account"):
        found[post_id].append((platform, account_id))
    return found


def find_conflicts(
    workspace: Workspace,
    *,
    wanted: datetime,
    gap: timedelta,
    platforms: Sequence[str] = (),
    accounts: Sequence[UUID] = (),
    exclude_post: UUID | None = None,
    at: datetime,
) -> Findings:
    """Return what the chosen accounts publish less than `gap` from `wanted`, and three later times that are free.

    Platforms stand for their default accounts; neither platforms nor accounts = all of the workspace. Suggestions are
    after `wanted`, not before `at`, and `gap` apart from each other. Raises Invalid for what is unknown or too far.
    """
    post_content.raise_if_any([p for p in scheduling.time_problems(wanted, at=at) if p.code == "too_far"])
    taken = _taken(workspace, _account_ids(workspace, platforms, accounts), exclude_post)
    try:
        close = taken.filter(due_at__gt=wanted - gap, due_at__lt=wanted + gap)
    except OverflowError as error:
        raise Invalid.field("scheduled_time", "overflow", OUT_OF_RANGE) from error
    rows = close.values_list("post", "account", "platform", "due_at", Left("post__content", EXCERPT))
    clashes = [
        Clash(post, account, platform, due_at, round(abs((due_at - wanted).total_seconds())), excerpt)
        for post, account, platform, due_at, excerpt in rows
    ]
    clashes.sort(key=lambda one: (one.seconds_apart, one.scheduled_at, one.platform, str(one.account_id)))
    start = max(wanted, at.replace(second=0, microsecond=0) + timedelta(minutes=1)) if wanted < at else wanted
    free = _free_times(start, gap, _busy(workspace, taken, start - gap, start + gap), but=wanted)
    return Findings(clashes[:MOST_CONFLICTS], len(clashes), free)


def _account_ids(workspace: Workspace, platforms: Sequence[str], accounts: Sequence[UUID]) -> list[UUID]:
    if not platforms and not accounts:
        return list(SocialAccount.objects.in_workspace(workspace).connected().values_list("id", flat=True))
    choice = post_content.AccountChoice(workspace, platforms, accounts)
    chosen, problems = post_content.choose_accounts(choice, platforms, accounts)
    post_content.raise_if_any([p for p in problems if p.code in {"unknown_account", "unknown_platform"}])
    return [account.id for account in chosen]


def _taken(workspace: Workspace, account_ids: Iterable[UUID], exclude_post: UUID | None) -> Any:
    rows = Delivery.objects.in_workspace(workspace).filter(
        post__workspace=workspace, post__deleted_at=None, account__in=list(account_ids), state__in=TAKEN
    )
    if exclude_post is None:
        return rows
    if not Post.objects.in_workspace(workspace).kept().filter(id=exclude_post).exists():
        message = f"There is no post {exclude_post} in this workspace; leave exclude_post out."
        raise Invalid("unknown_post", message, [FieldProblem("exclude_post", "unknown_post", message)])
    return rows.exclude(post=exclude_post)


def _busy(workspace: Workspace, taken: Any, begin: datetime, middle: datetime) -> Iterator[datetime | None]:
    """The times after `begin` at which something goes out, in order.

    After `middle`, which is yet to come, all of them are of scheduled posts: an index holds those in order, and they
    are read piece by piece, for schedules may be long; None in the end = there are more than are worth reading.
    """
    near = taken.filter(due_at__gt=begin, due_at__lt=middle)
    yield from sorted(near.values_list("due_at", flat=True))
    scheduled = Post.objects.in_workspace(workspace).filter(status=PostStatus.SCHEDULED)
    promised = scheduled.filter(Exists(taken.filter(post=OuterRef("pk"))))
    times = promised.order_by("scheduled_at").values_list("scheduled_at", flat=True)
    since: dict[str, Any] = {"scheduled_at__gte": middle}
    for _ in range(MOST_PIECES):
        piece = [at for at in times.filter(**since)[:CHUNK] if at]
        yield from piece
        if len(piece) < CHUNK:
            return
        since = {"scheduled_at__gt": piece[-1]}
    yield None


def _free_times(start: datetime, gap: timedelta, busy: Iterable[datetime | None], *, but: datetime) -> list[datetime]:
    """The first times from `start` on, other than `but`, that are `gap` or more from all of `busy` (ordered).

    Fewer than three where `busy` breaks off before there are so many.
    """
    free: list[datetime] = []
    candidate = start
    for taken_at in busy:
        if taken_at is None:
            return free
        while taken_at - candidate >= gap:
            if candidate != but:
                free.append(candidate)
            if len(free) == SUGGESTIONS:
                return free
            candidate += gap
        candidate = max(candidate, taken_at + gap)
    while len(free) < SUGGESTIONS:
        if candidate != but:
            free.append(candidate)
        candidate += gap
    return free
