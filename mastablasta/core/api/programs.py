"""Middleware of Django's that serves browsers, and lets programs pass.

Whoever proves with each request who they are (an access token, an API key) has no session and is shown no messages.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase

SIGN_INS = "/api/v2/auth/"  # where a proof that comes along may not be looked at, but for reads


def is_of_program(request: HttpRequest) -> bool:
    """Whether the API is asked with a proof that it will go by: no session is looked at then, be the proof good or bad.

    "Basic" in Authorization may be a proxy's, and then a browser's session counts.
    """
    if not request.path_info.startswith("/api/"):
        return False
    if request.path_info.startswith(SIGN_INS) and request.method != "GET":
        return False
    given = request.META
    return "HTTP_X_API_KEY" in given or given.get("HTTP_AUTHORIZATION", "")[:7].lower() == "bearer "


class _ForBrowsers:
    """What these have in common, before Django's own in the order of classes."""

    get_response: Any

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answered: HttpResponseBase = (
            self.get_response(request) if is_of_program(request) else super().__call__(request)  # type: ignore[misc]
        )
        return answered


class BrowserSession(_ForBrowsers, SessionMiddleware):
    """Django's."""


class BrowserUser(_ForBrowsers, AuthenticationMiddleware):
    """Django's."""


class BrowserMessages(_ForBrowsers, MessageMiddleware):
    """Django's."""
