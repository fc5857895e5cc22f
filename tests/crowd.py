"""People with accounts on every platform, what they publish, and whether the world agrees with what we say of it."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row

from integrations import registry
from media_library.tests.factories import clip, photo
from tests.client import Client
from tests.instance import PATIENCE_S, Instance

PLATFORMS = registry.built()
WITH_TEXTS = tuple(slug for slug in PLATFORMS if not registry.capabilities(slug).needs_media)
WITH_THREADS = tuple(slug for slug in PLATFORMS if "thread" in registry.capabilities(slug).post_types)
OPEN = {"scheduled", "publishing"}
STILL_LEASED = """
SELECT DISTINCT l.account_id FROM posts_lane l JOIN posts_delivery d ON d.account_id = l.account_id
 WHERE l.lease_token IS NOT NULL AND d.post_id = ANY(%s::uuid[])
"""
STILL_OPEN = """
SELECT a.id FROM posts_attempt a JOIN posts_delivery d ON d.id = a.delivery_id
 WHERE a.ended_at IS NULL AND d.post_id = ANY(%s::uuid[])
"""
# A clock that drains calls itself otherwise.
HOLDERS = r"""
SELECT substring(a.worker FROM '^[^@]+:(\d+)$')::int AS pid
  FROM posts_attempt a JOIN posts_delivery d ON d.id = a.delivery_id
 WHERE a.ended_at IS NULL AND d.post_id = ANY(%s::uuid[]) AND a.worker ~ '^[^@]+:\d+$'
 GROUP BY a.worker ORDER BY count(*) DESC
"""
LOOK_UPS = """
SELECT count(*) AS calls FROM posts_attempt a JOIN posts_delivery d ON d.id = a.delivery_id
 WHERE a.kind = 'reconcile' AND d.post_id = ANY(%s::uuid[])
