"""One post a second on an idle system, created over HTTP: how late each reaches the world.

Then the same beside the collection of the figures of 500 accounts, and beside the chores of 500 whose tokens are about
to end.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from bench import people
from bench.figures import percentile, say
from bench.published import make_rows, post_statuses
from bench.stage import Stage
from tests.client import Client

IDLE_POSTS, BESIDE_POSTS = 120, 90
CHORE_ACCOUNTS = 500
COLLECTED_ACCOUNTS = 500
FIRST_LOOK = timedelta(minutes=10)
TO_IDLE = 1.2
BARS = {"p50": 0.05, "p95": 0.3, "max": 3.0}


def run() -> None:
    with Stage() as stage:
        client = stage.instance.client()
        accounts = [client.connect_mastodon(f"paced{i}") for i in range(5)]
        idle_p95 = paced(stage, client, accounts, name="publish_paced", posts=IDLE_POSTS)
        give_figures(stage)
        beside_p95 = paced(stage, client, accounts, name="publish_paced_beside_collection", posts=BESIDE_POSTS)
        bar = TO_IDLE * idle_p95
        say("publish_paced_beside_collection_to_idle", beside_p95, "s", limit=bar, ratio=min(1.0, bar / beside_p95))
        say("publish_paced_beside_collection_collected", collected(), "posts", limit=COLLECTED_ACCOUNTS)
        refreshed = token_calls(stage)
        give_chores(stage)
        paced(stage, client, accounts, name="publish_paced_beside_chores", posts=BESIDE_POSTS)
        say("publish_paced_beside_chores_refreshes", token_calls(stage) - refreshed - CHORE_ACCOUNTS, "calls")


def paced(stage: Stage, client: Client, accounts: list[str], *, name: str, posts: int) -> float:
    """Says how late they were; returns the 95th percentile, in seconds."""
    first = datetime.now(UTC) + timedelta(seconds=5)
    promised = {}
    for number in range(posts):
        due_at = first + timedelta(seconds=number, milliseconds=(number * 37) % 1000)
        body = {"content": f"{name} {number}", "accounts": [accounts[number % 5]], "scheduled_time": due_at.isoformat()}
        client.post("posts", body)
        promised[f"{name} {number}"] = due_at
    time.sleep(max(0.0, (max(promised.values()) - datetime.now(UTC)).total_seconds()) + 5)
    seen = [post for post in stage.world.posts("mastodon") if post["text"] in promised]
    texts = [post["text"] for post in seen]
    late_s = [(datetime.fromisoformat(post["created_at"]) - promised[post["text"]]).total_seconds() for post in seen]
    figures = {"p50": percentile(late_s, 0.5), "p95": percentile(late_s, 0.95), "max": max(late_s)}
    for figure, value in figures.items():
        bar = BARS[figure]
        say(f"{name}_{figure}", value, "s", limit=bar, ratio=min(1.0, bar / max(value, 1e-9)))
    say(f"{name}_early", sum(value < 0 for value in late_s), "posts", limit=0)
    say(f"{name}_missing", len(set(promised) - set(texts)), "posts", limit=0)
    say(f"{name}_twice", len(texts) - len(set(texts)), "posts", limit=0)
    return figures["p95"]


def give_figures(stage: Stage) -> None:
    """Accounts with a post each, of which the figures fall due one after the other while posts are paced."""
    from django.utils import timezone

    stage.world.limits(quotas=False)
    app, everybody = people.sign_in_all(stage.mastodon, [f"figures{i}" for i in range(COLLECTED_ACCOUNTS)])
    accounts = people.connect_all(stage.mastodon, app, everybody, at=timezone.now())
    due_from, apart = timezone.now() + timedelta(seconds=5), timedelta(seconds=BESIDE_POSTS) / COLLECTED_ACCOUNTS
    out = []
    for number, (account, person) in enumerate(zip(accounts, everybody, strict=True)):
        [remote_id] = post_statuses(stage.mastodon, "/api/v1/statuses", person.token, [{"status": f"Figures {number}"}])
        out.append((account, remote_id, due_from - FIRST_LOOK + number * apart))
    make_rows(out)


def collected() -> int:
    from analytics.models import MetricSample

    return MetricSample.objects.values("delivery").distinct().count()


def give_chores(stage: Stage) -> None:
    """Accounts with tokens that end within minutes, on a server whose tokens rotate."""
    from django.utils import timezone

    stage.world.instance("mastodon", rotating_tokens=True, token_ttl_s=600)
    app, everybody = people.sign_in_all(stage.mastodon, [f"chore{i}" for i in range(CHORE_ACCOUNTS)])
    at = timezone.now()
    people.connect_all(stage.mastodon, app, everybody, at=at, expires_at=at + timedelta(seconds=600))
    stage.world.instance("mastodon", rotating_tokens=True, token_ttl_s=7200)


def token_calls(stage: Stage) -> int:
    return sum(call["operation"] == "token" and call["status"] == 200 for call in stage.world.requests("mastodon"))
