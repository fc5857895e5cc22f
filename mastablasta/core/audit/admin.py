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
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mastablasta.core.admin_base import MANAGE, ReadOnlyPage
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.audit.wording import in_words


class ObjectFilter(admin.SimpleListFilter):
    """By the kind of what it was done with."""

    title = _("kind of object")
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = [(model._meta.label_lower, str(model._meta.verbose_name)) for model in apps.get_models()]
        return sorted((one for one in found if one[0] in AUDITED), key=lambda one: one[1])

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if self.value() is None else rows.filter(object_type=self.value())


AUDITED = frozenset({
    "accounts.apikey", "accounts.invitation", "accounts.membership", "accounts.secondfactor", "accounts.session",
    "accounts.user", "accounts.workspace", "analytics.metricalert", "axes.accessattempt", "integrations.globalpause",
    "integrations.platformhost", "integrations.socialaccount", "media_library.asset", "posts.bulkjob", "posts.delivery",
    "posts.post", "webhooks.endpoint", "webhooks.endpointdelivery",
})  # fmt: skip


@admin.register(AuditEntry)
class AuditEntryPage(ReadOnlyPage):
    """Nobody changes it; what is older than AUDIT_KEEP_DAYS is removed."""

    title = _("Audit log")
    empty = _("Nothing was done yet that the log tells of: what people change is listed here, with what was before.")
    workspace_path = "workspace"
    newest_by, found_by = "at", ("object_id",)
    reading = MANAGE
    writing = None
    list_display = ("at", "who", "did", "what", "told", "workspace")
    list_filter = ("via", ObjectFilter, "action")
    search_fields = ("=actor_name", "=object_id", "=request_id", "=credential", "object_name")
    date_hierarchy = "at"
    ordering = ("-at", "-id")
    list_select_related = ("workspace",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("at", "who", "did", "what", "told", "workspace", "request_id")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    @admin.display(description=_("Who"), ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return " · ".join(part for part in (entry.actor_name, entry.credential, entry.get_via_display()) if part)

    @admin.display(description=_("Action"), ordering="action")
    def did(self, entry: AuditEntry) -> str:
        return gettext(entry.action)

    @admin.display(description=_("What"), ordering="object_type")
    def what(self, entry: AuditEntry) -> SafeString | str:
        kind = _kind(entry.object_type)
        said = f"{kind}: {entry.object_name}" if entry.object_name else f"{kind} {entry.object_id}"
        try:
            address = reverse(f"admin:{entry.object_type.replace('.', '_')}_change", args=[entry.object_id])
        except NoReverseMatch:
            return said
        return format_html('<a href="{}">{}</a>', address, said)

    @admin.display(description=_("Changes"))
    def told(self, entry: AuditEntry) -> SafeString:
        return format_html_join(SafeString("<br>"), "{}", ((line,) for line in in_words(entry.changes)))


def _kind(object_type: str) -> str:
    """What an object is called; one whose model is gone by what the code called it."""
    try:
        return str(apps.get_model(object_type)._meta.verbose_name)
    except LookupError:
        return object_type.partition(".")[2]
