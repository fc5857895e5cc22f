"""The audit log, to look at: the whole of it for site admins, that of a workspace for its owners and admins."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mastablasta.core.admin_base import MANAGE, ReadOnlyPage
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.audit.wording import in_words


class ObjectFilter(admin.SimpleListFilter):
    """By the kind of what it was done with."""

    title = "what"
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = [(model._meta.label_lower, str(model._meta.verbose_name)) for model in apps.get_models()]
        return sorted((one for one in found if one[0] in AUDITED), key=lambda one: one[1])

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if self.value() is None else rows.filter(object_type=self.value())


AUDITED = frozenset({
    "accounts.apikey", "accounts.invitation", "accounts.membership", "accounts.secondfactor", "accounts.session",
    "accounts.user", "accounts.workspace", "axes.accessattempt", "integrations.globalpause",
    "integrations.platformhost", "integrations.socialaccount", "media_library.asset", "posts.bulkjob", "posts.delivery",
    "posts.post", "webhooks.endpoint", "webhooks.endpointdelivery",
})  # fmt: skip


@admin.register(AuditEntry)
class AuditEntryPage(ReadOnlyPage):
    """Nobody changes it; what is older than AUDIT_KEEP_DAYS is removed."""

    title = "Audit log"
    workspace_path = "workspace"
    reading = MANAGE
    writing = None
    list_display = ("at", "who", "via", "action", "what", "told", "workspace", "request_id")
    list_filter = ("via", ObjectFilter, "action")
    search_fields = ("=actor_name", "=object_id", "=request_id", "=credential", "object_name")
    date_hierarchy = "at"
    ordering = ("-at", "-id")
    list_select_related = ("workspace",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("at", "who", "via", "credential", "action", "what", "told", "workspace", "request_id")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    @admin.display(description="Who", ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return " ".join(part for part in (entry.actor_name or entry.get_via_display(), entry.credential) if part)

    @admin.display(description="What", ordering="object_type")
    def what(self, entry: AuditEntry) -> SafeString | str:
        kind = entry.object_type.partition(".")[2]
        said = f"{kind}: {entry.object_name}" if entry.object_name else f"{kind} {entry.object_id}"
        try:
            address = reverse(f"admin:{entry.object_type.replace('.', '_')}_change", args=[entry.object_id])
        except NoReverseMatch:
            return said
        return format_html('<a href="{}">{}</a>', address, said)

    @admin.display(description="Changes")
    def told(self, entry: AuditEntry) -> SafeString:
        return format_html_join(SafeString("<br>"), "{}", ((line,) for line in in_words(entry.changes)))
