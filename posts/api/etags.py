"""Answers that show a post carry its ETag; If-Match keeps an edit from overwriting what somebody else did meanwhile."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from django.http import HttpResponseBase
from django.utils.cache import get_conditional_response
from rest_framework.request import Request
from rest_framework.response import Response

from mastablasta.core.api.errors import PreconditionFailed
from posts.api.presenting import present_post
from posts.models import Post


def etag_of(shown: dict[str, Any]) -> str:
    """The ETag of a post as it is shown: another one as soon as anything in it differs, but for the order of names."""
    return f'"{hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]}"'


def tagged(shown: dict[str, Any], status: int = 200, *, as_: dict[str, Any] | None = None, **headers: str) -> Response:
    """The answer with its ETag; `as_`: the post as it is shown elsewhere, where this answer shows it otherwise."""
    return Response(shown, status=status, headers={"ETag": etag_of(as_ or shown), **headers})


def unless_known(request: Request, shown: dict[str, Any]) -> HttpResponseBase:
    """The post, or 304 when the caller has just that."""
    answer = tagged(shown)
    return get_conditional_response(request._request, etag=answer["ETag"], response=answer) or answer


def created(shown: dict[str, Any]) -> Response:
    """201 with a post as the API shows it."""
    return tagged(shown, 201, Location=f"/api/v2/posts/{shown['id']}")


def unchanged_since(request: Request) -> Callable[[Post], None]:
    """Return a check that raises PreconditionFailed unless the post still is what If-Match names; no header = fine."""
    wanted = tags_in(request.headers.get("If-Match", ""))

    def check(post: Post) -> None:
        if wanted and "*" not in wanted and etag_of(present_post(post)) not in wanted:
            raise PreconditionFailed

    return check


def tags_in(text: str) -> set[str]:
    """The ETags that a value of If-Match names."""
    return {tag.strip().removeprefix("W/") for tag in text.split(",") if tag.strip()}
