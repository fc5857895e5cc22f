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


def username(request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> str:
    """axes's AXES_USERNAME_CALLABLE: the e-mail as it is stored, so that each way to write it is counted alike."""
    given = (credentials or {}).get("username") or request.POST.get("username") or ""
    return to_look_for(str(given))[:254]


def is_locked_out(request: HttpRequest) -> bool:
    """Whether the sign-in just tried with `request` was refused for too many failures, right or wrong."""
    return bool(getattr(request, "axes_locked_out", False))


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
