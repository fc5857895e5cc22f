"""Webhooks and what was sent to them, to look at; to switch one on again, or to send again. Never a secret."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mastablasta.core.admin_base import ReadOnlyPage, badge
from mastablasta.core.errors import DomainError
from mastablasta.core.lookups import has_any
from webhooks import event_types
from webhooks.models import Endpoint, EndpointAttempt, EndpointDelivery, EndpointLane, Event
from webhooks.services import deliveries, endpoints
from webhooks.states import EndpointDeliveryState, EndpointStatus


@admin.register(Endpoint)
class EndpointPage(ReadOnlyPage):
    """Registered and changed in the API, where the address is checked and the secret shown once."""

    title = _("Webhooks")
    empty = _("There is no webhook yet: register one by POST /api/v2/webhooks, and its secret is shown once.")
    workspace_path = "workspace"
    hidden = ("secret_enc", "old_secret_enc")
    list_display = ("url", "workspace", "status_badge", "disabled_reason", "disabled_at", "created_by", "created_at")
    list_filter = ("status",)
    search_fields = ("url", "workspace__name", "created_by__email", "=id")
    date_hierarchy = "created_at"
    list_select_related = ("workspace", "created_by")
    actions = ("send_what_was_missed", "pause", "go_on")

    @admin.display(description=_("Status"), ordering="status")
    def status_badge(self, endpoint: Endpoint) -> SafeString:
        return badge(endpoint.status, EndpointStatus(endpoint.status).word)

    @admin.action(description=_("Switch on again and send what was missed or failed, in order"))
    def send_what_was_missed(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        at = timezone.now()
        queued = sum(deliveries.redeliver_many(endpoint, at=at) for endpoint in rows)
        self.message_user(request, gettext("Events that are sent again: %(count)s.") % {"count": queued})

    @admin.action(description=_("Pause: what happens is kept and goes out when it goes on"))
    def pause(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        self._change(request, rows, "paused")

    @admin.action(description=_("Go on, without what was missed"))
    def go_on(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        self._change(request, rows, "active")

    def _change(self, request: HttpRequest, rows: QuerySet[Endpoint], status: str) -> None:
        for endpoint in rows:
            try:
                endpoints.change_endpoint(endpoint, status=status, at=timezone.now())
            except DomainError as refused:
                self.message_user(request, f"{endpoint.url}: {refused.detail}", messages.WARNING)


@admin.register(EndpointLane)
class EndpointLanePage(ReadOnlyPage):
    hidden = ("lease_token",)
    list_display = ("endpoint", "is_open", "ready_at", "blocked_until", "failures", "failing_since", "lease_expires_at")
    list_filter = ("is_open",)
    search_fields = ("endpoint__url",)
    date_hierarchy = "ready_at"
    list_select_related = ("endpoint",)


@admin.register(Event)
class EventPage(ReadOnlyPage):
    empty = _("Nothing was told yet: events are written once there is a webhook that wants them.")
    workspace_path = "workspace"
    newest_by, found_by = "pk", ("pk",)
    list_display = ("type", "workspace", "created_at", "is_fanned_out", "id")
    list_filter = ("type", "is_fanned_out")
    search_fields = ("=id", "workspace__name")
    date_hierarchy = "created_at"
    list_select_related = ("workspace",)


class TypeFilter(admin.SimpleListFilter):
    """By the type of the event that is told."""

    title = _("type")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in event_types.NAMES]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return rows
        return rows.filter(has_any(Event.objects.filter(pk=OuterRef("event"), type=self.value())))


@admin.register(EndpointDelivery)
class EndpointDeliveryPage(ReadOnlyPage):
    title = _("Webhook deliveries")
    empty = _("Nothing was sent yet: register a webhook, and what happens is sent there.")
    workspace_path = "endpoint__workspace"
    newest_by, found_by = "pk", ("pk", "event")
    list_display = (
        "event",
        "endpoint",
        "state_badge",
        "attempt_count",
        "http_status",
        "error_message",
        "next_attempt_at",
    )
    list_filter = ("state", TypeFilter, "http_status", "error_code")
    search_fields = ("=id", "=event__id", "endpoint__url", "endpoint__workspace__name")
    date_hierarchy = "created_at"
    list_select_related = ("event", "endpoint")
    actions = ("send_again",)

    @admin.display(description=_("State"), ordering="state")
    def state_badge(self, delivery: EndpointDelivery) -> SafeString:
        return badge(delivery.state, EndpointDeliveryState(delivery.state).word)

    @admin.action(description=_("Send again, with the same id and body"))
    def send_again(self, request: HttpRequest, rows: QuerySet[EndpointDelivery]) -> None:
        for delivery in rows.select_related("endpoint"):
            try:
                deliveries.redeliver(delivery, at=timezone.now())
            except DomainError as refused:
                self.message_user(request, f"{delivery.event_id}: {refused.detail}", messages.WARNING)


@admin.register(EndpointAttempt)
class EndpointAttemptPage(ReadOnlyPage):
    title = _("Webhook attempts")
    empty = _("Nothing was sent yet: register a webhook, and what happens is sent there.")
    workspace_path = "delivery__endpoint__workspace"
    newest_by, found_by = "pk", ("delivery", "delivery__event")
    list_display = ("delivery", "number", "started_at", "duration_ms", "http_status", "code", "message")
    list_filter = ("http_status", "code")
    search_fields = ("=delivery__id", "url")
    date_hierarchy = "started_at"
    list_select_related = ("delivery",)
