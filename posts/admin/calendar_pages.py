"""The pages of Django admin that show posts by day, month, week or list, and give one another time.

What they show is what GET /calendar answers, of all the workspaces that a person sees; a move goes through the service
of POST /posts/{id}/reschedule. Dragging is a form that a script sends: what it does can be done by keyboard too.
"""

from __future__ import annotations

import calendar
import re
import zoneinfo
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Workspace
from integrations import registry
from integrations.models import SocialAccount
from mastablasta.core.admin_base import may_write
from mastablasta.core.admin_lists import MOST_CHOICES
from mastablasta.core.api.date_ranges import start_of
from mastablasta.core.errors import Conflict, DomainError
from posts.admin.triage import for_staff, page_of, shown_page, visible_accounts
from posts.admin.workspaces import workspaces_for, zone_of
from posts.api.requests import RescheduleSerializer
from posts.models import Post
from posts.querysets import PostQuerySet
from posts.services import rescheduling
from posts.services.calendar import Day, days_of
from posts.states import PostStatus

Kind = Literal["month", "week", "list"]
KINDS: dict[str, int] = {"month": 0, "week": 7, "list": 28}  # days; a month has its own number
MOVABLE = (PostStatus.SCHEDULED, PostStatus.FAILED, PostStatus.CANCELLED)  # as far as the page can tell
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?", re.ASCII)  # what a browser's field sends
FIRST_DAY, LAST_DAY = date(1970, 1, 5), date(2200, 12, 31)  # those that can be leafed to


@dataclass(frozen=True, slots=True)
class Span:
    """The days of a page, both ends included, with the days that its neighbours are opened by."""

    kind: Kind
    day: date
    first: date
    last: date
    before: date
    after: date

    @classmethod
    def of(cls, kind: Kind, day: date) -> Span:
        """The weeks of the month, the week, or the four weeks that `day` lies in; a list begins with `day` itself."""
        day = min(max(day, FIRST_DAY), LAST_DAY)
        monday = day - timedelta(days=day.weekday())
        if kind == "month":
            first = day.replace(day=1)
            last = day.replace(day=calendar.monthrange(day.year, day.month)[1])
            before, after = first - timedelta(days=1), last + timedelta(days=1)
            first -= timedelta(days=first.weekday())
            return cls(kind, day, first, last + timedelta(days=6 - last.weekday()), before.replace(day=1), after)
        first, length = (monday if kind == "week" else day), timedelta(days=KINDS[kind])
        return cls(kind, day, first, first + length - timedelta(days=1), first - length, first + length)

    @property
    def title(self) -> str:
        if self.kind == "month":
            return date_format(self.day, "F Y")
        is_same_year = self.first.year == self.last.year
        begins = "j F Y" if not is_same_year else "j F" if self.first.month != self.last.month else "j"
        ends = {"first": date_format(self.first, begins), "last": date_format(self.last, "j F Y")}
        return _("%(first)s to %(last)s") % ends


