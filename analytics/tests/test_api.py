"""The figures of a post, and fresh ones on request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.tests.factories import signed_in
from analytics.models import CollectionPlan
from analytics.recording import AccountFigures, Sample, record, record_accounts
from analytics.tests.factories import NOON, make_published
from integrations.models import SocialAccount
from posts.models import Post
from posts.tests.factories import make_post

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def delivery():
    return make_published()


@pytest.fixture
def client(delivery):
    return signed_in(delivery.workspace.memberships.get().user)


def shown(delivery, *, part=0, at="2026-11-23T12:00:00Z", **figures):
    told = {"views": None, "likes": None, "shares": None, "comments": None, "reach": None, "clicks": None}
    return {
        "platform": delivery.platform,
        "account_id": str(delivery.account_id),
        "delivery_id": str(delivery.id),
        "part": part,
        "extra": {},
        "engagement_rate": None,
        "collected_at": at,
        "gone_at": None,
        **told,
        **figures,
    }


def test_newest_figures_of_each_account(client, delivery):
    record([Sample(delivery.id, NOON - HOUR, views=3), Sample(delivery.id, NOON, part=1, views=9)], at=NOON)
    record(
        [Sample(delivery.id, NOON, views=1250, likes=45, shares=12, comments=8, extra={"quotes": 2})],
        at=NOON,
    )  # fmt: skip

    answer = client.get(f"/api/v2/analytics/posts/{delivery.post_id}")

    figures = {"views": 1250, "likes": 45, "shares": 12, "comments": 8, "extra": {"quotes": 2}, "engagement_rate": 5.2}
    assert answer.json() == {"analytics": [shown(delivery, **figures)]}


def test_history_and_parts(client, delivery):
    record([Sample(delivery.id, NOON - HOUR, views=3), Sample(delivery.id, NOON, part=1, views=9)], at=NOON)
    record([Sample(delivery.id, NOON, clicks=1)], at=NOON)

    def rows(query):
        return client.get(f"/api/v2/analytics/posts/{delivery.post_id}{query}").json()["analytics"]

    first, last, part = (
        shown(delivery, views=3, at="2026-11-23T11:00:00Z"),
        shown(delivery, clicks=1),
        shown(delivery, part=1, views=9),
    )
    assert rows("?history=true") == [first, last]
    assert rows("?parts=true") == [last, part]
    assert rows("?history=true&parts=true") == [first, last, part]


def test_a_post_that_its_platform_shows_no_more_keeps_its_figures(client, delivery):
    record([Sample(delivery.id, NOON, likes=3)], at=NOON)
    CollectionPlan.objects.create(delivery=delivery, account=delivery.account, gone_at=NOON + HOUR)

    answer = client.get(f"/api/v2/analytics/posts/{delivery.post_id}?history=true")

    assert answer.json() == {"analytics": [shown(delivery, likes=3, gone_at="2026-11-23T13:00:00Z")]}


def test_figures_of_an_account_the_newest_or_all(client, delivery):
    first, last = (
        AccountFigures(delivery.account_id, NOON + day, followers=count, posts=7)
        for day, count in ((HOUR, 812), (25 * HOUR, 808))
    )
    record_accounts([last, first])

    def row(followers, at):
        account = {"platform": delivery.platform, "account_id": str(delivery.account_id)}
        return {**account, "followers": followers, "following": None, "posts": 7, "collected_at": at}

    newest, old = row(808, "2026-11-24T13:00:00Z"), row(812, "2026-11-23T13:00:00Z")
    url = f"/api/v2/analytics/accounts/{delivery.account_id}"
    assert client.get(url).json() == {"analytics": [newest]}
    assert client.get(f"{url}?history=true").json() == {"analytics": [old, newest]}


def test_post_without_figures_and_one_of_another_workspace(client, delivery):
    answer = client.get(f"/api/v2/analytics/posts/{delivery.post_id}")
    assert answer.json() == {"analytics": []}
    assert client.get(f"/api/v2/analytics/posts/{make_published().post_id}").status_code == 404


def test_unchanged_figures_are_not_sent_again(client, delivery):
    record([Sample(delivery.id, NOON, views=3)], at=NOON)
    url = f"/api/v2/analytics/posts/{delivery.post_id}"
    etag = client.get(url)["ETag"]

    assert client.get(url, HTTP_IF_NONE_MATCH=etag).status_code == 304
    record([Sample(delivery.id, NOON + HOUR, views=4)], at=NOON)
    assert client.get(url, HTTP_IF_NONE_MATCH=etag).status_code == 200


# --- refreshing ---
def refresh(client, *posts):
    answer = client.post("/api/v2/analytics/refresh", {"post_ids": [str(one) for one in posts]}, format="json")
    assert answer.status_code == 202, answer.content
    return answer.json()


def test_refresh_makes_deliveries_due_and_says_why_others_are_not(client, delivery, settings):
    settings.IS_DEVELOPMENT = False
    account = delivery.account
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    ended, gone, recent = (make_published(account, content=name) for name in ("ended", "gone", "recent"))
    make_plan(ended, collected_at=long_ago)
    make_plan(gone, gone_at=long_ago)
    make_plan(recent, collected_at=timezone.now())
    draft, foreign = make_post(accounts=[account]), make_published()

    told = refresh(client, delivery.post_id, ended.post_id, gone.post_id, recent.post_id, draft.id, foreign.post_id)

    reasons = [(gone.post_id, "gone"), (recent.post_id, "too_soon")]
    reasons += [(draft.id, "not_published"), (foreign.post_id, "not_found")]
    assert told == {"queued": 2, "skipped": [{"id": str(post_id), "reason": reason} for post_id, reason in reasons]}
    due = CollectionPlan.objects.filter(next_at__isnull=False, asked_at__isnull=False)
    assert set(due.values_list("delivery", "account")) == {(one.id, account.id) for one in (delivery, ended)}
    again = refresh(client, delivery.post_id)
    assert again == {"queued": 0, "skipped": [{"id": str(delivery.post_id), "reason": "too_soon"}]}


def make_plan(delivery, **row):
    return CollectionPlan.objects.create(delivery=delivery, account_id=delivery.account_id, **row)


def test_in_development_one_may_refresh_as_often_as_one_likes(client, delivery, settings):
    settings.IS_DEVELOPMENT = True

    assert [refresh(client, delivery.post_id)["queued"] for _ in range(2)] == [1, 1]


def test_account_that_cannot_be_asked(client, delivery):
    SocialAccount.objects.filter(id=delivery.account_id).update(state="needs_reauth")

    told = refresh(client, delivery.post_id)

    assert told == {"queued": 0, "skipped": [{"id": str(delivery.post_id), "reason": "account_not_active"}]}


def test_refresh_of_all_takes_what_is_still_collected(client, delivery):
    make_plan(delivery, next_at=NOON + 9000 * HOUR)
    make_plan(make_published(delivery.account, content="ended"))
    make_plan(make_published(), next_at=NOON)

    answer = client.post("/api/v2/analytics/refresh", {}, format="json")

    assert (answer.status_code, answer.json()) == (202, {"queued": 1, "skipped": []})
    assert CollectionPlan.objects.get(delivery=delivery).next_at < NOON + 9000 * HOUR


def test_refresh_refuses_what_it_cannot_read(client):
    for body in ({"post_ids": []}, {"post_ids": ["x"]}, {"post_ids": [str(uuid4())] * 1001}, {"posts": []}):
        assert client.post("/api/v2/analytics/refresh", body, format="json").status_code == 400


def test_deleted_post_has_no_figures(client, delivery):
    Post.objects.filter(id=delivery.post_id).update(deleted_at=NOON)

    assert client.get(f"/api/v2/analytics/posts/{delivery.post_id}").status_code == 404
    assert refresh(client, delivery.post_id)["skipped"][0]["reason"] == "not_found"
