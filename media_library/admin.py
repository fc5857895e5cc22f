"""Files that people uploaded: a grid of their thumbnails, each with its preview, forms and uses."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from mastablasta.core.admin_base import ReadOnlyPage
from mastablasta.core.audit.recording import record, subject_of
from media_library.api import serving
from media_library.codecs.recipes import WEB
from media_library.formats import FORMATS
from media_library.models import Asset, AssetKind, AssetStatus, Rendition
from media_library.services import files, links, renditions

MOST_USES = 50
STYLES = {"all": ("media_library/admin.css",)}


class UsedFilter(admin.SimpleListFilter):
    """By whether a post has it."""

    title = _("use in posts")
    parameter_name = "used"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", gettext("Yes")), ("no", gettext("No"))]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if self.value() is None else rows.used(self.value() == "yes")  # type: ignore[attr-defined]


class RenditionRows(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    """Its forms."""

    model = Rendition
    fields = readonly_fields = ("key", "status", "status_reason", "mime_type", "dimensions", "bytes", "created_at")
    show_change_link = True
    can_delete = False
    max_num = 0

    @admin.display(description=_("Key"))
    def key(self, rendition: Rendition) -> str:
        return rendition.recipe_key[:12]

    @admin.display(description=_("Pixels"))
    def dimensions(self, rendition: Rendition) -> str:
        return dimensions_of(rendition)

    @admin.display(description=_("Size"))
    def bytes(self, rendition: Rendition) -> str:
        return filesizeformat(rendition.size)


@admin.register(Asset)
class AssetPage(ReadOnlyPage):
    """The list is a grid by its style sheet alone: boxes, sorting and actions are the admin's own."""

    title = _("Media")
    empty = _("No file is here yet: upload one while you write a post, or by POST /api/v2/media/upload.")
    workspace_path = "workspace"
    newest_by, found_by = "pk", ("pk",)
    list_display = ("picture", "filename", "state", "what", "facts_in_short", "whose", "created_at")
    list_display_links = ("picture", "filename")
    list_filter = ("kind", "status", UsedFilter, ("deleted_at", admin.EmptyFieldListFilter))
    search_fields = ("filename", "alt_text", "workspace__name", "uploaded_by__email", "=id", "=sha256")
    date_hierarchy = "created_at"
    list_select_related = ("workspace", "uploaded_by")
    list_per_page = 48
    inlines = (RenditionRows,)
    actions = ("reprocess",)
    fieldsets = (
        (None, {"fields": ("preview", "filename", "alt_text", "state", "used_by")}),
        (_("The file"), {"fields": ("what", "mime_type", "dimensions", "duration_s", "bytes", "sha256", "facts")}),
        (_("Whose"), {"fields": ("workspace", "uploaded_by", "created_at", "updated_at", "deleted_at")}),
        (_("In the storage"), {"fields": ("storage", "stored_name", "thumbnail_name", "tries", "next_try_at")}),
    )

    class Media:
        css = STYLES

    def get_urls(self) -> list[URLPattern]:
        return [self.own_page("<uuid:id>/original", self.original, "original"), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for _, options in self.fieldsets for name in options["fields"]]

    @admin.action(description=_("Make again: thumbnail, preview, and what failed; posts keep the forms that they have"))
    def reprocess(self, request: HttpRequest, rows: QuerySet[Asset]) -> None:
        kept = list(rows.filter(deleted_at=None))
        at = timezone.now()
        with transaction.atomic():
            for asset in kept:
                renditions.reprocess(asset, at=at)
            record("made again", [subject_of(asset, name=asset.filename) for asset in kept], at=at)
        said = gettext("%(count)s will be made again, as soon as a worker has time.")
        self.message_user(request, said % {"count": len(kept)})

    def original(self, request: HttpRequest, id: Any) -> HttpResponseBase:
        asset = self.get_object(request, str(id))
        if asset is None or asset.deleted_at or not self.has_view_permission(request, asset):
            raise Http404
        return serving.serve(request, serving.original(asset), cache=serving.FOR_THE_WORKSPACE)

    # --- columns and fields ---
    @admin.display(description="")
    def picture(self, asset: Asset) -> SafeString:
        if not asset.deleted_at and not asset.has_picture:
            return icon(asset)
        if asset.deleted_at or not asset.thumbnail_name:
            return format_html(
                '<span class="media-none">{}</span>', gettext("deleted") if asset.deleted_at else gettext("no picture")
            )
        words = asset.alt_text or asset.filename  # it is a link, which has to say where it leads
        return format_html('<img src="{}" alt="{}" loading="lazy">', thumbnail_address(asset), words)

    @admin.display(description=_("State"), ordering="status")
    def state(self, asset: Asset) -> SafeString:
        state = "deleted" if asset.deleted_at else asset.status
        word = gettext("deleted") if asset.deleted_at else asset.get_status_display()
        return format_html('<span class="media-state media-{}" title="{}">{}</span>', state, asset.status_reason, word)

    @admin.display(description=_("Kind"), ordering="kind")
    def what(self, asset: Asset) -> str:
        return asset.form_word

    @admin.display(description=_("Size"), ordering="size")
    def facts_in_short(self, asset: Asset) -> str:
        length = "" if asset.duration_s is None else f" · {asset.duration_s:.1f} s"
        return f"{extent_of(asset)} · {filesizeformat(asset.size)}{length}"

    @admin.display(description=_("Workspace"), ordering="workspace__name")
    def whose(self, asset: Asset) -> str:
        return f"{asset.workspace} · {asset.uploaded_by}" if asset.uploaded_by else str(asset.workspace)

    @admin.display(description=_("Pixels"))
    def dimensions(self, asset: Asset) -> str:
        return extent_of(asset) if asset.has_picture else gettext("none")

    @admin.display(description=_("Size"))
    def bytes(self, asset: Asset) -> str:
        exact = gettext("%(count)s bytes") % {"count": f"{asset.size:,}"}
        return f"{filesizeformat(asset.size)} ({exact})"

    @admin.display(description=_("Where"))
    def storage(self, asset: Asset) -> str:
        return files.place()

    @admin.display(description=_("Preview"))
    def preview(self, asset: Asset) -> SafeString:
        if asset.deleted_at:
            return format_html('<span class="media-none">{}</span>', gettext("deleted"))
        web = asset.renditions.filter(recipe_key=WEB, status=AssetStatus.READY).first()
        original = reverse("admin:media_library_asset_original", args=[asset.pk])
        link = format_html('<p><a href="{}">{}</a></p>', original, gettext("The original as it came"))
        seen = shown(web, poster=asset) if asset.has_picture else icon(asset)
        return format_html('<div class="media-preview">{}{}</div>', seen, link)

    @admin.display(description=_("Used by"))
    def used_by(self, asset: Asset) -> SafeString | str:
        uses = asset.uses.order_by("-post_id").distinct()
        rows = uses.values_list("post_id", "post__status", "post__content", "post__deleted_at")[:MOST_USES]
        post: Any = uses.model._meta.get_field("post").related_model
        statuses = dict(post._meta.get_field("status").flatchoices)
        said = [
            (
                reverse("admin:posts_post_change", args=[post_id]),
                content[:60] or gettext("(no text)"),
                gettext("%(status)s, deleted") % {"status": statuses[status]} if gone else statuses[status],
            )
            for post_id, status, content, gone in rows
        ]
        return format_html_join(SafeString("<br>"), '<a href="{}">{}</a> ({})', said) or gettext("no post")


