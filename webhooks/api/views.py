"""Registering webhooks, and seeing what was sent to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WorkspaceScopedViewSet
from webhooks.api import examples
from webhooks.api.examples import answer, question
from webhooks.api.filters import WebhookDeliveryFilter, WebhookFilter
from webhooks.api.serializers import (
    NewWebhookSerializer,
    QueuedSerializer,
    RedeliverSerializer,
    RotateSecretSerializer,
    TestSerializer,
    WebhookChangeSerializer,
    WebhookDeliverySerializer,
    WebhookDeliveryWithAttemptsSerializer,
    WebhookSerializer,
    WebhookWithSecretSerializer,
)
from webhooks.models import Endpoint, EndpointDelivery
from webhooks.services import deliveries, endpoints
from webhooks.services.endpoints import WithSecret

SECRET = {"Cache-Control": "no-store"}


class WebhookViewSet(WorkspaceScopedViewSet):
    """Servers that are told of events."""

    queryset = Endpoint.objects.all()
    rows_name = "webhooks"
    serializer_class = WebhookSerializer
    filterset_class = WebhookFilter
    refusals = {"create": (409,), "partial_update": (409,)}
    is_one_transaction = False  # the DNS and receivers are waited for
    answers_with_secret = True

    def narrow(self, rows: Any) -> Any:
        return rows.defer("secret_enc", "old_secret_enc").order_by("created_at", "id")

    @extend_schema(summary="List webhooks, oldest first")
    def list(self, request: Request) -> Response:
        return self.list_rows()

    @extend_schema(
        summary="Register a webhook",
        description="Its `secret` is shown in this answer and never again. The address has to be https and public, now "
        "and whenever something is sent there (400 `refused_address`, `dns_failure`). 409 `too_many_webhooks`.",
        request=NewWebhookSerializer,
        responses={201: WebhookWithSecretSerializer},
    )
    def create(self, request: Request) -> Response:
        fields = self.body(NewWebhookSerializer)
        made = endpoints.create_endpoint(self.workspace, by=self.caller.user, **fields)
        return Response(_with_secret(made), status=201, headers=SECRET)

    @extend_schema(summary="One webhook")
    def retrieve(self, request: Request, id: UUID) -> Response:
        return Response(self._shown())

    @extend_schema(
        summary="Change its address or events, pause it, or let it go on",
        description="409 `webhook_disabled` when it is to be paused and was switched off.",
        request=WebhookChangeSerializer,
        responses=WebhookSerializer,
        examples=[question("Pause", {"status": "paused"}), answer("Paused", examples.PAUSED)],
    )
    def partial_update(self, request: Request, id: UUID) -> Response:
        endpoint = self.get_object()
        changes = self.body(WebhookChangeSerializer, partial=True)
        endpoints.change_endpoint(endpoint, at=timezone.now(), **changes)
        return Response(self._shown())

    @extend_schema(summary="Delete a webhook and its log", responses={204: None})
    def destroy(self, request: Request, id: UUID) -> Response:
        endpoints.delete_endpoint(self.get_object())
        return Response(status=204)

    @extend_schema(
        summary="Send it a made-up event now",
        description="Answers with what came of it, whatever the webhook's status; it is not tried again.",
        request=TestSerializer,
        responses=WebhookDeliveryWithAttemptsSerializer,
        examples=[question("A published post", {"event": "post.published"})],
    )
    @action(detail=True, methods=["post"], answers_with_secret=False)
    def test(self, request: Request, id: UUID) -> Response:
        endpoint = self.get_object()
        sent = deliveries.send_test(endpoint, event_type=self.body(TestSerializer).get("event", ""))
        return Response(WebhookDeliveryWithAttemptsSerializer(sent).data)

    @extend_schema(
        summary="Change its secret",
        description="The new secret is shown in this answer and never again. Until the overlap ends, "
        "`webhook-signature` "
        "holds a signature of each of the two; `X-Webhook-Signature` is of the new one at once.",
        request=RotateSecretSerializer,
        responses=WebhookWithSecretSerializer,
        examples=[question("With a day to change it", {"overlap_hours": 24}), answer("Rotated", examples.ROTATED)],
    )
    @action(detail=True, methods=["post"], url_path="rotate-secret", is_one_transaction=True)
    def rotate_secret(self, request: Request, id: UUID) -> Response:
        fields = self.body(RotateSecretSerializer)
        rotated = endpoints.rotate_secret(
            self.get_object(),
            secret=fields.get("secret", ""),
            overlap=timedelta(hours=fields["overlap_hours"]),
            at=timezone.now(),
        )
        return Response(_with_secret(rotated), headers=SECRET)

    @extend_schema(
        summary="Send again what did not get through",
        description="In order, with the same ids. A webhook that was switched off is switched on again by it.",
        request=RedeliverSerializer,
        responses={202: QueuedSerializer},
        examples=[question("Of one day", {"since": "2030-01-31T00:00:00Z", "until": "2030-02-01T00:00:00Z"})],
    )
    @action(detail=True, methods=["post"], is_one_transaction=True, answers_with_secret=False)
    def redeliver(self, request: Request, id: UUID) -> Response:
        fields = self.body(RedeliverSerializer)
        queued = deliveries.redeliver_many(
            self.get_object(),
            states=fields.get("status", deliveries.NOT_THROUGH),
            since=fields.get("since"),
            until=fields.get("until"),
            events=fields.get("event", ()),
            at=timezone.now(),
        )
        return Response({"queued": queued}, status=202)

    def _shown(self) -> dict[str, Any]:
        return dict(WebhookSerializer(self.get_object()).data)


class WebhookDeliveryViewSet(WorkspaceScopedViewSet):
    """What was sent to one webhook, or is to be."""

    queryset = EndpointDelivery.objects.all()
    rows_name = "deliveries"
    serializer_class = WebhookDeliverySerializer
    filterset_class = WebhookDeliveryFilter
    refusals = {"redeliver": (409,)}

    def get_serializer_class(self) -> Any:
        return WebhookDeliveryWithAttemptsSerializer if self.action == "retrieve" else self.serializer_class

    def narrow(self, rows: Any) -> Any:
        webhook = self.kwargs.get("webhook_id", self.kwargs["id"])
        endpoint = get_object_or_404(Endpoint.objects.in_workspace(self.workspace), id=webhook)
        return rows.filter(endpoint=endpoint).select_related("event").order_by("-event_id")

    @extend_schema(summary="What was sent to a webhook, or is to be, newest first; kept for 30 days")
    def list(self, request: Request, id: UUID) -> Response:
        return self.list_rows()

    @extend_schema(
        summary="One event for a webhook, with request, answer and timing of each try",
        responses=WebhookDeliveryWithAttemptsSerializer,
    )
    def retrieve(self, request: Request, webhook_id: UUID, id: UUID) -> Response:
        return Response(WebhookDeliveryWithAttemptsSerializer(self.get_object()).data)

    @extend_schema(
        summary="Send one event again",
        description="With the same id and body. 409 `already_pending`, or `webhook_disabled`.",
        request=None,
        responses={202: WebhookDeliverySerializer},
        examples=[answer("Waits to be sent", examples.AGAIN, status=202)],
    )
    def redeliver(self, request: Request, webhook_id: UUID, id: UUID) -> Response:
        again = deliveries.redeliver(self.get_object(), at=timezone.now())
        return Response(WebhookDeliverySerializer(again).data, status=202)


def _with_secret(made: WithSecret) -> dict[str, Any]:
    return {**WebhookSerializer(made.endpoint).data, "secret": made.secret}
