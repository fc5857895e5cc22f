"""What a request costs: CPU of the web process and of PostgreSQL together, and statements.

The limit is a bare view on the same server, database and connection, in turns with ours: an empty one of DRF's, a list
of `values()` written by orjson, a create of a post and its delivery. The median of three. Request log and limits are
on. POSTS=1000000 asks for another history than 10,000 posts.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench.figures import say
from tests.instance import Instance
from tests.pg import database, postgresql

POSTS = int(os.environ.get("POSTS", "10000"))
ACCOUNTS, OTHER_ACCOUNTS = 10, 1_000
ROUNDS = 3
WARM = 15

FILL = """
INSERT INTO posts_post (id, created_at, updated_at, workspace_id, content, post_type, status, wanted_platforms,
 warnings, timezone, post_options, overrides, thread, first_comment, version, scheduled_at, published_at)
SELECT gen_random_uuid(), at, at, %(workspace)s, 'Good morning, number ' || n, 'standard', 'published', '[]',
 '[]', '', '{{}}', '{{}}', '[]', '', 1, at, at
FROM (SELECT n, now() - (%(posts)s - n + 1) * interval '40 seconds' AS at FROM generate_series(1, %(posts)s) n) rows
""".replace("{{}}", "{}")
FILL_DELIVERIES = """
INSERT INTO posts_delivery (id, created_at, updated_at, post_id, workspace_id, account_id, platform, state, due_at,
 is_one_step, losses, generation, tries, attempt_count, visible_calls, parts_done, warnings, remote_id, url,
 published_at, error_code, error_kind, error_message, error_retryable)
SELECT gen_random_uuid(), p.created_at, p.created_at, p.id, p.workspace_id, (%(accounts)s::uuid[])[1 + n %% %(count)s],
 'mastodon', 'published', p.created_at, true, 0, 1, 0, 1, 1, 1, '[]', n::text, 'https://mastodon.test/@one/' || n,
 p.created_at, '', '', '', false
FROM (SELECT *, row_number() OVER (ORDER BY id) AS n FROM posts_post WHERE workspace_id = %(workspace)s) p
"""
FILL_TAGS = "INSERT INTO posts_posttag (post_id, name) SELECT id, 'bench' FROM posts_post WHERE workspace_id = %s"


def run() -> None:
    with (
        postgresql(durable=True) as server,
        database(server) as url,
        tempfile.TemporaryDirectory(prefix="mb-bench-") as folder,
    ):
        instance = Instance(url, Path(folder) / "home", WEB_WORKERS="1", THROTTLE_RATES="key=100000000/min")
        instance.home.mkdir()
        assert instance.manage("migrate").returncode == 0
        web = instance.launch(
            sys.executable, "-m", "gunicorn", "-c", "python:mastablasta.gunicorn", "bench.bare_requests:application"
        )
        try:
            instance.wait_for(lambda: instance.readyz()[0], 30, what="serving")
            measure(Asker(instance))
        finally:
            web.terminate()
            web.wait(20)


class Asker:
    """A program with an API key, over one kept connection, in a workspace with a history."""

    def __init__(self, instance: Instance) -> None:
        os.environ.update(instance.environment())
        import django

        django.setup()
        self.line = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=60)
        self.workspace, self.accounts, key = fill()
        self.headers = {"X-API-Key": key, "Content-Type": "application/json"}
        self.postgres = server_of_database()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> http.client.HTTPResponse:
        self.line.request(method, path, None if body is None else json.dumps(body), {**self.headers, **headers})
        answer = self.line.getresponse()
        self.text = answer.read()
        if answer.status not in {200, 201}:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {self.text[:300]!r}")
        return answer

    def cpu_s(self) -> tuple[float, dict[int, float]]:
        """CPU seconds so far of the web process, and of each process of PostgreSQL."""
        self("GET", "/bare/cpu")
        found = {one.pid: ran_s(one.pid) for one in [self.postgres, *self.postgres.children()]}
        return float(self.text), found

    def statements(self, method: str, path: str, body: Any = None) -> int:
        return int(self(method, path, body, **{"X-Count-Statements": "1"}).headers["X-Statements"])


Ask = Callable[[], tuple[Any, ...]]
"""Gives the next request: method, path and maybe a body."""


def measure(asker: Asker) -> None:
    from posts.models import Post

    post, account = Post.objects.order_by("-created_at").values_list("id", flat=True)[0], str(asker.accounts[0].id)
    numbers = count(1)
    soon = datetime.now(UTC) + timedelta(days=1)

    def create(path: str, **named: Any) -> Ask:
        return lambda: ("POST", path, {"content": f"Good evening, number {next(numbers)}", **named})

    def schedule(path: str, **named: Any) -> Ask:
        def ask() -> tuple[Any, ...]:
            number = next(numbers)  # an hour apart: nearer ones would be warned of
            at = (soon + timedelta(hours=number)).isoformat()
            return "POST", path, {"content": f"See you, number {number}", "scheduled_time": at, **named}

        return ask

    def get(path: str) -> Ask:
        return lambda: ("GET", path)

    ours, listed = "/api/v2/posts", f"/bare/posts/{asker.workspace.id}"
    me = get("/api/v2/auth/me")
    compare(asker, "request_me", me, get("/bare/empty"), most=3, statements=1, rounds_of=120)
    compare(asker, "request_get", get(f"{ours}/{post}"), me, most=1.5, statements=3, rounds_of=80)
    compare(asker, "list_50", get(ours), get(listed), most=1 / 0.6, statements=4, rounds_of=40)
    compare(asker, "list_50_cursor", get(f"{ours}?cursor="), get(listed), most=1 / 0.6, statements=3, rounds_of=40)
    bare_draft, bare_scheduled = create("/bare/create", account=account), schedule("/bare/create", account=account)
    draft, scheduled = create(ours, accounts=[account]), schedule(ours, accounts=[account])
    compare(asker, "create_draft", draft, bare_draft, most=2, statements=5, rounds_of=60)
    compare(asker, "create_scheduled", scheduled, bare_scheduled, most=2, statements=7, rounds_of=60)


def compare(asker: Asker, name: str, ours: Ask, bare: Ask, *, most: float, statements: int, rounds_of: int) -> None:
    """`most`: the bar, times the bare view's CPU. Its own is said besides."""
    for ask in [ours, bare] * WARM:
        asker(*ask())
    counted = asker.statements(*ours())
    rounds = [(took_ms(asker, ours, rounds_of), took_ms(asker, bare, rounds_of)) for _ in range(ROUNDS)]
    our_ms, bare_ms = median(one for one, _ in rounds), median(one for _, one in rounds)
    times = median(one / other for one, other in rounds)
    say(name, our_ms, "CPU ms", limit=most * bare_ms, ratio=most / times)
    say(f"{name}_bare", bare_ms, "CPU ms")
    say(f"{name}_times", times, "times bare", limit=most)
    say(f"{name}_statements", counted, "statements", limit=statements)


