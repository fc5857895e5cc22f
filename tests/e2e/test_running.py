"""`make run` as its users have it: it starts, stops, complains in one line, and survives what kills its processes."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.instance import ROOT, Client, Instance
from tests.ports import free_port
from tests.world import Sandbox, running_sandbox

pytestmark = pytest.mark.slow

WHOLE = ("runner", "web", "simulator", "worker", "sentinel", "pusher", "monitor", "clock")


def run_up(instance: Instance) -> subprocess.CompletedProcess[str]:
    """`make run` where it is expected to refuse."""
    return subprocess.run(
        ["make", "run"], cwd=ROOT, env=instance.environment(), capture_output=True, text=True, timeout=60, check=False
    )


def complaint(outcome: subprocess.CompletedProcess[str]) -> str:
    """The one line of stderr, before make's own."""
    assert outcome.returncode != 0
    assert outcome.stdout == ""
    lines = [line for line in outcome.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, outcome.stderr
    return lines[0]


@pytest.fixture(scope="module")
def instance(database_url: str) -> Iterator[Instance]:
    with Instance(database_url) as running:
        yield running


# --- starting and stopping ---


def test_stop_leaves_nothing_and_second_start_is_quick(own_database_url: str) -> None:
    with Instance(own_database_url) as instance:
        assert all(instance.pids(role) for role in WHOLE)
        assert "MastaBlasta is ready: " + instance.url in instance.output()
        assert instance.stop() < 22

        instance.launch()

        assert instance.wait_ready(15) < 15


def test_ctrl_c_to_make_stops_everything() -> None:
    with Instance() as instance:
        instance.stop()
        runner = instance.launch("make", "run")
        instance.wait_ready()

        os.killpg(runner.pid, signal.SIGINT)
        runner.wait(30)

        assert instance.processes() == []
        assert list((instance.home / "run").iterdir()) == []
        instance.runner = None


def test_sigterm_to_make_stops_everything() -> None:
    with Instance() as instance:
        instance.stop()
        runner = instance.launch("make", "run")
        instance.wait_ready()

        runner.terminate()
        runner.wait(30)

        assert instance.processes() == []
        instance.runner = None


def test_folders_with_space_and_umlaut(tmp_path: Path) -> None:
    checkout = tmp_path / "Mein Mästablasta"
    shutil.copytree(
        ROOT, checkout, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".git", "var", "__pycache__", ".*_cache")
    )
    (checkout / ".venv").symlink_to(ROOT / ".venv")

    with Instance(folder=tmp_path / "Däten hier") as instance:
        instance.stop()
        instance.launch("make", "-C", str(checkout), "run")
        instance.wait_ready()
        assert Path(f"/proc/{instance.pid('worker')}/cwd").readlink() == checkout

        assert instance.runner is not None
        instance.runner.terminate()
        instance.runner.wait(30)

        assert instance.processes() == []
        instance.runner = None


# --- refusing ---


