"""Bulk actions in Django admin: first shown for what they would do, then done with just those deliveries.

Between the two the browser keeps which they are, signed, so that what is confirmed is what was looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.models import User
from mastablasta.core import confirmations
from posts.admin import wording
from posts.admin.triage import answer, cause_in, for_staff, may_act, visible_deliveries, writable_deliveries
from posts.querysets import DeliveryQuerySet
from posts.services import triage
from posts.services.bulk_actions import BulkAction, LeftOut, Order, Report, carry_out
from posts.services.scheduling import time_problems

KIND = "posts.triage"
# At once: what services do post by post takes them longer.
MOST = {
    BulkAction.RETRY: 1000,
    BulkAction.PUBLISH: 250,
    BulkAction.CANCEL: 1000,
    BulkAction.RESCHEDULE: 100,
    BulkAction.PUBLISHED: 100,
    BulkAction.NOT_PUBLISHED: 100,
}
MOST_SHOWN = 100
FOREIGN = gettext_lazy("Your role there does not allow to act.")


@dataclass(frozen=True, slots=True)
class Held:
    """An action that was looked at: with which deliveries, and where its person came from."""

    action: BulkAction
    deliveries: Sequence[UUID]
    scheduled_at: datetime | None
    back: str

    def signed(self, person: User) -> str:
        content = {
            "action": self.action.value,
            "deliveries": [one.hex for one in self.deliveries],
            "scheduled_at": self.scheduled_at.isoformat() if self.scheduled_at else "",
            "back": self.back,
        }
        return confirmations.signed(content, kind=KIND, person_id=person.pk)

    @classmethod
    def of(cls, text: str, person: User) -> Held | None:
        """None when it is not the person's, or was looked at too long ago."""
        content = confirmations.looked_at(text, kind=KIND, person_id=person.pk)
        if content is None:
            return None
        at = parse_datetime(content["scheduled_at"])
        deliveries = [UUID(one) for one in content["deliveries"]]
        return cls(BulkAction(content["action"]), deliveries, at, content["back"])


