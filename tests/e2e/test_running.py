"""`make run` as its users have it: it starts, stops, complains in one line, and notices what hangs its queue."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.crowd import WITH_TEXTS
from tests.instance import PATIENCE_S, ROOT, Instance, production
from tests.ports import free_port

WHOLE = ("runner", "web", "simulator", "worker", "sentinel", "pusher", "monitor", "clock")


def run_up(instance: Instance) -> subprocess.CompletedProcess[str]:
    """`make run` where it is expected to refuse."""
    environment = instance.environment()
    return subprocess.run(
        ["make", "run"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def complaint(outcome: subprocess.CompletedProcess[str]) -> str:
    """The one line of stderr, before make's own."""
    assert outcome.returncode != 0
    assert outcome.stdout == ""
    lines = [line for line in outcome.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, outcome.stderr
    return lines[0]


# --- starting and stopping ---


def test_stop_leaves_nothing_and_second_start_is_quick_and_goes_on(instance: Instance) -> None:
    assert all(instance.pids(role) for role in WHOLE)
    assert "MastaBlasta is ready: " + instance.url in instance.output()
    client = instance.client()
    accounts = [client.connect(platform, "ada") for platform in WITH_TEXTS]
    assert instance.stop() < 22

    instance.launch("make", "run")

    instance.wait_for(instance.is_whole, what="whole")
    assert instance.cpu_s() < 8
    accounts.append(client.connect("mastodon", "bea"))
    post = client.post("posts", {"content": "Still here", "accounts": accounts, "publish": True})["id"]
    instance.wait_for(lambda: client.get(f"posts/{post}")["status"] == "published", what="published")


def test_ctrl_c_to_make_stops_everything(instance_of_make: Instance) -> None:
    runner = instance_of_make.runner
    assert runner is not None

    os.killpg(runner.pid, signal.SIGINT)
    runner.wait(PATIENCE_S)

    assert instance_of_make.processes() == []
    assert instance_of_make.left_in_run() == set()


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


def test_production_without_secrets_names_each() -> None:
    bare = production("postgres://127.0.0.1:1/none", JWT_SECRET_KEY="", ENCRYPTION_KEY="")
    try:
        outcome = run_up(bare)
    finally:
        bare.end()

    lines = [line for line in outcome.stderr.splitlines() if not line.startswith("make")]
    assert [line.split(":")[0] for line in lines] == [
        "mastablasta.E001 JWT_SECRET_KEY",
        "mastablasta.E001 ENCRYPTION_KEY",
    ]
    assert outcome.returncode != 0


# --- surviving; what else is killed: tests/faults/test_processes.py ---


def test_killed_idle_worker_with_the_queue_lock_is_noticed(instance: Instance) -> None:
    instance.kill_and_watch(instance.queue_lock_holder())
