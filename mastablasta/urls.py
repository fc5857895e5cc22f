"""The site map."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.urls.resolvers import RoutePattern

from integrations.registry import PLATFORM_SLUGS
from mastablasta.core.api.limits import limited
from mastablasta.ops import home, root, schema_views, v1_rules, views
from mastablasta.v1_demo.rules import Rules
from mastablasta.v1_demo.urls import patterns


class OptionalSlash(RoutePattern):
    """A prefix below which every path works with and without a trailing slash."""

    def match(self, path: str) -> tuple[str, tuple[Any, ...], dict[str, Any]] | None:
        found = super().match(path)
        if found is None:
            return None
        rest, args, kwargs = found
        return rest.removesuffix("/"), args, kwargs


def api(prefix: str, urlconf: str | list[URLPattern]) -> URLResolver:
    """Like `path(prefix, include(urlconf))`; the paths in `urlconf` are written without trailing slash."""
    module, app_name, namespace = include(urlconf)
    pattern = OptionalSlash(prefix, is_endpoint=False)
    return URLResolver(pattern, module, None, app_name=app_name, namespace=namespace)


urlpatterns = [
    path("", home.home),
    path("favicon.ico", home.icon),
    path("healthz", views.healthz),
    path("readyz", views.readyz),
    path("metrics", views.figures),
    path("admin/login/", limited(admin.site.login)),  # before the admin's own
    path("admin/second-factor/", include("mastablasta.second_factor_pages")),  # before the admin's own
    path("admin/triage/", include("posts.admin.urls")),  # before the admin's own
    path("admin/calendar/", include("posts.admin.calendar_urls")),  # before the admin's own
    path("admin/connect/", include("posts.admin.connecting_urls")),  # before the admin's own
    path("admin/", admin.site.urls),
    path("api-auth/", include("accounts.urls")),
    path("", include("accounts.page_urls")),
    api("api/", [path("v2", root.Root.as_view())]),
    api(
        "api/v2/",
        [
            path("status", views.Status.as_view()),
            path("schema", schema_views.Schema.as_view(), name="schema"),
            path("docs", schema_views.Docs.as_view()),
        ],
    ),
    api("api/v2/analytics/", "analytics.api.urls"),  # before those whose every path would be tried
    api("api/v2/", "accounts.api.urls"),
    api("api/v2/", "integrations.api.urls"),
    api("api/v2/", "media_library.api.urls"),
    api("api/v2/", "posts.api.urls"),
    api("api/v2/", "webhooks.api.urls"),
    api("api/", patterns(Rules(v1_rules.preview, v1_rules.rate_limits, exported=PLATFORM_SLUGS))),
]

handler400 = "mastablasta.core.api.error_pages.bad_request"
handler403 = "mastablasta.core.api.error_pages.permission_denied"
handler404 = "mastablasta.core.api.error_pages.not_found"
handler500 = "mastablasta.core.api.error_pages.server_error"
