"""What the program says of itself: /healthz, /readyz, /metrics and /api/v2/status."""

from __future__ import annotations

import ipaddress
import secrets
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from mastablasta.core.api.problems import problem_response
from mastablasta.core.api.views import ApiView
from mastablasta.ops import health, metrics


@require_safe
def healthz(_: HttpRequest) -> JsonResponse:
    """The process is up and answers; nothing else is asked."""
    return _report({"process": health.Finding(True, "It answers.")})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether the instance does its work; with `?for=web` whether this host can serve requests."""
    probes = health.WEB if request.GET.get("for") == "web" else health.READY
    return _report(health.findings(probes))


def _report(found: dict[str, health.Finding]) -> JsonResponse:
    ok = all(finding.ok for finding in found.values())
    answer = {"ok": ok, "checks": {name: finding.as_json() for name, finding in found.items()}}
    return JsonResponse(answer, status=200 if ok else 503, headers={"Cache-Control": "no-store"})


@require_safe
def figures(request: HttpRequest) -> HttpResponse:
    """Figures of the whole instance for Prometheus, for METRICS_TOKEN or, while none is set, for this host."""
    if refusal := _refusal(request):
        return refusal
    try:
        body = metrics.render()
    except (DatabaseError, InterfaceError):
        return problem_response(503)
    return HttpResponse(body, content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"})


def _refusal(request: HttpRequest) -> HttpResponse | None:
    if settings.METRICS_TOKEN:
        expected = f"Bearer {settings.METRICS_TOKEN}".encode()
        if secrets.compare_digest(request.headers.get("Authorization", "").encode(), expected):
            return None
        sentence = "Send METRICS_TOKEN with it: `Authorization: Bearer <METRICS_TOKEN>`."
        refusal = problem_response(401, code="not_authenticated", detail=sentence)
        refusal["WWW-Authenticate"] = "Bearer"
        return refusal
    if _is_from_this_host(request):
        return None
    sentence = "Without METRICS_TOKEN only this host itself may read the metrics; set it, and send it as Bearer token."
    return problem_response(403, code="permission_denied", detail=sentence)


def _is_from_this_host(request: HttpRequest) -> bool:
    """Straight from loopback; what a proxy on this host passes on comes from anywhere."""
    if {"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via"} & {name.title() for name in request.headers}:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class StatusSerializer(serializers.Serializer[Any]):
    example = {
        "database": True,
        "publishing": True,
        "oauth": True,
        "media": True,
        "analytics": True,
        "webhooks": True,
        "timestamp": "2030-01-31T08:00:00Z",
        "mode": "development",
    }

    database = serializers.BooleanField(help_text="The database answers.")
    publishing = serializers.BooleanField(help_text="What is due goes out: a clock and a worker run, due work moves.")
    oauth = serializers.BooleanField(help_text="Accounts can be connected: tokens can be kept and read.")
    media = serializers.BooleanField(help_text="Files can be kept, and their previews and renditions are made.")
    analytics = serializers.BooleanField(help_text="Figures are collected.")
    webhooks = serializers.BooleanField(help_text="Events are delivered.")
    held = serializers.CharField(required=False, help_text="Only while nothing is sent until a person says so: why.")
    timestamp = serializers.DateTimeField()
    mode = serializers.ChoiceField(["development", "production"])


class Status(ApiView):
    """Which parts work now; 503 without a database. Probed at most every 10 s, whoever asks."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()
    serializer_class = StatusSerializer

    @extend_schema(
        operation_id="status",
        summary="Which parts of the program work now",
        description="Each flag is the outcome of a real probe, made at most every 10 seconds.",
        responses={200: StatusSerializer, 503: StatusSerializer},
    )
    def get(self, _: Request) -> Response:
        flags = health.flags()
        held = {"held": reason} if flags["database"] and (reason := health.hold_reason()) else {}
        answer = {**flags, **held, "timestamp": timezone.now(), "mode": settings.MODE}
        status = 200 if flags["database"] else 503
        return Response(StatusSerializer(answer).data, status=status, headers={"Cache-Control": "no-store"})
