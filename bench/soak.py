"""An instance that has much to do for long: 20 posts and 20 requests a second, for MINUTES (30).

What must not grow with time: the memory of each kind of process (shared pages counted once), open connections and
files, and how late posts are. Memory may rise by a tenth after the first five minutes; posts are at most 1 s late (the
95th percentile) in the last minute as in the first. `make bench` leaves it out; `MINUTES=2 make bench ONLY=soak` tries
it, with its first minute to warm up.
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psutil

from bench.figures import percentile, say
from bench.instance import ROLES
from bench.stage import Stage
from tests.client import Client, Refused

POSTS_S, REQUESTS_S, ACCOUNTS = 20, 20, 100
AHEAD = timedelta(seconds=10)
WARM_UP_MIN = 5
MOST_GROWTH, MOST_LATE_S = 1.10, 1.0
SAMPLE_S = 10.0
READS = (
    "posts?limit=20",
    "status",
    "accounts?limit=20",
    "auth/me",
    "posts?status=published&limit=10",
    "calendar?from={day}&to={day}",
)


@dataclass
class Watched:
    """What was seen, by minute from the start."""

    pss_mb: dict[int, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    sockets: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    files: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    promised: dict[str, datetime] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    asked: int = 0


def run() -> None:
    minutes = int(os.environ.get("MINUTES", "30"))
    warm_up = WARM_UP_MIN if minutes > 2 * WARM_UP_MIN else minutes // 2
    with Stage() as stage:
        stage.world.limits(quotas=False)
        client = stage.instance.client()
        accounts = [client.connect_mastodon(f"soak{number}") for number in range(ACCOUNTS)]
        seen, began, stop = Watched(), time.monotonic(), threading.Event()
        threads = [
            threading.Thread(target=work, args=(stop, *arguments))
            for work, *arguments in ((write, client, accounts, seen), (read, client, seen), (watch, stage, seen, began))
        ]
        for thread in threads:
            thread.start()
        time.sleep(minutes * 60)
        stop.set()
        for thread in threads:
            thread.join()
        time.sleep(AHEAD.total_seconds() + 10)
        judge(stage, seen, warm_up, minutes)


def every(stop: threading.Event, period_s: float) -> Any:
    """Numbers 0, 1, 2 … at the pace of a clock: a slow turn is made up for."""
    began, number = time.monotonic(), 0
    while not stop.wait(max(0.0, began + number * period_s - time.monotonic())):
        yield number
        number += 1


def write(stop: threading.Event, client: Client, accounts: list[str], seen: Watched) -> None:
    for second in every(stop, 1.0):
        first, posts = datetime.now(UTC) + AHEAD, []
        for number in range(POSTS_S):
            text, due_at = f"soak {second} {number}", first + timedelta(seconds=number / POSTS_S)
            account = accounts[(second * POSTS_S + number) % ACCOUNTS]
            posts.append({"content": text, "accounts": [account], "scheduled_time": due_at.isoformat()})
            seen.promised[text] = due_at
        ask(seen, partial(client.post, "bulk/posts/create", {"posts": posts}))


def read(stop: threading.Event, client: Client, seen: Watched) -> None:
    day = datetime.now(UTC).date().isoformat()
    with ThreadPoolExecutor(8) as people:
        for number in every(stop, 1 / REQUESTS_S):
            people.submit(ask, seen, partial(client.get, READS[number % len(READS)].format(day=day)))


def ask(seen: Watched, call: Any) -> None:
    seen.asked += 1
    try:
        call()
    except (Refused, OSError) as error:
        seen.refused.append(str(error)[:200])


def watch(stop: threading.Event, stage: Stage, seen: Watched, began: float) -> None:
    for _ in every(stop, SAMPLE_S):
        minute = int((time.monotonic() - began) // 60)
        sockets = files = 0
        for role in ROLES:
            total = 0.0
            for pid in stage.instance.pids(role):
                with suppress(psutil.Error):
                    process = psutil.Process(pid)
                    total += process.memory_full_info().pss / 1e6
                    sockets, files = sockets + len(process.net_connections()), files + process.num_fds()
            seen.pss_mb[minute][role].append(total)
        seen.sockets[minute].append(sockets)
        seen.files[minute].append(files)


def judge(stage: Stage, seen: Watched, warm_up: int, minutes: int) -> None:
    """Say every figure, each with its bar."""
    out = [post for post in stage.world.posts("mastodon") if post["text"] in seen.promised]
    late = defaultdict(list)
    first = min(seen.promised.values())
    for post in out:
        due_at = seen.promised[post["text"]]
        late[int((due_at - first).total_seconds() // 60)].append(
            (datetime.fromisoformat(post["created_at"]) - due_at).total_seconds()
        )
    for minute in sorted(late):
        value = percentile(late[minute], 0.95)
        say(
            f"soak_late_p95_minute_{minute}",
            value,
            "s",
            limit=MOST_LATE_S,
            ratio=min(1.0, MOST_LATE_S / max(value, 1e-9)),
        )
    last = minutes - 1
    for role in ROLES:
        before, after = (median_of(seen.pss_mb[minute][role]) for minute in (warm_up, last))
        bar = before * MOST_GROWTH
        say(f"soak_memory_{role}", after, "MB", limit=bar, ratio=min(1.0, bar / max(after, 1e-9)))
    for name, found in (("connections", seen.sockets), ("files", seen.files)):
        before, after = max(found[warm_up]), median_of([float(count) for count in found[last]])
        say(f"soak_{name}", after, "open", limit=before, ratio=min(1.0, before / max(after, 1.0)))
    say("soak_posts", len(out), "posts", limit=len(seen.promised))
    say("soak_missing", len(seen.promised) - len({post["text"] for post in out}), "posts", limit=0)
    say("soak_twice", len(out) - len({post["text"] for post in out}), "posts", limit=0)
    say("soak_requests", seen.asked / (minutes * 60), "requests/s", limit=REQUESTS_S + 1)
    say("soak_refused", len(seen.refused), "requests", limit=0)


def median_of(values: list[float]) -> float:
    return percentile(values, 0.5) if values else 0.0
