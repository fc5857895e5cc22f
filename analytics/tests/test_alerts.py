"""Alerts: webhooks are told once when a figure rises above a threshold."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from accounts.tests.factories import signed_in
from analytics.models import MetricAlertHit
from analytics.recording import Sample, record
from analytics.services import alerts
from analytics.tests.factories import NOON, make_published
from integrations.tests.factories import make_account
from webhooks.event_types import CATALOGUE
from webhooks.models import Event
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def delivery():
    return make_published()


@pytest.fixture
def client(delivery):
    return signed_in(delivery.workspace.memberships.get().user)


def make_alert(client, **body):
    answer = client.post("/api/v2/analytics/alerts", {"figure": "views", "threshold": 10_000, **body}, format="json")
    assert answer.status_code == 201, answer.content
    return answer.json()


def views(delivery, *told):
    """A sample an hour, each recorded by itself."""
    begin = NOON + HOUR * delivery.samples.count()
    for number, value in enumerate(told):
        record([Sample(delivery.id, begin + number * HOUR, views=value)], at=NOON)


def test_an_alert_is_told_once_when_the_figure_rises_above_it(client, delivery):
    make_endpoint(workspace=delivery.workspace, events=["analytics.threshold"])
    alert = make_alert(client)

    views(delivery, 9_999, 10_000, 10_001, 9_000, 12_000)

    (event,) = [json.loads(one.body) for one in Event.objects.all()]
    assert event["event"] == "analytics.threshold"
    assert set(event["data"]) == set(CATALOGUE["analytics.threshold"].example)
    assert event["data"] == {
        "alert_id": alert["id"],
        "post_id": str(delivery.post_id),
        "account_id": str(delivery.account_id),
        "figure": "views",
        "threshold": 10_000,
        "value": 10_001,
        "collected_at": "2026-11-23T14:00:00Z",
    }
    assert client.get(f"/api/v2/analytics/alerts/{alert['id']}").json() == {**alert, "hits": 1}


def test_what_is_above_it_when_it_is_made_is_not_told(client, delivery):
    views(delivery, 20_000)
    make_alert(client)

    views(delivery, 30_000)

    assert not MetricAlertHit.objects.exists()


def test_an_alert_of_one_platform_or_account_leaves_others_out(client, delivery):
    other = make_published(make_account(workspace=delivery.workspace, platform="twitter"))
    make_alert(client, platform="twitter")
    make_alert(client, account_id=str(delivery.account_id))
    make_alert(client, figure="likes", threshold=0)

    for one in (delivery, other, make_published()):
        views(one, 20_000)

    hits = MetricAlertHit.objects.order_by("alert__created_at").values_list("alert__platform", "delivery", "value")
    assert list(hits) == [("twitter", other.id, 20_000), ("", delivery.id, 20_000)]


def test_what_cannot_be_an_alert_is_refused(client, monkeypatch):
    def refused(**body):
        answer = client.post("/api/v2/analytics/alerts", {"figure": "views", "threshold": 1, **body}, format="json")
        return answer.status_code, answer.json()["code"], [one["field"] for one in answer.json()["errors"]]

    assert refused(account_id=str(make_account().id)) == (400, "unknown_account", ["account_id"])
    assert refused(figure="followers")[2] == ["figure"]
    assert refused(threshold=-1)[2] == ["threshold"]
    assert refused(platform="nowhere")[2] == ["platform"]
    monkeypatch.setattr(alerts, "MOST_ALERTS", 0)
    assert refused()[:2] == (409, "too_many_alerts")


def test_a_deleted_alert_tells_nothing(client, delivery):
    alert = make_alert(client)

    assert client.delete(f"/api/v2/analytics/alerts/{alert['id']}").status_code == 204
    views(delivery, 20_000)

    assert not MetricAlertHit.objects.exists()
    assert client.get("/api/v2/analytics/alerts").json()["alerts"] == []
