"""PostgreSQL away in the middle of a burst: what was sent is not forgotten, and nothing is sent twice."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.crowd import Crowd
from tests.faults.figures import note
from tests.instance import Instance
from tests.pg import OwnServer, database, own_server, with_name
from tests.scale import IS_FULL, SCALE, scaled

AWAY_S = scaled(20)  # as long as a lease
EACH = 30 if IS_FULL else 12

# Sent before the crash: whose result the worker itself wrote after it, and who had to be looked for.
HOW = """
SELECT count(DISTINCT d.id) FILTER (WHERE a.kind = 'send' AND a.outcome = 'published') AS kept,
       count(DISTINCT d.id) FILTER (WHERE a.kind = 'send' AND a.outcome = 'unknown') AS looked_up
  FROM posts_attempt a JOIN posts_delivery d ON d.id = a.delivery_id
 WHERE a.started_at < %s AND a.ended_at > %s AND d.post_id = ANY(%s::uuid[])
"""


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as running:
        yield running


@pytest.fixture(scope="module")
def own_instance(server: OwnServer) -> Iterator[Instance]:
    with (
        database(with_name(server.url, "faults"), migrated=True) as url,
        Instance(url, PUBLISH_THREADS="8", TIME_SCALE=str(SCALE)) as running,
    ):
        yield running


@pytest.fixture
def instance(own_instance: Instance) -> Iterator[Instance]:
    """One on a server that these tests may break."""
    own_instance.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
    yield own_instance
    own_instance.reset()


def test_connections_are_cut_one_by_one(instance: Instance, big_crowd: Crowd) -> None:
    instance.sandbox.latency(150)
    burst = big_crowd.burst(EACH)
    cut = 0
    with psycopg.connect(instance.database_url, autocommit=True) as own:
        while big_crowd.statuses(burst)["published"] < len(burst.texts) and cut < 40:
            row = own.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
            ).fetchone()
            cut += row is not None
            time.sleep(0.15)

    instance.sandbox.latency(0)
    big_crowd.wait_settled(burst, 120)
    big_crowd.check_truth(burst)
    assert cut > 5
    note("PostgreSQL's connections", f"{cut} cut, {len(burst.texts)} posts: 0 twice, 0 lost")


@pytest.mark.parametrize("dies", [False, True], ids=["worker_waits", "worker_dies"])
def test_the_server_is_away_in_mid_burst(instance: Instance, big_crowd: Crowd, server: OwnServer, dies: bool) -> None:
    """What a worker knows and cannot write it keeps; what dies with it, is asked for."""
    instance.sandbox.latency(1000)
    burst = big_crowd.burst(EACH)
    instance.wait_for(lambda: big_crowd.statuses(burst)["published"], what="the first of the burst published")

    holder = big_crowd.wait_for_holder(list(burst.texts))
    crashed_at = datetime.now(UTC)
    server.crash()
    if dies:
        os.kill(holder, signal.SIGKILL)
    away_s = AWAY_S if dies or IS_FULL else AWAY_S * 0.4
    time.sleep(away_s)
    server.start()
    was_within_the_lease = datetime.now(UTC) - crashed_at < timedelta(seconds=AWAY_S * 0.7)

    instance.sandbox.latency(0)
    instance.wait_ready()
    big_crowd.wait_settled(burst, 150)
    big_crowd.check_truth(burst)
    [how] = big_crowd.rows(HOW, crashed_at, crashed_at, list(burst.texts))
    if dies:
        assert how["looked_up"] > 0, how
    elif was_within_the_lease or IS_FULL:  # else others may have taken over what it knows
        assert how["kept"] > 0, how
    note(
        "PostgreSQL crashes",
        f"{len(burst.texts)} posts, away {away_s:g} s{', a worker killed' if dies else ''}:"
        f" {how['kept']} results kept and written, {how['looked_up']} looked up, 0 twice, 0 lost",
    )
