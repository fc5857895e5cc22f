"""Rollups made again, and samples that are forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from analytics.models import LatestMetrics, MetricSample, Rollup
from analytics.recording import AccountFigures, Sample, record, record_accounts
from analytics.services.pruning import prune_samples
from analytics.services.rollups import rebuild_rollups
from analytics.tests.factories import NOON, make_published

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def rollups():
    return list(Rollup.objects.order_by("account", "starts_at").values_list("account", "starts_at", "views", "likes"))


def test_rebuilt_rollups_are_what_recording_made_of_them():
    one, other = make_published(), make_published()
    samples = [
        Sample(delivery.id, NOON + minutes * MINUTE, views=views, likes=likes)
        for delivery in (one, other)
        for minutes, views, likes in ((0, 3, None), (14.99, 5, 1), (15, 9, 1), (31, 9, 1), (46, 9, 1), (61, 7, None))
    ]
    record(samples[::2], at=NOON)
    record(samples[1::2], at=NOON)
    record([Sample(one.id, NOON, 1, views=1000)], at=NOON)
    before = rollups()
    first = before[0]
    Rollup.objects.filter(starts_at__gt=NOON).update(views=77)
    Rollup.objects.filter(account=first[0], starts_at=NOON).delete()

    rebuild_rollups(NOON, NOON + 15 * MINUTE)
    assert first in rollups()
    assert rollups() != before
    rebuild_rollups(NOON, NOON + 120 * MINUTE)

    assert rollups() == before


def test_a_quarter_without_samples_has_no_gains_and_is_still_told():
    delivery = make_published()
    Rollup.objects.create(account=delivery.account, starts_at=NOON, views=77)
    record([Sample(delivery.id, NOON + 15 * MINUTE, likes=3)], at=NOON)
    Rollup.objects.filter(starts_at__gt=NOON).update(views=77)

    assert rebuild_rollups(NOON, NOON + 30 * MINUTE) == 1

    account = delivery.account_id
    assert rollups() == [(account, NOON, 0, None), (account, NOON + 15 * MINUTE, 0, 3)]


def test_old_samples_are_forgotten_and_what_was_made_of_them_stays(settings):
    settings.ANALYTICS_KEEP_DAYS = 1
    delivery = make_published()
    record([Sample(delivery.id, NOON, views=3), Sample(delivery.id, NOON + 60 * MINUTE, views=5)], at=NOON)
    record_accounts([AccountFigures(delivery.account_id, NOON, followers=1)])
    at = NOON + timedelta(days=1) + MINUTE

    assert prune_samples(at=at, is_rehearsal=True) == 2
    assert prune_samples(at=at) == 2
    assert prune_samples(at=at) == 0

    assert [row.views for row in MetricSample.objects.all()] == [5]
    assert sum(row.views for row in Rollup.objects.all()) == LatestMetrics.objects.get().views == 5
    record([Sample(delivery.id, NOON + 30 * MINUTE, views=4)], at=NOON)  # late, after the one before was forgotten
    assert sorted(row.views for row in Rollup.objects.all()) == [1, 1, 3]
    settings.ANALYTICS_KEEP_DAYS = 0
    assert prune_samples(at=at + timedelta(days=9000)) == 0


def test_the_command_goes_as_far_back_as_it_is_told(capsys):
    now = timezone.now()
    delivery = make_published(published_at=now - timedelta(days=3))
    record([Sample(delivery.id, now - timedelta(days=days), views=9 - days) for days in (2, 0)], at=now)
    before = rollups()
    Rollup.objects.update(views=77)

    call_command("rebuild_rollups", "--json", "--within", "1d")
    assert capsys.readouterr().out == '{"rollups": 1}\n'
    assert rollups()[1:] == before[1:]
    assert rollups() != before
    call_command("rebuild_rollups")
    assert capsys.readouterr().out == "2 sums are written\n"

    assert rollups() == before
