"""What an operator does with webhooks in Django admin."""

from __future__ import annotations

import pytest
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.roles import SiteRole
from accounts.tests.factories import BACKEND, make_user
from webhooks import queue
from webhooks.models import Endpoint, EndpointDelivery
from webhooks.tests.factories import make_delivery, make_endpoint

pytestmark = pytest.mark.django_db


def act(action: str, row: Model) -> str:
    """Carry out an action of a list on one row; what the page says then."""
    client = Client()
    client.force_login(make_user(site_role=SiteRole.ADMIN), backend=BACKEND)
    page = reverse(f"admin:webhooks_{row._meta.model_name}_changelist")
    answer = client.post(page, {"action": action, "_selected_action": [str(row.pk)]}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_what_was_missed_is_sent_by_one_click() -> None:
    endpoint = make_endpoint()
    make_delivery(endpoint)
    queue.switch_off(endpoint.id, reason="Nothing got through.", at=timezone.now())

    page = act("send_what_was_missed", endpoint)

    assert "Events that are sent again: 1." in page
    assert Endpoint.objects.get().status == "active"
    assert EndpointDelivery.objects.get().state == "pending"


def test_it_is_paused_and_goes_on() -> None:
    endpoint, gone = make_endpoint(), make_endpoint(status="disabled")

    act("pause", endpoint)
    paused = Endpoint.objects.get(id=endpoint.id).status
    act("go_on", endpoint)
    refused = act("pause", gone)

    assert (paused, Endpoint.objects.get(id=endpoint.id).status) == ("paused", "active")
    assert "This webhook is switched off already" in refused


def test_one_event_is_sent_again_unless_it_waits() -> None:
    done, waiting = make_delivery(state="delivered", next_attempt_at=None), make_delivery()

    act("send_again", done)
    refused = act("send_again", waiting)

    done.refresh_from_db()
    assert done.state == "pending"
    assert "This event is about to be sent already." in refused
