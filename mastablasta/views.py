"""What the program says of itself: /healthz, /readyz and /api/v2/status."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from mastablasta import health
from mastablasta.core.api.views import ApiView


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


class StatusSerializer(serializers.Serializer[Any]):
    example = {
        "database": True,
        "oauth": True,
        "media": True,
        "analytics": True,
        "webhooks": True,
        "timestamp": "2030-01-31T08:00:00Z",
        "mode": "development",
    }

    database = serializers.BooleanField(help_text="The database answers.")
    oauth = serializers.BooleanField(help_text="Accounts can be connected: tokens can be kept and read.")
    media = serializers.BooleanField(help_text="Files can be uploaded.")
    analytics = serializers.BooleanField(help_text="Figures are collected.")
    webhooks = serializers.BooleanField(help_text="Events are delivered.")
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
        answer = {**flags, "timestamp": timezone.now(), "mode": settings.MODE}
        status = 200 if flags["database"] else 503
        return Response(StatusSerializer(answer).data, status=status, headers={"Cache-Control": "no-store"})
