"""Heartbeats, counts, mail and keys of requests, to look at."""

from __future__ import annotations

from django.contrib import admin

from mastablasta.core.admin_base import ReadOnlyPage
from mastablasta.core.models import Heartbeat, IdempotencyKey, InstanceRecord, Mail, RequestCount, Tally


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

    newest_by = "expires_at"
    hidden = ("scope_sha256", "body_sha256", "answer", "headers")
    list_display = ("method_path", "key", "status", "user", "workspace", "locked_until", "expires_at")
    list_filter = ("status",)
    search_fields = ("=key", "=user", "method_path")
    date_hierarchy = "expires_at"


@admin.register(Mail)
class MailPage(ReadOnlyPage):
    """What waits, with what the last try met; without the texts, which hold links that let people in."""

    newest_by, found_by = "pk", ("pk",)
    hidden = ("text_enc",)
    list_display = ("subject", "recipient", "created_at", "tries", "next_try_at", "sent_at", "error")
    list_filter = (("sent_at", admin.EmptyFieldListFilter), ("next_try_at", admin.EmptyFieldListFilter))
    search_fields = ("=recipient",)
    date_hierarchy = "created_at"


@admin.register(RequestCount)
class RequestCountPage(ReadOnlyPage):
    newest_by = "ends_at"
    list_display = ("key", "count", "ends_at")
    search_fields = ("key",)
    date_hierarchy = "ends_at"


@admin.register(InstanceRecord)
class InstanceRecordPage(ReadOnlyPage):
    list_display = ("__str__", "restored_at", "backup_made_at")
