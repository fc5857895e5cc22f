"""In a PostgreSQL of which each table that grows is long, nothing that people or workers wait for reads a whole one.

What Django admin, /metrics and the clock's work ask for is carried out, too: whatever way PostgreSQL takes, no step of
it looks at more than MOST_READ rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Membership, Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import browser_of, signed_in
from analytics import tasks as analytics_tasks
from analytics.collection import jobs, queue
from analytics.collection.reading import Told
from analytics.models import CollectionLane, MetricSample
from analytics.recording import Sample, record
from analytics.services.pruning import prune_samples
from analytics.services.refresh import refresh_posts
from analytics.services.rollups import rebuild_rollups
from integrations.contract import Metrics
from integrations.models import SocialAccount
from integrations.tasks import disconnect_deleted, end_unused_grants
from mastablasta.core.ids import new_id
from mastablasta.ops import health, metrics, periodic
from mastablasta.ops.tasks import tidy
from media_library.models import Asset
from posts import tasks as posts_tasks
from posts.models import Post
from posts.queue import claims
from tests.databases import empty
from tests.kit import full_tables
from tests.kit.full_tables import GROWING, OF_FIGURES, OF_POSTS
from tests.kit.plans import long_reads, whole_scans
from tests.more.admin_addresses import addresses_for_all, addresses_of_staff
from tests.test_admin import client_of

STATUSES = ("draft", "scheduled", "published", "failed", "cancelled")
MOST_READ = 15_000  # rows; a list of Django admin looks through 10,000
Found = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Full:
    """`workspace` has a twentieth of everything, `small` has 30 posts."""

    workspace: Workspace
    small: Workspace


@pytest.fixture(scope="module")
def _filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[Full]:
    """Filled once for all tests of this file, whose own changes are undone."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite explains its plans otherwise")
    with django_db_blocker.unblock():
        try:
            with transaction.atomic():
                full = Full(full_tables.fill_posts(), full_tables.fill_figures())
                full_tables.fill_the_rest()
            full_tables.count_anew()
            yield full
        finally:
            empty(connections["default"])


@pytest.fixture
def full(_filled: Full, db: None) -> Full:
    return _filled


def told(found: Found) -> str:
    return "\n\n".join(f"{name}: {statement}" for name, statements in found.items() for statement in statements)


def test_nothing_reads_a_whole_table(full: Full) -> None:
    workspace, growing = full.workspace, OF_POSTS
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
    found: Found = {}

    for path in reads:
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(f"/api/v2/{path}")
        assert answer.status_code == 200, (path, answer.content)
        found[path] = whole_scans(captured, growing)
    for method, path, body, status in writes:
        with CaptureQueriesContext(connection) as captured:
            answer = getattr(client, method)(f"/api/v2/{path}", body, format="json")
        assert answer.status_code == status, (path, answer.content)
        found[f"{method} {path}"] = whole_scans(captured, growing)
    with CaptureQueriesContext(connection) as captured:
        batch = claims.claim(worker="test", limit=16, token=new_id(), at=timezone.now())
        claims.recompute_lanes([one.account_id for one in batch])
        claims.next_ready_at()
        claims.ready_lanes(at=timezone.now(), most=100)
        claims.take_over(at=timezone.now() + timedelta(hours=1))
        claims.unpark_lanes()
    assert batch
    found["claims"] = whole_scans(captured, growing)

    assert not told(found), told(found)


def collect_once(at: datetime) -> None:
    """What a collector asks the database for one account, and writes."""
    (lane,) = queue.claim(at=at, limit=1, token=new_id())
    job = jobs.job_of(lane, at=at)
    answers = Told(job, calls=1)
    for post in job.posts[:100]:
        answers.metrics[post.refs[0]] = Metrics(at, views=99)
        answers.answered.add(post.refs[0])
    assert answers.metrics
    outcomes = queue.finish(answers, at=at)
    assert outcomes is not None
    assert outcomes["collected"] == len(answers.metrics)


def test_no_question_about_figures_reads_a_whole_table(full: Full) -> None:
    workspace, growing = full.small, OF_POSTS | OF_FIGURES
    client: APIClient = signed_in(Membership.objects.get(workspace=workspace).user)
    account = SocialAccount.objects.get(workspace=workspace)
    post = Post.objects.filter(workspace=workspace, status="published").earliest("published_at")
    now = timezone.now()
    first, last = ((now - timedelta(days=days)).date().isoformat() for days in (4, 1))
    days = f"from={first}&to={last}"
    reads = [
        f"posts/{post.id}", f"posts/{post.id}?history=true", f"posts/{post.id}?history=true&parts=true",
        f"accounts/{account.id}", f"accounts/{account.id}?history=true",
        "overview", f"overview?{days}&compare=previous", f"overview?{days}&tag=tag7",
        f"best-times?{days}", f"best-times?{days}&tag=tag7", f"export?{days}", "alerts",
    ]  # fmt: skip
    found: Found = {}

    for path in reads:
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(f"/api/v2/analytics/{path}")
            if answer.streaming:
                assert len(b"".join(answer.streaming_content).splitlines()) > 2
        assert answer.status_code == 200, path
        found[path] = whole_scans(captured, growing)
    work: dict[str, Callable[[], Any]] = {
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
        found[name] = whole_scans(captured, growing)

    assert MetricSample.objects.count() > 100_000
    assert CollectionLane.objects.count() > 1
    assert not told(found), told(found)


def test_no_page_of_the_admin_reads_a_whole_table(full: Full) -> None:
    site_admin = client_of(SiteRole.ADMIN)
    owner = Membership.objects.get(workspace=full.small).user
    owner.has_staff_access = True
    owner.save()
    staff = browser_of(owner)
    seen: set[str] = set()
    found: Found = {}

    for client, addresses in ((site_admin, addresses_for_all), (staff, addresses_of_staff)):
        walk, answer = addresses(), None
        with suppress(StopIteration):
            while address := walk.send(answer):
                with CaptureQueriesContext(connection) as captured:
                    answer = client.get(address)
                    assert answer.status_code == 200, address
                found[address] = long_reads(captured, GROWING, most=MOST_READ, seen=seen)

    assert len(found) > 150
    assert not told(found), told(found)


def test_neither_the_clock_nor_who_watches_it_reads_a_whole_table(full: Full, settings: Any) -> None:
    settings.ANALYTICS_HOURLY_HOURS, settings.ANALYTICS_SIX_HOURLY_DAYS, settings.ANALYTICS_DAILY_DAYS = 24, 2, 4
    at = timezone.now()
    work: dict[str, Callable[[], Any]] = {
        "metrics": metrics.render,
        **{f"health: {look.__name__}": look for look in (
            health.due_work, health.worker, health.clock, health.media, health.webhooks, health.analytics, health.oauth,
        )},
        **{f"is needed: {one.name}": lambda one=one: one.is_needed(at) for one in periodic.PERIODIC_TASKS},
        "next work": periodic.next_work_at,
        "lanes": lambda: (posts_tasks.unpark_lanes(), posts_tasks.sweep_lanes()),
        "bulk jobs": posts_tasks.work_on_bulk_jobs,
        "accounts": lambda: (disconnect_deleted(), end_unused_grants()),
        "plan": lambda: (analytics_tasks.plan(), analytics_tasks.plan_all()),
        "tidy": tidy,
    }  # fmt: skip
    seen: set[str] = set()
    found: Found = {}

    for name, ask in work.items():
        with CaptureQueriesContext(connection) as captured:
            ask()
        found[name] = long_reads(captured, GROWING, most=MOST_READ, seen=seen)

    assert len(seen) > 50
    assert not told(found), told(found)
