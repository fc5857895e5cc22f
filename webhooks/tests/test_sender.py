"""The sender with a receiver: each event once it can, in order, whatever receivers and senders do."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.tests.factories import make_user, make_workspace
from mastablasta.core.crypto import Unreadable
from mastablasta.core.models import Heartbeat, Mail, Tally
from tests.kit.receiver import Received, Receiver, Reply
from webhooks import queue, sender
from webhooks.models import Endpoint, EndpointAttempt, EndpointDelivery, EndpointLane, Event
from webhooks.outcomes import Attempted, LaneHealth, judge
from webhooks.sender import DrainReport
from webhooks.services.endpoints import rotate_secret
from webhooks.services.pruning import prune_events
from webhooks.tests.factories import make_delivery, make_endpoint, make_events
from webhooks.tests.test_signing import is_accepted

pytestmark = pytest.mark.django_db(transaction=True)


def drain(**options: Any) -> DrainReport:
    return sender.drain(worker="w1", threads=8, **options)


def let_it_be_due() -> None:
    """As if the waits were over."""
    EndpointDelivery.objects.filter(state="pending").update(next_attempt_at=timezone.now())
    EndpointLane.objects.update(blocked_until=None)
    with transaction.atomic():
        queue.recompute_lanes(list(EndpointLane.objects.values_list("endpoint", flat=True)))


def test_every_endpoint_gets_what_it_wants_in_order_signed_and_once(receiver: Receiver) -> None:
    first = make_endpoint(f"{receiver.url}/first")
    workspace = first.workspace
    make_endpoint(f"{receiver.url}/second", workspace=workspace, events=["media.ready"])
    make_endpoint(f"{receiver.url}/foreign", workspace=make_workspace())
    told = [*make_events(workspace, 20), *make_events(workspace, 1, "media.ready")]

    report = drain()

    assert (report.sent, report.states, report.left) == (22, {"delivered": 22}, 0)
    assert [one.id for one in receiver.received if one.path == "/first"] == [str(event.id) for event in told]
    assert [one.id for one in receiver.received if one.path == "/second"] == [str(told[-1].id)]
    assert Counter(one.path for one in receiver.received) == {"/first": 21, "/second": 1}
    assert all(is_accepted(first.secret_enc, one.body, one.headers) == [True, True] for one in receiver.received)
    assert all(one.headers["content-type"] == "application/json" for one in receiver.received)
    assert set(EndpointDelivery.objects.values_list("state", "attempt_count", "http_status")) == {("delivered", 1, 200)}
    assert set(EndpointLane.objects.values_list("ready_at", "lease_token", "failures")) == {(None, None, 0)}
    assert queue.next_due_at() is None
    assert Tally.objects.get(name="webhook_attempts", outcome="taken").count == 22
    assert not Heartbeat.objects.filter(name__startswith=queue.BEATS).exists()
    assert drain().sent == 0


def test_what_failed_is_sent_again_with_the_same_id_and_a_new_signature(receiver: Receiver) -> None:
    endpoint = make_endpoint(receiver.url)
    events = make_events(endpoint.workspace, 2)
    replies = iter([Reply(500, b"x" * 3000), Reply(), Reply()])
    receiver.reply = lambda _: next(replies)

    drain()
    after_first = EndpointDelivery.objects.order_by("event").values_list("state", "http_status", "error_code")
    first, second = list(after_first)
    let_it_be_due()
    drain()

    assert (first, second) == (("pending", 500, "bad_status"), ("pending", None, ""))
    assert [one.id for one in receiver.received] == [str(events[0].id), str(events[0].id), str(events[1].id)]
    assert receiver.received[0].body == receiver.received[1].body
    assert [is_accepted(endpoint.secret_enc, one.body, one.headers)[0] for one in receiver.received] == [True] * 3
    attempts = EndpointAttempt.objects.filter(delivery__event=events[0]).order_by("number")
    assert list(attempts.values_list("number", "http_status", "code")) == [(1, 500, "bad_status"), (2, 200, "")]
    assert len(attempts[0].answer) == 1024


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "²"},
        {"Retry-After": "9" * 5000},
        {"Retry-After": "Mon, 23 Nov 99999999999999999999 12:05:00 GMT"},
        {"Retry-After": "Fri, 31 Dec 9999 23:59:59 -1200"},
        {"Retry-After": "1", "Keep-Alive": "timeout=²"},
    ],
)
def test_whatever_a_failing_receiver_says_beside_it_is_a_failure_and_waits(
    receiver: Receiver, headers: dict[str, str]
) -> None:
    make_delivery(make_endpoint(receiver.url))
    receiver.reply = lambda _: Reply(503, headers=headers)

    report = drain(at_most_s=5)

    assert (report.sent, report.states, len(receiver.received)) == (1, {"pending": 1}, 1)
    delivery = EndpointDelivery.objects.get()
    assert (delivery.http_status, delivery.error_code, delivery.attempt_count) == (503, "bad_status", 1)
    assert timezone.now() < delivery.next_attempt_at < timezone.now() + timedelta(days=1)


def test_one_whose_secret_cannot_be_read_says_so_and_keeps_nobody_else_waiting(receiver: Receiver) -> None:
    lost, well = (make_endpoint(f"{receiver.url}/{path}") for path in ("lost", "well"))
    for endpoint in (lost, well):
        make_delivery(endpoint)
    Endpoint.objects.filter(id=lost.id).update(secret_enc=Unreadable(b"gAAAAABlost"))

    report = drain(at_most_s=5)
    waiting = EndpointDelivery.objects.get(endpoint=lost)
    rotate_secret(lost, at=timezone.now())
    let_it_be_due()
    drain()

    assert report.states == {"pending": 1, "delivered": 1}
    assert (waiting.error_code, waiting.http_status) == ("secret_unreadable", None)
    assert "ENCRYPTION_KEY" in waiting.error_message
    assert Counter(one.path for one in receiver.received) == {"/well": 1, "/lost": 1}
    assert set(EndpointDelivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_one_that_fails_or_hangs_keeps_nobody_else_waiting(receiver: Receiver) -> None:
    workspace = make_workspace()
    for path in ("hangs", "fails", "well"):
        make_endpoint(f"{receiver.url}/{path}", workspace=workspace)
    make_events(workspace, 3)
    others_are_done = threading.Event()

    def reply(request: Received) -> Reply:
        if request.path == "/hangs":
            others_are_done.wait(10)
        if request.path == "/well" and len(receiver.ids("/well")) == 3:
            others_are_done.set()
        return Reply(503 if request.path == "/fails" else 200)

    receiver.reply = reply

    drain()

    assert Counter(one.path for one in receiver.received) == {"/hangs": 3, "/fails": 1, "/well": 3}


def test_endpoints_that_fail_leave_threads_to_the_others() -> None:
    for number in range(6):
        endpoint = make_endpoint(f"https://receiver.test/{number}")
        make_delivery(endpoint)
        EndpointLane.objects.filter(endpoint=endpoint).update(failures=number % 2)

    with transaction.atomic():
        claimed = queue.claim(at=timezone.now(), limit=5, most_failing=1, token=uuid4())

    assert sorted(lane.health.failures for lane in claimed) == [0, 0, 0, 1]


def test_receiver_that_is_gone_is_switched_off_and_its_owner_told(receiver: Receiver, settings: Settings) -> None:
    settings.EMAIL_URL = "smtp://mail.test"
    endpoint = make_endpoint(receiver.url)
    make_events(endpoint.workspace, 2)
    receiver.reply = lambda _: Reply(410)

    drain()
    make_events(endpoint.workspace, 1)
    drain()

    endpoint.refresh_from_db()
    assert (endpoint.status, endpoint.disabled_reason) == (
        "disabled",
        "The receiver answered 410: it is gone for good.",
    )
    assert list(EndpointDelivery.objects.values_list("state", flat=True)) == ["missed"] * 3
    assert len(receiver.received) == 1
    message = Mail.objects.get()
    assert message.recipient == endpoint.created_by.email  # type: ignore[union-attr]
    assert message.subject == f"A webhook to {receiver.url.removeprefix('http://')} was switched off"
    assert f"/api/v2/webhooks/{endpoint.id}/redeliver" in str(message.text_enc)
    assert "410" in str(message.text_enc)


@pytest.mark.parametrize("who", ["registered it, but left", "nobody"])
def test_owners_are_told_where_nobody_else_is_there_and_nobody_without_email(settings: Settings, who: str) -> None:
    settings.EMAIL_URL = "" if who == "nobody" else "smtp://mail.test"
    endpoint = make_endpoint(created_by=make_user())

    with transaction.atomic():
        queue.switch_off(endpoint.id, reason="Gone.", at=timezone.now())

    owner = endpoint.workspace.memberships.get(role="owner").user
    assert list(Mail.objects.values_list("recipient", flat=True)) == ([] if who == "nobody" else [owner.email])


def test_what_a_dead_sender_held_is_sent_by_the_next(receiver: Receiver) -> None:
    endpoint = make_endpoint(receiver.url)
    make_delivery(endpoint)
    EndpointLane.objects.update(lease_token=uuid4(), lease_expires_at=timezone.now())

    drain()

    assert EndpointDelivery.objects.get().state == "delivered"


def test_a_late_sender_changes_nothing() -> None:
    delivery = make_delivery()
    with transaction.atomic():
        (late,) = queue.claim(at=timezone.now(), limit=1, most_failing=0, token=uuid4())
    queue.take_over(at=timezone.now() + queue.LEASE)
    with transaction.atomic():
        (present,) = queue.claim(at=timezone.now(), limit=1, most_failing=0, token=uuid4())
    at = timezone.now()
    attempted = Attempted(at, at, "https://receiver.test/", {}, http_status=500, code="bad_status")
    verdict = judge(attempted, failures=0, lane=LaneHealth())

    with transaction.atomic():
        written = queue.finish([queue.Result(late.lease, delivery.id, 1, attempted, verdict)], [late.lease], at=at)

    assert written == set()
    assert EndpointLane.objects.get().lease_token == present.lease.token
    assert not EndpointAttempt.objects.exists()


@pytest.mark.parametrize("change", ["deleted", "paused"])
def test_endpoint_may_go_while_it_is_called(receiver: Receiver, change: str) -> None:
    endpoint = make_endpoint(receiver.url)
    make_events(endpoint.workspace, 3)

    def reply(_: Received) -> Reply:
        if change == "deleted":
            Endpoint.objects.filter(id=endpoint.id).delete()
        else:
            EndpointLane.objects.filter(endpoint=endpoint).update(is_open=False)
        return Reply(500)

    receiver.reply = in_its_own_connection(reply)

    drain()

    assert len(receiver.received) == 1
    assert not EndpointLane.objects.filter(lease_token__isnull=False).exists()


def in_its_own_connection(reply: Callable[[Received], Reply]) -> Callable[[Received], Reply]:
    from django.db import connections

    def closing(request: Received) -> Reply:
        try:
            return reply(request)
        finally:
            connections.close_all()

    return closing


def test_stop_leaves_the_rest_to_be_claimed_at_once(receiver: Receiver) -> None:
    endpoint = make_endpoint(receiver.url)
    make_events(endpoint.workspace, 5)

    is_told = threading.Event()

    def should_stop() -> bool:
        if receiver.received:
            is_told.set()
        return is_told.is_set()

    def reply(_: Received) -> Reply:
        is_told.wait(10)
        return Reply()

    receiver.reply = reply

    report = drain(should_stop=should_stop)

    assert (report.left, len(receiver.received)) == (0, 1)
    assert EndpointLane.objects.get().ready_at is not None
    assert EndpointDelivery.objects.filter(state="pending").count() == 4


def test_results_that_the_database_refuses_hold_up_nobody(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import IntegrityError

    endpoint = make_endpoint(receiver.url)
    make_events(endpoint.workspace, 1)
    real, refused = queue.finish, []

    def finish(results: Any, ended: Any, *, at: Any) -> Any:
        if results and not refused:
            refused.append(1)
            raise IntegrityError
        return real(results, ended, at=at)

    monkeypatch.setattr(queue, "finish", finish)
    drain(at_most_s=0.5)
    EndpointLane.objects.update(lease_expires_at=timezone.now())
    drain()

    assert len(receiver.ids()) == 1
    assert EndpointDelivery.objects.get().state == "delivered"


def test_old_events_are_forgotten_but_for_what_is_in_hand() -> None:
    old, held = make_delivery(), make_delivery()
    fresh = make_delivery()
    Event.objects.exclude(id=fresh.event_id).update(created_at=timezone.now() - timedelta(days=31))
    EndpointLane.objects.filter(endpoint=held.endpoint).update(lease_token=uuid4(), lease_expires_at=timezone.now())

    removed = prune_events(at=timezone.now())

    assert removed == 1
    assert not EndpointDelivery.objects.filter(id=old.id).exists()
    assert set(Event.objects.values_list("id", flat=True)) == {held.event_id, fresh.event_id}
