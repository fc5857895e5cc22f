"""Django admin as a whole: its sections, the places of every day, and what its pages may load."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from mastablasta.core.admin_base import workspaces_of
from mastablasta.ops.dashboard import DAYS, dashboard_of
from mastablasta.second_factor_gate import Standing, standing

# In the order in which they are shown. What stands in none is for engineers.
SECTIONS = {
    gettext_noop("Publishing"): (
        "posts.Post", "posts.Delivery", "posts.Attempt", "posts.BulkJob", "media_library.Asset",
        "media_library.Rendition", "posts.PostTag", "posts.PostMedia",
    ),
    gettext_noop("Accounts"): ("integrations.SocialAccount", "integrations.Credential", "integrations.PlatformHost"),
    gettext_noop("People"): (
        "accounts.User", "auth.Group", "accounts.Workspace", "accounts.Membership", "accounts.Invitation",
        "accounts.Session", "accounts.ApiKey", "accounts.SecondFactor", "audit.AuditEntry",
    ),
    gettext_noop("Webhooks"): (
        "webhooks.Endpoint", "webhooks.EndpointDelivery", "webhooks.EndpointAttempt", "webhooks.Event",
    ),
    gettext_noop("Analytics"): (
        "analytics.LatestMetrics", "analytics.MetricSample", "analytics.Rollup", "analytics.AccountSample",
        "analytics.MetricAlert", "analytics.MetricAlertHit",
    ),
}  # fmt: skip
FOR_ENGINEERS = gettext_noop("For engineers")
# The top bar: names of addresses, each with whose page it is ("" = everybody's).
PLACES = (
    (gettext_noop("Dashboard"), "admin:index", ""),
    (gettext_noop("Triage"), "triage:overview", ""),
    (gettext_noop("Calendar"), "calendar:month", "posts.Post"),
    (gettext_noop("Posts"), "admin:posts_post_changelist", "posts.Post"),
    (gettext_noop("Media"), "admin:media_library_asset_changelist", "media_library.Asset"),
    (gettext_noop("Accounts"), "admin:integrations_socialaccount_changelist", "integrations.SocialAccount"),
    (gettext_noop("Figures"), "admin:analytics_latestmetrics_by_day", "analytics.LatestMetrics"),
    (gettext_noop("Webhooks"), "admin:webhooks_endpoint_changelist", "webhooks.Endpoint"),
    (gettext_noop("People"), "admin:accounts_user_changelist", "accounts.User"),
)


def policy() -> str:
    """What a page of the admin may load: nothing inline, nothing from elsewhere but files that S3 hands out itself."""
    files = " https:" if settings.MEDIA_SERVING == "redirect" else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:{files}; "
        f"media-src 'self'{files}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def address_of(name: str) -> str | None:
    """The path of a page; None = this instance has no such page."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return None


class Site(admin.AdminSite):
    """The admin of staff."""

    site_header = site_title = "MastaBlasta"
    index_title = gettext_lazy("What is going on")
    index_template = "admin/dashboard.html"
    password_change_template = "admin/password_change_form.html"  # noqa: S105  a file's name
    password_change_done_template = "admin/password_change_done.html"  # noqa: S105  likewise
    site_url = "/api/v2/docs"
    enable_nav_sidebar = False

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        guarded: Any = super().admin_view(view, cacheable)

        @wraps(guarded)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            try:
                return _with_policy(guarded(request, *args, **kwargs))
            except PermissionDenied:
                return _with_policy(self._refused(request))

        return answered

    def _refused(self, request: HttpRequest) -> HttpResponseBase:
        shown = {**self.each_context(request), "title": _("Your role does not allow this")}
        return TemplateResponse(request, "admin/refused.html", shown, status=403)

    def get_urls(self) -> list[Any]:
        return [path("help/", self.admin_view(self.help), name="help"), *super().get_urls()]

    def help(self, request: HttpRequest) -> HttpResponseBase:
        """How things are done here, in words and pictures."""
        return TemplateResponse(request, "admin/help.html", {**self.each_context(request), "title": _("Help")})

    def has_permission(self, request: HttpRequest) -> bool:
        """As Django's, once the second factor has been shown that is asked of them."""
        return super().has_permission(request) and standing(request) == Standing.DONE

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Who is signed in and has not shown the second factor yet goes on to that."""
        if request.method == "GET" and standing(request) != Standing.DONE:
            wanted = urlencode({REDIRECT_FIELD_NAME: request.GET.get(REDIRECT_FIELD_NAME, "")})
            return redirect(f"{reverse('second-factor:ask')}?{wanted}")
        return _with_policy(super().login(request, extra_context))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        at = timezone.now()
        found = dashboard_of(workspaces_of(request), at=at)
        shown = {"dashboard": found, "at": at, "triage": address_of("triage:overview"), "days": DAYS}
        return super().index(request, {**shown, **(extra_context or {})})

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        return {**context, "places": _places(request, context["available_apps"])}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Sections in place of apps; of one app, as its own page lists them, Django's own."""
        apps: list[Any] = super().get_app_list(request, app_label)
        for app in apps:
            for shown in app["models"]:
                shown["name"] = _title(self, shown["model"]) or shown["name"]
        return apps if app_label else _sections(apps)


def _with_policy(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Content-Security-Policy", policy())
    return response


def _title(site: admin.AdminSite, model: Any) -> str:
    return getattr(site.get_model_admin(model), "title", "")


def _sections(apps: list[Any]) -> list[Any]:
    """The models of Django's list of apps, by section; a section of which nothing is seen is left out."""
    seen = {shown["model"]._meta.label: shown for app in apps for shown in app["models"]}
    placed = {label for labels in SECTIONS.values() for label in labels}
    table = {**SECTIONS, FOR_ENGINEERS: tuple(label for label in seen if label not in placed)}
    return [
        {
            "name": _(name),
            "app_label": name.lower().replace(" ", "-"),
            "app_url": f"{reverse('admin:index')}#{name.lower().replace(' ', '-')}",
            "has_module_perms": True,
            "models": models,
        }
        for name, labels in table.items()
        if (models := [seen[label] for label in labels if label in seen])
    ]


def _places(request: HttpRequest, sections: list[Any]) -> list[dict[str, Any]]:
    """The links of the top bar that who asks may follow."""
    seen = {shown["model"]._meta.label for section in sections for shown in section["models"]}
    found = [(name, address_of(place)) for name, place, label in PLACES if sections and (not label or label in seen)]
    here = _here(request.path)
    return [{"name": _(name), "url": url, "is_here": url == here} for name, url in found if url]


def _here(path: str) -> str | None:
    """The place that a page belongs to: the one it lies below, else the first of the section that its rows are of."""
    index, *places = [(address_of(place) or "", label) for _name, place, label in PLACES]
    if path == index[0]:
        return path
    if below := [url for url, _ in places if url and path.startswith(url)]:
        return max(below, key=len)
    shown = next((label for labels in SECTIONS.values() for label in labels if path.startswith(_below(label))), "")
    section = next((labels for labels in SECTIONS.values() if shown in labels), ())
    return next((url for url, label in places if label in section and url.startswith(_below(label))), None)


def _below(label: str) -> str:
    """Where the pages of a model lie."""
    return f"{reverse('admin:index')}{label.lower().replace('.', '/')}/"
