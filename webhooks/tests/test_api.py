"""Webhooks over HTTP: registered, changed, tried out, looked into, sent again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from accounts.models import Membership, Workspace
from accounts.tests.factories import make_workspace, signed_in
from tests.kit.receiver import Receiver, Reply
from webhooks import queue
from webhooks.event_types import CATALOGUE
from webhooks.models import Endpoint, EndpointDelivery, EndpointLane, Event
from webhooks.services import endpoints
from webhooks.tests.factories import make_delivery, make_endpoint, make_events
from webhooks.tests.test_signing import is_accepted

pytestmark = pytest.mark.django_db

OWN = "a secret of my own"


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


@pytest.fixture
def client(workspace: Workspace) -> APIClient:
    return signed_in(Membership.objects.get(workspace=workspace).user)


def call(client: APIClient, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = getattr(client, method)(f"/api/v2/webhooks{path}", body, format="json")
    assert answer.status_code == status, answer.content
    return answer.json() if answer.content else None


# --- registering and changing ---
def test_secret_is_shown_once_and_kept_encrypted(client: APIClient, receiver: Receiver) -> None:
    body = {"url": f"{receiver.url}/hook", "events": ["post.published", "post.failed", "post.published"]}

    made = call(client, "post", "", body, 201)

    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == call(client, "get", f"/{made['id']}") == call(client, "get", "")["webhooks"][0]
    assert made | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "url": f"{receiver.url}/hook",
        "events": ["post.published", "post.failed"],
        "status": "active",
        "disabled_reason": None,
        "disabled_at": None,
        "old_secret_until": None,
        "created_at": "",
        "updated_at": "",
    }
    assert Endpoint.objects.get().secret_enc == secret
    assert secret.encode() not in bytes(Endpoint.objects.extra(select={"raw": "secret_enc"}).get().raw)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"events": []}, "events", "empty"),
        ({"events": ["post.deleted"]}, "events.0", "invalid_choice"),
        ({"secret": "too short"}, "secret", "unusable_secret"),
        ({"url": "http://127.0.0.1/"}, "url", "refused_address"),
        ({"url": "https://intern.invalid/"}, "url", "dns_failure"),
        ({"colour": "red"}, "colour", "unknown"),
    ],
)
def test_what_cannot_be_is_refused_by_field(client: APIClient, change: dict[str, Any], field: str, code: str) -> None:
    body = {"url": "https://1.1.1.1/hook", "events": ["post.published"], **change}

    told = call(client, "post", "", body, 400)

    assert [(one["field"], one["code"]) for one in told["errors"]] == [(field, code)]
    assert not Endpoint.objects.exists()


def test_there_are_so_many_and_no_more(
    client: APIClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 1)
    make_endpoint(workspace=workspace)

    told = call(client, "post", "", {"url": "https://1.1.1.1/hook", "events": ["post.published"]}, 409)

    assert told["code"] == "too_many_webhooks"


def test_new_address_is_looked_at_like_the_first(client: APIClient, workspace: Workspace) -> None:
    path = f"/{make_endpoint(workspace=workspace).id}"

    changed = call(client, "patch", path, {"url": "https://1.1.1.1/other", "events": ["media.ready"]})
    refused = call(client, "patch", path, {"url": "https://10.0.0.1/"}, 400)

    assert (changed["url"], changed["events"]) == ("https://1.1.1.1/other", ["media.ready"])
    assert refused["errors"][0]["code"] == "refused_address"
    assert call(client, "patch", path, changed)["url"] == changed["url"]


def test_paused_keeps_what_happens_and_goes_on_with_it(client: APIClient, workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace=workspace)
    lane = EndpointLane.objects.filter(endpoint=endpoint)

    call(client, "patch", f"/{endpoint.id}", {"status": "paused"})
    make_delivery(endpoint)
    while_paused = lane.get().ready_at
    call(client, "patch", f"/{endpoint.id}", {"status": "active"})

    assert while_paused is None
    assert lane.get().ready_at is not None
    assert EndpointDelivery.objects.get().state == "pending"


def test_deleting_takes_the_log_along(client: APIClient, workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace=workspace)
    make_delivery(endpoint)

    call(client, "delete", f"/{endpoint.id}", status=204)

    assert call(client, "get", "")["total"] == EndpointDelivery.objects.count() == 0


# --- secrets ---
def test_old_secret_signs_until_the_overlap_ends(client: APIClient, workspace: Workspace, receiver: Receiver) -> None:
    endpoint = make_endpoint(receiver.url, workspace=workspace)
    old = endpoint.secret_enc

    rotated = call(client, "post", f"/{endpoint.id}/rotate-secret", {"secret": OWN, "overlap_hours": 1})
    call(client, "post", f"/{endpoint.id}/test")
    Endpoint.objects.update(old_secret_until=timezone.now() - timedelta(seconds=1))
    call(client, "post", f"/{endpoint.id}/test")
    again = call(client, "post", f"/{endpoint.id}/rotate-secret", {"secret": OWN}, 400)

    during, after = receiver.received
    assert (rotated["secret"], rotated["old_secret_until"] is None) == (OWN, False)
    assert [is_accepted(str(secret), during.body, during.headers)[0] for secret in (OWN, old)] == [True, True]
    assert [is_accepted(str(secret), after.body, after.headers)[0] for secret in (OWN, old)] == [True, False]
    assert again["errors"][0]["code"] == "same_secret"


def test_secret_is_not_stored_for_the_key_of_a_request(client: APIClient) -> None:
    body = {"url": "https://1.1.1.1/hook", "events": ["post.published"]}
    first, second = (
        client.post("/api/v2/webhooks", body, format="json", headers={"Idempotency-Key": "k"}) for _ in "12"
    )

    assert (first.status_code, second.status_code, second.json()["code"]) == (201, 409, "already_done")
    assert second.json()["errors"][0]["params"] == {"id": first.json()["id"]}


# --- trying it out ---
@pytest.mark.parametrize("event", ["webhook.test", "post.published"])
def test_a_test_is_sent_at_once_and_logged(
    client: APIClient, workspace: Workspace, receiver: Receiver, event: str
) -> None:
    endpoint = make_endpoint(receiver.url, workspace=workspace, status="paused")
    receiver.reply = lambda _: Reply(200, b"thanks \x00" + b"x" * 5000)

    told = call(client, "post", f"/{endpoint.id}/test", {} if event == "webhook.test" else {"event": event})

    (request,) = receiver.received
    (attempt,) = told["attempts"]
    assert (told["status"], told["event"], told["http_status"], told["error"]) == ("delivered", event, 200, None)
    assert set(request.told) == {"event", "data", "timestamp"}
    assert told["body"].encode() == request.body
    assert request.told["event"] == event
    shown = {name.lower(): value for name, value in attempt["request"]["headers"].items()}
    assert shown.items() <= request.headers.items()
    assert attempt["response"] == {"status": 200, "body": ("thanks \N{REPLACEMENT CHARACTER}" + "x" * 5000)[:1024]}
    assert told == call(client, "get", f"/{endpoint.id}/deliveries/{told['id']}")


def test_what_goes_wrong_is_told(client: APIClient, workspace: Workspace, receiver: Receiver) -> None:
    elsewhere = make_endpoint(f"{receiver.url}/a", workspace=workspace)
    receiver.reply = lambda _: Reply(302, b"moved", {"Location": f"{receiver.url}/b"})

    told = call(client, "post", f"/{elsewhere.id}/test")

    assert (told["status"], told["error"]["code"]) == ("failed", "redirect_refused")
    assert [one.path for one in receiver.received] == ["/a"]


# --- the log ---
def test_log_is_filtered_and_shows_the_newest_first(client: APIClient, workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace=workspace)
    make_events(workspace, 2)
    make_events(workspace, 1, "media.ready")
    queue.fan_out(at=timezone.now())
    EndpointDelivery.objects.filter(event__type="media.ready").update(state="missed", next_attempt_at=None)
    make_delivery(make_endpoint())

    def found(query: str) -> list[str]:
        rows = call(client, "get", f"/{endpoint.id}/deliveries{query}")["deliveries"]
        return [row["event"] for row in rows]

    assert found("") == ["media.ready", "post.published", "post.published"]
    assert found("?event=post.published&status=pending") == ["post.published"] * 2
    assert found("?status=missed") == ["media.ready"]
    assert found("?created_from=2030-01-01") == []
    call(client, "get", f"/{make_endpoint().id}/deliveries", status=404)


def test_one_is_sent_again_with_the_same_id(client: APIClient, workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace=workspace)
    delivery = make_delivery(endpoint)
    path = f"/{endpoint.id}/deliveries/{delivery.id}/redeliver"

    pending = call(client, "post", path, status=409)
    EndpointDelivery.objects.update(state="delivered", next_attempt_at=None, delivered_at=timezone.now())
    again = call(client, "post", path, status=202)
    EndpointDelivery.objects.update(state="delivered", next_attempt_at=None)
    Endpoint.objects.update(status="disabled")
    disabled = call(client, "post", path, status=409)

    assert (pending["code"], disabled["code"]) == ("already_pending", "webhook_disabled")
    assert (again["status"], again["event_id"], again["delivered_at"]) == ("pending", str(delivery.event_id), None)


def test_what_was_missed_is_sent_by_one_call_which_switches_it_on_again(
    client: APIClient, workspace: Workspace
) -> None:
    endpoint = make_endpoint(workspace=workspace)
    make_delivery(endpoint)
    queue.switch_off(endpoint.id, reason="Nothing got through.", at=timezone.now())
    make_delivery(endpoint)
    event = Event.objects.create(workspace=workspace, type="media.ready", created_at=timezone.now())
    EndpointDelivery.objects.create(endpoint=endpoint, event=event, state="delivered")
    shown = call(client, "get", f"/{endpoint.id}")
    states = set(EndpointDelivery.objects.values_list("state", flat=True))

    none = call(client, "post", f"/{endpoint.id}/redeliver", {"until": "2001-01-01T00:00:00Z"}, 202)
    Endpoint.objects.update(status="disabled")
    told = call(client, "post", f"/{endpoint.id}/redeliver", {"event": ["post.published"]}, 202)

    assert (shown["status"], shown["disabled_reason"]) == ("disabled", "Nothing got through.")
    assert states == {"missed", "delivered"}
    assert (none, told) == ({"queued": 0}, {"queued": 2})
    assert call(client, "get", f"/{endpoint.id}")["status"] == "active"
    assert EndpointDelivery.objects.filter(state="pending").count() == 2
    assert EndpointLane.objects.get().ready_at is not None


def test_what_is_switched_off_is_not_paused(client: APIClient, workspace: Workspace) -> None:
    endpoint = make_endpoint(workspace=workspace, status="disabled", disabled_reason="Gone.")

    assert call(client, "patch", f"/{endpoint.id}", {"status": "paused"}, 409)["code"] == "webhook_disabled"
    assert call(client, "patch", f"/{endpoint.id}", {"status": "active"})["disabled_reason"] is None


def test_every_type_has_a_summary_and_an_example() -> None:
    assert all(one.summary and one.example for one in CATALOGUE.values())


def test_private_addresses_are_reached_in_development_only(
    client: APIClient, receiver: Receiver, settings: Settings
) -> None:
    settings.IS_DEVELOPMENT = False

    told = call(client, "post", "", {"url": receiver.url, "events": ["post.published"]}, 400)

    assert told["errors"][0]["code"] == "refused_address"
    assert receiver.received == []