@for_staff
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Show what an action would do with what was picked, or do what was shown."""
    person = request.user
    if not isinstance(person, User) or not may_act(request):
        raise PermissionDenied
    if "held" not in request.POST:
        return _preview(request, person)
    held = Held.of(request.POST["held"], person)
    if held is None:
        messages.error(request, _("This was looked at too long ago; choose again."))
        return redirect("triage:overview")
    return _carry_out(request, person, held)


def _preview(request: HttpRequest, person: User) -> HttpResponse:
    back = _back(request)
    action, scheduled_at, fault = _asked(request)
    if action is None or fault:
        messages.error(request, fault)
        return redirect(back)
    chosen, total = _chosen(request, MOST[action])
    if not chosen:
        messages.warning(request, _("Nothing was picked."))
        return redirect(back)
    return preview(request, person, Held(action, chosen, scheduled_at, back), total=total)


def preview(request: HttpRequest, person: User, wanted: Held, *, total: int) -> HttpResponse:
    """The page that says what would come of it, and asks for a confirmation; `total`: how many could be chosen."""
    rows = writable_deliveries(request).filter(id__in=wanted.deliveries)
    order = Order(wanted.action, person, wanted.scheduled_at)
    report = carry_out(order, rows, at=timezone.now(), is_rehearsal=True)
    left_out = [*report.left_out, *_foreign(request, wanted.deliveries, report)]
    held = Held(wanted.action, report.done, wanted.scheduled_at, wanted.back)
    shown = visible_deliveries(request).filter(id__in=report.done[:MOST_SHOWN]).select_related("account", "post")
    context = {
        "sentence": wording.will(wanted.action, len(report.done), left_out, at=wanted.scheduled_at),
        "report": report,
        "left_out": left_out,
        "held": held.signed(person) if report.done else "",
        "back": wanted.back,
        "rows": shown.order_by("-updated_at", "-id"),
        "more_shown": max(len(report.done) - MOST_SHOWN, 0),
        "later": max(total - len(wanted.deliveries), 0),
        "asks_url": wanted.action == BulkAction.PUBLISHED,
        "action": wanted.action,
    }
    return answer(request, "preview", str(wanted.action.label), context)


def look_at(action: BulkAction) -> Any:
    """An action of a list in Django admin that shows what `action` would do with the chosen rows."""

    def show(_page: Any, request: HttpRequest, rows: DeliveryQuerySet) -> HttpResponse:
        person = request.user
        if not isinstance(person, User):
            raise PermissionDenied
        chosen = list(rows.order_by("due_at", "id").values_list("id", flat=True)[: MOST[action]])
        held = Held(action, chosen, None, request.get_full_path())
        return preview(request, person, held, total=rows.count())

    show.__name__ = f"look_at_{action.value}"
    return show


def _carry_out(request: HttpRequest, person: User, held: Held) -> HttpResponse:
    urls = {one: request.POST.get(f"url-{one}", "").strip() for one in held.deliveries}
    rows = writable_deliveries(request).filter(id__in=held.deliveries)
    order = Order(held.action, person, held.scheduled_at, {one: url for one, url in urls.items() if url})
    report = carry_out(order, rows, at=timezone.now())
    if report.done:
        messages.success(request, wording.done(held.action, len(report.done)))
    if left_out := [*report.left_out, *_foreign(request, held.deliveries, report)]:
        messages.warning(request, wording.not_done(left_out))
    return redirect(held.back)


def _asked(request: HttpRequest) -> tuple[BulkAction | None, datetime | None, str]:
    """The action, its time where it has one, and what is wrong with what was asked for."""
    name = request.POST.get("action", "")
    if name not in BulkAction.values:
        return None, None, _("Choose what is to be done.")
    action = BulkAction(name)
    if action != BulkAction.RESCHEDULE:
        return action, None, ""
    moment = parse_moment(request.POST.get("scheduled_at", ""))
    if moment is None:
        return action, None, _("Give the other time, in UTC.")
    problems = time_problems(moment, at=timezone.now())
    return action, moment, problems[0].message if problems else ""


def parse_moment(text: str) -> datetime | None:
    """What a browser sends of a field for day and time, as UTC; None = none."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    if moment is None:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _chosen(request: HttpRequest, most: int) -> tuple[list[UUID], int]:
    """The deliveries that were picked, or the oldest of the whole group; and how many there are."""
    if request.POST.get("scope") == "group":
        rows = cause_in(request.POST).among(triage.needing_person(writable_deliveries(request)))
        return list(rows.order_by("due_at", "id").values_list("id", flat=True)[:most]), rows.count()
    picked = _ids(request.POST.getlist("picked"))
    return picked[:most], len(picked)


def _ids(texts: Collection[str]) -> list[UUID]:
    found = []
    for text in dict.fromkeys(texts):
        try:
            found.append(UUID(text))
        except ValueError:
            continue  # no page of ours sends it
    return found


def _foreign(request: HttpRequest, asked: Collection[UUID], report: Report) -> list[LeftOut]:
    """What was asked for and could not even be looked at, so that it is in no report."""
    missing = len(asked) - len(report.done) - sum(one.count for one in report.left_out)
    seen = visible_deliveries(request).filter(id__in=asked)
    foreign = seen.count() - writable_deliveries(request).filter(id__in=asked).count() if missing else 0
    gone = missing - foreign
    found = [LeftOut("role_too_low", str(FOREIGN), foreign)] if foreign else []
    return [*found, LeftOut("not_found", _("There is no such delivery any more."), gone)] if gone else found


def _back(request: HttpRequest) -> str:
    """Where the person came from, as long as it is here."""
    address = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith("/admin/"):
        return address
    return reverse("triage:overview")
