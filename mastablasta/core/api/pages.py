"""The API in a browser: DRF's browsable pages for who is signed in by a session, JSON for everybody else.

A page shows what its address answers, and a form for each method that the person may use, filled with the example that
the API's description (OpenAPI) gives for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.auth import get_user
from django.utils.html import format_html
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request

from mastablasta.core.errors import DomainError

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

    def get_context(self, data: Any, accepted_media_type: str | None, renderer_context: Mapping[str, Any]) -> Any:
        """DRF's; `user` is the browser's also where an address asks nobody to sign in."""
        context = super().get_context(data, accepted_media_type, renderer_context)
        user = context["user"]
        return {**context, "user": user if user.is_authenticated else get_user(renderer_context["request"]._request)}

    def show_form_for_method(self, view: Any, method: str, request: Any, obj: Any) -> Any:
        """Whether the person may do that; our own refusals count like DRF's."""
        try:
            return super().show_form_for_method(view, method, request, obj)
        except DomainError:
            return False

    def get_raw_data_form(self, data: Any, view: Any, method: str, request: Any) -> Any:
        form: Any = super().get_raw_data_form(data, view, method, request)
        if form is not None:
            example = example_of(request, method)
            form.fields["_content"].initial = example
            form.fields["_content"].widget.attrs["rows"] = min(max((example or "").count("\n") + 2, 4), 24)
        return form

    def get_description(self, view: Any, status_code: int) -> str:
        """What the API's description says of the address; docstrings are for programmers."""
        request = view.request
        operations = described_at(request)
        operation: dict[str, Any] = operations.get(request.method.lower()) or next(iter(operations.values()), {})
        paragraphs = [operation.get("summary", ""), operation.get("description", "")]
        return format_html("<p>{}</p><p>{}</p>", *paragraphs) if any(paragraphs) else ""


# --- what the API's description says ---
def example_of(request: Request, method: str) -> str | None:
    """The first example body of what `method` does at the request's address, as JSON; None = it takes none."""
    operation = described_at(request).get(method.lower(), {})
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    example = next(iter(body.get("examples", {}).values()), None)
    return None if example is None else json.dumps(example["value"], indent=4, ensure_ascii=False)


def described_at(request: Request) -> dict[str, Any]:
    """The description of each method (in small letters) of the request's address."""
    from mastablasta.core.api.schema import description  # imports DRF's views, which import this module

    match = request._request.resolver_match
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", match.route if match else "")
    found: dict[str, Any] = description()["paths"].get(f"/{path}", {})
    return found


# --- who gets a page ---
class Negotiation(DefaultContentNegotiation):
    """DRF's, but a browser that nobody is signed in with gets JSON, whatever it asks for.

    `has_public_page = True` on a view: everybody may see its page.
    """

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        wants_page = "text/html" in request.headers.get("Accept", "") or "format" in request.query_params
        renderers = list(renderers)
        if wants_page and not _may_see_page(request):
            renderers = [one for one in renderers if not isinstance(one, BrowsablePage)]
        try:
            found: tuple[BaseRenderer, str] = super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            if "text/html" not in request.headers.get("Accept", ""):
                raise
            usual = next((one for one in renderers if isinstance(one, JSONRenderer)), renderers[0])
            return usual, str(usual.media_type)
        return found


def _may_see_page(request: Request) -> bool:
    """Whether it is a browser with somebody's session or at a public page, and no program with its own proof."""
    if "Authorization" in request.headers or "X-API-Key" in request.headers:
        return False
    view = (request.parser_context or {}).get("view")
    user = getattr(request._request, "user", None)
    return bool(getattr(view, "has_public_page", False) or (user and user.is_authenticated))