@dataclass(frozen=True, slots=True)
class Entry:
    """One post on its day. `at` is local; `seen` is what a move has to find unchanged."""

    id: UUID
    at: datetime
    seen: str
    excerpt: str
    status: PostStatus
    targets: str
    workspace: str
    is_movable: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One local day. `offsets`: those from UTC that clocks are at on it, where they are two. `all_of_it`: where its
    posts are listed, for a day that has more than are shown."""

    date: date
    entries: list[Entry]
    total: int
    is_today: bool
    is_of_month: bool
    offsets: str
    all_of_it: str

    @property
    def more(self) -> int:
        return self.total - len(self.entries)


@for_staff
@require_safe
def overview(request: HttpRequest, kind: Kind = "month") -> HttpResponse:
    """Posts by local day, of the workspaces that who asks may see."""
    found = Filters(request)
    zone, whose = found.zone
    span = Span.of(kind, _day_in(request.GET.get("day", "")) or timezone.localdate(timezone=zoneinfo.ZoneInfo(zone)))
    begin, end = start_of(span.first, zone), start_of(span.last + timedelta(days=1), zone)
    days = days_of(found.among(visible_posts(request)), begin=begin, end=end, zone=zone)
    cells = list(_cells(request, days, span, zone))
    context = {
        "span": span,
        "cells": cells if kind != "list" else [cell for cell in cells if cell.total],
        "weekdays": [date_format(span.first + timedelta(days=number), "l") for number in range(7)],
        "kinds": [(name, label, found.link(name, span.day)) for name, label in _kind_names().items()],
        "before": found.link(kind, span.before),
        "after": found.link(kind, span.after),
        "today": found.link(kind, None),
        "total": sum(cell.total for cell in cells),
        "zone": zone,
        "whose": whose,
        "filters": found,
        "may_write": page_of(Post).has_write_permission(request),
        "here": request.get_full_path(),
    }
    return shown_page(request, "calendar/overview", _("Calendar"), context)


@for_staff
@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, post_id: UUID) -> HttpResponse:
    """Give a post another time: by a form, or, where JSON is asked for, by the script that lets it be dragged."""
    post = get_object_or_404(visible_posts(request).kept().select_related("workspace"), id=post_id)
    if not may_write(request, post.workspace_id):
        raise PermissionDenied
    zone, whose = zone_of(request, post.workspace)
    tz = zoneinfo.ZoneInfo(zone)
    shown: dict[str, Any] = {"post": post, "zone": zone, "whose": whose, "back": _back(request), "problems": []}
    shown["now_at"] = post.scheduled_at.astimezone(tz) if post.scheduled_at else None
    if request.method == "POST":
        wants_json = request.headers.get("Accept") == "application/json"
        try:
            said = _moved(post, request.POST, zone)
        except DomainError as refusal:
            told = [one.message for one in refusal.problems] or [refusal.detail]
            if wants_json:
                return JsonResponse({"detail": " ".join(told), "code": refusal.code}, status=409)
            shown |= {"problems": told, "day": request.POST.get("day", ""), "time": request.POST.get("time", "")}
        else:
            if wants_json:
                return JsonResponse({"detail": said[0], "warnings": said[1:]})
            messages.success(request, said[0])
            for warning in said[1:]:
                messages.warning(request, warning)
            return redirect(shown["back"])
    elif shown["now_at"]:
        shown |= {"day": shown["now_at"].date().isoformat(), "time": shown["now_at"].strftime("%H:%M")}
    shown["seen"] = seen_of(post.scheduled_at)
    shown["targets"] = _targets_of([(d.platform, d.account.handle) for d in _deliveries(post)], post.wanted_platforms)
    return shown_page(request, "calendar/move", _("Give it another time"), shown)


def visible_posts(request: HttpRequest) -> PostQuerySet:
    """The posts that who asks may see. Raises PermissionDenied."""
    page = page_of(Post)
    if not page.has_view_permission(request):
        raise PermissionDenied
    return cast(PostQuerySet, page.get_queryset(request))


class Filters:
    """What the calendar is cut down to, as its address says it: workspace, platform, account and status.

    What is not there, or not for who asks, finds nothing.
    """

    def __init__(self, request: HttpRequest) -> None:
        self.asked: QueryDict = request.GET
        self.workspaces = workspaces_for(request)
        chosen = self._id("workspace")
        of_one = [one for one in self.workspaces if one.pk == chosen or len(self.workspaces) == 1]
        self.workspace = of_one[0] if of_one else None
        accounts = visible_accounts(request).connected().filter(workspace__deleted_at=None)
        if self.workspace is not None:
            accounts = accounts.filter(workspace=self.workspace)
        self.accounts = list(accounts.order_by("platform", "handle", "pk")[: 4 * MOST_CHOICES])
        self.platforms = dict(registry.choices())
        self.statuses = [(one.value, one.label) for one in PostStatus if one != PostStatus.DRAFT]
        self.request = request

    @property
    def zone(self) -> tuple[str, str]:
        return zone_of(self.request, self.workspace)

    @property
    def is_any(self) -> bool:
        """Whether anything is left out."""
        return any(self.asked.get(name) for name in ("workspace", "platform", "account", "status"))

    def chosen(self, name: str) -> str:
        return self.asked.get(name, "") or ""

    def among(self, rows: PostQuerySet) -> PostQuerySet:
        """Those of `rows` that are asked for."""
        if self.chosen("workspace"):
            rows = rows.filter(workspace=self._id("workspace"))
        if platform := self.chosen("platform"):
            rows = rows.for_platforms([platform]) if platform in self.platforms else rows.none()
        if self.chosen("account"):
            rows = rows.for_accounts(filter(None, [self._id("account")]))
        if status := self.chosen("status"):
            rows = rows.filter(status=status)
        return rows

    def _id(self, name: str) -> UUID | None:
        try:
            return UUID(self.chosen(name))
        except ValueError:
            return None

    def link(self, kind: str, day: date | None) -> str:
        """The address of another page of the same posts; `day` None = today's."""
        query = QueryDict(mutable=True)
        for name in ("workspace", "platform", "account", "status"):
            if self.chosen(name):
                query[name] = self.chosen(name)
        if day is not None:
            query["day"] = day.isoformat()
        address = reverse(f"calendar:{kind}")
        return f"{address}?{query.urlencode()}" if query else address


def seen_of(scheduled_at: datetime | None) -> str:
    """A promised time as forms carry it, to find out whether it was changed meanwhile."""
    return scheduled_at.isoformat() if scheduled_at else ""


