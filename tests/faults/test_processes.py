"""kill -9 of everything that is no busy worker, SIGTERM in mid-burst, and many processes at once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.client import Client, Refused
from tests.crowd import OPEN, PLATFORMS, WITH_TEXTS, Crowd, victim_of
from tests.faults.figures import note
from tests.instance import CLUSTER_WORKERS, PATIENCE_S, Instance
from tests.scale import IS_FULL, SCALE

QUEUE = ("worker", "sentinel", "q2_worker", "pusher", "monitor", "clock")
GOES_ON_WITHIN_S = 15 if IS_FULL else PATIENCE_S  # the bar is for a machine that does nothing else
REFORKS = 100 if IS_FULL else 12
CLUSTERS = 4 if IS_FULL else 2
EACH = 60 if IS_FULL else 18
CLICKS = ("cancel", "retry", "reschedule", "publish", "edit", "delete")

UNDER_WAY = """
SELECT id FROM posts_delivery
 WHERE post_id = ANY(%s::uuid[]) AND state IN ('queued', 'sending', 'processing', 'unknown') AND due_at < '2030-01-01'
"""
DRAINS = "SELECT name FROM core_heartbeat WHERE name LIKE 'drain:%%' AND at > now() - interval '5 s'"
STANDS = "SELECT platform, state, remote_id FROM posts_delivery WHERE post_id = ANY(%s::uuid[])"


def test_a_deploy_in_mid_burst_loses_and_doubles_nothing(instance: Instance, big_crowd: Crowd) -> None:
    instance.sandbox.latency(400)
    burst = big_crowd.burst(20)
    instance.wait_for(lambda: big_crowd.statuses(burst)["published"], what="the first of the burst published")
    [main] = instance.pids("worker")[:1]
    tree = [psutil.Process(main), *psutil.Process(main).children(recursive=True)]
    began = time.monotonic()

    os.kill(main, signal.SIGTERM)

    gone, alive = psutil.wait_procs(tree, timeout=30)
    note("SIGTERM in a burst", f"{time.monotonic() - began:.1f} s, 0 stuck, 0 twice")
    assert alive == [], f"left after {time.monotonic() - began:.0f} s"
    assert len(gone) == len(tree)
    instance.sandbox.latency(0)
    big_crowd.wait_settled(burst)
    big_crowd.check_truth(burst)


@pytest.mark.parametrize("victim", ["clock", "worker", "sentinel", "pusher", "monitor", "idle worker"])
def test_publishing_goes_on(instance: Instance, crowd: Crowd, victim: str) -> None:
    os.kill(victim_of(instance, victim), signal.SIGKILL)
    first_s = time_to_publish(instance, crowd)
    # What was under way has ended: whatever goes out now was rung for after the kill.
    instance.wait_for(lambda: not crowd.rows(DRAINS), what="without a drain")
    second_s = time_to_publish(instance, crowd)

    assert max(first_s, second_s) < GOES_ON_WITHIN_S
    note("`kill -9` of the clock", f"{victim} {first_s:.1f} s, then {second_s:.1f} s")


@pytest.mark.parametrize("role", ["clock", "worker", "sentinel", "pusher", "monitor", "web", "simulator"])
def test_killed_process_is_replaced(instance: Instance, role: str) -> None:
    assert instance.kill_and_watch(instance.pid(role)) < GOES_ON_WITHIN_S


def test_monitor_killed_while_it_holds_the_queue_lock_is_noticed(instance: Instance) -> None:
    [monitor] = instance.wait_for(
        lambda: instance.waiting_for_data("monitor"), what="waiting for results with the lock in hand"
    )
    os.kill(monitor, signal.SIGSTOP)  # so that it does not let go of it before it is killed

    assert instance.kill_and_watch(monitor) < GOES_ON_WITHIN_S


def time_to_publish(instance: Instance, crowd: Crowd) -> float:
    """Publish one post on each platform; returns the seconds until all are out, and there once."""
    began = time.monotonic()
    posts = [crowd.publish(platform) for platform in PLATFORMS]
    instance.wait_for(lambda: all(crowd.post(post)["status"] == "published" for post in posts), what="published")
    took_s = time.monotonic() - began
    texts = {crowd.post(post)["content"] for post in posts}
    seen = [post["text"] for platform in PLATFORMS for post in instance.sandbox.posts(platform)]
    assert sorted(text for text in seen if text in texts) == sorted(texts)
    return took_s


def test_clicks_while_several_clusters_and_clocks_publish(instance: Instance, big_crowd: Crowd) -> None:
    """Whatever a person clicks meanwhile is carried out or refused, whole: what is out is what we say is out.

    A move outside the tables is refused by the code and by the database, and would be a 500.
    """
    chance = random.Random(20_261_124)
    answers: Counter[int] = Counter()
    with more_of(instance, clusters=CLUSTERS - 1, clocks=1):
        instance.sandbox.latency(1000)
        burst = big_crowd.burst(EACH)
        instance.wait_for(lambda: big_crowd.statuses(burst)["publishing"], what="begun")
        wanted = [(post_id, chance.choice(CLICKS)) for post_id in burst.texts]
        with ThreadPoolExecutor(4) as people:
            answers.update(people.map(lambda both: click(big_crowd.client, *both), wanted))
        instance.sandbox.latency(0)
        instance.wait_for(lambda: not big_crowd.rows(UNDER_WAY, list(burst.texts)), 90, what="settled")
        quiet = big_crowd.burst(EACH)
        big_crowd.wait_settled(quiet, 90)
        big_crowd.check_truth(quiet)

    assert set(answers) <= {200, 404, 409}
    assert answers[200] > 0
    assert answers[409] > 0
    texts = {text for _, text in burst.texts.values()} | {f"edited {post_id}" for post_id in burst.texts}
    world = [
        (platform, post["id"])
        for platform in PLATFORMS
        for post in instance.sandbox.posts(platform)
        if post["text"] in texts
    ]
    stands = big_crowd.rows(STANDS, list(burst.texts))
    assert {row["state"] for row in stands} <= {"published", "queued", "cancelled", "draft"}
    assert sorted(world) == sorted((row["platform"], row["remote_id"]) for row in stands if row["state"] == "published")
    refused = answers[404] + answers[409]
    note("publish, edit, cancel", f"{len(wanted)} clicks, {answers[200]} done, {refused} refused; 0 twice, 0 untrue")
    note("two clocks and four", f"{len(burst.texts) + len(quiet.texts)} posts, {CLUSTERS} clusters: 0 twice, 0 lost")


@contextmanager
def more_of(instance: Instance, *, clusters: int, clocks: int) -> Iterator[None]:
    """Further clusters and clocks on the same database, within the block."""
    workers = len(instance.pids("q2_worker"))
    more = [instance.spawn("run_worker") for _ in range(clusters)] + [
        instance.spawn("run_clock") for _ in range(clocks)
    ]
    try:
        instance.wait_for(
            lambda: len(instance.pids("q2_worker")) >= workers + CLUSTER_WORKERS * clusters, what="all clusters"
        )
        instance.wait_for(lambda: len(instance.pids("clock")) > clocks, what="all clocks")
        yield
    finally:
        for process in more:
            process.terminate()
        for process in more:
            process.wait(60)


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
    with Instance(own_database_url, PUBLISH_THREADS="8", WORKER_RECYCLE="1", TIME_SCALE=str(SCALE)) as instance:
        instance.sandbox.limits(idempotency=False, duplicates=False, quotas=False)
        crowd = Crowd(instance, WITH_TEXTS, size=4)
        pids: set[int] = set()
        while len(pids) < REFORKS:
            burst = crowd.burst(4)
            instance.sandbox.latency(100)
            while OPEN & crowd.statuses(burst).keys():
                roles = instance.roles()
                pids |= {pid for pid, role in roles.items() if role == "q2_worker"}
                assert shared_sockets([pid for pid, role in roles.items() if role in QUEUE]) == {}
            crowd.check_truth(burst)
        log = instance.output() + (instance.home / "app.log").read_text()
        assert "didn't produce records" not in log
        assert "already a transaction" not in log
        note("workers that fork", f"{len(pids)} workers one after the other: 0 sockets shared, 0 twice")


def shared_sockets(pids: list[int]) -> dict[str, list[int]]:
    """Sockets that several of these processes have open, by their inode."""
    holders: dict[str, list[int]] = {}
    for pid in pids:
        try:
            targets = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
        except OSError:
            continue
        for target in targets:
            if target.startswith("socket:"):
                holders.setdefault(target, []).append(pid)
    return {socket: pids for socket, pids in holders.items() if len(pids) > 1}
