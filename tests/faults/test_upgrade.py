"""An upgrade without stopping: the version before goes on over this one's tables, in a burst, and then beside it.

The version before is the commit of the newest database in tests/old_databases, run from its own files.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from media_library.tests.factories import photo
from tests import described
from tests.client import Client, Refused
from tests.crowd import FAR, Crowd
from tests.faults.figures import note
from tests.instance import ROOT, Instance
from tests.old_databases import NEWEST, commit_of
from tests.pg import database
from tests.ports import free_port
from tests.scale import IS_FULL, SCALE
from tests.world import running_sandbox

BEFORE = commit_of(NEWEST)
PLATFORMS = ("mastodon", "twitter", "bluesky")  # what that version knew
ACCOUNTS, EACH = 8, 40  # five turns of an account, two seconds each: a burst that outlasts a migration
PROGRAMS = (
    ("-m", "gunicorn", "-c", "python:mastablasta.gunicorn"),
    ("manage.py", "run_worker"),
    ("manage.py", "run_clock"),
)
OUT_BETWEEN = "SELECT count(*) AS posts FROM posts_post WHERE published_at BETWEEN %s AND %s"
BEATS = "SELECT name FROM core_heartbeat WHERE name LIKE %s AND at > now() - interval '10 s'"
WHO_SENT = r"""
SELECT DISTINCT substring(a.worker FROM '(\d+)$')::int AS pid
  FROM posts_attempt a JOIN posts_delivery d ON d.id = a.delivery_id
 WHERE a.outcome = 'published' AND d.post_id = ANY(%s::uuid[])
"""


def what_is_missing() -> str:
    """Why the version before cannot be had here, in a sentence; "" = it can."""
    if not IS_FULL:
        return "takes two minutes; part of the long form (FAULTS=full)"
    command = ["git", "cat-file", "-e", f"{BEFORE}^{{commit}}"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    return f"this clone has no commit {BEFORE} (git fetch --unshallow)" if asked.returncode else ""


MISSING = what_is_missing()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"An upgrade: {MISSING}")


class Version:
    """The processes of one commit's files over the instance's database and home, as a service manager starts them."""

    def __init__(self, instance: Instance, folder: Path) -> None:
        self.instance, self.folder, self.port = instance, folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.running: list[subprocess.Popen[bytes]] = []

    def environment(self) -> dict[str, str]:
        return self.instance.environment() | {"PORT": str(self.port), "PYTHONPATH": str(self.folder)}

    def migrate(self) -> None:
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=self.folder, env=self.environment(), check=True, timeout=300)

    def start(self) -> None:
        """Start web, worker and clock, and wait until all is well."""
        with self.instance.output_path.open("ab") as output:
            for program in PROGRAMS:
                self.running.append(
                    subprocess.Popen(
                        [sys.executable, *program],
                        cwd=self.folder,
                        env=self.environment(),
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
        self.answer()
        self.instance.wait_ready()

    def answer(self) -> None:
        """Have the instance's clients ask this version."""
        self.instance.url = self.url

    def pids(self) -> set[int]:
        trees = [psutil.Process(process.pid) for process in self.running]
        return {one.pid for tree in trees for one in (tree, *tree.children(recursive=True))}

    def stop(self) -> None:
        """SIGTERM to each main process, and wait for their ends."""
        for process in self.running:
            process.terminate()
        assert [process.wait(40) for process in self.running] == [0, 0, 0]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """Tables of nobody yet, a home, a world that guards against nothing, and no process of ours."""
    settings = {"PUBLISH_THREADS": "8", "WEB_WORKERS": "1", "WORKERS": "2", "TIME_SCALE": str(SCALE)}
    with database(os.environ["DATABASE_URL"]) as url:
        here = Instance(url, tmp_path / "home", **settings)
        here.home.mkdir()
        with running_sandbox(here.sandbox_port) as world, ended(here):
            world.limits(idempotency=False, duplicates=False, quotas=False)
            yield here


