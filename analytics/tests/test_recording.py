"""What is stored of what platforms said, and what it becomes in sums."""

from __future__ import annotations

import json
import random
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection

from analytics import recording
from analytics.figures import FIGURES, LARGEST
from analytics.models import LatestMetrics, MetricAlertHit, MetricSample, Rollup
from analytics.recording import AccountFigures, Sample, quarter_of, record, record_accounts
from analytics.services.alerts import create_alert
from analytics.tests.factories import NOON, make_published
from posts.tests.factories import make_delivery
from webhooks.models import Event
from webhooks.tests.factories import make_endpoint

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def views(delivery, *told, begin=NOON):
    """A sample an hour, from an hour after `begin`; None = not told."""
    return [Sample(delivery.id, begin + HOUR * number, views=value) for number, value in enumerate(told, 1)]


def stored(delivery, *names, part=0):
    rows = MetricSample.objects.filter(delivery=delivery, part=part).order_by("collected_at")
    return list(rows.values_list(*names))


@pytest.mark.parametrize(
    ("moment", "begin"),
    [("12:00:00", "12:00"), ("12:14:59.999999", "12:00"), ("12:15:00", "12:15"), ("23:59:59", "23:45")],
)
def test_quarter_of_an_hour(moment, begin):
    day = "2026-11-23T{}+00:00"

    assert quarter_of(datetime.fromisoformat(day.format(moment))) == datetime.fromisoformat(day.format(begin))
    assert quarter_of(datetime.fromisoformat(f"2026-11-23T{moment}+05:45")).tzinfo == UTC


def test_samples_newest_figures_and_rollups_are_written():
    delivery = make_published()

    assert record(views(delivery, 10, None, 25), at=NOON) == 3

    assert stored(delivery, "views", "views_gain", "has_fallen") == [
        (10, 10, False),
        (None, None, False),
        (25, 15, False),
    ]
    newest = LatestMetrics.objects.get()
    assert (newest.views, newest.untold, newest.collected_at) == (25, [], NOON + 3 * HOUR)
    assert list(Rollup.objects.order_by("starts_at").values_list("starts_at", "views", "likes")) == [
        (NOON + HOUR, 10, None),
        (NOON + 3 * HOUR, 15, None),
    ]


def test_total_that_falls_is_kept_as_told_and_marked():
    delivery = make_published()

    record(views(delivery, 10, 7, 9), at=NOON)

    assert stored(delivery, "views", "views_gain", "has_fallen") == [(10, 10, False), (7, -3, True), (9, 2, False)]


def test_figure_that_is_no_longer_told_is_not_shown_and_not_lost():
    delivery = make_published()

    record(views(delivery, 10, None), at=NOON)

    newest = LatestMetrics.objects.get()
    assert (newest.views, newest.figures()["views"]) == (10, None)


@pytest.mark.parametrize("together", [True, False])
def test_of_equal_samples_in_a_row_the_first_and_the_newest_are_kept(together):
    delivery = make_published()
    samples = views(delivery, 4, 4, 4, 4, 5, 5)

    for one in [samples] if together else [[one] for one in samples]:
        record(one, at=NOON)

    kept = [(NOON + hour * HOUR, value) for hour, value in ((1, 4), (4, 4), (5, 5), (6, 5))]
    assert stored(delivery, "collected_at", "views") == kept
    assert Rollup.objects.get(starts_at=NOON + 3 * HOUR).views == 0


def test_answers_of_platforms_are_kept_in_their_own_words_only_the_newest():
    delivery = make_published()

    for hour, answer in ((2, {"like_count": 7}), (3, {"like_count": 8}), (1, {"like_count": 5})):
        record([Sample(delivery.id, NOON + hour * HOUR, likes=hour, answer=answer)], at=NOON)

    assert LatestMetrics.objects.get().answer == {"like_count": 8}


@pytest.mark.django_db(transaction=True)
def test_recorders_at_once_lose_nothing_and_count_nothing_twice():
    """Four record the same samples of the same posts, each in an order of its own."""
    deliveries = [make_published() for _ in range(3)]
    samples = [one for delivery in deliveries for one in views(delivery, *range(10, 20))]
    errors = []

    def work(number):
        try:
            for start in range(0, 30, 5):
                record(random.Random(number + start).sample(samples, 10), at=NOON)
            record(samples, at=NOON)
        except Exception as error:  # noqa: BLE001  shown by the assertion below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    for delivery in deliveries:
        assert stored(delivery, "views", "views_gain") == [(10, 10), *((total, 1) for total in range(11, 20))]
        rollups = Rollup.objects.filter(account=delivery.account).order_by("starts_at")
        assert list(rollups.values_list("views", flat=True)) == [10, *[1] * 9]


