"""A PostgreSQL database with 30,000 posts of 20 workspaces over eleven months, and 100,000 rows of what else grows."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection, models
from django.utils import timezone

from accounts.models import Membership, Session, Workspace
from analytics.models import AccountSample, CollectionPlan, LatestMetrics, MetricAlertHit, MetricSample, Rollup
from analytics.services.alerts import create_alert
from analytics.services.rollups import rebuild_rollups
from integrations.tests.factories import make_account
from mastablasta.core.audit.models import AuditEntry
from mastablasta.core.ids import new_id
from mastablasta.core.models import IdempotencyKey, Mail, RequestCount
from media_library.models import Asset, Rendition
from media_library.tests.factories import make_asset, make_rendition
from posts.models import Attempt, BulkChunk, BulkJob, Delivery, Post, PostMedia, PostTag
from posts.queue import claims
from posts.tests.factories import make_delivery
from tests.test_admin import MAKE
from webhooks.models import EndpointAttempt, EndpointDelivery, Event
from webhooks.tests.factories import make_delivery as make_endpoint_delivery
from webhooks.tests.factories import make_endpoint

POSTS, WORKSPACES, MANY = 30_000, 20, 100_000
# They grow with use. Of the others a workspace has a few.
OF_POSTS = {
    model._meta.db_table for model in (Post, PostTag, PostMedia, Delivery, Attempt, Asset, Rendition)
} | {"posts_postsearch"}  # fmt: skip
OF_FIGURES = {model._meta.db_table for model in (AccountSample, CollectionPlan, LatestMetrics, MetricSample, Rollup)}
OF_THE_REST = {
    model._meta.db_table
    for model in (
        AuditEntry, BulkChunk, BulkJob, EndpointAttempt, EndpointDelivery, Event, IdempotencyKey, Mail, MetricAlertHit,
        RequestCount, Session,
    )
}  # fmt: skip
GROWING = OF_POSTS | OF_FIGURES | OF_THE_REST
# The newest are a minute apart, and the older the farther.
THEN = "(now() - make_interval(mins => (s.n + s.n::bigint * s.n / 2000)::int))"
A_POST = 4  # samples
MOVED = "SELECT post_id FROM posts_delivery WHERE remote_id::int %% 1000 = 0"
MOVE = (
    f"UPDATE posts_post SET workspace_id = %(workspace)s WHERE id IN ({MOVED})",
    f"UPDATE posts_delivery SET workspace_id = %(workspace)s, account_id = %(account)s WHERE post_id IN ({MOVED})",
)
FIGURES = (
    f"""
INSERT INTO analytics_metricsample (delivery_id, part, collected_at, views, likes, extra, views_gain, likes_gain,
                                    has_fallen)
SELECT d.id, 0, d.published_at + k * interval '1 hour', 10 * k, k, '{{}}', 10, 1, false
  FROM posts_delivery d CROSS JOIN generate_series(1, {A_POST}) k WHERE d.published_at IS NOT NULL
""",
    f"""
INSERT INTO analytics_latestmetrics (delivery_id, part, account_id, published_at, collected_at, views, likes, extra,
                                     answer, untold, is_repeat)
SELECT d.id, 0, d.account_id, d.published_at, d.published_at + {A_POST} * interval '1 hour', 10 * {A_POST}, {A_POST},
       '{{}}', '{{}}', '[]', false FROM posts_delivery d WHERE d.published_at IS NOT NULL
""",
    """
INSERT INTO analytics_collectionplan (delivery_id, account_id, next_at, failures)
SELECT d.id, d.account_id, d.published_at + interval '310 days', 0
  FROM posts_delivery d WHERE d.published_at IS NOT NULL
""",
    """
INSERT INTO analytics_collectionlane (account_id, next_at, ready_at, failures)
SELECT id, now() + interval '1 hour', now() - interval '1 hour', 0 FROM integrations_socialaccount
""",
    """
INSERT INTO analytics_accountsample (account_id, collected_at, followers, extra)
SELECT a.id, now() - n * interval '1 day', n, '{}'
  FROM integrations_socialaccount a CROSS JOIN generate_series(1, 1000) n
""",
    f"""
