"""An instance that has much to do for long: 20 posts and 20 requests a second, for MINUTES (30).

What must not grow with time: the memory of each kind of process (shared pages counted once), open connections and
files, and how late posts are. Memory may rise by a tenth after the first five minutes; in the last minute no more
stands open than at some moment of the five after these (a second that the machine spends on something else is made up
for by more threads, each with its own); posts are at most 1 s late (the 95th percentile) in the last minute as in the
first. Each minute is told in a line of its own when it is over, so that a run that is cut off has said what it saw; the
figures come in the end. `make bench` leaves it out; `MINUTES=3 make bench ONLY=soak` tries it, with its first minute to
warm up.

Processes share the memory that was there when they were forked, until somebody writes to it, and to use an object of
Python's is to count it: each kind of work that a process does for the first time adds to its memory. So all of it
begins within the first five minutes, in each of the workers: figures of posts too, which else are collected when these
are ten minutes old, and all periodic tasks, of which some come once an hour.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psutil
import psycopg

from bench.figures import percentile, say
from bench.instance import ROLES
from bench.stage import Stage
from tests.client import Client, Refused

POSTS_S, REQUESTS_S, ACCOUNTS = 20, 20, 100
AHEAD = timedelta(seconds=10)
SETTLED = timedelta(seconds=5)  # before a minute is counted; what is not out by then is late by more
WARM_UP_MIN = 5
MOST_GROWTH, MOST_LATE_S = 1.10, 1.0
SAMPLE_S = 10.0
HURRY_S, HURRIED = 5.0, 200  # posts
OURS = (*ROLES, "runner")
SIMULATOR = "simulator"  # it keeps every post that it was sent, and is told of beside ours
READS = (
    "posts?limit=20",
    "status",
    "accounts?limit=20",
    "auth/me",
    "posts?status=published&limit=10",
    "calendar?from={day}&to={day}",
)
LATE = """
SELECT count(*), count(published_at),
       percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM coalesce(published_at, now()) - due_at))::float
  FROM posts_delivery WHERE due_at >= %s AND due_at < %s
"""
SOME_FIGURES_DUE = f"""
UPDATE analytics_collectionplan SET next_at = now() WHERE next_at > now()
   AND delivery_id IN (SELECT delivery_id FROM analytics_collectionplan ORDER BY random() LIMIT {HURRIED});
UPDATE analytics_collectionlane SET ready_at = now() WHERE ready_at > now() OR ready_at IS NULL
"""
RING = f"""
import time
from mastablasta.core import jobs
from mastablasta.ops.periodic import PERIODIC_TASKS
ends_at = time.monotonic() + {{seconds}}
while time.monotonic() < ends_at:
    for one in PERIODIC_TASKS:
        jobs.ring(one.task, timeout_s=one.timeout_s)
    time.sleep({HURRY_S})
