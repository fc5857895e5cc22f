"""Filters of GET /media."""

from __future__ import annotations

from mastablasta.core.api.filters import (
    Parameter,
    ParameterSet,
    SpanFilterSet,
    SpanForm,
    a_flag,
    choice,
    edge,
    one_of,
    ordering_by,
    words,
    zone_of_edges,
)
from media_library.api.serializers import KINDS
from media_library.models import Asset, AssetStatus, Rendition


class MediaSpans(SpanForm):
    spans = ("created",)


class MediaFilter(SpanFilterSet):
    type = Parameter(
        lambda assets, kinds: assets.of_forms(kinds),
        check=one_of(KINDS),
        is_list=True,
        schema={"enum": list(KINDS)},
    )
    status = choice("status", AssetStatus.values)
    used = Parameter(
        lambda assets, is_used: assets.used(is_used == "true"),
        check=a_flag,
        schema={"enum": ["true", "false"]},
        says="Whether a post has it.",
    )
    created_from = edge("created_at", "from")
    created_to = edge("created_at", "to")
    timezone = zone_of_edges()
    q = Parameter(
        lambda assets, found: assets.with_words(found),
        check=words,
        says="Words in its name or alt text, all of them in any case; each of 2 characters or more, or one of CJK.",
    )

    ordering = ordering_by({"created_at": "created_at", "filename": "filename", "size": "size"}, usual="newest first")

    class Meta:
        model = Asset
        form = MediaSpans
        fields: list[str] = []


class RenditionFilter(ParameterSet):
    status = choice("status", AssetStatus.values)
    ordering = ordering_by({"created_at": "created_at", "size": "size"}, usual="oldest first")

    class Meta:
        model = Rendition
        fields: list[str] = []
