"""10,000 webhooks to receivers that take 200 ms; one that hangs beside 100 good ones; publishing beside all of it.

1,000 endpoints are told of 10 events each, an endpoint's in order. The limit is a plain pool of as many kept sessions
as the sender has threads, just before. `WEBHOOK_BENCH_ENDPOINTS` makes it smaller.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from bench import people
from bench.figures import percentile, say
from bench.stage import Stage
from tests.ports import free_port

ENDPOINTS = int(os.environ.get("WEBHOOK_BENCH_ENDPOINTS", "1000"))
EVENTS = 10
LATENCY_MS = 200
GOOD = 100
POSTS = 200
CPU_BAR_MS = 1.2


def run() -> None:
    with Stage(WEBHOOK_ALLOW_PRIVATE="true") as stage, receiving() as url:
        fan_out(stage, url)
        hanging(url)
        publishing_beside(stage, url)


def fan_out(stage: Stage, url: str) -> None:
    from django.conf import settings

    calls, threads = ENDPOINTS * EVENTS, settings.WEBHOOK_THREADS
    ask(url, "PUT", f"/latency?{LATENCY_MS}")
    command = [sys.executable, "-m", "bench.bare_webhooks", url, str(calls), str(threads)]
    limit_s = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    workspace = endpoints(url, "fan", ENDPOINTS)
    cpu_before = stage.cpu_s()
    began, arrived = tell(workspace, url, "/fan/", calls)
    cpu_s = stage.cpu_s() - cpu_before
    wall_s = max(arrived) - began + LATENCY_MS / 1000
    say("webhook_fanout", wall_s, "s", limit=limit_s, ratio=limit_s / wall_s)
    say("webhook_fanout_rate", calls / wall_s, "webhooks/s", limit=calls / limit_s, ratio=limit_s / wall_s)
    say("webhook_fanout_cpu", cpu_s * 1000 / calls, "ms/webhook", limit=CPU_BAR_MS)
    say("webhook_fanout_first", min(arrived) - began, "s")
    say("webhook_fanout_left", left(), "webhooks", limit=0)


def hanging(url: str) -> None:
    """How long 100 good receivers wait for their events: alone, and beside one that never answers."""
    ask(url, "PUT", "/latency?20")
    walls = []
    for name, bad in (("alone", 0), ("beside", 1)):
        workspace = endpoints(url, name, GOOD)
        if bad:
            endpoints(url, "hanging", 1, workspace=workspace)
        began, arrived = tell(workspace, url, f"/{name}/", GOOD * EVENTS)
        walls.append(max(arrived) - began)
    say("webhook_beside_hanging", walls[1], "s", limit=walls[0], ratio=walls[0] / walls[1])


def publishing_beside(stage: Stage, url: str) -> None:
    """How late posts are while webhooks go out by the thousand."""
    from django.utils import timezone

    stage.world.limits(quotas=False)
    app, everybody = people.sign_in_all(stage.mastodon, [f"person{i}" for i in range(POSTS)])
    accounts = people.connect_all(stage.mastodon, app, everybody, at=timezone.now())
    ask(url, "PUT", f"/latency?{LATENCY_MS}")
    late = {}
    for name, calls in (("alone", 0), ("beside", 5)):
        due_at = timezone.now() + timedelta(seconds=6)
        people.schedule_all(accounts, due_at=due_at, text=name)
        if calls:
            emit(endpoints(url, "busy", ENDPOINTS), calls)
        late[name] = lateness(stage, due_at)
    for share, label in ((0.5, "p50"), (0.95, "p95")):
        say(
            f"publish_beside_webhooks_{label}", percentile(late["beside"], share), "s",
            limit=percentile(late["alone"], share),
        )  # fmt: skip


def lateness(stage: Stage, due_at: datetime) -> list[float]:
    ends_at = time.monotonic() + 120
    while len(arrived := stage.arrivals(due_at)) < POSTS and time.monotonic() < ends_at:
        time.sleep(0.5)
    return [(at - due_at).total_seconds() for at in arrived]


# --- endpoints and events ---
def endpoints(url: str, name: str, count: int, workspace: Any = None) -> Any:
    """Endpoints at the receiver, as registering them one by one would leave them; returns their workspace."""
    from accounts.models import Workspace
    from webhooks.models import Endpoint, EndpointLane
    from webhooks.signing import new_secret

    workspace = workspace or Workspace.objects.create(name=f"Bench {name}")
    made = Endpoint.objects.bulk_create(
        Endpoint(workspace=workspace, url=f"{url}/{name}/{n}", events=["post.published"], secret_enc=new_secret())
        for n in range(count)
    )
    EndpointLane.objects.bulk_create(EndpointLane(endpoint=endpoint) for endpoint in made)
    return workspace


def emit(workspace: Any, count: int) -> None:
    from django.utils import timezone

    from webhooks import outbox
    from webhooks.event_types import CATALOGUE

    example = CATALOGUE["post.published"].example
    outbox.record([outbox.NewEvent(workspace.id, "post.published", example) for _ in range(count)], at=timezone.now())


def tell(workspace: Any, url: str, prefix: str, calls: int) -> tuple[float, list[float]]:
    """Write the events; when that was, and when each of the calls arrived."""
    ask(url, "PUT", "/reset")
    began = time.time()
    emit(workspace, EVENTS)
    ends_at = time.monotonic() + 240
    while True:
        came = json.loads(ask(url, "GET", "/arrivals"))
        arrived = [at for path, times in came.items() if path.startswith(prefix) for at in times]
        if len(arrived) >= calls or time.monotonic() > ends_at:
            return began, arrived
        time.sleep(1)


def left() -> int:
    from webhooks.models import EndpointDelivery

    time.sleep(1)  # results of the last calls
    return EndpointDelivery.objects.filter(state="pending").count()


# --- the receiver ---
@contextmanager
def receiving() -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, "-m", "bench.receiver", str(port)]) as process:
        try:
            for _ in range(200):
                try:
                    ask(url, "PUT", "/reset")
                    break
                except OSError:
                    time.sleep(0.05)
            yield url
        finally:
            process.terminate()


def ask(url: str, method: str, path: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url + path, method=method), timeout=30) as answer:
        found: bytes = answer.read()
    return found
