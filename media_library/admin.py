"""Files that people uploaded: a grid of their thumbnails, each with its preview, forms and uses."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mastablasta.core.admin_base import ReadOnlyPage
from media_library.api import serving
from media_library.codecs.recipes import WEB
from media_library.formats import FORMATS
from media_library.models import Asset, AssetStatus, Rendition
from media_library.services import files, links, renditions

MOST_USES = 50
STYLES = {"all": ("media_library/admin.css",)}


class UsedFilter(admin.SimpleListFilter):
    """By whether a post has it."""

    title = "used"
    parameter_name = "used"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Yes"), ("no", "No")]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows if self.value() is None else rows.used(self.value() == "yes")  # type: ignore[attr-defined]


class RenditionRows(admin.TabularInline):  # type: ignore[type-arg]  # generic in the stubs only
    """Its forms."""

    model = Rendition
    fields = readonly_fields = ("key", "status", "status_reason", "mime_type", "dimensions", "bytes", "created_at")
    show_change_link = True
    can_delete = False
    max_num = 0

    @admin.display(description="Key")
    def key(self, rendition: Rendition) -> str:
        return rendition.recipe_key[:12]

    @admin.display(description="Pixels")
    def dimensions(self, rendition: Rendition) -> str:
        return dimensions_of(rendition)

    @admin.display(description="Size")
    def bytes(self, rendition: Rendition) -> str:
        return filesizeformat(rendition.size)


@admin.register(Asset)
class AssetPage(ReadOnlyPage):
    """The list is a grid by its style sheet alone: boxes, sorting and actions are the admin's own."""

    title = "Media"
    workspace_path = "workspace"
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
        ("The file", {"fields": ("what", "mime_type", "dimensions", "duration_s", "bytes", "sha256", "facts")}),
        ("Whose", {"fields": ("workspace", "uploaded_by", "created_at", "updated_at", "deleted_at")}),
        ("In the storage", {"fields": ("storage", "stored_name", "thumbnail_name", "tries", "next_try_at")}),
    )

    class Media:
        css = STYLES

    def get_urls(self) -> list[URLPattern]:
        return [self.own_page("<uuid:id>/original", self.original, "original"), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [name for _, options in self.fieldsets for name in options["fields"]]

    @admin.action(description="Make again: thumbnail, preview, and what failed; posts keep the forms that they have")
    def reprocess(self, request: HttpRequest, rows: QuerySet[Asset]) -> None:
        kept = list(rows.filter(deleted_at=None))
        for asset in kept:
            renditions.reprocess(asset, at=timezone.now())
        self.message_user(request, f"{len(kept)} will be made again, as soon as a worker has time.")

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
            return format_html('<span class="media-none">{}</span>', "deleted" if asset.deleted_at else "no picture")
        words = asset.alt_text or asset.filename  # it is a link, which has to say where it leads
        return format_html('<img src="{}" alt="{}" loading="lazy">', thumbnail_address(asset), words)

    @admin.display(description="State", ordering="status")
    def state(self, asset: Asset) -> SafeString:
        word = "deleted" if asset.deleted_at else asset.status
        return format_html('<span class="media-state media-{}" title="{}">{}</span>', word, asset.status_reason, word)

    @admin.display(description="Kind", ordering="kind")
    def what(self, asset: Asset) -> str:
        return asset.form

    @admin.display(description="Size", ordering="size")
    def facts_in_short(self, asset: Asset) -> str:
        length = "" if asset.duration_s is None else f" · {asset.duration_s:.1f} s"
        return f"{extent_of(asset)} · {filesizeformat(asset.size)}{length}"

    @admin.display(description="Workspace", ordering="workspace__name")
    def whose(self, asset: Asset) -> str:
        return f"{asset.workspace} · {asset.uploaded_by}" if asset.uploaded_by else str(asset.workspace)

    @admin.display(description="Pixels")
    def dimensions(self, asset: Asset) -> str:
        return extent_of(asset) if asset.has_picture else "none"

    @admin.display(description="Size")
    def bytes(self, asset: Asset) -> str:
        return f"{filesizeformat(asset.size)} ({asset.size:,} bytes)"

    @admin.display(description="Where")
    def storage(self, asset: Asset) -> str:
        return files.place()

    @admin.display(description="Preview")
    def preview(self, asset: Asset) -> SafeString:
        if asset.deleted_at:
            return format_html('<span class="media-none">{}</span>', "deleted")
        web = asset.renditions.filter(recipe_key=WEB, status=AssetStatus.READY).first()
        original = reverse("admin:media_library_asset_original", args=[asset.pk])
        link = format_html('<p><a href="{}">The original as it came</a></p>', original)
        seen = shown(web, poster=asset) if asset.has_picture else icon(asset)
        return format_html('<div class="media-preview">{}{}</div>', seen, link)

    @admin.display(description="Used by")
    def used_by(self, asset: Asset) -> SafeString | str:
        uses = asset.uses.order_by("-post_id").distinct()
        rows = uses.values_list("post_id", "post__status", "post__content", "post__deleted_at")[:MOST_USES]
        found = [
            (reverse("admin:posts_post_change", args=[post_id]), content[:60] or "(no text)", status, gone)
            for post_id, status, content, gone in rows
        ]
        said = [(address, text, f"{status}, deleted" if gone else status) for address, text, status, gone in found]
        return format_html_join(SafeString("<br>"), '<a href="{}">{}</a> ({})', said) or "no post"


@admin.register(Rendition)
class RenditionPage(ReadOnlyPage):
    workspace_path = "asset__workspace"
    list_display = ("asset", "recipe_key", "status", "mime_type", "size", "created_at")
    list_filter = ("status", "mime_type")
    search_fields = ("asset__filename", "=id", "recipe_key")
    date_hierarchy = "created_at"
    list_select_related = ("asset",)

    class Media:
        css = STYLES

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["preview", *super().get_fields(request, obj)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.get_fields(request, obj)

    @admin.display(description="Preview")
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
        return format_html('<span class="media-none">{}</span>', "no picture")
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
    count, what = (asset.facts.get("pages"), "page") if asset.kind == "document" else (asset.facts.get("cues"), "line")
    return f"{count} {what}{'' if count == 1 else 's'}"


def icon(row: Asset | Rendition) -> SafeString:
    """What stands for a file of which there is nothing to be seen: a sheet with the ending of its name."""
    form = FORMATS[row.mime_type]
    label = f"{form.container}, {form.kind}"
    return format_html(
        '<span class="media-icon media-icon-{}" role="img" aria-label="{}">{}</span>', form.kind, label, form.container
    )
