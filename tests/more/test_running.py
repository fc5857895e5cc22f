"""Starts and stops that do not have to be tried at each change: odd folders, production, SIGTERM to make, load."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.client import Client
from tests.crowd import Crowd
from tests.instance import PATIENCE_S, ROOT, Instance, production
from tests.ports import free_port
from tests.world import Sandbox, running_sandbox


def test_folders_with_space_and_umlaut(tmp_path: Path) -> None:
    checkout = tmp_path / "Mein Mästablasta"
    shutil.copytree(
        ROOT, checkout, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".git", "var", "__pycache__", ".*_cache")
    )
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    instance = Instance(folder=tmp_path / "Däten hier")
    try:
        runner = instance.launch("make", "-C", str(checkout), "run")
        instance.wait_ready()
        assert Path(f"/proc/{instance.pid('worker')}/cwd").readlink() == checkout

        runner.terminate()
        runner.wait(30)

        assert instance.processes() == []
    finally:
        instance.end()


def test_sigterm_to_make_stops_everything(instance_of_make: Instance) -> None:
    runner = instance_of_make.runner
    assert runner is not None

    runner.terminate()
    runner.wait(PATIENCE_S)

    assert instance_of_make.processes() == []


def test_leftovers_of_a_killed_runner_are_ended_at_the_next_start(instance: Instance) -> None:
    assert instance.runner is not None
    instance.kill("runner")
    instance.runner.wait()
    left = {process.pid for process in instance.processes()}
    assert left

    instance.start()

    assert not left & {process.pid for process in instance.processes()}


def test_stop_while_publishing_loses_and_doubles_nothing(own_database_url: str) -> None:
    with (
        running_sandbox(free_port()) as world,
        Instance(own_database_url, PUBLISH_THREADS="4", MASTODON_BASE_URL=f"{world.url}/mastodon") as instance,
    ):
        world.limits(idempotency=False, quotas=False)
        crowd = Crowd(instance, platforms=["mastodon"], size=12)
        world.latency(3000)  # 2 x 4 threads: a second round is sure to be outstanding when the first is under way
        burst = crowd.burst(12)
        instance.wait_for(lambda: publishes(world), what="publishing")

        assert instance.stop() < 20
        out_at_stop = len(world.posts())
        world.latency(0)
        instance.start()
        instance.wait_for(lambda: len(world.posts()) >= 12, what="published")

        assert out_at_stop < 12
        assert sorted(post["text"] for post in world.posts()) == sorted(text for _, text in burst.texts.values())


def publishes(world: Sandbox) -> int:
    return sum(request["operation"] == "publish" for request in world.requests("mastodon"))


def test_production_needs_three_settings(own_database_url: str) -> None:
    if not own_database_url:
        pytest.skip("production is PostgreSQL")
    with production(own_database_url) as instance:
        status = Client(instance.url).get("status")

        assert (status["mode"], status["database"], instance.pids("simulator")) == ("production", True, [])
        assert not (instance.home / "secrets.json").exists()
