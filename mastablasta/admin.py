"""The pages of Django admin for tables of the packages that this stands on: roles, lock-outs, and django-q2's queue."""

from __future__ import annotations

from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.roles import SiteRole
from mastablasta.core.admin_base import ReadOnlyPage
from mastablasta.core.audit.recording import record, subject_of

QUEUED, SCHEDULE, SUCCESS, FAILURE = (
    apps.get_model("django_q", name) for name in ("OrmQ", "Schedule", "Success", "Failure")
)
for model in (Group, AccessAttempt, QUEUED, SCHEDULE, SUCCESS, FAILURE):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
admin.site.unregister([AccessLog, AccessFailureLog])  # nothing is written there


@admin.register(Group)
class RolePage(ReadOnlyPage):
    """What each role may do here; written by `migrate` (accounts/groups.py)."""

    title = _("Roles")
    list_display = ("name",)
    search_fields = ("name",)
    ordering = ("name",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("name", "may")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    @admin.display(description=_("May"))
    def may(self, group: Group) -> str:
        if group.name == SiteRole.ADMIN.group_name:
            return gettext("Everything that can be done here, in every workspace.")
        held = group.permissions.order_by("content_type__app_label", "codename")
        return ", ".join(held.values_list("name", flat=True))


@admin.register(AccessAttempt)
class LockOutPage(ReadOnlyPage):
    """Wrong passwords by name and address, which lock the pair out; without what was typed."""

    title = _("Wrong passwords")
    empty = _("Nobody typed a wrong password lately; who is locked out is listed here, and can be let try again.")
    newest_by = "pk"
    hidden = ("get_data", "post_data", "http_accept")
    list_display = ("username", "ip_address", "failures_since_start", "attempt_time", "path_info")
    search_fields = ("=username", "=ip_address")
    date_hierarchy = "attempt_time"
    ordering = ("-attempt_time",)
    actions = ("unlock",)

    @admin.action(description=_("Unlock: these may try again at once"))
    def unlock(self, request: HttpRequest, rows: QuerySet[AccessAttempt]) -> None:
        record("unlocked", [subject_of(row, name=row.username) for row in rows], at=timezone.now())
        count, _rows = rows.delete()
        self.message_user(request, gettext("%(count)s unlocked.") % {"count": count})


@admin.register(QUEUED)
class QueuedTaskPage(ReadOnlyPage):
    newest_by = "pk"
    hidden = ("payload",)
    list_display = ("id", "key", "lock")
    search_fields = ("=key",)
    list_filter = ("key",)
    ordering = ("-id",)


@admin.register(SCHEDULE)
class ScheduledTaskPage(ReadOnlyPage):
    hidden = ("args", "kwargs")
    list_display = ("name", "func", "schedule_type", "next_run", "repeats")
    list_filter = ("schedule_type",)
    search_fields = ("name", "func")


@admin.register(SUCCESS, FAILURE)
class EndedTaskPage(ReadOnlyPage):
    hidden = ("args", "kwargs", "result")
    list_display = ("name", "func", "started", "stopped", "attempt_count")
    list_filter = ("func",)
    search_fields = ("=name", "func")
    date_hierarchy = "started"
    ordering = ("-started",)
