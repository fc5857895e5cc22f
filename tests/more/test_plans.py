"""With 30,000 posts of 20 workspaces in PostgreSQL, nothing that people or workers wait for reads a whole table."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlparse
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Membership, Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import signed_in
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from mastablasta.core.ids import new_id
from media_library.models import Asset, Rendition
from media_library.tests.factories import make_asset, make_rendition
from posts.models import Attempt, Delivery, Post, PostMedia, PostTag
from posts.queue import claims
from posts.tests.factories import make_delivery
from tests.test_admin import client_of

POSTS, WORKSPACES = 30_000, 20
# They grow with use. Of the others a workspace has a few.
GROWING = {
    model._meta.db_table for model in (Post, PostTag, PostMedia, Delivery, Attempt, Asset, Rendition)
} | {"posts_postsearch"}  # fmt: skip
STATUSES = ("draft", "scheduled", "published", "failed", "cancelled")


def multiply(like: models.Model, source: str, **changed: str) -> None:
    """Rows like that one for each row `s` of the source; `changed`: SQL of what differs, by column."""
    columns = [field.column for field in like._meta.concrete_fields]
    table = like._meta.db_table
    values = ", ".join(changed.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} t CROSS JOIN ({source}) AS s"
            f" WHERE t.{like._meta.pk.column} = %s",
            [like.pk],
        )


@pytest.fixture
def workspace(db: None) -> Workspace:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite explains its plans otherwise")
    accounts = [make_account() for _ in range(WORKSPACES)]
    owner = Membership.objects.get(workspace=accounts[0].workspace).user
    at = timezone.now()
    first = make_delivery(accounts[0], state="published", published_at=at, remote_id="1", content="Hello")
    asset = make_asset(workspace=accounts[0].workspace)
    rendition = make_rendition(asset)
    use = PostMedia.objects.create(post=first.post, asset=asset, position=0)
    tag = PostTag.objects.create(post=first.post, name="tag")
    attempt = Attempt.objects.create(
        delivery=first, number=1, kind="send", lease_token=new_id(), started_at=at, ended_at=at, outcome="published"
    )
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE places (n int, workspace uuid, account uuid, owner uuid)")
        rows = [(n, one.workspace_id, one.id, owner.id) for n, one in enumerate(accounts)]
        cursor.executemany("INSERT INTO places VALUES (%s, %s, %s, %s)", rows)
    source = f"SELECT g.n, p.* FROM generate_series(1, {POSTS}) AS g(n) JOIN places p ON p.n = g.n %% {WORKSPACES}"
    source = source.replace("p.*", "p.workspace, p.account, p.owner")
    then = "now() - make_interval(mins => s.n)"
    which = (
        "CASE WHEN s.n %% 100 < 3 THEN 'draft' WHEN s.n %% 100 < 6 THEN 'scheduled' WHEN s.n %% 100 < 7 THEN 'failed'"
        " ELSE 'published' END"
    )
    multiply(
        first.post, source, id="gen_random_uuid()", workspace_id="s.workspace", author_id="s.owner", status=which,
        content="'Hello number ' || s.n || ' word' || s.n %% 997", created_at=then, updated_at=then, scheduled_at=then,
        published_at=then, post_type="'standard'",
    )  # fmt: skip
    posts = (
        "SELECT p.id, p.workspace_id, p.status, p.scheduled_at, q.account, row_number() OVER () AS n FROM posts_post p"
        f" JOIN places q ON q.workspace = p.workspace_id WHERE p.id <> '{first.post_id}'"
    )
    state = "CASE s.status WHEN 'scheduled' THEN 'queued' ELSE s.status END"
    multiply(
        first, posts, id="gen_random_uuid()", post_id="s.id", workspace_id="s.workspace_id", account_id="s.account",
        state=state, due_at="s.scheduled_at", next_attempt_at="CASE s.status WHEN 'scheduled' THEN s.scheduled_at END",
        published_at="CASE s.status WHEN 'published' THEN s.scheduled_at END",
        fingerprint="s.n", remote_id="s.n::text", attempt_count="1",
        error_retryable="s.status = 'failed'", created_at="s.scheduled_at",
    )  # fmt: skip
    deliveries = f"SELECT id, row_number() OVER () AS n FROM posts_delivery WHERE id <> '{first.id}'"
    multiply(attempt, deliveries, id="100 + s.n", delivery_id="s.id")
    multiply(tag, f"{posts} LIMIT 30000", id="100 + s.n", post_id="s.id", name="'tag' || s.n %% 50")
    files = source.replace(str(POSTS), "20000")
    multiply(
        asset, files, id="gen_random_uuid()", workspace_id="s.workspace", created_at=then, sha256="md5(s.n::text)",
        filename="'picture' || s.n || '.jpg'", stored_name="'picture-' || s.n",
    )  # fmt: skip
    made = f"SELECT id, workspace_id, row_number() OVER () AS n FROM media_library_asset WHERE id <> '{asset.id}'"
    multiply(rendition, made, id="gen_random_uuid()", asset_id="s.id", stored_name="'rendition-' || s.n")
    uses = f"SELECT p.id AS post, a.id AS asset, p.n FROM ({posts}) p JOIN ({made}) a ON a.n = p.n"
    multiply(use, uses, id="100 + s.n", post_id="s.post", asset_id="s.asset")
    claims.wake_lanes({account.id: at for account in accounts})
    with connection.cursor() as cursor:
        # Words of 30,000 rows of one transaction wait in a list that every search would read: autovacuum's work.
        cursor.execute("SELECT gin_clean_pending_list('post_search_words')")
        cursor.execute("ANALYZE")
    return accounts[0].workspace


def scans(statement: str, growing: Collection[str]) -> Iterator[str]:
    """The growing tables that PostgreSQL would read from one end to the other."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + statement)
        found = cursor.fetchone()[0]
    waiting = [one["Plan"] for one in (json.loads(found) if isinstance(found, str) else found)]
    while waiting:
        node = waiting.pop()
        if node["Node Type"] == "Seq Scan" and node["Relation Name"] in growing:
            yield node["Relation Name"]
        waiting += node.get("Plans", ())


