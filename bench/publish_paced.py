"""One post a second for two minutes on an idle system, created over HTTP: how late each reaches the world."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from bench.figures import percentile, say
from bench.stage import Stage

POSTS = 120
BARS = {"p50": 0.1, "p95": 0.5, "max": 3.0}


def run() -> None:
    with Stage() as stage:
        client = stage.instance.client()
        accounts = [client.connect_mastodon(f"paced{i}") for i in range(5)]
        first = datetime.now(UTC) + timedelta(seconds=5)
        promised = {}
        for number in range(POSTS):
            due_at = first + timedelta(seconds=number, milliseconds=(number * 37) % 1000)
            body = {
                "content": f"paced {number}",
                "accounts": [accounts[number % 5]],
                "scheduled_time": due_at.isoformat(),
            }
            client.post("posts", body)
            promised[f"paced {number}"] = due_at
        time.sleep(max(0.0, (max(promised.values()) - datetime.now(UTC)).total_seconds()) + 5)
        seen = stage.world.posts("mastodon")
        texts = [post["text"] for post in seen]
        late_s = [
            (datetime.fromisoformat(post["created_at"]) - promised[post["text"]]).total_seconds() for post in seen
        ]
        figures = {"p50": percentile(late_s, 0.5), "p95": percentile(late_s, 0.95), "max": max(late_s)}
        for name, value in figures.items():
            say(f"publish_paced_{name}", value, "s", limit=BARS[name], ratio=min(1.0, BARS[name] / max(value, 1e-9)))
        say("publish_paced_early", sum(value < 0 for value in late_s), "posts", limit=0)
        say("publish_paced_missing", len(set(promised) - set(texts)), "posts", limit=0)
        say("publish_paced_twice", len(texts) - len(set(texts)), "posts", limit=0)
