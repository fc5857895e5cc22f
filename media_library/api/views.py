"""The library over HTTP: what is in it, in which words, and the bytes themselves. Uploads: upload_views.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.functional import cached_property
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import PublicView, WorkspaceScopedViewSet, WorkspaceView
from mastablasta.core.api.conditional import CONDITIONAL, DISPOSITION, LOCATION, NOT_MODIFIED, SAYS, unless_known
from mastablasta.core.api.views import ApiView
from mastablasta.core.errors import NotThere
from media_library.api import serving
from media_library.api.filters import MediaFilter, RenditionFilter
from media_library.api.presenting import created, present_assets, present_rendition, present_with_uses
from media_library.api.serializers import (
    EditedMediaSerializer,
    FromUrlSerializer,
    MediaSerializer,
    NewMediaSerializer,
    RenditionSerializer,
    UsedMediaSerializer,
)
from media_library.formats import FORMATS
from media_library.models import Asset, Rendition
from media_library.services import edits, intake, links, remote_files


class MediaViewSet(WorkspaceScopedViewSet):
    """Files of the library. Deleting one is for posts to say, which have it: posts/api/media_views.py."""

    queryset = Asset.objects.all()
    rows_name = "media"
    serializer_class = UsedMediaSerializer
    filterset_class = MediaFilter
    refusals: ClassVar[Any] = {"from_url": (502, 507)}

    def get_serializer_class(self) -> Any:
        return MediaSerializer if self.action == "list" else super().get_serializer_class()

    def narrow(self, rows: Any) -> Any:
        rows = rows.kept()
        return rows.order_by("-created_at", "-id") if self.action == "list" else rows

    @extend_schema(
        summary="List files, newest first",
        description=SAYS,
        responses={200: MediaSerializer(many=True), **NOT_MODIFIED},
        parameters=CONDITIONAL,
    )
    def list(self, request: Request) -> HttpResponseBase:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return unless_known(request, self.get_paginated_response(present_assets(page or [])).data)

    @extend_schema(
        summary="One file and the posts that have it",
        description=SAYS,
        responses={200: UsedMediaSerializer, **NOT_MODIFIED},
        parameters=CONDITIONAL,
    )
    def retrieve(self, request: Request, id: UUID) -> HttpResponseBase:
        return unless_known(request, present_with_uses(self.get_object()))

    @extend_schema(
        summary="Rename a file, say what it shows",
        description="Posts that have no alt text of their own for it show the new one, as far as they are not out yet.",
        request=EditedMediaSerializer(partial=True),
    )
    def partial_update(self, request: Request, id: UUID) -> Response:
        asset = self.get_object()
        return Response(present_with_uses(edits.edit_asset(asset, **self.body(EditedMediaSerializer, partial=True))))

    @extend_schema(
        summary="Fetch a picture, video, PDF or captions from a public address",
        description="As if it was uploaded from there: the same formats, limits and answers.",
        request=FromUrlSerializer,
        responses={201: NewMediaSerializer},
        parameters=[LOCATION],
        examples=[
            OpenApiExample("A picture", value={"url": "https://example.com/sunrise.jpg"}, request_only=True),
        ],
    )
    @action(detail=False, methods=["post"], url_path="from-url", is_one_transaction=False)  # another host is waited for
    def from_url(self, request: Request) -> Response:
        body = self.body(FromUrlSerializer)
        words = {"filename": body.get("filename", ""), "alt_text": body.get("alt_text", "")}
        asset = remote_files.fetch_from_url(
            body["url"], workspace=self.workspace, by=self.caller.user, **words, at=timezone.now()
        )
        return created(asset, warnings=intake.dropped_words(asset, **words))


class RenditionViewSet(WorkspaceScopedViewSet):
    """The forms of one file."""

    queryset = Rendition.objects.all()
    rows_name = "renditions"
    serializer_class = RenditionSerializer
    filterset_class = RenditionFilter

    def narrow(self, rows: Any) -> Any:
        return rows.filter(asset=self.asset).order_by("created_at", "id")

    @cached_property
    def asset(self) -> Asset:
        asset: Asset = get_object_or_404(Asset.objects.in_workspace(self.workspace).kept(), id=self.kwargs["id"])
        return asset

    def platforms(self) -> Mapping[str, Sequence[str]]:
        """By key of a rendition, where it is sent: whoever knows platforms says so."""
        return {}

    @extend_schema(
        summary="The forms in which a file leaves: no metadata, orientation applied",
        description="A link works without signing in until it expires; it is the same for ten minutes.",
    )
    def list(self, request: Request, id: UUID) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        platforms, at = self.platforms(), timezone.now()
        shown = [
            present_rendition(one, self.asset, platforms=platforms.get(one.recipe_key, ()), at=at) for one in page or []
        ]
        return self.get_paginated_response(shown)


# --- bytes: plain views, since whatever is accepted they answer with what the file is ---
RANGES = [
    OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="One range of bytes, as `bytes=0-1023`."),
    OpenApiParameter("If-Range", str, OpenApiParameter.HEADER, description="The ETag for which the Range is meant."),
    *CONDITIONAL,
    DISPOSITION,
    *(
        OpenApiParameter(name, str, OpenApiParameter.HEADER, response=statuses, description=says)
        for name, statuses, says in (
            ("Accept-Ranges", [200, 206], "`bytes`."),
            ("Content-Range", [206], "Which bytes of how many."),
            ("Location", [302], "Where it is."),
        )
    ),
]
REDIRECTED = {302: OpenApiResponse(description="Where it is, when the storage serves files itself.")}


def bytes_of(*mime_types: str) -> dict[Any, Any]:
    """The answers of an address that serves files of these types."""
    found = {(status, one): OpenApiTypes.BINARY for status in (200, 206) for one in mime_types}
    return {**found, **REDIRECTED, **NOT_MODIFIED}


class FileView(ApiView):
    """The base of addresses that answer with bytes: whatever somebody accepts, they get what the file is."""

    refusals: ClassVar[Any] = {"GET": (412, 416, 502)}
    negotiates = False

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        return JSONRenderer(), "application/json"


class OwnFileView(FileView, WorkspaceView):
    """The base of what serves the bytes of one file of the workspace."""

    queryset = Asset.objects.all()

    def narrow(self, rows: Any) -> Any:
        return rows.kept()


class MediaFile(OwnFileView):
    query_parameters: ClassVar[Any] = {
        "GET": [OpenApiParameter("rendition", str, description="The key of a rendition, as `web`, the preview.")]
    }

    @extend_schema(
        summary="The file: as it came, or a rendition of it", parameters=RANGES, responses=bytes_of(*FORMATS)
    )
    def get(self, request: Request, id: UUID) -> HttpResponseBase:
        asset = self.get_object()
        stored = serving.original(asset)
        if key := request.query_params.get("rendition"):
            stored = serving.rendition(asset, _rendition(asset, key))
        return serving.serve(request._request, stored, cache=serving.FOR_THE_WORKSPACE)


class MediaThumbnail(OwnFileView):
    @extend_schema(summary="A small picture of the file", parameters=RANGES, responses=bytes_of("image/jpeg"))
    def get(self, request: Request, id: UUID) -> HttpResponseBase:
        stored = serving.thumbnail(self.get_object())
        return serving.serve(request._request, stored, cache=serving.FOR_THE_WORKSPACE)


def _rendition(asset: Asset, key: str) -> Rendition:
    found = asset.renditions.filter(recipe_key=key[:64]).first()
    if found is None:
        raise NotThere("rendition_not_found", "This file has no such rendition; GET its renditions for their keys.")
    return found


# --- links ---
SIGNED = [
    OpenApiParameter("expires", str, description="Seconds since 1970."),
    OpenApiParameter("signature", str),
]


class LinkView(FileView, PublicView):
    """The base of what a signed link opens; not limited, since platforms fetch everybody's files from few addresses."""

    throttle_classes: Any = ()
    query_parameters: ClassVar[Any] = {"GET": SIGNED}
    refusals: ClassVar[Any] = {"GET": (403, 404, 412, 416, 502)}

    def opened(self, what: str, id: UUID) -> tuple[Any, str]:
        """The row that the link names, and for how long its bytes may be kept. Raises Forbidden, NotThere."""
        at = timezone.now()
        expires, signature = (self.request.query_params.get(name, "") for name in ("expires", "signature"))
        until = links.check(what, id, expires=expires, signature=signature, at=at)
        return links.row(what, id), f"private, max-age={int((until - at).total_seconds())}"


class LinkedRendition(LinkView):
    @extend_schema(summary="A rendition by its signed link", parameters=RANGES, responses=bytes_of(*FORMATS))
    def get(self, request: Request, rendition: UUID) -> HttpResponseBase:
        found, cache = self.opened(links.RENDITIONS, rendition)
        return serving.serve(request._request, serving.rendition(found.asset, found), cache=cache, is_for_all=True)


class LinkedThumbnail(LinkView):
    @extend_schema(summary="A thumbnail by its signed link", parameters=RANGES, responses=bytes_of("image/jpeg"))
    def get(self, request: Request, asset: UUID) -> HttpResponseBase:
        found, cache = self.opened(links.THUMBNAILS, asset)
        return serving.serve(request._request, serving.thumbnail(found), cache=cache, is_for_all=True)
