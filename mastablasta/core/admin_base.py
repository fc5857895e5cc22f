"""The bases of every page of Django admin: whose rows a person sees there, and what they may do with them.

The user model says who may do what in a workspace (`workspaces_allowing`), the group of a role what it may do with a
kind of row at all (accounts/groups.py). A page says how its rows belong to a workspace, and the rest follows: lists,
rows, what other pages find there (autocomplete) and actions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import reduce, wraps
from typing import TYPE_CHECKING, Any, ClassVar, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mastablasta.core.admin_lists import MOST_CHOICES, MOST_SEARCHED, GrowingList, filter_of, key_in
from mastablasta.core.audit.form_changes import Told, told_by
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.audit.recording import Subject, record
from mastablasta.core.audit.wording import in_words

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

READ, WRITE, MANAGE = "read", "write", "manage"  # as accounts.roles.Action has them
MOST_HISTORY = 200
NOWHERE: frozenset[UUID] = frozenset()


def workspaces_of(request: HttpRequest, action: str = READ) -> frozenset[UUID] | None:
    """The workspaces where who asks may do `action` (READ, WRITE, MANAGE); None = in all, as site admins may.

    One query for each request, however often it is asked.
    """
    allowing = getattr(request.user, "workspaces_allowing", None)  # who is not signed in has none
    return NOWHERE if allowing is None else allowing(action)


def may_read(request: HttpRequest, workspace_id: UUID) -> bool:
    """Whether who asks may see the rows of that workspace."""
    return _is_in(workspace_id, workspaces_of(request, READ))


def may_write(request: HttpRequest, workspace_id: UUID) -> bool:
    """Whether who asks may change what is in that workspace, and publish there."""
    return _is_in(workspace_id, workspaces_of(request, WRITE))


def is_site_admin(request: HttpRequest) -> bool:
    """Whether who asks may do everything everywhere."""
    return workspaces_of(request) is None


def _is_in(workspace_id: UUID, allowed: frozenset[UUID] | None) -> bool:
    return allowed is None or workspace_id in allowed


class WorkspaceFilter(admin.SimpleListFilter):
    """By workspace, of those that who asks may see; nothing to choose from where there is one or none."""

    title = gettext_lazy("workspace")
    parameter_name = "workspace"
    comes_first = True  # a list of a table that grows looks for its newest rows after that

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        self.page = model_admin
        workspaces = _workspace_model(model_admin.model, model_admin.workspace_path)._default_manager.filter(
            deleted_at=None
        )
        if (seen := workspaces_of(request)) is not None:
            workspaces = workspaces.filter(pk__in=seen)
        found = workspaces.order_by("name", "pk").values_list("pk", "name")[:MOST_CHOICES]
        choices = [(str(key), name) for key, name in found]
        return choices if len(choices) > 1 else []

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return rows
        is_known = self.value() in dict(self.lookup_choices)
        return self.page.of_workspaces(rows, [self.value()]) if is_known else rows.none()


def badge(state: str, word: str) -> SafeString:
    """A state as a column shows it: its word, on the colour that the style sheet has for `state`."""
    return format_html('<span class="badge state-{}">{}</span>', state, word)


class Page(admin.ModelAdmin):  # type: ignore[type-arg]  # generic in the stubs only
    """A page of rows.

    `title`: what the list is called; "" = as the model calls its rows.
    `empty`: what a list without any row says to do.
    `hidden`: columns that no page shows or even reads, as secrets and what proves one.
    `workspace_path`: the way from a row to its workspace, as in a filter ("workspace", "delivery__workspace"); people
    with staff access see the rows of their workspaces only. None = site admins only.
    `reading`, `writing`: what a role has to allow in the workspace for its rows to be seen, and to be acted on; None =
    site admins only.

    `newest_by`: of a table that grows with use, the column by which its rows follow one another, "pk" or one that has
    an index: the list looks through the newest MOST_SEARCHED only (core/admin_lists.py). "" = of a table that does not.
    `found_by`: the columns with an index by which an id that is searched for finds rows however old they are.

    An action that only looks says so by `@admin.action(permissions=["view"])`; each other one is offered to those alone
    who may write somewhere, and gets only the chosen rows of workspaces where they may.
    """

    title: ClassVar[str | _StrPromise] = ""
    empty: ClassVar[str | _StrPromise] = gettext_lazy(
        "Nothing is here yet, and there is nothing to do: the program writes these rows by itself as it works."
    )
    hidden: ClassVar[tuple[str, ...]] = ()
    workspace_path: ClassVar[str | None] = None
    reading: ClassVar[str] = READ
    writing: ClassVar[str | None] = WRITE
    newest_by: ClassVar[str] = ""
    found_by: ClassVar[tuple[str, ...]] = ()
    show_full_result_count = False
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        shown = {
            "title": self._list_title,
            "may_act": self.has_write_permission(request),
            "empty": self.empty,
            "is_narrowed": bool(request.GET),
            "most_searched": MOST_SEARCHED,
        }
        return super().changelist_view(request, {**shown, **(extra_context or {})})

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        may_act = self.has_write_permission(request, context.get("original"))
        shown = {**context, "list_title": self._list_title, "may_act": may_act}
        return super().render_change_form(request, shown, *args, **kwargs)

    @property
    def _list_title(self) -> str:
        return str(self.title) or capfirst(str(self.opts.verbose_name_plural))

    # --- pages beside Django's own ---
    def own_page(self, route: str, view: Callable[..., Any], name: str) -> URLPattern:
        """A page below the list's address, for who may see rows here; its name is as `admin:posts_post_<name>`."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not self.has_view_permission(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        named = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        return path(route, self.admin_site.admin_view(guarded), name=named)

    def answer(self, request: HttpRequest, template: str, title: str, shown: dict[str, Any]) -> TemplateResponse:
        """Such a page, in the frame of all others."""
        frame = {"opts": self.opts, "title": title, "list_title": self._list_title}
        return TemplateResponse(request, template, {**self.admin_site.each_context(request), **frame, **shown})

    def get_list_filter(self, request: HttpRequest) -> Any:
        own = [filter_of(self.model, named) for named in super().get_list_filter(request)]
        return own if self.workspace_path in {None, "id"} else (WorkspaceFilter, *own)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return GrowingList if self.newest_by else ChangeList

    def get_ordering(self, request: HttpRequest) -> Any:
        own = super().get_ordering(request)
        return own if own or not self.newest_by else (f"-{self.newest_by}",)

    def looked_up(self, rows: QuerySet[Any], asked: Mapping[str, str]) -> QuerySet[Any]:
        """Those of `rows` that an index finds by what is `asked` for, however old: all, unless a page knows better."""
        return rows

    def with_key(self, rows: QuerySet[Any], words: str) -> QuerySet[Any] | None:
        """Those of `rows` that have the id which is searched for in the first of `found_by` where any has."""
        key = key_in(words)
        found = (rows.filter(**{column: key}) for column in self.found_by if key)
        return next((some for some in found if some.exists()), None)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The rows that who asks may see, without what is hidden."""
        return self.allowed(request, super().get_queryset(request).defer(*self.hidden), self.reading)

    def allowed(self, request: HttpRequest, rows: QuerySet[Any], action: str | None) -> QuerySet[Any]:
        """Those of `rows` in workspaces where who asks may do `action`; None = what site admins alone may."""
        if is_site_admin(request):
            return rows
        if self.workspace_path is None or action is None:
            return rows.none()
        return self.of_workspaces(rows, workspaces_of(request, action) or NOWHERE)

    def of_workspaces(self, rows: QuerySet[Any], workspaces: Collection[Any]) -> QuerySet[Any]:
        """Those of `rows` that belong to these; for a page whose rows belong to any."""
        return rows.filter(**{f"{self.workspace_path}__in": workspaces})

    # --- what is changed here by forms is told by the audit log, in place of Django's own log ---
    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """What was done with the row, wherever that was."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404(f"There is no such {self.opts.verbose_name}.")
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        found = list(AuditEntry.objects.about(row)[: MOST_HISTORY + 1])
        shown = {
            "object": row,
            "entries": [(entry, list(in_words(entry.changes))) for entry in found[:MOST_HISTORY]],
            "has_more": len(found) > MOST_HISTORY,
            **(extra_context or {}),
        }
        return self.answer(request, "admin/object_history.html", _("History of %(row)s") % {"row": row}, shown)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        return told_by(form, formsets, is_new=add)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._tell("created", obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._tell("changed", obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        record("deleted", [self._subject(row) for row in queryset], at=timezone.now())

    def _tell(self, action: str, row: Model, told: Told) -> None:
        at = timezone.now()
        if told.changes or action == "created":
            record(action, [self._subject(row, told.changes)], at=at)
        for verb, other, changes in told.rows:
            page = self.admin_site.get_model_admin(type(other))
            record(verb, [page._subject(other, changes)], at=at)  # type: ignore[attr-defined]  # all pages are ours

    def _subject(self, row: Model, changes: Any = None) -> Subject:
        path = self.workspace_path
        workspace = row.pk if path == "id" else _workspace_of(row, path) if path else None
        return Subject(row._meta.label_lower, row.pk, str(row), workspace, changes or {})

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) and self._reaches(request, obj, self.reading)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and self._reaches(request, None, self.writing)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self._reaches(request, obj, self.writing)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self._reaches(request, obj, self.writing)

    def has_write_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether they may act on the row, without one on any: also where the form of a row changes nothing."""
        return super().has_change_permission(request, obj) and self._reaches(request, obj, self.writing)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        may_act = self.has_write_permission(request)
        offered = super().get_actions(request)
        return {name: action for name, action in offered.items() if action and (may_act or _only_looks(action[0]))}

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *place: Any) -> Any:
        """Django's own; what acts gets only those of the chosen rows that who asks may act on."""
        offered = self.get_actions(request)
        asked = [offered[name][0] for name in request.POST.getlist("action") if name in offered]
        if all(_only_looks(function) for function in asked):
            return super().response_action(request, queryset, *place)
        writable = self.allowed(request, queryset, self.writing)
        if not is_site_admin(request):
            self._say_what_is_left_out(request, queryset, writable)
        return super().response_action(request, writable, *place)

    def _say_what_is_left_out(self, request: HttpRequest, rows: QuerySet[Any], writable: QuerySet[Any]) -> None:
        if request.POST.get("select_across") != "1":
            chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
            rows, writable = rows.filter(pk__in=chosen), writable.filter(pk__in=chosen)
        if left_out := rows.count() - writable.count():
            said = _("Left out, as your role there does not allow it: %(count)s.") % {"count": left_out}
            self.message_user(request, said, messages.WARNING)

    def _reaches(self, request: HttpRequest, row: Model | None, action: str | None) -> bool:
        """Whether they may do `action` in the row's workspace; without a row, in any."""
        if is_site_admin(request):
            return True
        if self.workspace_path is None or action is None:
            return False
        workspaces = workspaces_of(request, action) or NOWHERE
        return bool(workspaces) if row is None else _workspace_of(row, self.workspace_path) in workspaces


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


def _only_looks(action: Any) -> bool:
    return getattr(action, "allowed_permissions", None) == ["view"]


def _workspace_model(model: type[Model], path: str) -> type[Model]:
    for name in path.split("__"):
        model = cast("type[Model]", model._meta.get_field(name).related_model)
    return model


def _workspace_of(row: Model, path: str) -> UUID:
    """The id of the workspace at the end of `path`, without reading the workspace."""
    *before, last = path.split("__")
    owner: Any = reduce(getattr, before, row)
    return getattr(owner, owner._meta.get_field(last).attname)  # type: ignore[no-any-return]