@admin.register(Rendition)
class RenditionPage(ReadOnlyPage):
    empty = _(
        "No form of a file was made yet: they are made when a file is uploaded, and when a platform needs another one."
    )
    workspace_path = "asset__workspace"
    newest_by, found_by = "pk", ("pk", "asset")
    list_display = ("asset", "recipe_key", "status", "mime_type", "size", "created_at")
    list_filter = ("status", "mime_type")
    search_fields = ("=id", "=asset__id", "recipe_key")
    date_hierarchy = "created_at"
    list_select_related = ("asset",)

    class Media:
        css = STYLES

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["preview", *super().get_fields(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    @admin.display(description=_("Preview"))
    def preview(self, rendition: Rendition) -> SafeString:
        is_there = rendition.status == AssetStatus.READY and not rendition.asset.deleted_at
        if is_there and not rendition.asset.has_picture:
            return format_html('<div class="media-preview">{}</div>', icon(rendition))
        return format_html('<div class="media-preview">{}</div>', shown(rendition if is_there else None))


def shown(rendition: Rendition | None, *, poster: Asset | None = None) -> SafeString:
    """A picture or player of a rendition, or the thumbnail of `poster` where there is none."""
    still = thumbnail_address(poster) if poster is not None and poster.thumbnail_name else ""
    if rendition is None:
        if still:
            return format_html('<img src="{}" alt="">', still)
        return format_html('<span class="media-none">{}</span>', gettext("no picture"))
    address = here(links.link_to_rendition(rendition, at=timezone.now()))
    if rendition.mime_type.startswith("video/"):
        return format_html('<video src="{}" poster="{}" controls preload="metadata"></video>', address, still)
    return format_html('<img src="{}" alt="">', address)


def thumbnail_address(asset: Asset) -> str:
    return here(links.link_to_thumbnail(asset, at=timezone.now()))


def here(link: links.Link) -> str:
    """The link as a path: an operator may be here under another name than PUBLIC_URL."""
    return link.url.removeprefix(settings.PUBLIC_URL)


def dimensions_of(row: Asset | Rendition) -> str:
    return f"{row.width} x {row.height}"


def extent_of(asset: Asset) -> str:
    """How much it is: pixels, pages, or captions."""
    if asset.has_picture:
        return dimensions_of(asset)
    if asset.kind == "document":
        pages = asset.facts.get("pages") or 0
        return ngettext("%(count)s page", "%(count)s pages", pages) % {"count": pages}
    lines = asset.facts.get("cues") or 0
    return ngettext("%(count)s line", "%(count)s lines", lines) % {"count": lines}


def icon(row: Asset | Rendition) -> SafeString:
    """What stands for a file of which there is nothing to be seen: a sheet with the ending of its name."""
    form = FORMATS[row.mime_type]
    label = f"{form.container}, {str(AssetKind(form.kind).label).lower()}"
    return format_html(
        '<span class="media-icon media-icon-{}" role="img" aria-label="{}">{}</span>', form.kind, label, form.container
    )
