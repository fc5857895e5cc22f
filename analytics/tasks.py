"""What the queue runs: each calls one service. Lost, doubled or late, a wake-up changes nothing."""

from __future__ import annotations

from django.utils import timezone

from analytics.collection import collector, lanes, queue
from analytics.collection.plan import asked_for
from mastablasta.core import jobs


def collect() -> None:
    collector.collect(worker=jobs.process_name(), should_stop=jobs.stop_requested)


def plan() -> None:
    at = timezone.now()
    queue.plan_lately_published(at=at)
    queue.plan_accounts(at=at)
    lanes.park_lanes(at=at)


def plan_all() -> None:
    """For what was published while nobody planned: before an upgrade, or during a long outage. Of what is older than
    figures are asked for, nothing is to be planned."""
    at = timezone.now()
    queue.plan_published(at=at, since=at - asked_for())
    lanes.repair_lanes()