def took_ms(asker: Asker, ask: Ask, times: int) -> float:
    """CPU milliseconds of web process and PostgreSQL, a request."""
    web, postgres = asker.cpu_s()
    for _ in range(times):
        asker(*ask())
    web_after, after = asker.cpu_s()
    of_postgres = sum(ran - postgres.get(pid, 0.0) for pid, ran in after.items())
    return (web_after - web + of_postgres) / times * 1000


# --- what there is ---
def fill() -> tuple[Any, list[Any], str]:
    """The workspace with its posts, its accounts and a key's text; other workspaces have accounts too."""
    from django.db import connection

    from accounts.tests.factories import make_api_key, make_workspace
    from integrations.models import SocialAccount
    from integrations.tests.factories import make_account

    workspace = make_workspace()
    accounts = [make_account(workspace=workspace) for _ in range(ACCOUNTS)]
    stranger = make_account()
    fields = {one.attname: getattr(stranger, one.attname) for one in SocialAccount._meta.fields if one.name != "id"}
    others = [
        SocialAccount(**{**fields, "remote_id": f"other {n}", "is_default": False}) for n in range(OTHER_ACCOUNTS)
    ]
    SocialAccount.objects.bulk_create(others, batch_size=1_000)
    ids = [account.id for account in accounts]
    with connection.cursor() as cursor:
        cursor.execute(FILL, {"workspace": workspace.id, "posts": POSTS})
        cursor.execute(FILL_DELIVERIES, {"workspace": workspace.id, "accounts": ids, "count": ACCOUNTS})
        cursor.execute(FILL_TAGS, [workspace.id])
        cursor.execute("VACUUM ANALYZE")
    return workspace, accounts, make_api_key(workspace.members.get(), workspace)[1]


def server_of_database() -> psutil.Process:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0]).parent()
    assert server is not None
    return server


def ran_s(pid: int) -> float:
    """CPU seconds of a process with one thread so far, to the microsecond; 0 of one that has ended."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0
