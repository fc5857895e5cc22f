"""kill -9 of everything that is no busy worker, SIGTERM in mid-burst, and many processes at once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.client import Client, Refused
from tests.faults.crowd import IS_FULL, PLATFORMS, Crowd, victim_of
from tests.instance import Instance

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900 if IS_FULL else 300)]

QUEUE = ("worker", "sentinel", "q2_worker", "pusher", "monitor", "clock")
GOES_ON_WITHIN_S = 15
REFORKS = 100 if IS_FULL else 20


@pytest.mark.parametrize("victim", ["clock", "worker", "sentinel", "pusher", "monitor", "idle worker"])
def test_publishing_goes_on(instance: Instance, crowd: Crowd, victim: str) -> None:
    instance.wait_for(lambda: len(instance.pids("q2_worker")) >= 3, 60, what="a whole cluster")
    os.kill(victim_of(instance, victim), signal.SIGKILL)
    posts = [crowd.publish(platform) for platform in PLATFORMS]

    instance.wait_for(
        lambda: all(crowd.post(post)["status"] == "published" for post in posts),
        GOES_ON_WITHIN_S,
        what=f"published after the end of the {victim}",
    )

    texts = {crowd.post(post)["content"] for post in posts}
    seen = [post["text"] for platform in PLATFORMS for post in instance.sandbox.posts(platform)]
    assert sorted(text for text in seen if text in texts) == sorted(texts)


def test_a_deploy_in_mid_burst_loses_and_doubles_nothing(instance: Instance, crowd: Crowd) -> None:
    instance.sandbox.latency(400)
    burst = crowd.burst(20)
    instance.wait_for(lambda: crowd.statuses(burst)["published"], 60, what="the first of the burst published")
    [main] = instance.pids("worker")[:1]
    tree = [psutil.Process(main), *psutil.Process(main).children(recursive=True)]
    began = time.monotonic()

    os.kill(main, signal.SIGTERM)

    gone, alive = psutil.wait_procs(tree, timeout=30)
    assert alive == [], f"left after {time.monotonic() - began:.0f} s"
    assert len(gone) == len(tree)
    instance.sandbox.latency(0)
    crowd.wait_settled(burst, 60)
    crowd.check_truth(burst)


def test_clicks_while_it_is_published(instance: Instance, crowd: Crowd) -> None:
    """Whatever a person clicks meanwhile is carried out or refused, whole; a move outside the table is refused here
    and in the database, and would be a 500."""
    instance.sandbox.latency(150)
    burst = crowd.burst(10)
    clicks = ("cancel", "retry", "reschedule", "publish", "edit", "delete")
    answers: dict[int, int] = {}
    instance.wait_for(
        lambda: crowd.statuses(burst)["publishing"] or crowd.statuses(burst)["published"], 60, what="begun"
    )

    for turn, post_id in enumerate(list(burst.texts) * 2):
        status = click(crowd.client, post_id, clicks[turn % len(clicks)])
        answers[status] = answers.get(status, 0) + 1

    instance.sandbox.latency(0)
    instance.wait_for(lambda: not crowd.statuses(burst)["publishing"], 90, what="settled")
    assert set(answers) <= {200, 202, 204, 404, 409}
    for platform in PLATFORMS:
        seen = [post["text"] for post in instance.sandbox.posts(platform) if post["text"].startswith(burst.label)]
        assert len(seen) == len(set(seen))


def click(client: Client, post_id: str, what: str) -> int:
    calls = {
        "cancel": ("POST", f"posts/{post_id}/cancel", {}),
        "retry": ("POST", f"posts/{post_id}/retry", {}),
        "reschedule": ("POST", f"posts/{post_id}/reschedule", {"scheduled_time": "2031-01-01T09:00:00Z"}),
        "publish": ("POST", f"posts/{post_id}/publish", {}),
        "edit": ("PATCH", f"posts/{post_id}", {"content": f"edited {post_id}"}),
        "delete": ("DELETE", f"posts/{post_id}", None),
    }
    method, path, body = calls[what]
    try:
        client.call(method, path, body)
    except Refused as refused:
        return refused.status
    return 200


def test_processes_that_fork_again_and_again_share_no_connection(own_database_url: str) -> None:
    with Instance(own_database_url, PUBLISH_THREADS="8", WORKER_RECYCLE="1") as instance:
        instance.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
        crowd = Crowd(instance, size=4)
        pids: set[int] = set()
        while len(pids) < REFORKS:
            burst = crowd.burst(4)
            instance.sandbox.latency(100)
            while {"scheduled", "publishing"} & crowd.statuses(burst).keys():
                pids |= set(instance.pids("q2_worker"))
                assert shared_sockets(instance) == {}
            crowd.check_truth(burst)
        log = instance.output() + (instance.home / "app.log").read_text()
        assert "didn't produce records" not in log
        assert "already a transaction" not in log


def shared_sockets(instance: Instance) -> dict[str, list[int]]:
    """Sockets that several processes of the queue have open, by their inode."""
    holders: dict[str, list[int]] = {}
    for role in QUEUE:
        for pid in instance.pids(role):
            try:
                targets = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
            except OSError:
                continue
            for target in targets:
                if target.startswith("socket:"):
                    holders.setdefault(target, []).append(pid)
    return {socket: pids for socket, pids in holders.items() if len(pids) > 1}


@pytest.mark.skipif(not IS_FULL, reason="make test-faults: four clusters need a minute of a whole machine")
def test_two_clocks_and_four_clusters_on_one_database(own_database_url: str) -> None:
    with Instance(own_database_url, PUBLISH_THREADS="4") as instance:
        instance.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
        instance.sandbox.latency(100)
        crowd = Crowd(instance)
        more = [instance.spawn("run_worker") for _ in range(3)] + [instance.spawn("run_clock")]
        try:
            instance.wait_for(lambda: len(instance.pids("q2_worker")) >= 12, 60, what="four clusters")
            burst = crowd.burst(60)
            crowd.wait_settled(burst, 120)
            crowd.check_truth(burst)
        finally:
            for process in more:
                process.terminate()
            for process in more:
                process.wait(40)
