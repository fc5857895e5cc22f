"""Endpoints for tests, as the services leave them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from accounts.models import Workspace
from accounts.tests.factories import make_workspace
from webhooks import outbox, queue
from webhooks.event_types import CATALOGUE, NAMES
from webhooks.models import Endpoint, EndpointDelivery, EndpointLane, Event

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def make_endpoint(
    url: str = "https://receiver.test/hook",
    *,
    workspace: Workspace | None = None,
    events: Sequence[str] = NAMES,
    **overrides: Any,
) -> Endpoint:
    """An endpoint with its lane; the URL is not looked at."""
    workspace = workspace or make_workspace()
    made = {"created_by": workspace.memberships.filter(role="owner")[0].user, "secret_enc": SECRET, **overrides}
    endpoint = Endpoint.objects.create(workspace=workspace, url=url, events=list(events), **made)
    EndpointLane.objects.create(endpoint=endpoint, is_open=endpoint.status == "active")
    return endpoint


def make_events(workspace: Workspace, count: int = 1, event_type: str = "post.published") -> list[Event]:
    """Events that nobody has been told of yet, with the data of the example."""
    outbox.record(
        [outbox.NewEvent(workspace.id, event_type, CATALOGUE[event_type].example) for _ in range(count)],
        at=timezone.now(),
    )
    return list(Event.objects.filter(workspace=workspace).order_by("id"))[-count:]


def make_delivery(endpoint: Endpoint | None = None, **overrides: Any) -> EndpointDelivery:
    """One event for it that waits to be sent; `overrides` are set on the row."""
    endpoint = endpoint or make_endpoint()
    (event,) = make_events(endpoint.workspace, event_type=endpoint.events[0])
    queue.fan_out(at=timezone.now())
    delivery = EndpointDelivery.objects.get(endpoint=endpoint, event=event)
    EndpointDelivery.objects.filter(id=delivery.id).update(**overrides)
    delivery.refresh_from_db()
    return delivery
