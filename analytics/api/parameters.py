"""Query parameters that say whose figures are meant, and of which days."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from accounts.models import Workspace
from analytics.services.spans import Chosen, Days
from integrations.registry import PLATFORM_SLUGS
from mastablasta.core.api.date_ranges import is_day, start_of
from mastablasta.core.api.filters import MOST_VALUES, a_zone, an_id, one_of, plain_text
from mastablasta.core.api.problems import fault

MOST_DAYS = 366
SEVERAL = "Repeat it for several."
WHOSE = [
    OpenApiParameter("platform", str, many=True, enum=list(PLATFORM_SLUGS), description=SEVERAL),
    OpenApiParameter("account", OpenApiTypes.UUID, many=True, description=SEVERAL),
    OpenApiParameter("tag", str, many=True, description=SEVERAL),
]


def spans(usual: int) -> list[OpenApiParameter]:
    """The parameters of a span; `usual`: how many days it has where none are named."""
    return [
        OpenApiParameter(
            "from", OpenApiTypes.DATE, description=f"The first day; left out: {usual} days end with `to`."
        ),
        OpenApiParameter(
            "to", OpenApiTypes.DATE, description=f"The last day; left out: today. At most {MOST_DAYS} days."
        ),
        OpenApiParameter(
            "timezone", str, description="Whose days: an IANA name; left out: one's own zone, else the workspace's."
        ),
    ]


def read_chosen(request: Request, workspace: Workspace) -> Chosen:
    """Raises ValidationError with every fault."""
    platforms, accounts, tags = _read(
        request, {"platform": one_of(PLATFORM_SLUGS), "account": an_id, "tag": plain_text}
    )
    return Chosen(workspace, platforms, accounts, tags)


def _read(request: Request, checks: Mapping[str, Callable[[str], Any]]) -> list[list[Any]]:
    found, faults = [], {}
    for name, check in checks.items():
        texts = [text for text in request.query_params.getlist(name) if text]
        if len(texts) > MOST_VALUES:
            sentence = f"At most {MOST_VALUES} at once."
            faults[name] = [fault("max_length", sentence, limit=MOST_VALUES, actual=len(texts))]
            continue
        try:
            found.append([check(text) for text in texts])
        except forms.ValidationError as error:
            faults[name] = [_fault(error)]
    if faults:
        raise ValidationError(faults)
    return found


def _fault(error: forms.ValidationError) -> Any:
    return fault(str(error.code), error.message.replace("%%", "%"), **getattr(error.code, "params", {}))


def read_days(request: Request, *, usual: int, zone: str) -> Days:
    """The days that are asked for, in `zone` where the request names none. Raises ValidationError with every fault."""
    query, faults = request.query_params, {}
    try:
        zone = a_zone(query["timezone"]) if query.get("timezone") else zone
    except forms.ValidationError as error:
        raise ValidationError({"timezone": [_fault(error)]}) from error
    days: dict[str, date] = {}
    for name in ("from", "to"):
        if name in query:
            try:
                days[name] = _day(query[name], zone)
            except ValidationError as error:
                faults[name] = error.detail
    if faults:
        raise ValidationError(faults)
    last = days.get("to") or _today(timezone.now(), zone)
    found = Days(days.get("from") or last - timedelta(days=usual - 1), last, zone)
    if found.count < 1:
        raise ValidationError({"to": [fault("before_from", "This lies before from; swap the two.")]})
    if found.count > MOST_DAYS:
        sentence = f"At most {MOST_DAYS} days at once; these are {found.count}."
        raise ValidationError({"to": [fault("too_long", sentence, limit=MOST_DAYS, actual=found.count)]})
    return found


def _today(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def _day(text: str, zone: str) -> date:
    """A day that has days before and after it, as comparisons need."""
    try:
        day = date.fromisoformat(text) if is_day(text) else None
    except ValueError:
        day = None
    if day is None:
        raise ValidationError([fault("invalid", "There is no such day; write 2026-01-31.")])
    try:
        start_of(day - timedelta(days=2 * MOST_DAYS), zone), start_of(day + timedelta(days=1), zone)
    except OverflowError as error:
        sentence = "The day is out of range; choose one between the years 4 and 9998."
        raise ValidationError([fault("overflow", sentence)]) from error
    return day
