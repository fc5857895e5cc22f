"""The API's description of itself: /api/v2/schema for programs, /api/v2/docs for people."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import OpenApiParameter, extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from mastablasta.core.api.pages import POLICY
from mastablasta.core.api.schema import description
from mastablasta.core.api.views import ApiView


@cache
def described(renderer: Any) -> tuple[bytes, str]:
    """The description as `renderer` (a class) writes it, and its ETag; made once: it changes with the code only."""
    text = renderer().render(description(), renderer_context={})
    text = text.encode() if isinstance(text, str) else text
    return text, f'"{hashlib.sha256(text).hexdigest()[:32]}"'


class Schema(ApiView):
    """OpenAPI 3, as JSON or YAML."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    renderer_classes = (OpenApiJsonRenderer2, OpenApiJsonRenderer, OpenApiYamlRenderer2, OpenApiYamlRenderer)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponseBase:
        renderer = request.accepted_renderer
        kind: Any = type(renderer)
        text, etag = described(kind)
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        response = HttpResponse(text, content_type=renderer.media_type, headers=headers)
        return get_conditional_response(request._request, etag=etag, response=response) or response


class Docs(ApiView, SpectacularSwaggerSplitView):
    """Swagger UI from our own static files. Its only script of ours is this address with `?script=`."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    query_parameters = {"GET": [OpenApiParameter("script")]}

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response.headers["Content-Security-Policy"] = POLICY
        return response
