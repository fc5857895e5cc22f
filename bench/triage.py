"""/admin/triage/ with 10,000 failed deliveries of 100 accounts, and acting on 1,000 of them.

The limit of the page is the SQL by hand that counts and reads the same in the same run, made nothing of: what a page of
Django costs comes on top. A page of one cause, the preview of a retry, and the retry itself, which the audit log tells
row by row, stand beside it.
"""

from __future__ import annotations

import re
from typing import Any

from bench.claim import populate
from bench.figures import say
from bench.in_process import median_ms, on_postgresql

ACCOUNTS, EACH = 100, 100
GOAL_MS = 300
MOST_RATIO = 5
PICKED = 1000
ROUNDS = 15

CODES = "'{timed_out,gateway,server_error,connection_reset,unavailable,not_sent,worker_lost,upload_timed_out}'::text[]"
FAILED = {
    "state": "'failed'",
    "next_attempt_at": "NULL::timestamptz",
    "error_retryable": "true",
    "error_message": "'The platform did not answer in time.'",
    "error_code": f"({CODES})[1 + s.n %% 8]",
    "updated_at": "t.updated_at + s.n * interval '1 second'",
}
BARE = (
    """
    SELECT d.state, d.error_code, d.platform, count(*), count(*) FILTER (WHERE d.error_retryable),
           count(DISTINCT d.account_id), count(DISTINCT d.workspace_id), min(d.updated_at), max(d.updated_at),
           max(d.error_message), min(a.handle)
      FROM posts_delivery d JOIN posts_post p ON p.id = d.post_id
      JOIN integrations_socialaccount a ON a.id = d.account_id
      JOIN accounts_workspace w ON w.id = d.workspace_id
     WHERE p.deleted_at IS NULL AND w.deleted_at IS NULL AND d.state IN ('failed', 'rejected', 'unconfirmed', 'held')
     GROUP BY 1, 2, 3 ORDER BY 4 DESC, 9 DESC LIMIT 200
    """,
    """
    SELECT a.id, a.handle, (SELECT count(*) FROM posts_delivery d WHERE d.account_id = a.id AND d.state = 'blocked')
      FROM integrations_socialaccount a WHERE a.state IN ('needs_reauth', 'paused') ORDER BY 3 DESC LIMIT 51
    """,
    "SELECT id FROM integrations_platformhost WHERE paused_at IS NOT NULL OR circuit_opened_at IS NOT NULL",
)


def run() -> None:
    on_postgresql(measure)


def measure() -> None:
    populate(accounts=ACCOUNTS, each=EACH, changes=FAILED)
    client = operator()
    shown = median_ms(lambda: opened(client, "/admin/triage/"), rounds=ROUNDS)
    bare = median_ms(counted, rounds=ROUNDS)
    say("triage_10000", shown, "ms", limit=bare * MOST_RATIO, ratio=min(1.0, bare * MOST_RATIO / shown))
    say("triage_10000_goal", shown, "ms", limit=GOAL_MS, ratio=min(1.0, GOAL_MS / shown))
    group = "/admin/triage/group/?state=failed&code=timed_out&platform=mastodon"
    say("triage_group", median_ms(lambda: opened(client, group), rounds=ROUNDS), "ms")
    say(f"triage_preview_{PICKED}", median_ms(lambda: previewed(client), rounds=3), "ms")
    say(f"triage_retry_{PICKED}", median_ms(lambda: retried(client), rounds=1), "ms")


def operator() -> Any:
    """A browser of a site admin."""
    from django.test import Client

    from accounts.roles import SiteRole
    from accounts.tests.factories import BACKEND, make_user

    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(make_user(site_role=SiteRole.ADMIN), backend=BACKEND)
    return client


def opened(client: Any, address: str) -> None:
    response = client.get(address)
    if response.status_code != 200 or b"timed out" not in response.content:
        raise RuntimeError(f"{address} answered {response.status_code}")


def retried(client: Any) -> None:
    """What the preview showed is done, and told by the audit log row by row."""
    from mastablasta.core.audit.models import AuditEntry

    client.post("/admin/triage/act/", {"held": previewed(client)})
    if (told := AuditEntry.objects.filter(action="retried", object_type="posts.delivery").count()) != PICKED:
        raise RuntimeError(f"the audit log tells of {told} of {PICKED}")


def previewed(client: Any) -> str:
    cause = {"state": "failed", "code": "timed_out", "platform": "mastodon"}
    response = client.post("/admin/triage/act/", {"action": "retry", "scope": "group", **cause})
    if f"Retries {PICKED:,} that were not sent." not in response.content.decode():
        raise RuntimeError("the preview does not say what was picked")
    found = re.search(r'name="held" value="([^"]+)"', response.content.decode())
    return found[1] if found else ""


def counted() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for query in BARE:
            cursor.execute(query)
            cursor.fetchall()
