"""Filters of the lists of webhooks and of what was sent to one."""

from __future__ import annotations

from mastablasta.core.api.filters import (
    Parameter,
    SpanFilterSet,
    SpanForm,
    choice,
    edge,
    one_of,
    ordering_by,
    zone_of_edges,
)
from webhooks.event_types import NAMES, TEST
from webhooks.models import Endpoint, EndpointDelivery
from webhooks.states import EndpointDeliveryState, EndpointStatus


class WebhookFilter(SpanFilterSet):
    status = choice("status", EndpointStatus.values)
    ordering = ordering_by({"created_at": "created_at"}, usual="oldest first")

    class Meta:
        model = Endpoint
        form = SpanForm
        fields: list[str] = []


class DeliverySpans(SpanForm):
    spans = ("created",)


class WebhookDeliveryFilter(SpanFilterSet):
    status = choice("state", EndpointDeliveryState.values)
    event = Parameter(
        lambda rows, names: rows.filter(event__type__in=names),
        check=one_of((*NAMES, TEST)),
        is_list=True,
        schema={"enum": [*NAMES, TEST]},
    )
    created_from = edge("event__created_at", "from")
    created_to = edge("event__created_at", "to")
    timezone = zone_of_edges()
    ordering = ordering_by({"created_at": "event_id"}, usual="newest first")

    class Meta:
        model = EndpointDelivery
        form = DeliverySpans
        fields: list[str] = []