"""
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@dataclass
class Look:
    """One moment: memory by kind of process, connections and files that ours have open, sessions of PostgreSQL."""

    pss_mb: dict[str, float]
    connections: int
    files: int
    sessions: int


@dataclass
class Watched:
    """What was seen; looks by minute from the start."""

    looks: dict[int, list[Look]] = field(default_factory=lambda: defaultdict(list))
    promised: dict[str, datetime] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    asked: int = 0


def run() -> None:
    minutes = int(os.environ.get("MINUTES", "30"))
    with Stage() as stage:
        stage.world.limits(quotas=False)
        client = stage.instance.client()
        accounts = [client.connect_mastodon(f"soak{number}") for number in range(ACCOUNTS)]
        keyed = by_key(client)
        seen, began, stop = Watched(), time.monotonic(), threading.Event()
        threads = [
            threading.Thread(target=work, args=(stop, *arguments))
            for work, *arguments in (
                (write, keyed, accounts, seen),
                (read, keyed, seen),
                (watch, stage, seen, began),
                (hurry, stage, began + 60 * warm_up_of(minutes)),
                (ring, stage, 60 * warm_up_of(minutes)),
            )
        ]
        for thread in threads:
            thread.start()
        try:
            for minute in range(minutes):
                time.sleep(max(0.0, began + (minute + 1) * 60 - time.monotonic()))
                tell(stage, seen, minute)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        time.sleep((AHEAD + SETTLED).total_seconds())
        judge(stage, seen, warm_up_of(minutes), minutes)


def warm_up_of(minutes: int) -> int:
    """How many minutes are not judged."""
    return WARM_UP_MIN if minutes > 2 * WARM_UP_MIN else minutes // 2


def by_key(client: Client) -> Client:
    """The same person by a key: it does not end within the run, as a token does."""
    keyed = Client(client.base)
    key = client.post("auth/api-keys", {"name": "Soak"})["api_key"]
    keyed.call = partial(keyed.call, X_API_Key=key)  # type: ignore[method-assign]
    return keyed


def every(stop: threading.Event, period_s: float) -> Iterator[int]:
    """Numbers 0, 1, 2 … at the pace of a clock: a slow turn is made up for."""
    began, number = time.monotonic(), 0
    while not stop.wait(max(0.0, began + number * period_s - time.monotonic())):
        yield number
        number += 1


def write(stop: threading.Event, client: Client, accounts: list[str], seen: Watched) -> None:
    with ThreadPoolExecutor(4) as people:
        for second in every(stop, 1.0):
            first, posts = datetime.now(UTC) + AHEAD, {}
            for number in range(POSTS_S):
                due_at = first + timedelta(seconds=number / POSTS_S)
                account = accounts[(second * POSTS_S + number) % ACCOUNTS]
                posts[f"soak {second} {number}"] = due_at, account
            people.submit(promise, client, posts, seen)


def promise(client: Client, posts: Mapping[str, tuple[datetime, str]], seen: Watched) -> None:
    """Schedule posts, each for its moment by its account."""
    bodies = [
        {"content": text, "accounts": [account], "scheduled_time": due_at.isoformat()}
        for text, (due_at, account) in posts.items()
    ]
    if ask(seen, partial(client.post, "bulk/posts/create", {"posts": bodies})):
        seen.promised.update({text: due_at for text, (due_at, _) in posts.items()})


def read(stop: threading.Event, client: Client, seen: Watched) -> None:
    with ThreadPoolExecutor(8) as people:
        for number in every(stop, 1 / REQUESTS_S):
            day = datetime.now(UTC).date().isoformat()
            people.submit(ask, seen, partial(client.get, READS[number % len(READS)].format(day=day)))


def ask(seen: Watched, call: Callable[[], Any]) -> bool:
    """Whether it was answered rightly."""
    seen.asked += 1
    try:
        call()
    except (Refused, OSError) as error:
        seen.refused.append(f"{type(error).__name__}: {error}"[:200])
        return False
    return True


def watch(stop: threading.Event, stage: Stage, seen: Watched, began: float) -> None:
    with psycopg.connect(stage.instance.database_url, autocommit=True) as connection:
        for _ in every(stop, SAMPLE_S):
            seen.looks[int((time.monotonic() - began) // 60)].append(look(stage, connection))


def hurry(stop: threading.Event, stage: Stage, until: float) -> None:
    """Have figures of some posts collected again and again until then: by all workers, each for a moment."""
    with psycopg.connect(stage.instance.database_url, autocommit=True) as connection:
        for _ in every(stop, HURRY_S):
            if time.monotonic() >= until:
                return
            connection.execute(SOME_FIGURES_DUE)


def ring(_: threading.Event, stage: Stage, seconds: int) -> None:
    """Have all periodic tasks done again and again for so long, each by whichever worker takes it."""
    done = stage.instance.manage("shell", "-v0", "-c", RING.format(seconds=seconds), timeout_s=seconds + 60)
    if done.returncode:
        raise RuntimeError(done.stderr)


def look(stage: Stage, connection: psycopg.Connection) -> Look:
    found = Look(defaultdict(float), 0, 0, 0)
    for pid, role in stage.instance.roles().items():
        with suppress(psutil.Error):  # it ended meanwhile
            process = psutil.Process(pid)
            found.pss_mb[role] += process.memory_full_info().pss / 1e6
            if role != SIMULATOR:
                found.connections += len(process.net_connections(kind="all"))
                found.files += process.num_fds()
    [found.sessions] = connection.execute(SESSIONS).fetchone() or [0]
    return found


def tell(stage: Stage, seen: Watched, minute: int) -> None:
    """A line of what the minute that is over was like."""
    until = datetime.now(UTC) - SETTLED
    with psycopg.connect(stage.instance.database_url, autocommit=True) as connection:
        due, out, late_s = connection.execute(LATE, [until - timedelta(minutes=1), until]).fetchone() or (0, 0, None)
    line = {
        "minute": minute + 1, "due": due, "out": out, "late_p95_s": None if late_s is None else round(late_s, 3),
        "asked": seen.asked, "refused": len(seen.refused), **medians(seen, minute),
    }  # fmt: skip
    print(json.dumps(line), flush=True)


def medians(seen: Watched, minute: int) -> dict[str, Any]:
    """What stood open in the middle of that minute: `connections`, `files`, `sessions`, and `pss_mb` by role."""
    looks = list(seen.looks[minute])
    middle = {name: median_of([getattr(one, name) for one in looks]) for name in ("connections", "files", "sessions")}
    roles = sorted({role for one in looks for role in one.pss_mb})
    return middle | {"pss_mb": {role: round(median_of([one.pss_mb[role] for one in looks]), 1) for role in roles}}


def judge(stage: Stage, seen: Watched, warm_up: int, minutes: int) -> None:
    """Say every figure, each with its bar; how late posts are as the world saw them."""
    out = [post for post in stage.world.posts("mastodon") if post["text"] in seen.promised]
    judge_lateness(out, seen.promised)
    before, after = medians(seen, warm_up), medians(seen, minutes - 1)
    for role in OURS:
        bar = before["pss_mb"].get(role, 0.0) * MOST_GROWTH
        judge_growth(f"memory_{role}", "MB", bar, after["pss_mb"].get(role, 0.0))
    say("soak_memory_simulator", after["pss_mb"].get(SIMULATOR, 0.0), "MB")
    early = [one for minute in range(warm_up, 2 * warm_up) for one in seen.looks[minute]]
    for name in ("connections", "files", "sessions"):  # as many were open at times when they were no growth yet
        judge_growth(name, "open", max(getattr(one, name) for one in early), after[name])
    texts = {post["text"] for post in out}
    say("soak_posts", len(out), "posts", limit=len(seen.promised))
    say("soak_missing", len(seen.promised) - len(texts), "posts", limit=0)
    say("soak_twice", len(out) - len(texts), "posts", limit=0)
    for name, found, wanted in (("posts", len(seen.promised), POSTS_S), ("requests", seen.asked, REQUESTS_S + 1)):
        pace = found / (minutes * 60)
        say(f"soak_pace_{name}", pace, f"{name}/s", limit=wanted, ratio=min(1.0, pace / wanted))
    say("soak_refused", len(seen.refused), "requests", limit=0)
    for reason in sorted(set(seen.refused))[:5]:
        print(json.dumps({"refused": reason}), flush=True)


def judge_lateness(out: list[dict[str, Any]], promised: Mapping[str, datetime]) -> None:
    late, first = defaultdict(list), min(promised.values())
    for post in out:
        due_at = promised[post["text"]]
        minute = int((due_at - first).total_seconds() // 60)
        late[minute].append((datetime.fromisoformat(post["created_at"]) - due_at).total_seconds())
    for minute in sorted(late):
        value = percentile(late[minute], 0.95)
        ratio = min(1.0, MOST_LATE_S / max(value, 1e-9))
        say(f"soak_late_p95_minute_{minute + 1}", value, "s", limit=MOST_LATE_S, ratio=ratio)


def judge_growth(name: str, unit: str, bar: float, found: float) -> None:
    say(f"soak_{name}", found, unit, limit=bar, ratio=min(1.0, bar / max(found, 1e-9)))


def median_of(values: list[float]) -> float:
    return percentile(values, 0.5) if values else 0.0
