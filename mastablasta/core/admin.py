"""Heartbeats, counts and keys of requests, to look at."""

from __future__ import annotations

from django.contrib import admin

from mastablasta.core.admin_base import ReadOnlyPage
from mastablasta.core.models import Heartbeat, IdempotencyKey, Tally


@admin.register(Heartbeat)
class HeartbeatPage(ReadOnlyPage):
    list_display = ("name", "at")
    search_fields = ("name",)
    date_hierarchy = "at"


@admin.register(Tally)
class TallyPage(ReadOnlyPage):
    list_display = ("name", "platform", "kind", "outcome", "count")
    list_filter = ("name", "platform")


@admin.register(IdempotencyKey)
class IdempotencyKeyPage(ReadOnlyPage):
    """Without the answers: they hold what people wrote."""

    hidden = ("scope_sha256", "body_sha256", "answer", "headers")
    list_display = ("method_path", "key", "status", "user", "workspace", "locked_until", "expires_at")
    list_filter = ("status",)
    search_fields = ("=key", "=user", "method_path")
    date_hierarchy = "expires_at"
