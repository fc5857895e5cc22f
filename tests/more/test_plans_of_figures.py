"""With 100,000 samples of 28,000 posts in PostgreSQL, no question about figures reads a whole table.

The workspace that asks has 30 of these posts: of a twentieth of such a table PostgreSQL rightly reads the rest along.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Membership, Workspace
from accounts.tests.factories import signed_in
from analytics.collection import jobs, queue
from analytics.collection.reading import Told
from analytics.models import AccountSample, CollectionLane, CollectionPlan, LatestMetrics, MetricSample, Rollup
from analytics.recording import Sample, record
from analytics.services.pruning import prune_samples
from analytics.services.refresh import refresh_posts
from analytics.services.rollups import rebuild_rollups
from integrations.contract import Metrics
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from mastablasta.core.ids import new_id
from posts.models import Post
from tests.more.test_plans import GROWING, whole_scans
from tests.more.test_plans import workspace as posts_of_many  # noqa: F401  a fixture

OF_FIGURES = GROWING | {
    model._meta.db_table for model in (AccountSample, CollectionPlan, LatestMetrics, MetricSample, Rollup)
}
A_POST = 4  # samples
MOVED = "SELECT post_id FROM posts_delivery WHERE remote_id::int %% 1000 = 0"
MOVE = (
    f"UPDATE posts_post SET workspace_id = %(workspace)s WHERE id IN ({MOVED})",
    f"UPDATE posts_delivery SET workspace_id = %(workspace)s, account_id = %(account)s WHERE post_id IN ({MOVED})",
)
FILL = (
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
SELECT d.id, d.account_id, d.published_at + interval '20 days', 0
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
)


@pytest.fixture
def workspace(posts_of_many: Workspace) -> Workspace:  # noqa: F811
    account = make_account()
    with connection.cursor() as cursor:
        for statement in MOVE:
            cursor.execute(statement, {"workspace": account.workspace_id, "account": account.id})
        for statement in FILL:
            cursor.execute(statement)
        cursor.execute("ANALYZE")
    now = timezone.now()
    rebuild_rollups(now - timedelta(days=30), now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_rollup")
    return account.workspace


def collect_once(at: datetime) -> None:
    """What a collector asks the database for one account, and writes."""
    (lane,) = queue.claim(at=at, limit=1, token=new_id())
    job = jobs.job_of(lane, at=at)
    told = Told(job, calls=1)
    for post in job.posts[:100]:
        told.metrics[post.refs[0]] = Metrics(at, views=99)
        told.answered.add(post.refs[0])
    assert told.metrics
    outcomes = queue.finish(told, at=at)
    assert outcomes is not None
    assert outcomes["collected"] == len(told.metrics)


@pytest.mark.timeout(300)
def test_no_question_about_figures_reads_a_whole_table(workspace: Workspace) -> None:
    client: APIClient = signed_in(Membership.objects.get(workspace=workspace).user)
    account = SocialAccount.objects.get(workspace=workspace)
    post = Post.objects.filter(workspace=workspace, status="published").earliest("published_at")
    now = timezone.now()
    first, last = ((now - timedelta(days=days)).date().isoformat() for days in (8, 1))
    days = f"from={first}&to={last}"
    reads = [
        f"posts/{post.id}", f"posts/{post.id}?history=true", f"posts/{post.id}?history=true&parts=true",
        f"accounts/{account.id}", f"accounts/{account.id}?history=true",
        "overview", f"overview?{days}&compare=previous", f"overview?{days}&tag=tag7",
        f"best-times?{days}", f"best-times?{days}&tag=tag7", f"export?{days}", "alerts",
    ]  # fmt: skip
    found: dict[str, list[str]] = {}

    for path in reads:
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(f"/api/v2/analytics/{path}")
            if answer.streaming:
                assert len(b"".join(answer.streaming_content).splitlines()) > 5
        assert answer.status_code == 200, path
        found[path] = whole_scans(captured, OF_FIGURES)
    work = {
        "collect": lambda: collect_once(now),
        "record": lambda: record([Sample(post.deliveries.get().id, now, views=1000)], at=now),
        "plan": lambda: queue.plan_lately_published(at=now),
        "refresh": lambda: refresh_posts(workspace, [post.id], at=now),
        "rollups": lambda: rebuild_rollups(now - timedelta(minutes=15), now),
        "prune": lambda: prune_samples(at=now),
    }
    for name, ask in work.items():
        with CaptureQueriesContext(connection) as captured:
            ask()
        assert captured.captured_queries, name
        found[name] = whole_scans(captured, OF_FIGURES)

    assert MetricSample.objects.count() > 100_000
    assert CollectionLane.objects.count() > 1
    told = [f"{name}: {statement}" for name, statements in found.items() for statement in statements]
    assert told == [], "\n".join(told)
