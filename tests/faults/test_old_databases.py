"""Databases that earlier commits wrote go on: migrated with all that is in them, and nothing of it is sent twice.

tests/old_databases/make.py made them; a commit whose schema is to be kept for good gets one more.
"""

from __future__ import annotations

import base64
import lzma
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.client import Client
from tests.instance import Instance
from tests.old_databases import make
from tests.pg import database

FOLDER = Path(make.__file__).parent
WRITTEN = sorted(path.name.removesuffix(".sqlite.sql.xz") for path in FOLDER.glob("*.sqlite.sql.xz"))
CASES = [(WRITTEN[0], "sqlite")]
pytestmark = pytest.mark.timeout(300)


@contextmanager
def written(name: str, vendor: str, folder: Path) -> Iterator[str]:
    """A database with what the file says; its URL, "" for SQLite in `folder`."""
    text = lzma.decompress((FOLDER / f"{name}.{vendor}.sql.xz").read_bytes()).decode()
    if vendor == "sqlite":
        connection = sqlite3.connect(folder / "db.sqlite3")
        connection.executescript(text)
        connection.close()
        yield ""
        return
    with database(os.environ["DATABASE_URL"]) as url:
        with psycopg.connect(url, autocommit=True) as connected:
            connected.execute(text.encode())
        yield url


def test_there_is_one_of_each_on_both_databases() -> None:
    assert len(WRITTEN) >= 3
    assert [name for name in WRITTEN if not (FOLDER / f"{name}.postgresql.sql.xz").is_file()] == []
    assert all(path.stat().st_size < 100_000 for path in FOLDER.glob("*.xz"))


@pytest.mark.parametrize(("name", "vendor"), CASES, ids=["-".join(case) for case in CASES])
def test_it_goes_on_as_it_was_left(name: str, vendor: str, tmp_path: Path) -> None:
    assert base64.urlsafe_b64decode(make.KEYS["ENCRYPTION_KEY"])
    with (
        written(name, vendor, tmp_path) as url,
        Instance(url, tmp_path, **make.KEYS, TIME_SCALE="0.25") as instance,
    ):
        client = Client(instance.url, sandbox_url=instance.sandbox.url).login(make.EMAIL, make.PASSWORD)
        by_key = {"X_API_Key": make.API_KEY}

        # Who signed in before signs in now, and every row says what it said.
        assert Client(instance.url).call("GET", "auth/me", **by_key)["email"] == make.EMAIL
        shown = {post["content"]: post for post in client.get("posts", limit=50)["posts"]}
        assert {content: post["status"] for content, post in shown.items() if content != make.DUE} == {
            content: status for content, (status, _, _) in make.POSTS.items()
        }
        check_rows(shown)
        assert [post["content"] for post in client.get("search/posts", q="漢字")["posts"]] == [make.DUE]
        assert client.get("posts", tag=make.TAG)["total"] == len(make.POSTS) + 1
        assert instance.rows("SELECT count(*) FROM integrations_credential") == [(2,)]

        # Its server is one that does not exist: nothing of it was sent anywhere.
        assert instance.sandbox.posts() == []


def check_rows(shown: dict[str, dict[str, Any]]) -> None:
    for content, (_, state, fields) in make.POSTS.items():
        [delivery] = shown[content]["deliveries"]
        assert delivery["status"] == {"draft": "pending", "queued": "pending"}.get(state, state)
        assert delivery["platform_post_id"] == fields.get("remote_id")
        assert shown[content]["timezone"] == "Europe/Berlin"
    assert shown["For a far day"]["scheduled_time"] == "2031-01-31T09:00:00Z"
    assert shown["Out since long"]["deliveries"][0]["url"] == "https://mastodon.test/@anna/1156"
    assert shown["Refused"]["deliveries"][0]["error"]["code"] == "text_rejected"
