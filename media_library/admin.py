"""Files that people uploaded, and their renditions, to look at."""

from __future__ import annotations

from django.contrib import admin

from mastablasta.core.administration import ReadOnlyPage
from media_library.models import Asset, Rendition


@admin.register(Asset)
class AssetPage(ReadOnlyPage):
    list_display = ("filename", "kind", "status", "workspace", "uploaded_by", "size", "created_at")
    list_filter = ("kind", "status")
    search_fields = ("filename", "alt_text", "workspace__name", "=id", "=sha256")
    date_hierarchy = "created_at"
    list_select_related = ("workspace", "uploaded_by")


@admin.register(Rendition)
class RenditionPage(ReadOnlyPage):
    list_display = ("asset", "recipe_key", "status", "mime_type", "size", "created_at")
    list_filter = ("status",)
    search_fields = ("asset__filename", "=id")
    date_hierarchy = "created_at"
    list_select_related = ("asset",)
