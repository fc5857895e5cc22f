"""Alerts over HTTP: which figures somebody wants to be told of."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Count
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WorkspaceScopedViewSet
from analytics.figures import FIGURES, LARGEST
from analytics.models import MetricAlert
from analytics.services.alerts import create_alert, delete_alert
from integrations.registry import PLATFORM_SLUGS
from mastablasta.core.api.filters import SpanFilterSet, SpanForm, choice, ordering_by
from mastablasta.core.api.serializers import StrictSerializer

ALERT: dict[str, Any] = {
    "id": "0193a5f0-c000-7e01-8b52-6f708192a314",
    "figure": "views",
    "threshold": 10000,
    "platform": "twitter",
    "account_id": None,
    "hits": 3,
    "created_at": "2030-01-31T08:00:00Z",
}


class AlertSerializer(StrictSerializer):
    """A figure that webhooks are told of when it rises above a threshold."""

    example: ClassVar[Any] = ALERT

    id = serializers.UUIDField()
    figure = serializers.ChoiceField(FIGURES)
    threshold = serializers.IntegerField()
    platform = serializers.CharField(allow_null=True, help_text="null = on all.")
    account_id = serializers.UUIDField(allow_null=True, help_text="null = of all.")
    hits = serializers.IntegerField(help_text="How many posts have hit it, each on each account.")
    created_at = serializers.DateTimeField()


class NewAlertSerializer(StrictSerializer):
    """An alert to be made."""

    figure = serializers.ChoiceField(FIGURES)
    threshold = serializers.IntegerField(min_value=0, max_value=LARGEST - 1, help_text="It is told when above this.")
    platform = serializers.ChoiceField(PLATFORM_SLUGS, required=False, help_text="Left out: on all.")
    account_id = serializers.UUIDField(required=False, help_text="Left out: of all.")


class AlertFilter(SpanFilterSet):
    figure = choice("figure", FIGURES)
    ordering = ordering_by({"created_at": "created_at"}, usual="oldest first")

    class Meta:
        model = MetricAlert
        form = SpanForm
        fields: list[str] = []


class AlertViewSet(WorkspaceScopedViewSet):
    """Figures that somebody wants to be told of."""

    queryset = MetricAlert.objects.all()
    rows_name = "alerts"
    serializer_class = AlertSerializer
    filterset_class = AlertFilter
    refusals: ClassVar[Any] = {"create": (409,)}

    def narrow(self, rows: Any) -> Any:
        rows = rows.order_by("created_at", "id")
        return rows if self.action == "destroy" else rows.annotate(hit_count=Count("hits"))

    @extend_schema(summary="List alerts, oldest first")
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response([_shown(alert, alert.hit_count) for alert in page or []])

    @extend_schema(
        summary="Have webhooks told when a figure rises above a threshold",
        description="The event `analytics.threshold`, once for each post and account. Posts that are above it already "
        "are not told of. 409 `too_many_alerts`.",
        request=NewAlertSerializer,
        responses={201: AlertSerializer},
        examples=[
            OpenApiExample("Seen often on X", request_only=True, value={
                "figure": "views", "threshold": 10000, "platform": "twitter"
            })
        ],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        alert = create_alert(self.workspace, by=self.caller.user, **self.body(NewAlertSerializer))
        return Response(_shown(alert, 0), status=201)

    @extend_schema(summary="One alert")
    def retrieve(self, request: Request, id: UUID) -> Response:
        alert = self.get_object()
        return Response(_shown(alert, alert.hit_count))

    @extend_schema(summary="Delete an alert", responses={204: None})
    def destroy(self, request: Request, id: UUID) -> Response:
        delete_alert(self.get_object())
        return Response(status=204)


def _shown(alert: MetricAlert, hits: int) -> dict[str, Any]:
    row = {
        "id": alert.id,
        "figure": alert.figure,
        "threshold": alert.threshold,
        "platform": alert.platform or None,
        "account_id": alert.account_id,
        "hits": hits,
        "created_at": alert.created_at,
    }
    return dict(AlertSerializer(row).data)
