"""Posts, what becomes of them, and bulk jobs, to look at: the rows are the truth and change through services only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from mastablasta.core.admin_base import ReadOnlyPage, badge
from mastablasta.core.errors import Conflict
from posts.admin.acting import look_at, parse_moment
from posts.admin.delivery_page import context_of
from posts.admin.filters import AttemptPlatformFilter, AuthorFilter, PlatformFilter
from posts.admin.post_page import PostList, outcome_of, platforms_of, previews_of
from posts.admin.writing_pages import may_rewrite, write_page
from posts.api.import_export_views import file_of_posts
from posts.import_export.admin_page import import_page
from posts.models import OPEN_BULK, Attempt, BulkChunk, BulkJob, Delivery, Lane, Post, PostMedia, PostTag
from posts.services import bulk_jobs
from posts.services.bulk_actions import BulkAction
from posts.services.triage import NEEDS_PERSON
from posts.states import DeliveryState

FEW_DAYS = timedelta(days=8)


class DeliveryRows(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    """Where a post goes."""

    model = Delivery
    fields = readonly_fields = (
        "platform",
        "account",
        "state",
        "due_at",
        "tries",
        "error_message",
        "url",
        "published_at",
    )
    show_change_link = True
    can_delete = False
    max_num = 0

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("account")


@admin.register(Post)
class PostPage(ReadOnlyPage):
    empty = _("No post is here yet: write one, or import a file of them.")
    workspace_path = "workspace"
    newest_by, found_by = "pk", ("pk",)
    list_display = (
        "beginning", "status_badge", "platforms", "outcome", "scheduled_at", "published_at", "author", "workspace",
        "created_at",
    )  # fmt: skip
    list_filter = (
        "status", PlatformFilter, ("author", AuthorFilter), "post_type", "scheduled_at", "published_at",
        ("deleted_at", admin.EmptyFieldListFilter),
    )  # fmt: skip
    search_fields = ("content", "author__email", "workspace__name", "=id", "=external_id")
    actions = ("export_as_csv",)
    date_hierarchy = "created_at"
    list_select_related = ("workspace", "author")
    inlines = (DeliveryRows,)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PostList

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("posts/triage.css",)}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        post = self.get_object(request, object_id)
        own = {} if post is None else {"previews": previews_of(post), "may_rewrite": may_rewrite(request, post)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **own})

    def get_urls(self) -> list[URLPattern]:
        own = [
            self.own_page("import/", self.import_file, "import"),
            self.own_page("write/", self.write, "write"),
            self.own_page("<uuid:id>/write/", self.write, "rewrite"),
        ]
        return [*own, *super().get_urls()]

    def write(self, request: HttpRequest, id: UUID | None = None) -> HttpResponse:
        if not self.has_write_permission(request):
            raise PermissionDenied
        return write_page(request, None if id is None else get_object_or_404(self.get_queryset(request), pk=id))

    def import_file(self, request: HttpRequest) -> HttpResponse:
        if not self.has_write_permission(request):
            raise PermissionDenied
        return import_page(request, self)

    @admin.action(permissions=["view"], description=_("Export as CSV, as an import takes it; without the deleted ones"))
    def export_as_csv(self, request: HttpRequest, rows: QuerySet[Post]) -> StreamingHttpResponse:
        return file_of_posts(rows.filter(deleted_at=None).order_by("created_at", "id"), "csv")

    @admin.display(description=_("Content"))
    def beginning(self, post: Post) -> str:
        return post.content[:80] or gettext("(no text)")

    @admin.display(description=_("Status"), ordering="status")
    def status_badge(self, post: Post) -> SafeString:
        return badge(post.status, post.get_status_display())

    @admin.display(description=_("Platforms"))
    def platforms(self, post: Post) -> str:
        return platforms_of(post)

    @admin.display(description=_("Deliveries"))
    def outcome(self, post: Post) -> str:
        return outcome_of(post)

    def looked_up(self, rows: QuerySet[Any], asked: Mapping[str, str]) -> QuerySet[Any]:
        """Of a few days all that were promised for then, as the calendar's link to a full day wants: by index."""
        begin, end = (parse_moment(asked.get(f"scheduled_at__{edge}", "")) for edge in ("gte", "lt"))
        if begin is None or end is None or end - begin > FEW_DAYS:
            return rows
        return rows.filter(scheduled_at__gte=begin, scheduled_at__lt=end)


@admin.register(PostTag)
class PostTagPage(ReadOnlyPage):
    empty = _("No post has a tag yet: tags are given while a post is written.")
    workspace_path = "post__workspace"
    newest_by, found_by = "pk", ("post",)
    list_display = ("name", "post")
    search_fields = ("name",)
    list_select_related = ("post",)


@admin.register(PostMedia)
class PostMediaPage(ReadOnlyPage):
    empty = _("No post has a file yet: pictures and videos are added while a post is written.")
    workspace_path = "post__workspace"
    newest_by, found_by = "pk", ("post", "asset")
    list_display = ("post", "asset", "scope", "part", "position", "fit", "role")
    search_fields = ("=post__id", "=asset__id")
    list_select_related = ("post", "asset")


