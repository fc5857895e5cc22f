"""The bases of every page of Django admin: what an operator may see and do there."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

READ, WRITE = "read", "write"


def is_site_admin(request: HttpRequest) -> bool:
    """Whether who asks may do everything everywhere."""
    return bool(getattr(request.user, "is_staff", False))


class Page(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """A page of rows. `hidden`: columns that no page shows or even reads, as secrets and what proves one."""

    hidden: ClassVar[tuple[str, ...]] = ()
    show_full_result_count = False
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*self.hidden)

    def allowed(self, request: HttpRequest, rows: QuerySet[Any], action: str) -> QuerySet[Any]:
        """Those of `rows` in workspaces where who asks may do `action`."""
        return rows if is_site_admin(request) else rows.none()

    def has_write_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether they may act on the row, without one on any: also where the form of a row changes nothing."""
        return super().has_change_permission(request, obj)


class ReadOnlyPage(Page):
    """Rows that only the program writes: they are looked at, never added, changed or deleted by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [field.name for field in self.model._meta.fields if field.name not in self.hidden]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **{**kwargs, "fields": ()})