@pytest.mark.parametrize("name", ["PORT", "SANDBOX_PORT"])
def test_taken_port_is_one_line(tmp_path: Path, name: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        outcome = run_up(Instance(folder=tmp_path / "home", **{name: str(port)}))

    assert (
        complaint(outcome) == f"{name}: port {port} cannot be used (Address already in use); set {name} to a free one"
    )
    assert list((tmp_path / "home" / "run").iterdir()) == []


def test_unwritable_home_is_one_line() -> None:
    outcome = run_up(Instance(folder=Path("/dev/null/home")))

    assert complaint(outcome).startswith("mastablasta.E004 MASTABLASTA_HOME: /dev/null/home cannot be written (")


def test_unreachable_database_is_one_line(tmp_path: Path) -> None:
    address = f"postgres://nobody:hidden-word@127.0.0.1:{free_port()}/nothing"

    line = complaint(run_up(Instance(address, folder=tmp_path / "home")))

    assert line.startswith("DATABASE_URL: the database cannot be used (")
    assert "hidden-word" not in line


def test_second_start_on_the_same_home_is_one_line(instance: Instance) -> None:
    other = Instance(folder=instance.home)

    line = complaint(run_up(other))

    assert line.startswith(f"MastaBlasta already runs on {instance.home} (process {instance.pid('runner')}); ")
    assert instance.is_ready()


# --- surviving ---


def kill_and_watch(instance: Instance, victim: int) -> float:
    """SIGKILL, then wait for all processes and a heartbeat through the queue; returns the seconds it took."""
    before = instance.census()
    time.sleep(0.2)  # past the beat that came just now
    killed_at = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    instance.wait_for(lambda: instance.beat_through_queue_since(killed_at + 0.2), 15, what="beating again")
    took_s = time.monotonic() - killed_at
    instance.wait_for(lambda: instance.census() == before, 10, what=f"whole again: {instance.census()} of {before}")
    assert victim not in [process.pid for process in instance.processes()]
    return took_s


@pytest.mark.parametrize("role", ["clock", "worker", "sentinel", "pusher", "monitor", "web", "simulator"])
def test_killed_process_is_replaced(instance: Instance, role: str) -> None:
    assert kill_and_watch(instance, instance.pid(role)) < 15


def test_killed_idle_worker_with_the_queue_lock_is_noticed(instance: Instance) -> None:
    assert kill_and_watch(instance, instance.queue_lock_holder()) < 15


def test_monitor_killed_while_it_holds_the_queue_lock_is_noticed(instance: Instance) -> None:
    monitor = instance.pid("monitor")
    os.kill(monitor, signal.SIGSTOP)
    time.sleep(3)  # it waits for results with the lock in hand

    assert kill_and_watch(instance, monitor) < 15


def test_leftovers_of_a_killed_runner_are_ended_at_the_next_start(own_database_url: str) -> None:
    with Instance(own_database_url) as instance:
        assert instance.runner is not None
        instance.runner.kill()
        instance.runner.wait()
        left = {process.pid for process in instance.processes()}
        assert left

        instance.launch()
        instance.wait_for(lambda: instance.output().count("MastaBlasta is ready") == 2, 30, what="ready again")

        assert not left & {process.pid for process in instance.processes()}


# --- under load, and for real ---


def test_stop_while_publishing_loses_and_doubles_nothing(own_database_url: str) -> None:
    with (
        running_sandbox(free_port()) as world,
        Instance(own_database_url, PUBLISH_THREADS="4", MASTODON_BASE_URL=f"{world.url}/mastodon") as instance,
    ):
        world.limits(idempotency=False, quotas=False)
        client = instance.client()
        accounts = [client.connect_mastodon(f"person{number}") for number in range(12)]
        world.latency(3000)  # 2 x 4 threads: a second round is sure to be outstanding when the first is under way
        due_at = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
        for number, account in enumerate(accounts):
            client.post("posts", {"content": f"post {number}", "accounts": [account], "scheduled_time": due_at})
        instance.wait_for(lambda: publishes(world), 20, what="publishing")

        assert instance.stop() < 20
        out_at_stop = len(world.posts())
        world.latency(0)
        instance.start()
        instance.wait_for(lambda: len(world.posts()) >= 12, 40, what="published")

        assert out_at_stop < 12
        assert sorted(post["text"] for post in world.posts()) == sorted(f"post {number}" for number in range(12))


def publishes(world: Sandbox) -> int:
    return sum(request["operation"] == "publish" for request in world.requests("mastodon"))


def production(url: str, **settings: str) -> Instance:
    keys = {
        "JWT_SECRET_KEY": "of-this-test-" + "0123456789abcdef" * 4,
        "ENCRYPTION_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
    }
    return Instance(url, MASTABLASTA_MODE="production", **(keys | settings))


def test_production_needs_three_settings(own_database_url: str) -> None:
    if not own_database_url:
        pytest.skip("production is PostgreSQL")
    with production(own_database_url) as instance:
        status = Client(instance.url).get("status")

        assert (status["mode"], status["database"], instance.pids("simulator")) == ("production", True, [])
        assert not (instance.home / "secrets.json").exists()


def test_production_without_secrets_names_each() -> None:
    bare = production("postgres://127.0.0.1:1/none", JWT_SECRET_KEY="", ENCRYPTION_KEY="")
    try:
        outcome = run_up(bare)
    finally:
        bare._clear()

    lines = [line for line in outcome.stderr.splitlines() if not line.startswith("make")]
    assert [line.split(":")[0] for line in lines] == [
        "mastablasta.E001 JWT_SECRET_KEY",
        "mastablasta.E001 ENCRYPTION_KEY",
    ]
    assert outcome.returncode != 0