@contextmanager
def ended(instance: Instance) -> Iterator[None]:
    try:
        yield
    finally:
        instance.end()


@pytest.fixture
def before(instance: Instance, tmp_path: Path) -> Version:
    """The version before, at work on its own tables."""
    packed = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path / "before", filter="data")
    version = Version(instance, tmp_path / "before")
    version.migrate()
    version.start()
    return version


def test_the_version_before_goes_on_over_the_new_tables_and_beside_this_one(
    instance: Instance, before: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(described, "look_at", lambda *_: None)  # what it answers is not in this version's description
    this, crowd = Version(instance, ROOT), Crowd(instance, PLATFORMS, size=ACCOUNTS)
    instance.sandbox.latency(2000)

    # This version's tables come in the midst of a burst.
    bursts = [crowd.burst(EACH)]
    instance.wait_for(lambda: crowd.statuses(bursts[0])["published"], what="the first of the burst published")
    began = datetime.now(UTC)
    this.migrate()
    ended = datetime.now(UTC)
    assert crowd.rows(OUT_BETWEEN, began, ended)[0]["posts"] > 0

    # The version before takes, writes and sends as ever.
    check_everything_is_taken(before)
    bursts.append(crowd.burst(EACH))
    crowd.wait_settled(bursts[1])
    assert senders(crowd, bursts[1]) <= before.pids()

    # Both are at work, until the old one is stopped in the midst of a burst, and this one goes on with it.
    this.start()
    crowd.client.base = this.url
    bursts.append(crowd.write(EACH))
    instance.wait_for(lambda: crowd.rows(BEATS, f"cluster:%:{this.running[1].pid}"), what="both clusters")
    bursts[2].due_at = datetime.now(UTC)
    crowd.move(list(bursts[2].texts), to=bursts[2].due_at)
    instance.wait_for(lambda: crowd.statuses(bursts[2])["published"], what="the first of the burst published")
    stopped_at = time.monotonic()
    before.stop()
    took_s = time.monotonic() - stopped_at
    bursts.append(crowd.burst(EACH))
    instance.sandbox.latency(0)
    for burst in bursts:
        crowd.wait_settled(burst)
    for burst in bursts:
        crowd.check_truth(burst)
    assert senders(crowd, bursts[3]) <= this.pids()
    check_everything_is_taken(this)
    note(
        "the version before",
        f"{BEFORE}, {sum(len(burst.texts) for burst in bursts)} posts: migrated meanwhile in"
        f" {(ended - began).total_seconds():.0f} s, the old one gone after {took_s:.0f} s; 0 twice, 0 lost",
    )


def senders(crowd: Crowd, burst: Any) -> set[int]:
    """The processes that sent what is out of it."""
    return {row["pid"] for row in crowd.rows(WHO_SENT, list(burst.texts))}


def check_everything_is_taken(version: Version) -> None:
    """Somebody new does there what writes to most tables."""
    refused = {}
    client = Client(version.url, sandbox_url=version.instance.sandbox.url).register()
    account = client.connect("mastodon", f"new{version.port}")
    kept = client.upload(photo(), "a.jpg")
    version.instance.wait_for(lambda: client.get(f"media/{kept['id']}")["status"] == "ready", what="ready")
    later = {"accounts": [account], "scheduled_time": FAR.isoformat()}
    for what, method, path, body in (
        ("with a picture", "POST", "posts", {"content": "A picture", "media": [kept["id"]], **later}),
        ("in bulk", "POST", "bulk/posts/create", {"posts": [{"content": f"One of {n}", **later} for n in range(3)]}),
        ("a workspace", "POST", "workspaces", {"name": "Another"}),
        ("a key", "POST", "auth/api-keys", {"name": "Another"}),
    ):
        try:
            client.call(method, path, body)
        except Refused as error:
            refused[what] = str(error)
    assert refused == {}
