"""PostgreSQL away in the middle of a burst: what was sent is not forgotten, and nothing is sent twice."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.faults.crowd import IS_FULL, Crowd
from tests.instance import Instance
from tests.pg import OwnServer, database, own_server, with_name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600 if IS_FULL else 300)]

AWAY_S = 20 if IS_FULL else 8
EACH = 30 if IS_FULL else 12


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as running:
        yield running


@pytest.fixture(scope="module")
def database_url(server: OwnServer) -> Iterator[str]:
    with database(with_name(server.url, "faults")) as url:
        yield url


def test_connections_are_cut_one_by_one(instance: Instance, crowd: Crowd) -> None:
    instance.sandbox.latency(150)
    burst = crowd.burst(EACH)
    cut = 0
    with psycopg.connect(instance.database_url, autocommit=True) as own:
        while crowd.statuses(burst)["published"] < len(burst.texts) and cut < 40:
            row = own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
            ).fetchone()
            cut += row is not None
            time.sleep(0.15)

    instance.sandbox.latency(0)
    crowd.wait_settled(burst, 120)
    crowd.check_truth(burst)
    assert cut > 5


def test_the_server_is_away_in_mid_burst(instance: Instance, crowd: Crowd, server: OwnServer) -> None:
    instance.sandbox.latency(400)
    burst = crowd.burst(EACH)
    instance.wait_for(lambda: crowd.statuses(burst)["published"], 60, what="the first of the burst published")

    server.crash()
    time.sleep(AWAY_S)
    server.start()

    instance.sandbox.latency(0)
    instance.wait_for(instance.is_ready, 60, what="ready again")
    crowd.wait_settled(burst, 120)
    crowd.check_truth(burst)
