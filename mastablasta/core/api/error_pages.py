"""What Django refuses outside of DRF's views: below /api/ in the one shape, elsewhere as its own page."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseBase, HttpResponseNotAllowed
from django.views import defaults
from django.views.csrf import csrf_failure as page_csrf_failure

from mastablasta.core.api.problems import problem_response, request_id
from mastablasta.core.client_address import client_address


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


log = structlog.get_logger(__name__)
# Of pages that say nothing of their own: Django's refusals, which have a few inline styles.
POLICY_OF_OTHERS = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
UNKNOWN_HOST = "This server is not served under that name; its operator has to add the name to ALLOWED_HOSTS."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, DisallowedHost):
        log.warning("unknown_host", host=request.META.get("HTTP_HOST", "")[:255])
        if is_api(request):
            return problem_response(400, code="unknown_host", detail=UNKNOWN_HOST)
        return HttpResponseBadRequest(UNKNOWN_HOST, content_type="text/plain; charset=utf-8")
    if not is_api(request):
        return defaults.bad_request(request, exception)
    return problem_response(413 if isinstance(exception, RequestDataTooBig) else 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem_response(403) if is_api(request) else defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem_response(404) if is_api(request) else defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return problem_response(500) if is_api(request) else defaults.server_error(request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if not is_api(request):
        return page_csrf_failure(request, reason)
    sentence = "A browser's session needs a CSRF token with it; send X-CSRFToken, or use a Bearer token instead."
    return problem_response(403, code="csrf_failed", detail=sentence)


class ProblemMiddleware:
    """Names the request in X-Request-ID, its client in the log, gives the shape to what views refuse without an
    exception, and lets no page run anything that has no policy of its own.

    Stands right after django-structlog's middleware, which makes the id.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        structlog.contextvars.bind_contextvars(ip=client_address(request))
        response = self._refuse(request) or self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and is_api(request):
            allowed = response.headers["Allow"]
            response = problem_response(405)
            response["Allow"] = allowed
        if named := request_id():
            response["X-Request-ID"] = named
        response.headers.setdefault("X-Frame-Options", "DENY")  # also where Django refuses before its middleware
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Security-Policy", POLICY_OF_OTHERS)
        return response

    def _refuse(self, request: HttpRequest) -> HttpResponse | None:
        """Under a server that cannot tell its end, a body of chunks reads as an empty one: refused, not dropped."""
        is_chunked = "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH")
        is_lost = is_chunked and not request.META.get("wsgi.input_terminated")
        return problem_response(411) if is_lost and is_api(request) else None