def whole_scans(captured: CaptureQueriesContext, growing: Collection[str] = GROWING) -> list[str]:
    """The statements among these that read a growing table from one end to the other, with its name."""
    found = []
    for query in list(captured.captured_queries):
        for statement in sqlparse.split(query["sql"]):
            if statement.lstrip("(").split(None, 1)[0].upper() in {"SELECT", "WITH", "UPDATE", "DELETE"}:
                found += [f"{table}: {statement[:400]}" for table in scans(statement.rstrip(";"), growing)]
    return found


@pytest.mark.timeout(300)
def test_nothing_reads_a_whole_table(workspace: Workspace, settings: Any) -> None:
    client: APIClient = signed_in(Membership.objects.get(workspace=workspace).user)
    account = SocialAccount.objects.get(workspace=workspace)
    post = Post.objects.filter(workspace=workspace, status="draft").first()
    asset = Asset.objects.filter(workspace=workspace).first()
    assert post is not None
    assert asset is not None
    day = (timezone.now() - timedelta(days=10)).date().isoformat()
    reads = [
        "posts", "posts?cursor=", "posts?offset=1000", "posts?limit=200&ordering=scheduled_time", "posts?tag=tag7",
        *(f"posts?status={status}" for status in STATUSES),
        "posts?status=failed&status=draft", "posts?platform=mastodon", f"posts?account={account.id}",
        f"posts?author={post.author_id}", "posts?has_media=true", "posts?has_media=false", "posts?q=word7",
        f"posts?created_from={day}", f"posts?scheduled_from={day}&scheduled_to={day}", "posts?ordering=-published_at",
        f"posts/{post.id}", f"posts/{post.id}/attempts", f"posts/{post.id}/attempts?outcome=published",
        "search/posts?q=word7", "search/posts?q=hello", "search/posts?q=word7&ordering=relevance",
        "search/posts?q=%22hello%20number%22%20-word8", f"calendar?from={day}&to={day}",
        "media", "media?cursor=", "media?q=picture77", "media?used=true", "media?used=false", "media?type=image",
        "media?ordering=size", f"media/{asset.id}", f"media/{asset.id}/renditions", "accounts", "auth/api-keys",
        "workspaces",
    ]  # fmt: skip
    soon = {"scheduled_time": (timezone.now() + timedelta(days=1)).isoformat()}
    new = {"content": "Hello number 7 word7", "platforms": ["mastodon"], "media": [str(asset.id)], "tags": ["a"]}
    writes: list[tuple[str, str, dict[str, Any], int]] = [
        ("post", "posts", new, 201),
        ("post", "posts/validate", {**new, **soon}, 200),
        ("post", "bulk/posts/create", {"posts": [{**new, **soon}] * 3}, 200),
        ("post", "schedule/conflicts", soon, 200),
        ("patch", f"posts/{post.id}", {"content": "Other", "media": []}, 200),
        ("post", f"posts/{post.id}/reschedule", soon, 200),
        ("post", f"posts/{post.id}/cancel", {}, 200),
        ("delete", f"posts/{post.id}", {}, 204),
    ]
    found: dict[str, list[str]] = {}

    for path in reads:
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(f"/api/v2/{path}")
        assert answer.status_code == 200, (path, answer.content)
        found[path] = whole_scans(captured)
    for method, path, body, status in writes:
        with CaptureQueriesContext(connection) as captured:
            answer = getattr(client, method)(f"/api/v2/{path}", body, format="json")
        assert answer.status_code == status, (path, answer.content)
        found[f"{method} {path}"] = whole_scans(captured)
    with CaptureQueriesContext(connection) as captured:
        batch = claims.claim(worker="test", limit=16, token=new_id(), at=timezone.now())
        claims.recompute_lanes([one.account_id for one in batch])
        claims.next_ready_at()
        claims.ready_lanes(at=timezone.now(), most=100)
        claims.take_over(at=timezone.now() + timedelta(hours=1))
        claims.unpark_lanes()
    assert batch
    found["claims"] = whole_scans(captured)
    staff, cause = client_of(SiteRole.ADMIN), "/admin/triage/group/?state=failed&platform=mastodon"
    for path in (cause, f"{cause}&account={account.id}"):
        with CaptureQueriesContext(connection) as captured:
            answer = staff.get(path)
        assert answer.status_code == 200, path
        found[path] = whole_scans(captured)

    told = [f"{name}: {statement}" for name, statements in found.items() for statement in statements]
    assert told == [], "\n".join(told)
