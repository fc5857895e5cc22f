"""/metrics: figures of the whole instance, from its rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from analytics.collection import queue as collection
from analytics.tests.factories import make_published
from integrations.services import tokens
from integrations.tests.factories import connect, make_account, make_credential, make_host
from mastablasta.core import jobs
from mastablasta.core.ids import new_id
from mastablasta.core.models import PROGRESS, Counted, Heartbeat, Tally
from mastablasta.ops import metrics
from media_library.models import Rendition
from media_library.tests.factories import make_asset
from posts import tasks
from posts.engine import publisher
from posts.models import Lane
from posts.states import DeliveryState
from posts.tests.factories import NOON, make_delivery
from tests.world import Sandbox
from webhooks.models import EndpointLane
from webhooks.tests.factories import make_delivery as make_webhook_delivery
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db(transaction=True)


def scrape(client: Client | None = None) -> dict[str, dict[tuple[str, ...], float]]:
    """By metric, the values by their labels' values, in the order of the labels' names."""
    answer = (client or Client()).get("/metrics")
    assert answer.status_code == 200, answer.content
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            values = found.setdefault(sample.name.removeprefix("mastablasta_"), {})
            values[tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


def in_flight(**overrides: Any) -> None:
    token, ends = new_id(), timezone.now() + timedelta(seconds=20)
    delivery = make_delivery(state=DeliveryState.SENDING, lease_token=token, lease_expires_at=ends, **overrides)
    Lane.objects.filter(account=delivery.account_id).update(lease_token=token, lease_expires_at=ends)


# --- who may ---


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_this_host_may_read_without_a_token(address: str) -> None:
    answer = Client(REMOTE_ADDR=address).get("/metrics")

    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    "request_is",
    [
        {"REMOTE_ADDR": "198.51.100.7"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "198.51.100.7"},
        {"HTTP_FORWARDED": "for=198.51.100.7"},
    ],
    ids=str,
)
def test_others_may_not_and_learn_how(request_is: dict[str, str]) -> None:
    answer = Client(**request_is).get("/metrics")

    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert answer.json()["code"] == "permission_denied"
    assert "METRICS_TOKEN" in answer.json()["detail"]


@pytest.mark.parametrize("address", ["127.0.0.1", "198.51.100.7"])
def test_who_knows_the_token_may_and_nobody_else(settings: Any, address: str) -> None:
    settings.METRICS_TOKEN = "of-this-test"
    client = Client(REMOTE_ADDR=address)

    given = [None, "Bearer of-this", "Bearer of-this-test", "of-this-test", "Bearer of-this-tést"]
    answers = [client.get("/metrics", **({"HTTP_AUTHORIZATION": one} if one else {})) for one in given]

    assert [answer.status_code for answer in answers] == [401, 401, 200, 401, 401]
    assert answers[0]["WWW-Authenticate"] == "Bearer"
    assert answers[0].json()["code"] == "not_authenticated"
    assert "of-this-test" not in answers[0].content.decode()


def test_only_reading_is_allowed() -> None:
    assert Client().post("/metrics").status_code == 405


# --- what it says ---


def test_empty_instance_has_every_figure() -> None:
    found = scrape()

    assert {name: found[name][()] for name in found if () in found[name]} == {
        "held": 0, "due_lag_seconds": 0, "due_accounts": 0, "due_deliveries": 0, "in_flight": 0, "drains": 0,
        "media_lag_seconds": 0, "lanes_repaired_total": 0, "webhook_lag_seconds": 0, "webhook_deliveries_pending": 0,
        "webhooks_disabled": 0, "collection_lag_seconds": 0, "collection_due": 0,
    }  # fmt: skip
    assert set(found["open_deliveries"].values()) == set(found["grants_expiring"].values()) == {0}


def test_figures_that_wait_are_counted() -> None:
    make_published(published_at=timezone.now() - timedelta(hours=1))
    collection.plan_lately_published(at=timezone.now() - timedelta(seconds=90))

    found = scrape()

    assert 90 <= found["collection_lag_seconds"][()] < 100
    assert found["collection_due"][()] == 1


def test_webhooks_that_wait_and_that_were_switched_off_are_counted() -> None:
    make_webhook_delivery()
    make_endpoint(status="disabled")
    EndpointLane.objects.update(ready_at=timezone.now() - timedelta(seconds=90))

    found = scrape()

    assert 90 <= found["webhook_lag_seconds"][()] < 100
    assert (found["webhook_deliveries_pending"][()], found["webhooks_disabled"][()]) == (1, 1)


def test_work_is_counted_by_what_it_waits_for() -> None:
    now = timezone.now()
    late = make_delivery(due_at=now - timedelta(seconds=30))
    make_delivery(late.account, due_at=now - timedelta(seconds=10))
    make_delivery(due_at=now + timedelta(hours=1))
    for state in (DeliveryState.BLOCKED, DeliveryState.HELD, DeliveryState.UNCONFIRMED):
        make_delivery(due_at=None, state=state)
    make_delivery(state=DeliveryState.PUBLISHED, due_at=None, published_at=now, remote_id="1")
    make_delivery(state=DeliveryState.PROCESSING)
    in_flight()

    found = scrape()

    assert found["open_deliveries"] == {
        ("queued",): 3, ("sending",): 1, ("blocked",): 1, ("held",): 1, ("processing",): 1, ("unknown",): 0,
        ("unconfirmed",): 1,
    }  # fmt: skip
    assert found["due_lag_seconds"][()] >= (now - NOON).total_seconds()
    assert (found["due_accounts"][()], found["due_deliveries"][()], found["in_flight"][()]) == (2, 3, 1)


def test_what_cannot_be_done_now_is_no_lag() -> None:
    due_at = timezone.now() - timedelta(minutes=5)
    parked, limited = make_delivery(due_at=due_at), make_delivery(due_at=due_at)
    Lane.objects.filter(account=parked.account_id).update(is_parked=True, ready_at=None)
    until = timezone.now() + timedelta(minutes=5)
    Lane.objects.filter(account=limited.account_id).update(blocked_until=until, ready_at=until)

    found = scrape()

    assert (found["due_lag_seconds"][()], found["due_accounts"][()], found["due_deliveries"][()]) == (0, 0, 2)


def test_counts_stop_where_they_would_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST", 2)
    account = make_account()
    for minute in range(3):
        make_delivery(account, due_at=timezone.now() - timedelta(minutes=minute + 1))

    found = scrape()

    assert (found["open_deliveries"][("queued",)], found["due_deliveries"][()]) == (2, 2)


def test_accounts_grants_and_hosts() -> None:
    now = timezone.now()
    host = make_host(host="silent.test", circuit_opened_at=now)
    make_host(host="paused.test", paused_at=now)
    make_account(platform_host=host)
    make_account(state="needs_reauth")
    make_account(state="disconnected")
    make_account(platform="twitter")
    for minutes in (-1, 30, 600):
        make_credential(expires_at=now + timedelta(minutes=minutes))
    make_credential(expires_at=now, state="dead")
    make_credential(expires_at=now + timedelta(days=30), refresh_expires_at=now + timedelta(hours=2))

    found = scrape()

    assert found["accounts"] == {
        ("mastodon", "active"): 1, ("mastodon", "needs_reauth"): 1, ("twitter", "active"): 1
    }  # fmt: skip
    assert found["grants_expiring"] == {("0s",): 1, ("1h",): 2, ("1d",): 4, ("7d",): 4}
    assert found["circuit_open"] == {("silent.test", "mastodon"): 1}
    assert found["platform_paused"] == {("paused.test", "mastodon"): 1}


def test_heartbeats_have_their_age() -> None:
    now = timezone.now()
    Heartbeat.objects.beat("clock", at=now - timedelta(seconds=7))
    Heartbeat.objects.beat(PROGRESS, at=now - timedelta(seconds=70))
    Heartbeat.objects.beat("drain:a", at=now)
    Heartbeat.objects.beat("drain:b", at=now - timedelta(minutes=1))
    jobs.beat()

    found = scrape()

    ages = {role: round(age, -1) for (role,), age in found["heartbeat_age_seconds"].items()}
    assert (ages, found["drains"][()]) == ({"clock": 10, "queue": 0, "progress": 70}, 1)


def test_what_drains_did_is_counted_once_for_all_of_them(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "LINGER_S", 0.05)
    account = connect(sandbox)
    before = timezone.now() - timedelta(seconds=1)
    for text in ("one", "two"):
        make_delivery(account, due_at=before, content=text)
    sandbox.fault("mastodon", "publish", "reject_content")
    publisher.drain(worker="a")
    make_delivery(account, due_at=before, content="three")
    publisher.drain(worker="b")

    found = scrape()

    assert found["attempts_total"] == {
        ("send", "published", "mastodon"): 2, ("send", "rejected", "mastodon"): 1
    }  # fmt: skip
    assert found["deliveries_total"] == {("published", "mastodon"): 2, ("rejected", "mastodon"): 1}


def test_refreshes_are_counted_by_what_came_of_them(sandbox: Sandbox) -> None:
    sandbox.instance("twitter", token_ttl_s=600)
    connect(sandbox, platform="twitter")
    for effect in (None, "status_503", "revoke_token"):
        if effect:
            sandbox.fault("twitter", "any" if effect == "revoke_token" else "token", effect)
        tokens.refresh_expiring(at=timezone.now() + timedelta(days=1))

    assert scrape()["token_refreshes_total"] == {
        ("renewed", "twitter"): 1, ("unavailable", "twitter"): 1, ("needs_reconnect", "twitter"): 1
    }  # fmt: skip


def test_repaired_lanes_are_counted() -> None:
    delivery = make_delivery()
    Lane.objects.filter(account=delivery.account_id).update(ready_at=None)

    tasks.sweep_lanes()
    tasks.sweep_lanes()

    assert scrape()["lanes_repaired_total"] == {(): 1}


def test_tallies_add_up() -> None:
    out, asked = Counted("attempts", "x", "send", "published"), Counted("attempts", "x", "poll", "pending")
    Tally.objects.add({out: 2})
    Tally.objects.add({out: 3, asked: 1})
    Tally.objects.add({})

    assert scrape()["attempts_total"] == {("send", "published", "x"): 5, ("poll", "pending", "x"): 1}


def test_files_to_be_made_are_counted() -> None:
    now = timezone.now()
    asset = make_asset(status="processing", next_try_at=now - timedelta(seconds=30))
    make_asset(status="failed")
    make_asset(status="failed", deleted_at=now)
    Rendition.objects.create(asset=asset, recipe_key="x", next_try_at=now)

    found = scrape()

    assert found["media_processing"] == {("asset",): 1, ("rendition",): 1}
    assert found["media_failed"] == {("asset",): 1, ("rendition",): 0}
    assert 30 <= found["media_lag_seconds"][()] < 60


def test_scrape_costs_the_same_however_much_there_is() -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as context:
            scrape()
        return len(context)

    make_delivery()
    few = queries()
    for _ in range(5):
        make_delivery(state=DeliveryState.HELD, due_at=None)
        in_flight()

    assert queries() == few