def test_samples_in_order_are_stored_by_the_same_rules_in_sql_and_in_python(monkeypatch):
    """What PostgreSQL does by itself beside what is done for SQLite, and for late samples."""
    chance = random.Random(7)
    alike = [make_published(), make_published()]
    for one in alike:
        make_endpoint(workspace=one.workspace, events=["analytics.updated", "analytics.threshold"])
        create_alert(one.workspace, by=one.workspace.members.get(), figure="likes", threshold=1)

    told = [{"views": 2**70}, {}]
    for hour in range(25):
        fresh = [{name: chance.choice([None, None, 0, 2, 3, -1]) for name in FIGURES} for _ in range(2)]
        told = chance.choice([fresh, fresh, told or fresh])
        extra = chance.choice([{}, {}, {"quotes": 1}])
        for one in alike:
            with monkeypatch.context() as patch:
                if one == alike[1]:
                    patch.setattr(recording, "record_in_order", lambda _: None)
                samples = [
                    Sample(one.id, NOON + hour * HOUR / 6, part, extra=extra, answer={"a": hour}, **figures)
                    for part, figures in enumerate(told)
                ]
                assert record(samples, at=NOON) == 2

    own = {"id", "delivery_id", "account_id", "alert_id"}
    for model in (MetricSample, LatestMetrics, MetricAlertHit):
        first, other = (list(model.objects.filter(delivery=one).order_by("id").values()) for one in alike)
        assert strip(first, own) == strip(other, own) != []
    first, other = (list(Rollup.objects.filter(account=one.account).order_by("id").values()) for one in alike)
    assert strip(first, own) == strip(other, own) != []
    first, other = (list(Event.objects.filter(workspace=one.workspace).order_by("id")) for one in alike)
    assert [figures_in(event) for event in first] == [figures_in(event) for event in other] != []


def strip(rows, names):
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


def figures_in(event):
    data = json.loads(event.body)["data"]
    own = {"post_id", "alert_id", "account_id"}
    return event.type, strip([data, *data.get("analytics", [])], {*own, "analytics"})


def test_late_sample_moves_gains_and_rollups():
    delivery = make_published()
    early, late, last = views(delivery, 10, 18, 25)
    record([early, last], at=NOON)

    record([late], at=NOON)

    assert stored(delivery, "views", "views_gain") == [(10, 10), (18, 8), (25, 7)]
    assert list(Rollup.objects.order_by("starts_at").values_list("views", flat=True)) == [10, 8, 7]
    assert LatestMetrics.objects.get().views == 25


def test_what_was_recorded_before_changes_nothing():
    delivery = make_published()
    record(views(delivery, 10, 25), at=NOON)
    before = stored(delivery, "id", "views", "views_gain"), list(Rollup.objects.order_by("id").values())

    assert record(views(delivery, 10, 25), at=NOON) == 0

    assert (stored(delivery, "id", "views", "views_gain"), list(Rollup.objects.order_by("id").values())) == before


def test_parts_of_a_thread_are_kept_and_only_its_root_is_summed():
    delivery = make_published()

    record([Sample(delivery.id, NOON, part, views=10 + part) for part in range(3)], at=NOON)

    assert stored(delivery, "views", part=2) == [(12,)]
    assert Rollup.objects.get().views == 10


@pytest.mark.parametrize("figure", [-1, LARGEST + 1])
def test_figure_that_cannot_be_one_counts_as_not_told(figure):
    delivery = make_published()

    record([Sample(delivery.id, NOON, views=figure, likes=LARGEST)], at=NOON)

    assert stored(delivery, "views", "likes") == [(None, LARGEST)]


def test_what_is_not_published_or_gone_is_passed_over():
    delivery = make_published()

    assert record([Sample(make_delivery().id, NOON, views=1), Sample(uuid4(), NOON), *views(delivery, 1)], at=NOON) == 1

    assert MetricSample.objects.get().delivery == delivery


def test_number_of_statements_does_not_grow(django_assert_max_num_queries):
    make_endpoint(workspace=make_published().workspace, events=["analytics.updated"])
    deliveries = [make_published() for _ in range(20)]
    record([one for delivery in deliveries for one in views(delivery, 1, 1)], at=NOON)

    with django_assert_max_num_queries(12):
        record([one for delivery in deliveries for one in views(delivery, 2, 3, begin=NOON + 5 * HOUR)], at=NOON)


def test_webhooks_are_told_of_what_differs():
    delivery = make_published()
    make_endpoint(workspace=delivery.workspace, events=["analytics.updated"])

    for _ in range(2):
        record([Sample(delivery.id, NOON, views=1250, likes=45, shares=12, comments=8)], at=NOON)
    record([Sample(delivery.id, NOON + HOUR, views=1250, likes=45, shares=12, comments=8)], at=NOON)

    told = json.loads(Event.objects.get().body)
    assert told["event"] == "analytics.updated"
    assert told["data"] == {
        "post_id": str(delivery.post_id),
        "analytics": [
            {
                "platform": delivery.platform,
                "account_id": str(delivery.account_id),
                "views": 1250,
                "likes": 45,
                "shares": 12,
                "comments": 8,
                "reach": None,
                "clicks": None,
                "engagement_rate": 5.2,
                "collected_at": "2026-11-23T12:00:00Z",
            }
        ],
    }


def test_figures_of_accounts_are_stored_once():
    account = make_published().account

    for _ in range(2):
        record_accounts([AccountFigures(account.id, NOON, followers=120, posts=-1)])

    assert list(account.samples.values_list("followers", "following", "posts")) == [(120, None, None)]
