"""The API in a browser: DRF's browsable pages for who is signed in by the admin's session, JSON for everybody else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# DRF's pages hold a few inline styles; their scripts are files.
BROWSABLE_POLICY = POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")


class BrowsablePage(BrowsableAPIRenderer):
    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> Any:
        page = super().render(data, accepted_media_type, renderer_context)
        if renderer_context is not None:
            renderer_context["response"].headers["Content-Security-Policy"] = BROWSABLE_POLICY
        return page


class Negotiation(DefaultContentNegotiation):
    """DRF's, but a browser that nobody is signed in with gets JSON, whatever it asks for."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        wants_page = "text/html" in request.headers.get("Accept", "") or "format" in request.query_params
        renderers = list(renderers)
        if wants_page and not _has_session(request):
            renderers = [one for one in renderers if not isinstance(one, BrowsablePage)]
        try:
            found: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            if "text/html" not in request.headers.get("Accept", ""):
                raise
            return next(one for one in renderers if isinstance(one, JSONRenderer)), "application/json"
        return found


def _has_session(request: Request) -> bool:
    """Whether it is a browser signed in at /admin/, and no program that brings its own proof."""
    if "Authorization" in request.headers or "X-API-Key" in request.headers:
        return False
    user = getattr(request._request, "user", None)
    return bool(user and user.is_authenticated)
