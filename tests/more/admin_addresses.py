"""The addresses of Django admin: each list as it opens, searched, filtered, sorted and by periods, and pages of rows.

Who walks through them sends back what each answered, which leads to the next ones.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import timedelta
from itertools import cycle
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils import timezone

from accounts.models import Workspace
from integrations.models import SocialAccount
from mastablasta.core.admin_base import Page
from media_library.models import Asset
from posts.models import Delivery, Post
from webhooks.models import EndpointDelivery

Walk = Generator[str, Any, None]


def addresses_for_all() -> Walk:
    """Those that a site admin comes to."""
    for model, page in admin.site._registry.items():
        if isinstance(page, Page):
            yield from _of_list(model, page)
    for shown in (Post, Delivery, Asset, EndpointDelivery, SocialAccount):
        named, row = f"admin:{shown._meta.app_label}_{shown._meta.model_name}", shown.objects.latest("pk")
        yield reverse(f"{named}_change", args=[row.pk])
        yield reverse(f"{named}_history", args=[row.pk])
    for address in ("/admin/", "/admin/triage/", "/admin/triage/?order=newest"):  # noqa: UP028  a tuple is sent nothing
        yield address
    delivery = Delivery.objects.filter(state="failed").latest("id")
    cause = {"state": "failed", "platform": delivery.platform, "code": delivery.error_code}
    yield f"/admin/triage/group/?{urlencode(cause)}"
    yield f"/admin/triage/group/?{urlencode({**cause, 'account': delivery.account_id})}"
    workspace = Workspace.objects.latest("id")
    yield f"{reverse('admin:analytics_latestmetrics_by_day')}?workspace={workspace.pk}&days=30"
    post = Post.objects.filter(status="published").latest("id")
    yield reverse("admin:analytics_latestmetrics_of_post", args=[post.pk])
    for name in ("admin:posts_post_write", "connecting:overview"):
        yield reverse(name)
    day = (timezone.now() - timedelta(days=200)).date().isoformat()
    for kind in ("month", "week", "list"):
        yield f"{reverse(f'calendar:{kind}')}?day={day}"


def addresses_of_staff() -> Walk:
    """Those that people come to who see one workspace."""
    for model, page in admin.site._registry.items():
        if isinstance(page, Page) and page.workspace_path:
            yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for address in ("/admin/", "/admin/triage/", "/admin/calendar/", reverse("calendar:week")):  # noqa: UP028  likewise
        yield address


def _of_list(model: type[Model], page: Page) -> Walk:
    first = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    answer = yield first
    if page.search_fields:
        yield f"{first}?q=word7"
    if not page.newest_by:
        return
    if page.found_by:
        yield f"{first}?q={_key_of(model, page.found_by[-1])}"
    shown = answer.context["cl"]
    columns = cycle([number for number, name in enumerate(shown.list_display) if shown.get_ordering_field(name)] or [0])
    for spec in shown.filter_specs:
        for choice in list(spec.choices(shown))[1:][-1:]:
            yield f"{first}{choice['query_string']}&o={next(columns)}"
    while links := _periods_of(shown):
        answer = yield f"{first}{links[0]}&o={next(columns)}"
        shown = answer.context["cl"]


def _periods_of(shown: Any) -> list[str]:
    """Where the shorter periods are listed of the one that is chosen."""
    periods = getattr(shown, "periods", None) or {"choices": ()}
    return [choice["link"] for choice in periods["choices"] if "link" in choice]


def _key_of(model: type[Model], column: str) -> Any:
    """The id by which a search for one of the oldest rows finds it."""
    row: Any = model._default_manager.order_by("pk")[10]
    *path, last = column.split("__")
    for name in path:
        row = getattr(row, name)
    return row.pk if last == "pk" else getattr(row, row._meta.get_field(last).attname)
