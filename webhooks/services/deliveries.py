"""What people do with what was sent: have it sent again, or try an endpoint out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.database_changes import DUE, notify
from mastablasta.core.errors import Conflict
from mastablasta.core.ids import new_id
from mastablasta.core.logs import clean_text
from webhooks import queue
from webhooks.event_types import CATALOGUE, TEST_EVENT, body_of
from webhooks.models import Endpoint, EndpointDelivery, Event
from webhooks.sending import Message, send
from webhooks.services.endpoints import locked, signing_secrets, switch_on
from webhooks.states import EndpointDeliveryState, EndpointStatus

NOT_THROUGH = (EndpointDeliveryState.MISSED, EndpointDeliveryState.FAILED)


def redeliver(delivery: EndpointDelivery, *, at: datetime) -> EndpointDelivery:
    """Have one event sent again, with the same id and body. Raises Conflict: already_pending, webhook_disabled."""
    with transaction.atomic():
        endpoint = locked(delivery.endpoint)
        if endpoint.status == EndpointStatus.DISABLED:
            raise Conflict("webhook_disabled", "This webhook is switched off; PATCH its status to active first.")
        if not _send_again(EndpointDelivery.objects.filter(pk=delivery.pk), at=at):
            raise Conflict("already_pending", "This event is about to be sent already.")
        record("sent again", [replace(subject_of(delivery), workspace=endpoint.workspace_id)], at=at)
        queue.recompute_lanes([endpoint.pk])
        notify(DUE)
    delivery.refresh_from_db()
    return delivery


def redeliver_many(
    endpoint: Endpoint,
    *,
    states: Collection[str] = NOT_THROUGH,
    since: datetime | None = None,
    until: datetime | None = None,
    events: Collection[str] = (),
    at: datetime,
) -> int:
    """Have what did not get through sent again, in order; returns how many events that is.

    `states`: delivered ones too, if named. `since`, `until`: when they happened. `events`: of which types; () = of all.
    An endpoint that was switched off is switched on again; one that is paused sends them when it goes on.
    """
    with transaction.atomic():
        current = locked(endpoint)
        rows = EndpointDelivery.objects.filter(endpoint=current, state__in=states)
        conditions: dict[str, Any] = {
            "event__created_at__gte": since,
            "event__created_at__lt": until,
            "event__type__in": events or None,
        }
        chosen = rows.filter(**{name: value for name, value in conditions.items() if value is not None})
        count = _send_again(EndpointDelivery.objects.filter(pk__in=chosen.values("pk")), at=at)
        if current.status == EndpointStatus.DISABLED:
            switch_on(current, at=at)
        record(
            "sent again", [subject_of(current, name=clean_text(current.url), changes={"events": (None, count)})], at=at
        )
        queue.recompute_lanes([current.pk])
        notify(DUE)
    return count


def send_test(endpoint: Endpoint, *, event_type: str = "") -> EndpointDelivery:
    """Send one made-up event now, whatever the endpoint's status, and keep what came of it in its log.

    `event_type`: one of the catalogue, with the data of its example; "" = `webhook.test`. It is not tried again. Calls
    out, so outside a transaction.
    """
    kind, at = CATALOGUE.get(event_type, TEST_EVENT), timezone.now()
    event = Event(
        id=new_id(),
        workspace_id=endpoint.workspace_id,
        type=kind.name,
        body=body_of(kind.name, kind.example, at=at),
        created_at=at,
        is_fanned_out=True,
    )
    secrets = signing_secrets(endpoint, at=at)
    attempted = send(Message(event.id, event.body.encode(), endpoint.url, secrets))
    with transaction.atomic():
        current = locked(endpoint)
        event.save(force_insert=True)
        delivery = EndpointDelivery.objects.create(
            endpoint=current,
            event=event,
            state=EndpointDeliveryState.DELIVERED if attempted.is_taken else EndpointDeliveryState.FAILED,
            attempt_count=1,
            failures=0 if attempted.is_taken else 1,
            delivered_at=attempted.ended_at if attempted.is_taken else None,
            http_status=attempted.http_status,
            error_code=attempted.code,
            error_message=attempted.message[:500],
        )
        queue.attempt_row(delivery.id, 1, attempted).save(force_insert=True)
    return delivery


def _send_again(rows: QuerySet[EndpointDelivery], *, at: datetime) -> int:
    return rows.exclude(state=EndpointDeliveryState.PENDING).update(
        state=EndpointDeliveryState.PENDING,
        next_attempt_at=at,
        failures=0,
        delivered_at=None,
        http_status=None,
        error_code="",
        error_message="",
        updated_at=at,
    )
