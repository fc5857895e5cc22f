"""Lock-out after repeated failed sign-ins: django-axes counts them in the database, by e-mail and address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.emails import to_look_for
from mastablasta.core.api.error_pages import is_api
from mastablasta.core.client_address import client_address


def username(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """axes's AXES_USERNAME_CALLABLE: the e-mail as it is stored, so that each way to write it is counted alike."""
    given = (credentials or {}).get("username") or request.POST.get("username") or ""
    return to_look_for(str(given))[:254]


def address(request: HttpRequest) -> str | None:
    """axes's AXES_CLIENT_IP_CALLABLE: the client's own address, also behind a trusted proxy."""
    return client_address(request) or None


def is_locked_out(request: HttpRequest) -> bool:
    """Whether the sign-in just tried with `request` was refused for too many failures, right or wrong."""
    return bool(getattr(request, "axes_locked_out", False))


def forget_failures(email: str) -> None:
    """Let somebody try again who has proved otherwise that it is them."""
    AccessAttempt.objects.filter(username=to_look_for(email)[:254]).delete()


def seconds_left(request: HttpRequest, *, email: str) -> int:
    """How long the lock-out lasts, at least 1 s; it counts from the last failure before it."""
    address = getattr(request, "axes_ip_address", None)
    tried = AccessAttempt.objects.filter(username=username(request, {"username": email}), ip_address=address)
    last = tried.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
    left = last + settings.AXES_COOLOFF_TIME - timezone.now()
    return max(1, int(left.total_seconds()) + 1)


def answer(request: HttpRequest, original: HttpResponse | None, *_: Any) -> HttpResponse:
    """axes's AXES_LOCKOUT_CALLABLE: the API's own view has answered already; a page gets a sentence."""
    if original is not None and is_api(request):
        return original
    wait_s = int(settings.AXES_COOLOFF_TIME.total_seconds())
    sentence = f"Too many failed sign-ins; wait {wait_s // 60} minutes and try again."
    return HttpResponse(sentence, status=429, content_type="text/plain", headers={"Retry-After": str(wait_s)})
