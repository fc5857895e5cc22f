"""The library, as far as posts have a say: deleting a file, and for which platform a form of it is.

Deleting may have to make scheduled posts drafts again, under their lanes' lock, and the library cannot see posts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from media_library.api import views
from posts.api.filters import is_asked
from posts.services.media_deletion import delete_file
from posts.services.post_renditions import platforms_by_recipe


class MediaViewSet(views.MediaViewSet):
    query_parameters: ClassVar[Any] = {
        "destroy": [
            OpenApiParameter("force", bool, description="Also while scheduled posts use it: they become drafts again.")
        ],
    }
    refusals: ClassVar[Any] = {**views.MediaViewSet.refusals, "destroy": (409,)}

    @extend_schema(
        summary="Delete a file; 409 while a scheduled post uses it, unless force=true", responses={204: None}
    )
    def destroy(self, request: Request, id: UUID) -> Response:
        delete_file(self.get_object(), is_forced=is_asked(request, "force"), at=timezone.now())
        return Response(status=204)


class RenditionViewSet(views.RenditionViewSet):
    def platforms(self) -> Mapping[str, Sequence[str]]:
        return platforms_by_recipe(self.asset)