def _moved(post: Post, fields: Mapping[str, str], zone: str) -> list[str]:
    """Move the post to the local `day` and `time`; returns what there is to say: first what was done, then warnings.

    Raises DomainError: the time is none or cannot be had, the post has another one than was `seen`, or may not move.
    """
    day, time = fields.get("day", ""), fields.get("time", "")
    if _day_in(day) is None or not _TIME.fullmatch(time):
        raise Conflict("invalid_time", _("Give a day and a time."))
    wanted = RescheduleSerializer(data={"scheduled_time": f"{day}T{time}", "timezone": zone})
    if not wanted.is_valid():
        said = [str(fault) for faults in wanted.errors.values() for fault in faults]
        raise Conflict("invalid_time", " ".join(said))
    seen = fields.get("seen", "")

    def check(locked: Post) -> None:
        if seen_of(locked.scheduled_at) != seen:
            said = _("Somebody gave this post another time meanwhile; look at it again.")
            raise Conflict("changed_meanwhile", said)

    body = wanted.validated_data
    moved = rescheduling.reschedule_post(
        post, scheduled_at=body["scheduled_time"], notes=body.get("notes", ()), check=check, at=timezone.now()
    )
    local = body["scheduled_time"].astimezone(zoneinfo.ZoneInfo(zone))
    done = _("“%(text)s” goes out on %(day)s at %(time)s (%(zone)s).") % {
        "text": _beginning(moved.content),
        "day": date_format(local, "l, j F Y"),
        "time": local.strftime("%H:%M"),
        "zone": zone,
    }
    return [done, *(str(warning["message"]) for warning in moved.warnings)]


def _cells(request: HttpRequest, days: list[Day], span: Span, zone: str) -> Iterator[Cell]:
    tz = zoneinfo.ZoneInfo(zone)
    today = timezone.localdate(timezone=tz)
    named = {account_id for day in days for row in day.posts for _platform, account_id in row["deliveries"]}
    handles = dict(SocialAccount.objects.filter(pk__in=named).values_list("pk", "handle"))
    workspaces = {row["workspace_id"] for day in days for row in day.posts}
    names = dict(Workspace.objects.filter(pk__in=workspaces).values_list("pk", "name"))
    for day in days:
        entries = [_entry(request, row, handles, names if len(names) > 1 else {}, tz) for row in day.posts]
        yield Cell(
            day.date,
            entries,
            day.total,
            is_today=day.date == today,
            is_of_month=span.kind != "month" or day.date.month == span.day.month,
            offsets=_offsets(day.date, tz),
            all_of_it=_list_of(day.date, zone),
        )


def _entry(
    request: HttpRequest,
    row: Mapping[str, Any],
    handles: Mapping[UUID, str],
    workspaces: Mapping[UUID, str],
    tz: zoneinfo.ZoneInfo,
) -> Entry:
    status = PostStatus(row["status"])
    targets = [(platform, handles.get(account_id, "")) for platform, account_id in row["deliveries"]]
    return Entry(
        id=row["id"],
        at=row["scheduled_at"].astimezone(tz),
        seen=seen_of(row["scheduled_at"]),
        excerpt=row["excerpt"] or _("(no text)"),
        status=status,
        targets=_targets_of(targets, row["wanted_platforms"]),
        workspace=workspaces.get(row["workspace_id"], ""),
        is_movable=status in MOVABLE and may_write(request, row["workspace_id"]),
    )


def _targets_of(targets: Collection[tuple[str, str]], wanted: Collection[str]) -> str:
    """Where it goes, in words: "Mastodon @ada@example.social, YouTube"."""
    named = [f"{registry.label_of(platform)} {handle}".strip() for platform, handle in targets]
    return ", ".join([*named, *(registry.label_of(slug) for slug in wanted)])


def _offsets(day: date, tz: zoneinfo.ZoneInfo) -> str:
    """ "+01:00 → +02:00" of a day on which clocks change; "" of all others."""
    ends = [datetime(one.year, one.month, one.day, tzinfo=tz) for one in (day, day + timedelta(days=1))]
    before, after = (f"{one:%z}" for one in ends)
    return "" if before == after else f"{before[:3]}:{before[3:5]} → {after[:3]}:{after[3:5]}"


def _list_of(day: date, zone: str) -> str:
    begin, end = start_of(day, zone), start_of(day + timedelta(days=1), zone)
    query = {"scheduled_at__gte": begin.isoformat(), "scheduled_at__lt": end.isoformat()}
    return f"{reverse('admin:posts_post_changelist')}?{urlencode(query)}"


def _deliveries(post: Post) -> Any:
    return post.deliveries.select_related("account").order_by("platform", "id")


def _beginning(text: str) -> str:
    short = " ".join(text.split())
    return short if len(short) <= 60 else f"{short[:59]}…"


def _kind_names() -> dict[str, str]:
    return {"month": _("Month"), "week": _("Week"), "list": _("List")}


def _day_in(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _back(request: HttpRequest) -> str:
    """The page of the calendar that the person came from."""
    address = request.POST.get("back") or request.GET.get("back") or ""
    if url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith("/admin/"):
        return address
    return reverse("calendar:month")
