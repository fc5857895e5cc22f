"""What platforms count, to look at, and drawn by day and by post."""

from __future__ import annotations

from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext_lazy as _

from analytics.admin_pages import overview_page, post_page
from analytics.models import (
    AccountSample,
    CollectionLane,
    CollectionPlan,
    LatestMetrics,
    MetricAlert,
    MetricAlertHit,
    MetricSample,
    Rollup,
)
from mastablasta.core.admin_base import ReadOnlyPage

SHOWN = ("views", "likes", "shares", "comments", "reach", "clicks")


@admin.register(LatestMetrics)
class LatestMetricsPage(ReadOnlyPage):
    title = _("Figures of posts")
    empty = _(
        "No figures are told yet. They are asked for by themselves once a post is out; platforms take minutes to hours."
    )
    workspace_path = "delivery__account__workspace"
    newest_by, found_by = "pk", ("delivery", "delivery__post")
    list_display = ("delivery", "part", "account", *SHOWN, "collected_at")
    list_filter = ("account__platform",)
    search_fields = ("account__handle", "=delivery__id")
    date_hierarchy = "published_at"
    list_select_related = ("delivery", "account")

    def get_urls(self) -> list[URLPattern]:
        own = [
            self.own_page("by-day/", self.by_day, "by_day"),
            self.own_page("of-post/<uuid:post_id>/", self.of_post, "of_post"),
        ]
        return [*own, *super().get_urls()]

    def by_day(self, request: HttpRequest) -> HttpResponse:
        return overview_page(request, self)

    def of_post(self, request: HttpRequest, post_id: UUID) -> HttpResponse:
        return post_page(request, self, post_id)


@admin.register(MetricSample)
class MetricSamplePage(ReadOnlyPage):
    empty = _(
        "No figures are told yet. They are asked for by themselves once a post is out; platforms take minutes to hours."
    )
    workspace_path = "delivery__account__workspace"
    newest_by, found_by = "collected_at", ("delivery", "delivery__post")
    list_display = ("delivery", "part", "collected_at", *SHOWN, "has_fallen")
    list_filter = ("has_fallen",)
    search_fields = ("=delivery__id",)
    date_hierarchy = "collected_at"
    list_select_related = ("delivery",)


@admin.register(CollectionPlan)
class CollectionPlanPage(ReadOnlyPage):
    newest_by, found_by = "pk", ("pk", "delivery__post")
    list_display = ("delivery", "account", "next_at", "collected_at", "asked_at", "failures", "gone_at")
    list_filter = (("next_at", admin.EmptyFieldListFilter), ("gone_at", admin.EmptyFieldListFilter))
    search_fields = ("account__handle", "=delivery__id")
    date_hierarchy = "collected_at"
    list_select_related = ("delivery", "account")


@admin.register(CollectionLane)
class CollectionLanePage(ReadOnlyPage):
    hidden = ("lease_token",)
    list_display = ("account", "ready_at", "next_at", "blocked_until", "is_parked", "failures", "lease_expires_at")
    list_filter = ("is_parked",)
    search_fields = ("account__handle",)
    date_hierarchy = "ready_at"
    list_select_related = ("account",)


@admin.register(Rollup)
class RollupPage(ReadOnlyPage):
    title = _("Gains by the quarter of an hour")
    empty = _("Nothing was gained yet. Figures are asked for by themselves once a post is out.")
    workspace_path = "account__workspace"
    newest_by = "starts_at"
    list_display = ("account", "starts_at", *SHOWN)
    search_fields = ("account__handle",)
    date_hierarchy = "starts_at"
    list_select_related = ("account",)


@admin.register(AccountSample)
class AccountSamplePage(ReadOnlyPage):
    title = _("Followers")
    empty = _("No followers are told yet. They are asked for by themselves once a post of the account is out.")
    workspace_path = "account__workspace"
    newest_by = "collected_at"
    list_display = ("account", "collected_at", "followers", "following", "posts")
    search_fields = ("account__handle",)
    date_hierarchy = "collected_at"
    list_select_related = ("account",)


@admin.register(MetricAlert)
class MetricAlertPage(ReadOnlyPage):
    title = _("Alerts")
    empty = _("There is no alert yet: POST /api/v2/analytics/alerts makes one.")
    workspace_path = "workspace"
    list_display = ("figure", "threshold", "platform", "account", "workspace", "created_by", "created_at")
    list_filter = ("figure",)
    search_fields = ("workspace__name", "created_by__email", "=id")
    date_hierarchy = "created_at"
    list_select_related = ("workspace", "account", "created_by")


@admin.register(MetricAlertHit)
class MetricAlertHitPage(ReadOnlyPage):
    title = _("Alerts that went off")
    empty = _("No alert went off yet: when a post reaches what an alert waits for, it is listed here.")
    workspace_path = "alert__workspace"
    newest_by, found_by = "pk", ("alert", "delivery")
    list_display = ("alert", "delivery", "value", "at")
    search_fields = ("=alert__id", "=delivery__id")
    date_hierarchy = "at"
    list_select_related = ("alert", "delivery")
