"""Several hosts with one database, Redis and S3: one loses its power, one its cable, in the midst of a burst.

Two web servers, three clusters and two clocks, each a host with a network of its own (tests/hosts.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from media_library.tests.factories import photo
from tests.client import Client
from tests.crowd import Crowd
from tests.faults.figures import note
from tests.hosts import ADDRESSES, Host, Site, sessions_of, site, what_is_missing
from tests.instance import Instance
from tests.scale import IS_FULL, SCALE

MISSING = what_is_missing() if IS_FULL else "takes two minutes; part of the long form (FAULTS=full)"
pytestmark = [
    pytest.mark.allow_hosts(["127.0.0.1", "::1", "localhost", *ADDRESSES]),
    pytest.mark.skipif(bool(MISSING), reason=f"Several hosts: {MISSING}"),
]
PLATFORMS = ("mastodon", "twitter", "bluesky")
WEBS, CLUSTERS, CLOCKS = ("web1", "web2"), ("worker1", "worker2", "worker3"), ("clock1", "clock2")
EACH = 40
LET_GO_WITHIN_S = 45  # PostgreSQL's of a host that vanished: 25 s of keep-alives, and a busy machine
AT_WORK = """
SELECT split_part(a.worker, ':', 1) AS host, count(*) AS held
  FROM posts_attempt a JOIN posts_delivery d ON d.id = a.delivery_id
 WHERE a.ended_at IS NULL AND d.post_id = ANY(%s::uuid[]) GROUP BY 1 ORDER BY 2 DESC
"""
LEADS = "SELECT detail ->> 'owner' AS owner FROM core_heartbeat WHERE name = 'clock'"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    """All hosts at work, and a world that guards against nothing: a second copy would show."""
    hosts = ",".join(ADDRESSES)
    with site(tmp_path, ALLOWED_HOSTS=hosts, PUBLISH_THREADS="8", WORKERS="1", TIME_SCALE=str(SCALE)) as found:
        for name in (*WEBS, *CLUSTERS, *CLOCKS):
            found.add(name)
        for name, start in (
            *((name, Host.serve) for name in WEBS),
            *((name, lambda host: host.run("run_clock")) for name in CLOCKS),
            *((name, lambda host: host.run("run_worker")) for name in CLUSTERS),
        ):
            start(found.hosts[name])
        for name in WEBS:
            found.answer_by(found.hosts[name])
            found.wait_ready()
        found.answer_by(found.hosts["web1"])
        found.wait_for(
            lambda: all(found.seen_at(found.hosts[name], "cluster") for name in CLUSTERS), what="all clusters"
        )
        found.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
        yield found


def test_one_host_dies_and_one_is_cut_off_in_a_burst(here: Site) -> None:
    crowd = Crowd(cast("Instance", here), PLATFORMS, size=8)
    web1, web2 = (here.hosts[name] for name in WEBS)
    check_shared(crowd.client, web2)

    # Two of the three hosts that publish go, with what they have in hand.
    here.sandbox.latency(600)
    burst = crowd.burst(EACH)
    here.wait_for(lambda: len(crowd.rows(AT_WORK, list(burst.texts))) >= 2, what="two hosts at work")
    names = [row["host"] for row in crowd.rows(AT_WORK, list(burst.texts)) if row["host"] in CLUSTERS]
    dead, cut = (here.hosts[name] for name in [*names, *(name for name in CLUSTERS if name not in names)][:2])
    began = time.monotonic()
    dead.die()
    cut.cut_off()
    here.sandbox.latency(0)
    crowd.wait_settled(burst, 300)
    took_s = time.monotonic() - began
    crowd.check_truth(burst)

    # PostgreSQL lets go of what they held, though neither said goodbye.
    here.wait_for(
        lambda: not any(sessions_of(host.address, here.database_url) for host in (dead, cut)), LET_GO_WITHIN_S,
        what="let go of",
    )  # fmt: skip

    # The one that was cut off comes back and does no harm: it finds its leases gone.
    cut.plug_in()
    here.wait_for(lambda: here.seen_at(cut, "cluster"), what="at work again")
    crowd.check_truth(burst)

    # The leading clock and a web host go next; the others go on.
    [row] = crowd.rows(LEADS)
    leader = here.hosts[str(row["owner"]).partition(":")[0]]
    here.answer_by(web2)
    crowd.client.base = web2.url
    leader.die()
    web1.cut_off()
    second = crowd.burst(EACH)
    crowd.wait_settled(second, 300)
    crowd.check_truth(second)
    crowd.check_truth(burst)
    note(
        "hosts of their own",
        f"{len(burst.texts) + len(second.texts)} posts: 0 lost, 0 twice; settled {took_s:.0f} s after",
    )


def check_shared(client: Client, other: Host) -> None:
    """What one web host took the other one has, and they count requests together."""
    kept = client.upload(photo(), "a.jpg")
    at_other = Client(other.url, client.token)
    assert at_other.get(f"media/{kept['id']}")["sha256"] == kept["sha256"]
    assert len(at_other.fetch(f"media/{kept['id']}/file")[0]) == kept["size"]