INSERT INTO analytics_rollup (account_id, starts_at, views, likes)
SELECT a.id, date_bin('15 minutes', now(), 'epoch'::timestamptz) - interval '10 days' - n * interval '6 hours', n, 1
  FROM integrations_socialaccount a CROSS JOIN generate_series(1, {MANY // WORKSPACES}) n
""",
)


def id_of(moment: str) -> str:
    """SQL of an id that was given then to row `s.n` (mastablasta/core/ids.py)."""
    begin = f"lpad(to_hex((extract(epoch FROM {moment}) * 1000)::bigint), 12, '0')"
    return f"({begin} || '7' || substr(md5(s.n::text), 1, 3) || '8' || substr(md5(s.n::text), 4, 15))::uuid"


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


def fill_posts() -> Workspace:
    """Posts with all that belongs to them; returns one of the workspaces."""
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
    source = f"{source.replace('p.*', 'p.workspace, p.account, p.owner')} ORDER BY g.n"
    which = (
        "CASE WHEN s.n %% 100 < 3 THEN 'draft' WHEN s.n %% 100 < 6 THEN 'scheduled' WHEN s.n %% 100 < 7 THEN 'failed'"
        " ELSE 'published' END"
    )
    multiply(
        first.post, source, id=id_of(THEN), workspace_id="s.workspace", author_id="s.owner", status=which,
        content="'Hello number ' || s.n || ' word' || s.n %% 997", created_at=THEN, updated_at=THEN, scheduled_at=THEN,
        published_at=THEN, post_type="'standard'",
    )  # fmt: skip
    posts = (
        "SELECT p.id, p.workspace_id, p.status, p.scheduled_at, q.account, row_number() OVER () AS n FROM posts_post p"
        f" JOIN places q ON q.workspace = p.workspace_id WHERE p.id <> '{first.post_id}'"
    )
    state = "CASE s.status WHEN 'scheduled' THEN 'queued' ELSE s.status END"
    multiply(
        first, f"{posts} ORDER BY p.id DESC", id=id_of("s.scheduled_at"), post_id="s.id",
        workspace_id="s.workspace_id", account_id="s.account",
        state=state, due_at="s.scheduled_at", next_attempt_at="CASE s.status WHEN 'scheduled' THEN s.scheduled_at END",
        published_at="CASE s.status WHEN 'published' THEN s.scheduled_at END",
        fingerprint="s.n", remote_id="s.n::text", attempt_count="1",
        error_retryable="s.status = 'failed'", error_code="CASE s.status WHEN 'failed' THEN 'timed_out' ELSE '' END",
        created_at="s.scheduled_at",
    )  # fmt: skip
    deliveries = f"SELECT id, row_number() OVER () AS n FROM posts_delivery WHERE id <> '{first.id}'"
    multiply(attempt, deliveries, id="100 + s.n", delivery_id="s.id")
    multiply(tag, posts, id="100 + s.n", post_id="s.id", name="'tag' || s.n %% 50")
    files = source.replace(str(POSTS), "20000")
    multiply(
        asset, files, id=id_of(THEN), workspace_id="s.workspace", created_at=THEN, sha256="md5(s.n::text)",
        filename="'picture' || s.n || '.jpg'", stored_name="'picture-' || s.n",
    )  # fmt: skip
    made = f"SELECT id, created_at, row_number() OVER () AS n FROM media_library_asset WHERE id <> '{asset.id}'"
    multiply(
        rendition, made, id=id_of("s.created_at"), asset_id="s.id", stored_name="'rendition-' || s.n",
        created_at="s.created_at",
    )  # fmt: skip
    uses = f"SELECT p.id AS post, a.id AS asset, p.n FROM ({posts}) p JOIN ({made}) a ON a.n = p.n"
    multiply(use, uses, id="100 + s.n", post_id="s.post", asset_id="s.asset")
    claims.wake_lanes({account.id: at for account in accounts})
    with connection.cursor() as cursor:
        # Words of 30,000 rows of one transaction wait in a list that every search would read: autovacuum's work.
        cursor.execute("SELECT gin_clean_pending_list('post_search_words')")
    return accounts[0].workspace


def fill_figures() -> Workspace:
    """What is counted of the posts, and 30 of these moved into a workspace of their own, which is returned: of a
    twentieth of a table PostgreSQL rightly reads the rest along."""
    account = make_account()
    with connection.cursor() as cursor:
        for statement in MOVE:
            cursor.execute(statement, {"workspace": account.workspace_id, "account": account.id})
        for statement in FIGURES:
            cursor.execute(statement)
    now = timezone.now()
    rebuild_rollups(now - timedelta(days=9), now)
    return account.workspace


def fill_the_rest() -> None:
    """What else grows: who did what, what was told to webhooks, who signed in, which requests came."""
    a_month = "(now() - s.n * interval '25 seconds')"
    source = f"SELECT n FROM generate_series(1, {MANY}) AS g(n) ORDER BY n"
    multiply(MAKE[AuditEntry](), source, id=id_of(a_month), at=a_month, object_id="md5(s.n::text)")
    endpoints = [make_endpoint() for _ in range(WORKSPACES)]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE receivers (n int, workspace uuid, endpoint uuid)")
        rows = [(n, one.workspace_id, one.id) for n, one in enumerate(endpoints)]
        cursor.executemany("INSERT INTO receivers VALUES (%s, %s, %s)", rows)
    receivers = f"SELECT g.n, r.workspace, r.endpoint FROM ({source}) g JOIN receivers r ON r.n = g.n %% {WORKSPACES}"
    receivers += " ORDER BY g.n"
    told = make_endpoint_delivery(endpoints[0])
    attempt = EndpointAttempt.objects.create(
        delivery=told, number=1, started_at=timezone.now(), duration_ms=9, url="https://receiver.test/"
    )
    multiply(
        told.event, receivers, id=id_of(a_month), workspace_id="s.workspace", created_at=a_month, is_fanned_out="true"
    )
    state = "CASE WHEN s.n %% 100 = 0 THEN 'failed' WHEN s.n %% 100 = 1 THEN 'pending' ELSE 'delivered' END"
    multiply(
        told, receivers, id=id_of(a_month), endpoint_id="s.endpoint", event_id=id_of(a_month), state=state,
        created_at=a_month,
    )  # fmt: skip
    multiply(attempt, source, id=id_of(a_month), delivery_id=id_of(a_month), started_at=a_month)
    multiply(
        MAKE[IdempotencyKey](),
        source,
        id=id_of(a_month),
        scope_sha256="md5(s.n::text)",
        expires_at="now() + interval '1 day' - s.n * interval '0.9 seconds'",
    )
    multiply(
        MAKE[Mail](), source, id=id_of(a_month), created_at=a_month, next_try_at="NULL",
        sent_at=f"CASE WHEN s.n %% 1000 > 0 THEN {a_month} END",
    )  # fmt: skip
    multiply(
        MAKE[RequestCount](),
        source,
        key="'limit:' || s.n",
        ends_at="now() + interval '1 hour' - s.n * interval '0.0375 seconds'",
    )
    multiply(
        MAKE[Session](), source, id=id_of(a_month), created_at=a_month,
        expires_at="now() + interval '30 days' - s.n * interval '1 minute'",
    )  # fmt: skip
    job = MAKE[BulkJob]()
    BulkChunk.objects.filter(job=job).update(done_at=timezone.now())
    BulkJob.objects.filter(pk=job.pk).update(
        status="done", finished_at=timezone.now(), total=1, done=1, successful=1, failed=0
    )
    multiply(job, source, id=id_of(a_month), created_at=a_month)
    multiply(job.chunks.get(), source, id="100 + s.n", job_id=id_of(a_month))
    deliveries = "SELECT id, row_number() OVER () AS n FROM posts_delivery"
    hit = MAKE[MetricAlertHit]()
    alerts = [create_alert(one.workspace, by=one.created_by, figure="views", threshold=10) for one in endpoints]
    names = ", ".join(f"'{alert.id}'" for alert in alerts)
    multiply(
        hit, f"{deliveries} WHERE id <> '{hit.delivery_id}'", id="100 + s.n", delivery_id="s.id",
        alert_id=f"(ARRAY[{names}]::uuid[])[1 + s.n %% {WORKSPACES}]",
    )  # fmt: skip


def count_anew() -> None:
    """Have PostgreSQL count what it plans by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT brin_summarize_new_values('post_by_time')")  # as autovacuum does in its turn
        cursor.execute("ANALYZE")