@admin.register(Delivery)
class DeliveryPage(ReadOnlyPage):
    empty = _("Nothing is to be sent yet: write a post, and each account that it goes to is listed here.")
    workspace_path = "workspace"
    newest_by, found_by = "pk", ("pk", "post")
    hidden = ("lease_token", "progress", "fingerprint")
    list_display = (
        "beginning", "platform", "handle", "state_word", "error_message", "due_at", "author", "visible_calls", "tries",
        "workspace",
    )  # fmt: skip
    list_filter = ("state", "platform", "error_kind", "due_at", "published_at")
    search_fields = ("account__handle", "remote_id", "error_code", "error_message", "=id", "=post__id")
    date_hierarchy = "created_at"
    list_select_related = ("account", "workspace", "post__author")

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("posts/triage.css",)}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        delivery = self.get_object(request, object_id)
        own = {} if delivery is None else context_of(request, delivery)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **own})

    def of_workspaces(self, rows: QuerySet[Any], workspaces: Collection[Any]) -> QuerySet[Any]:
        """By their accounts too, which have an index of their deliveries where the workspace has none."""
        return super().of_workspaces(rows, workspaces).filter(account__workspace__in=workspaces)

    def looked_up(self, rows: QuerySet[Any], asked: Mapping[str, str]) -> QuerySet[Any]:
        """Of those that wait for a person all: an index holds them by their state."""
        state = asked.get("state__exact")
        return rows.filter(state=state) if state in NEEDS_PERSON else rows

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """With those of the triage: each shows first what it would do."""
        offered = super().get_actions(request)
        if self.has_write_permission(request):
            chosen = [one for one in BulkAction if one != BulkAction.RESCHEDULE]  # which needs a time
            offered |= {one.value: (look_at(one), one.value, f"{one.label} …") for one in chosen}
        return offered

    @admin.display(description=_("Post"), ordering="post")
    def beginning(self, delivery: Delivery) -> str:
        return delivery.post.content[:80] or gettext("(no text)")

    @admin.display(description=_("Account"), ordering="account__handle")
    def handle(self, delivery: Delivery) -> str:
        return delivery.account.handle

    @admin.display(description=_("Author"))
    def author(self, delivery: Delivery) -> str:
        return str(delivery.post.author or "")

    @admin.display(description=_("State"), ordering="state")
    def state_word(self, delivery: Delivery) -> SafeString:
        return badge(delivery.state, DeliveryState(delivery.state).word)


@admin.register(Attempt)
class AttemptPage(ReadOnlyPage):
    empty = _("Nothing was tried yet: what is sent, and what the platform answered, is listed here.")
    workspace_path = "delivery__account__workspace"
    newest_by, found_by = "pk", ("delivery",)
    hidden = ("lease_token",)
    list_display = ("delivery", "number", "kind", "started_at", "ended_at", "outcome", "http_status", "code", "message")
    list_filter = (AttemptPlatformFilter, "kind", "outcome", "http_status")
    search_fields = ("=delivery__id", "=request_id", "code", "message", "worker")
    date_hierarchy = "started_at"
    list_select_related = ("delivery",)


@admin.register(Lane)
class LanePage(ReadOnlyPage):
    hidden = ("lease_token",)
    list_display = ("account", "ready_at", "blocked_until", "is_parked", "lease_expires_at")
    list_filter = ("is_parked", "account__platform")
    search_fields = ("account__handle",)
    date_hierarchy = "ready_at"
    list_select_related = ("account",)


@admin.register(BulkJob)
class BulkJobPage(ReadOnlyPage):
    empty = _("No bulk job yet: imports of more than 1,000 rows, and /api/v2/bulk, begin one.")
    workspace_path = "workspace"
    newest_by, found_by = "pk", ("pk",)
    list_display = (
        "kind", "status", "progress", "successful", "failed", "workspace", "author", "created_at", "finished_at",
    )  # fmt: skip
    list_filter = ("status", "kind")
    search_fields = ("workspace__name", "author__email", "=id")
    date_hierarchy = "created_at"
    list_select_related = ("workspace", "author")
    actions = ("cancel",)

    @admin.display(description=_("Done"))
    def progress(self, job: BulkJob) -> str:
        said = {"done": job.done, "total": job.total, "share": 100 * job.done // job.total}
        return gettext("%(done)s of %(total)s (%(share)s %%)") % said

    @admin.action(description=_("Cancel: do no more of these; what is done stays done"))
    def cancel(self, request: HttpRequest, rows: QuerySet[BulkJob]) -> None:
        ended = 0
        for job in rows.filter(status__in=OPEN_BULK):
            with suppress(Conflict):  # it ended by itself meanwhile
                bulk_jobs.cancel(job, at=timezone.now())
                ended += 1
        self.message_user(request, gettext("%(count)s cancelled.") % {"count": ended})


@admin.register(BulkChunk)
class BulkChunkPage(ReadOnlyPage):
    """Without the items and results: they hold what people wrote; the API shows them."""

    newest_by, found_by = "pk", ("job",)
    hidden = ("items", "successful", "failed")
    list_display = ("job", "number", "first", "tries", "done_at")
    search_fields = ("=job__id",)
    date_hierarchy = "done_at"
    list_select_related = ("job",)
