"""Answers that need not be sent again: while nothing has changed, If-None-Match is told so (304)."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from django.http import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

NOT_MODIFIED = {304: OpenApiResponse(description="Not Modified")}
ETAG = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    response=[200, 201, 206, 304],
    description="What this is now, for If-None-Match.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag of what one has; 304 while it is that."
)
CONDITIONAL = [ETAG, IF_NONE_MATCH]  # of what answers 304
LOCATION = OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[201, 202], description="Where it is.")
DISPOSITION = OpenApiParameter(
    "Content-Disposition",
    str,
    OpenApiParameter.HEADER,
    response=[200, 206],
    description="The file's name, and whether to show it.",
)
SAYS = "Carries an ETag; with If-None-Match, 304 while nothing has changed."


def unless_known(request: Request, shown: Any) -> HttpResponseBase:
    """Answer with `shown` and its ETag, or 304 when the caller has just that."""
    # Weak: the browsable page shows the same otherwise.
    etag = f'W/"{hashlib.sha256(orjson.dumps(shown)).hexdigest()[:32]}"'
    answered = Response(shown, headers={"ETag": etag, "Cache-Control": "private, no-cache"})
    return get_conditional_response(request._request, etag=etag, response=answered) or answered
