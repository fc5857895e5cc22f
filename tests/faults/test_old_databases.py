"""Databases that earlier commits wrote go on: migrated with all that is in them, and nothing of it is sent twice.

tests/old_databases/make.py made them; a commit whose schema is to be kept for good gets one more.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.__main__ import clean_environment
from tests.instance import ROOT
from tests.old_databases import FOLDER, WRITTEN, go_on, make, sql_of
from tests.pg import database
from tests.ports import free_port
from tests.scale import IS_FULL
from tests.world import Sandbox, running_sandbox

# The oldest goes through every migration; the others only begin further on.
CASES = [(name, vendor) for name in (WRITTEN if IS_FULL else WRITTEN[:1]) for vendor in ("sqlite", "postgresql")]


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    with running_sandbox(free_port()) as running:
        yield running


@contextmanager
def written(name: str, vendor: str, folder: Path) -> Iterator[str]:
    """The URL of a database with what the file says."""
    if vendor == "sqlite":
        connection = sqlite3.connect(folder / "db.sqlite3")
        connection.executescript(sql_of(name, vendor))
        connection.close()
        yield ""
        return
    with database(os.environ["DATABASE_URL"]) as url:
        with psycopg.connect(url, autocommit=True) as connected:
            connected.execute(sql_of(name, vendor).encode())
        yield url


def gone_on(url: str, home: Path, world: Sandbox) -> Any:
    """What tests/old_databases/go_on.py says."""
    environment = clean_environment(home) | make.KEYS | {
        "DJANGO_SETTINGS_MODULE": "mastablasta.settings", "MASTABLASTA_HOME": str(home), "DATABASE_URL": url,
        "MASTABLASTA_MODE": "development", "MASTODON_BASE_URL": f"{world.url}/mastodon", "TIME_SCALE": "0.1",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.old_databases.go_on", world.url],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_there_is_one_of_each_on_both_databases() -> None:
    assert len(WRITTEN) >= 3
    assert [name for name in WRITTEN if not (FOLDER / f"{name}.postgresql.sql.xz").is_file()] == []
    assert all(path.stat().st_size < 100_000 for path in FOLDER.glob("*.xz"))


@pytest.mark.parametrize(("name", "vendor"), CASES, ids=["-".join(case) for case in CASES])
def test_it_goes_on_as_it_was_left(name: str, vendor: str, tmp_path: Path, world: Sandbox) -> None:
    world.reset()
    with written(name, vendor, tmp_path) as url:
        found = gone_on(url, tmp_path, world)
    shown, posts = found["shown"], found["shown"]["posts"]

    # Who signed in before signs in now, and every row says what it said.
    assert (shown["me"], shown["signed_in"], shown["accounts"]) == (make.EMAIL, 200, ["Anna", "Bert"])
    assert {content: post["status"] for content, post in posts.items()} == {
        **{content: status for content, (status, _, _) in make.POSTS.items()},
        make.DUE: "scheduled", go_on.IN_DOUBT: "publishing",
    }  # fmt: skip
    check_rows(posts)
    assert shown["found"] == [make.DUE]
    assert shown["tagged"] == len(make.POSTS) + 1

    # What was due goes out, what was in doubt is found, each once; nothing else is touched, nor by a second look.
    assert sorted(post["text"] for post in world.posts()) == sorted([make.DUE, go_on.IN_DOUBT])
    assert [said["states"] for said in found["said"]] == [{"published": 2}, {}]
    after = found["after"]
    changed = {content: one["status"] for content, one in after.items() if one["status"] != posts[content]["status"]}
    assert changed == {make.DUE: "published", go_on.IN_DOUBT: "published"}
    named = {content: after[content]["deliveries"][0]["platform_post_id"] for content in changed}
    assert named == {post["text"]: post["id"] for post in world.posts()}


def check_rows(shown: dict[str, dict[str, Any]]) -> None:
    for content, (_, state, fields) in make.POSTS.items():
        [delivery] = shown[content]["deliveries"]
        assert delivery["status"] == {"draft": "pending", "queued": "pending"}.get(state, state)
        assert delivery["platform_post_id"] == fields.get("remote_id")
        assert shown[content]["timezone"] == "Europe/Berlin"
    assert shown["For a far day"]["scheduled_time"] == "2031-01-31T09:00:00Z"
    assert shown["Out since long"]["deliveries"][0]["url"] == "https://mastodon.test/@anna/1156"
    assert shown["Refused"]["deliveries"][0]["error"]["code"] == "text_rejected"
