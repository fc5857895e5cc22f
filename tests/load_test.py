"""A realistic day at the API, in small: `locust -f tests/load_test.py`, then open http://127.0.0.1:8089.

    locust -f tests/load_test.py --headless                        # 20 people for a minute, at 127.0.0.1:33766
    locust -f tests/load_test.py --headless -u 200 -r 20 -t 10m --host https://staging.example.org

Of ten requests seven read: the list of posts, the calendar, one post, a search, the status. Three write: drafts, posts
that are scheduled for a far day, changes, and now and then a picture. Everybody registers and works in a workspace of
their own; nothing is published, since no account is connected. The instance has to let people register
(REGISTRATION_OPEN), and to hold nobody back (THROTTLE_RATES) who comes from one address: development does both.

It ends with status 1 when a request was refused or when the slowest twentieth took longer than P95_MS. Registrations
are not timed: hashing a password is meant to be dear, and everybody comes at once here.
"""

from __future__ import annotations

import random
import struct
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from locust import HttpUser, between, events, task
from locust.stats import StatsEntry

USERS, EACH_SECOND, LASTS, HOST = 20, 5, "1m", "http://127.0.0.1:33766"
P95_MS = 1_000.0
REGISTER = "/auth/register"
WORDS = ("harbour", "spring", "Grüße", "lighthouse", "ferry", "tide", "開港", "gulls", "rope", "salt")


@events.init_command_line_parser.add_listener
def bounded(parser: Any) -> None:
    """Few people for a short time, unless somebody asks for more."""
    parser.set_defaults(num_users=USERS, spawn_rate=EACH_SECOND, run_time=LASTS, host=HOST)


@events.quitting.add_listener
def judged(environment: Any, **_: Any) -> None:
    day = StatsEntry(environment.stats, "without registrations", "", use_response_times_cache=False)
    for entry in environment.stats.entries.values():
        if entry.name != REGISTER:
            day.extend(entry)
    slowest = day.get_response_time_percentile(0.95) or 0
    print(f"The slowest twentieth, without registrations: {slowest:.0f} ms; at most {P95_MS:.0f}")  # noqa: T201
    if environment.stats.total.num_failures or slowest > P95_MS:
        environment.process_exit_code = 1


def picture() -> bytes:
    """A PNG of 32 x 32, each unlike the others."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + random.randbytes(96) for _ in range(32))
    head = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Editor(HttpUser):
    """Somebody who plans posts."""

    wait_time = between(0.5, 2.0)

    def on_start(self) -> None:
        person = {"email": f"{uuid4().hex[:16]}@example.org", "password": uuid4().hex, "name": "Load Test"}
        with self.client.post("/api/v2/auth/register", json=person, name=REGISTER, catch_response=True) as answer:
            if answer.status_code != 201:
                answer.failure(f"cannot register: {answer.status_code} {answer.text[:200]}")
                self.stop()
                return
            self.client.headers["X-API-Key"] = answer.json()["api_key"]
        self.posts: list[str] = []

    def _text(self) -> str:
        return " ".join(random.choices(WORDS, k=12)) + f" {uuid4().hex[:8]}"

    def _day(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=random.randint(300, 600), minutes=random.randint(0, 1_439))

    @task(30)
    def look_at_posts(self) -> None:
        self.client.get("/api/v2/posts?limit=50", name="/posts")

    @task(12)
    def look_at_calendar(self) -> None:
        first = self._day().date()
        span = f"from={first}&to={first + timedelta(days=30)}"
        self.client.get(f"/api/v2/calendar?{span}", name="/calendar")

    @task(15)
    def look_at_one(self) -> None:
        if self.posts:
            self.client.get(f"/api/v2/posts/{random.choice(self.posts)}", name="/posts/{id}")

    @task(8)
    def search(self) -> None:
        self.client.get("/api/v2/search/posts", params={"q": random.choice(WORDS)}, name="/search/posts")

    @task(5)
    def ask_how_it_is(self) -> None:
        self.client.get("/api/v2/status", name="/status")

    @task(18)
    def write(self) -> None:
        body = {"content": self._text(), "tags": random.sample(WORDS[:2], 1), "timezone": "Europe/Berlin"}
        with self.client.post("/api/v2/posts", json=body, name="/posts (write)", catch_response=True) as answer:
            if answer.status_code == 201:
                self.posts.append(answer.json()["id"])

    @task(9)
    def change(self) -> None:
        if self.posts:
            path = f"/api/v2/posts/{random.choice(self.posts)}"
            self.client.patch(path, json={"content": self._text()}, name="/posts/{id} (change)")

    @task(3)
    def upload(self) -> None:
        files = {"file": ("gull.png", picture(), "image/png")}
        self.client.post("/api/v2/media/upload", files=files, name="/media/upload")