"""
FAR = datetime(2031, 1, 1, 9, tzinfo=UTC)


@dataclass
class Burst:
    """Posts of one test, found again by their tag. `texts`: by post id, the platform and what the world is to read."""

    label: str
    due_at: datetime
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)


class Crowd:
    """A person with `size` accounts on each of `platforms`."""

    def __init__(self, instance: Instance, platforms: Sequence[str] = PLATFORMS, size: int = 1) -> None:
        self.instance = instance
        self.platforms = platforms
        self.client: Client = instance.client()
        self.accounts: dict[str, list[str]] = {platform: [] for platform in platforms}
        if "youtube" in platforms:  # what it does with a video is none of what these tests look at
            instance.sandbox.instance("youtube", video_processing_ms=0)
        self._files: dict[bool, str] = {}
        # Of accounts that are due at the same moment the oldest comes first: no platform is to be the first of all.
        for number, platform in itertools.product(range(size), platforms):
            self.accounts[platform].append(self.client.connect(platform, f"{platform}{number}"))

    def burst(
        self, each: int, *, ahead_s: float = 2.0, platforms: Sequence[str] = (), among: Sequence[int] = ()
    ) -> Burst:
        """Schedule `each` posts a platform, all for the same moment: `ahead_s` after the last one is stored.

        `among`: the numbers of the accounts that take part; all, if empty.
        """
        burst = self.write(each, platforms=platforms, among=among)
        burst.due_at = datetime.now(UTC) + timedelta(seconds=ahead_s)
        self.move(list(burst.texts), to=burst.due_at)
        return burst

    def write(self, each: int, *, platforms: Sequence[str] = (), among: Sequence[int] = ()) -> Burst:
        """Schedule `each` posts a platform for a far day."""
        burst = Burst(f"b{uuid4().hex[:8]}", FAR)
        for number, platform in itertools.product(range(each), platforms or self.platforms):
            text = f"{burst.label} {platform} {number}"
            numbers = among or range(len(self.accounts[platform]))
            account = self.accounts[platform][numbers[number % len(numbers)]]
            body = {"content": text, "accounts": [account], "tags": [burst.label], "scheduled_time": FAR.isoformat()}
            burst.texts[self.client.post("posts", body | self.file_for(platform))["id"]] = (platform, text)
        return burst

    def move(self, posts: list[str], *, to: datetime) -> None:
        """Let posts that wait be due at that moment, all at once: however slow the machine stores them, they meet."""
        theirs = "account_id IN (SELECT account_id FROM posts_delivery WHERE post_id = ANY(%s::uuid[]))"
        with psycopg.connect(self.instance.database_url) as connection:
            # Lanes first and by account, as everybody locks them: some may be at work on other posts.
            connection.execute(f"SELECT FROM posts_lane WHERE {theirs} ORDER BY account_id FOR UPDATE", [posts])
            connection.execute(f"UPDATE posts_lane SET ready_at = %s WHERE {theirs}", [to, posts])
            connection.execute(
                "UPDATE posts_delivery SET due_at = %s, next_attempt_at = %s WHERE post_id = ANY(%s::uuid[])",
                [to, to, posts],
            )
            connection.execute("UPDATE posts_post SET scheduled_at = %s WHERE id = ANY(%s::uuid[])", [to, posts])
            connection.execute("NOTIFY mastablasta_due")

    def publish(self, platform: str, text: str = "", account: int = 0) -> str:
        """Send one post now; returns its id."""
        body = {"content": text or f"now {uuid4().hex[:12]}", "accounts": [self.accounts[platform][account]]}
        post_id: str = self.client.post("posts", {**body, **self.file_for(platform), "publish": True})["id"]
        return post_id

    def file_for(self, platform: str) -> dict[str, list[str]]:
        """What a post there has beside its text: the same file each time, where no post goes without one."""
        if platform in WITH_TEXTS:
            return {}
        takes_pictures = registry.capabilities(platform).media["standard"].images is not None
        if takes_pictures not in self._files:
            self._files[takes_pictures] = self._made_file(platform, photo((640, 640)) if takes_pictures else clip())
        return {"media": [self._files[takes_pictures]]}

    def _made_file(self, platform: str, data: bytes) -> str:
        """A file that has been brought into the platform's form, so that no post waits for that."""
        media_id: str = self.client.upload(data, alt_text="A cat")["id"]
        body = {"content": "Made", "media": [media_id], "accounts": self.accounts[platform][:1]}
        first = self.client.post("posts", {**body, "scheduled_time": FAR.isoformat()})["id"]

        def is_made() -> bool:
            made = self.client.get(f"media/{media_id}/renditions")["renditions"]
            return bool(made) and all(one["status"] == "ready" for one in made)

        self.instance.wait_for(is_made, what="made")
        self.client.call("DELETE", f"posts/{first}")
        return media_id

    def post(self, post_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = self.client.get(f"posts/{post_id}")
        return shown

    def statuses(self, burst: Burst) -> Counter[str]:
        rows = self.rows("SELECT status FROM posts_post WHERE id = ANY(%s::uuid[])", list(burst.texts))
        return Counter(row["status"] for row in rows)

    def wait_settled(self, burst: Burst, within_s: float = PATIENCE_S) -> float:
        """Wait until nothing of it is on its way any more; returns the seconds it took."""
        began = time.monotonic()
        self.instance.wait_for(
            lambda: not OPEN & self.statuses(burst).keys(), within_s, what=f"settled: {self.statuses(burst)}"
        )
        return time.monotonic() - began

    def check_truth(self, burst: Burst) -> None:
        """Each is in the world once, under the id that we say, and the world has nothing else of it."""
        assert self.statuses(burst) == Counter({"published": len(burst.texts)})
        world = [
            (platform, post["text"], post["id"])
            for platform in self.platforms
            for post in self.instance.sandbox.posts(platform)
            if post["text"].startswith(f"{burst.label} ")
        ]
        ours = []
        for shown in self.client.get("posts", tag=burst.label, limit=200)["posts"]:
            [delivery] = shown["deliveries"]
            ours.append((delivery["platform"], burst.texts[shown["id"]][1], delivery["platform_post_id"]))
        assert sorted(world) == sorted(ours)
        assert self.rows(STILL_LEASED, list(burst.texts)) == []
        assert self.rows(STILL_OPEN, list(burst.texts)) == []

    def holders(self, posts: Sequence[str]) -> list[int]:
        """The queue workers with these posts in hand, the one with most of them first, and who died just now."""
        return [row["pid"] for row in self.rows(HOLDERS, list(posts))]

    def holder(self, posts: Sequence[str]) -> int | None:
        """The queue worker with most of these posts in hand, if there is one."""
        return next(iter(self.holders(posts)), None)

    def wait_for_holder(self, posts: Sequence[str]) -> int:
        pid: int = self.instance.wait_for(lambda: self.holder(posts), what="in a worker's hands")
        return pid

    def looked_up(self, posts: Sequence[str]) -> int:
        """How many calls asked a platform whether it has one of these posts."""
        [row] = self.rows(LOOK_UPS, list(posts))
        return int(row["calls"])

    def rows(self, query: LiteralString, *values: Any) -> list[dict[str, Any]]:
        """What the instance's database says."""
        with psycopg.connect(self.instance.database_url, row_factory=dict_row, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()


def victim_of(instance: Instance, role: str) -> int:
    """The process to kill; an "idle worker" is the one that waits with the queue's lock in hand."""
    return instance.queue_lock_holder() if role == "idle worker" else instance.pid(role)
