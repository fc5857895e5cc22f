"""The pages of Django admin where staff find what needs a person, gathered by cause, and see to it.

Rows are read through the pages of their models, which say whose rows a person sees; what is done goes through the
services that the API uses. These pages alone hold neither rows nor rules.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, Model, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from integrations import registry
from integrations.models import PlatformHost, SocialAccount
from integrations.querysets import SocialAccountQuerySet
from integrations.services.global_pause import global_pause
from mastablasta.core.admin_base import WRITE, Page, is_site_admin, may_write
from posts.models import Delivery
from posts.querysets import DeliveryQuerySet
from posts.services import triage
from posts.services.bulk_actions import BulkAction
from posts.services.triage import Cause
from posts.states import DeliveryState

S = DeliveryState
View = Callable[..., HttpResponse]

PAGE_SIZE = 50
MOST_SHOWN = 50  # accounts, and hosts
OFFERED: dict[str, tuple[BulkAction, ...]] = {
    S.FAILED: (BulkAction.RETRY, BulkAction.RESCHEDULE, BulkAction.CANCEL),
    S.REJECTED: (BulkAction.RETRY, BulkAction.RESCHEDULE, BulkAction.CANCEL),
    S.HELD: (BulkAction.PUBLISH, BulkAction.RESCHEDULE, BulkAction.CANCEL),
    S.BLOCKED: (BulkAction.RESCHEDULE, BulkAction.CANCEL),
    S.QUEUED: (BulkAction.RESCHEDULE, BulkAction.CANCEL),
    S.UNCONFIRMED: (BulkAction.PUBLISHED, BulkAction.NOT_PUBLISHED),
}
NAMES = {
    S.FAILED: gettext_lazy("Failed"),
    S.REJECTED: gettext_lazy("Refused"),
    S.UNCONFIRMED: gettext_lazy("Unconfirmed"),
    S.HELD: gettext_lazy("Held"),
}


def page_of(model: type[Model]) -> Page:
    """The page of a model in Django admin, which says whose rows a person sees."""
    return cast(Page, admin.site.get_model_admin(model))


def visible_deliveries(request: HttpRequest) -> DeliveryQuerySet:
    """The deliveries that who asks may see. Raises PermissionDenied."""
    page = page_of(Delivery)
    if not page.has_view_permission(request):
        raise PermissionDenied
    return cast(DeliveryQuerySet, page.get_queryset(request))


def writable_deliveries(request: HttpRequest) -> DeliveryQuerySet:
    """Those of them that they may act on. Raises PermissionDenied."""
    return cast(DeliveryQuerySet, page_of(Delivery).allowed(request, visible_deliveries(request), WRITE))


def visible_accounts(request: HttpRequest) -> SocialAccountQuerySet:
    """The accounts that who asks may see, without their tokens."""
    rows = cast(SocialAccountQuerySet, page_of(SocialAccount).get_queryset(request))
    return rows.without_tokens().select_related("workspace")


def visible_hosts(request: HttpRequest, accounts: SocialAccountQuerySet) -> QuerySet[PlatformHost]:
    """All hosts for site admins, for others those of their `accounts`; without secrets."""
    rows = PlatformHost.objects.defer("client_secret_enc", "info")
    return rows if is_site_admin(request) else rows.filter(Exists(accounts.filter(platform_host=OuterRef("pk"))))


def may_act(request: HttpRequest) -> bool:
    """Whether who asks may act on anybody's deliveries."""
    return page_of(Delivery).has_write_permission(request)


def answer(request: HttpRequest, name: str, title: str, shown: dict[str, Any]) -> TemplateResponse:
    """A page of the triage."""
    return shown_page(request, f"triage/{name}", title, {"may_act": may_act(request), **shown})


def shown_page(request: HttpRequest, name: str, title: str, shown: dict[str, Any]) -> TemplateResponse:
    """A page of the admin that is of no model; `name`: of its template, without "admin/" and ending."""
    context = {**admin.site.each_context(request), "title": title, **shown}
    return TemplateResponse(request, f"admin/{name}.html", context)


def for_staff(view: View) -> View:
    """As all of Django admin: for whom it lets in; others sign in first."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        inner = admin.site.admin_view(view)
        return inner(request, *args, **kwargs)

    return guarded


@for_staff
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """All that needs a person, by cause."""
    order: triage.Order = "newest" if request.GET.get("order") == "newest" else "largest"
    groups = triage.groups_of(visible_deliveries(request), order=order)
    shown = [{"group": group, "address": address_of(group.cause), "name": name_of(group.cause)} for group in groups]
    accounts = visible_accounts(request)
    troubled = list(triage.accounts_in_trouble(accounts)[: MOST_SHOWN + 1])
    hosts = list(triage.hosts_in_trouble(visible_hosts(request, accounts))[:MOST_SHOWN])
    context = {
        "groups": shown,
        "order": order,
        "total": sum(group.count for group in groups),
        "accounts": [(one, may_write(request, one.workspace_id)) for one in troubled[:MOST_SHOWN]],
        "more_accounts": len(troubled) > MOST_SHOWN,
        "hosts": hosts,
        "global_pause": global_pause(),
        "is_site_admin": is_site_admin(request),
    }
    return answer(request, "overview", _("What needs a person"), context)


@for_staff
@require_safe
def group(request: HttpRequest) -> HttpResponse:
    """The deliveries of one cause, newest first, a page at a time, and what can be done with them."""
    cause = cause_in(request.GET)
    rows = cause.among(triage.needing_person(visible_deliveries(request)))
    found = triage.page_of(rows, after=_place(request.GET.get("after", "")), size=PAGE_SIZE)
    shown, has_more = found[:PAGE_SIZE], len(found) > PAGE_SIZE
    last = shown[-1] if shown else None
    context = {
        "cause": cause,
        "rows": shown,
        "count": rows.count(),
        "accounts": [] if cause.account else triage.accounts_of(rows),
        "address": address_of(cause),
        "next": f"{last.updated_at.isoformat()}~{last.id}" if last and has_more else "",
        "is_later_page": bool(request.GET.get("after")),
        "actions": OFFERED[cause.state],
    }
    return answer(request, "group", name_of(cause), context)


def cause_in(fields: Any) -> Cause:
    """The cause that a form or an address names. Raises Http404."""
    state, account = fields.get("state", ""), fields.get("account", "")
    if state not in triage.NEEDS_PERSON:
        raise Http404("There is no such group.")
    try:
        whose = UUID(account) if account else None
    except ValueError:
        raise Http404("There is no such account.") from None
    return Cause(state, fields.get("code", ""), fields.get("platform", ""), whose)


def address_of(cause: Cause) -> str:
    """Where the group of a cause is shown."""
    named = {"state": cause.state, "code": cause.code, "platform": cause.platform}
    named |= {"account": str(cause.account)} if cause.account else {}
    return f"{reverse('triage:group')}?{urlencode(named)}"


def name_of(cause: Cause) -> str:
    """The cause in words: "Failed: timed out (Mastodon)"."""
    entry = registry.PLATFORMS.get(cause.platform)
    reason = f": {_(cause.code.replace('_', ' '))}" if cause.code else ""
    return f"{NAMES[DeliveryState(cause.state)]}{reason} ({entry.label if entry else cause.platform})"


def _place(text: str) -> tuple[datetime, UUID] | None:
    """Where a page begins; None = at the first row, also for what names no place."""
    at, _tilde, delivery_id = text.partition("~")
    try:
        moment = parse_datetime(at)
        return None if moment is None or moment.tzinfo is None else (moment, UUID(delivery_id))
    except ValueError:
        return None
