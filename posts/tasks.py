"""What the queue runs: each fetches nothing and calls one service. Lost, doubled or late, it changes nothing."""

from __future__ import annotations

from uuid import UUID

import structlog

from mastablasta.core import jobs
from mastablasta.core.models import Tally
from posts.engine import publisher
from posts.queue import claims
from posts.services import bulk_jobs, option_reading

log = structlog.get_logger(__name__)


def drain() -> None:
    publisher.drain(worker=jobs.process_name(), should_stop=jobs.stop_requested)


def sweep_lanes() -> None:
    if repaired := claims.sweep_lanes():
        log.error("lanes_repaired", lanes=repaired)
        Tally.objects.note("lanes_repaired", count=repaired)


def unpark_lanes() -> None:
    claims.unpark_lanes()


def work_on_bulk_jobs() -> None:
    from posts.api.bulk_items import STEPS  # the API's serializers: drains need none of it

    bulk_jobs.work(STEPS, should_stop=jobs.stop_requested)


def read_options(post_id: str) -> None:
    option_reading.read_options(UUID(post_id))
