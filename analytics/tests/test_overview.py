"""Sums over days: what the API says is what one reckons from the samples by hand, in any zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Membership
from accounts.tests.factories import signed_in
from analytics.figures import FIGURES
from analytics.recording import Sample, record
from analytics.tests.factories import NOON, make_published
from integrations.tests.factories import make_account
from posts.models import Post, PostTag

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
NOTHING = dict.fromkeys(FIGURES)


def client_of(account):
    return signed_in(Membership.objects.get(workspace=account.workspace).user)


def asked(client, path, query):
    answer = client.get(f"/api/v2/analytics/{path}?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def figures(**told):
    return {**NOTHING, "engagement_rate": None, **told}


def test_the_whole_answer():
    x, mastodon = make_account(platform="twitter"), None
    mastodon = make_account(workspace=x.workspace)
    old = make_published(x, published_at=NOON - 40 * 24 * HOUR, content="Old")
    new = make_published(mastodon, published_at=NOON, content="New")
    PostTag.objects.create(post=old.post, name="harbour")
    PostTag.objects.create(post=new.post, name="sea")
    make_published(x, published_at=NOON, content="Not asked for yet")
    record([Sample(old.id, NOON - 24 * HOUR, views=1000, likes=40)], at=NOON)
    record([Sample(old.id, NOON + HOUR, views=1100, likes=45), Sample(new.id, NOON + HOUR, likes=7)], at=NOON)
    foreign = make_published(published_at=NOON)
    record([Sample(foreign.id, NOON, likes=1000)], at=NOON)

    told = asked(client_of(x), "overview", "from=2026-11-23&to=2026-11-24&timezone=Europe/Berlin&compare=previous")

    gained_x = figures(views=100, likes=5, engagement_rate=5.0)
    totals = {"posts": 1, **figures(views=100, likes=12, engagement_rate=5.0)}
    assert told == {
        "from": "2026-11-23",
        "to": "2026-11-24",
        "timezone": "Europe/Berlin",
        "totals": totals,
        "by_platform": [
            {"platform": "mastodon", "posts": 1, **figures(likes=7)},
            {"platform": "twitter", "posts": 0, **gained_x},
        ],
        "by_account": [
            {"account_id": str(mastodon.id), "platform": "mastodon", "posts": 1, **figures(likes=7)},
            {"account_id": str(x.id), "platform": "twitter", "posts": 0, **gained_x},
        ],
        "by_day": [
            {"date": "2026-11-23", **figures(views=100, likes=12, engagement_rate=5.0)},
            {"date": "2026-11-24", **figures(views=0, likes=0)},
        ],
        "by_tag": [{"tag": "sea", **figures(likes=7)}, {"tag": "harbour", **gained_x}],
        "top_posts": [
            {
                "post_id": str(new.post_id),
                "content": "New",
                "published_at": "2026-11-23T12:00:00Z",
                "platforms": ["mastodon"],
                **figures(likes=7),
            }
        ],
        "collected_at": "2026-11-23T13:00:00Z",
        "previous": {
            "from": "2026-11-21",
            "to": "2026-11-22",
            "totals": {"posts": 0, **figures(views=1000, likes=40, engagement_rate=4.0)},
        },
        "change": {
            "posts": {"difference": 1, "percent": None},
            "views": {"difference": -900, "percent": -90.0},
            "likes": {"difference": -28, "percent": -70.0},
            **{name: {"difference": None, "percent": None} for name in ("shares", "comments", "reach", "clicks")},
            "engagement_rate": {"difference": 1.0, "percent": 25.0},
        },
    }


@pytest.mark.parametrize(
    ("query", "likes"),
    [("platform=twitter", 5), ("tag=sea", 7), ("tag=sea&tag=none&platform=mastodon", 7), ("tag=none", None)],
)
def test_filters(query, likes):
    x = make_account(platform="twitter")
    first, second = make_published(x), make_published(make_account(workspace=x.workspace))
    PostTag.objects.create(post=second.post, name="sea")
    record([Sample(first.id, NOON, likes=5), Sample(second.id, NOON, likes=7)], at=NOON)

    told = asked(client_of(x), "overview", f"from=2026-11-23&to=2026-11-23&{query}")

    assert told["totals"]["likes"] == likes
    assert [day["likes"] for day in told["by_day"]] == [likes]
    own = asked(client_of(x), "overview", f"from=2026-11-23&to=2026-11-23&account={second.account_id}")
    assert own["totals"]["likes"] == 7


def test_deleted_posts_count_for_their_accounts_and_are_not_shown():
    delivery = make_published()
    PostTag.objects.create(post=delivery.post, name="sea")
    record([Sample(delivery.id, NOON, likes=5)], at=NOON)
    Post.objects.filter(id=delivery.post_id).update(deleted_at=NOON)

    told = asked(client_of(delivery.account), "overview", "from=2026-11-23&to=2026-11-23")

    assert (told["totals"]["likes"], told["by_tag"], told["top_posts"]) == (5, [], [])


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("from=2026-11-31", ("from", "invalid")),
        ("to=2026-11-23T10:00:00Z", ("to", "invalid")),
        ("from=2026-11-23&to=", ("to", "invalid")),
        ("from=0001-01-01", ("from", "overflow")),
        ("from=2026-11-02&to=2026-11-01", ("to", "before_from")),
        ("from=2025-01-01&to=2026-11-01", ("to", "too_long")),
        ("timezone=Berlin", ("timezone", "unknown_zone")),
        ("platform=nowhere", ("platform", "invalid_choice")),
        ("account=1", ("account", "invalid")),
        ("compare=next", ("compare", "invalid_choice")),
    ],
)
def test_what_it_cannot_read_is_refused_by_name(query, fault):
    answer = client_of(make_account()).get(f"/api/v2/analytics/overview?{query}")

    assert answer.status_code == 400
    assert [(one["field"], one["code"]) for one in answer.json()["errors"]] == [fault]


def test_without_a_span_it_is_the_last_thirty_days():
    told = asked(client_of(make_account()), "overview", "")

    assert len(told["by_day"]) == 30
    assert told["to"] == datetime.now(UTC).date().isoformat() or told["by_day"][-1]["date"] == told["to"]


def test_unchanged_overview_is_not_sent_again():
    client, url = client_of(make_account()), "/api/v2/analytics/overview?from=2026-11-01&to=2026-11-30"

    assert client.get(url, HTTP_IF_NONE_MATCH=client.get(url)["ETag"]).status_code == 304


# --- against a straightforward recomputation ---
# Clocks change on these days: back in Berlin and New York, by half an hour on Lord Howe; Nepal is 5:45 ahead.
DAYS = {
    "Europe/Berlin": date(2026, 10, 25),
    "America/New_York": date(2026, 11, 1),
    "Australia/Lord_Howe": date(2026, 10, 4),
    "Asia/Kathmandu": date(2026, 10, 4),
    "Pacific/Apia": date(2026, 10, 4),
}
QUARTERS = 4 * 24 * 4  # of four days
TOLD = st.none() | st.integers(0, 1000)


@st.composite
def histories(draw):
    """Of a few deliveries: hours from the begin of the span to publication, and what was said at which quarter of an
    hour after that, in order of arrival.
    """
    told = st.lists(st.tuples(st.integers(0, QUARTERS), TOLD, TOLD), unique_by=lambda one: one[0], max_size=6)
    return [(draw(st.sampled_from([-6, 1])), draw(st.permutations(draw(told)))) for _ in range(draw(st.integers(1, 2)))]


def local_day(moment, zone):
    return moment.astimezone(ZoneInfo(zone)).date()


def reckoned(samples, zone, days):
    """By day and figure, from all samples of a delivery: the sum of what each told total is above the one before."""
    found = {}
    for figure in ("views", "likes"):
        told = [(one.collected_at, getattr(one, figure)) for one in sorted(samples, key=lambda one: one.collected_at)]
        told = [(moment, value) for moment, value in told if value is not None]
        gains = [(told[0][0], told[0][1])] if told else []
        gains += [(moment, value - before) for (_, before), (moment, value) in pairwise(told)]
        for moment, gain in gains:
            if (day := local_day(moment, zone)) in days:
                found[day, figure] = found.get((day, figure), 0) + gain
    return found


@pytest.fixture
def workspace():
    return make_account().workspace


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(zone=st.sampled_from(sorted(DAYS)), drawn=histories(), is_tagged=st.booleans())
def test_days_are_what_one_reckons_from_the_samples(zone, drawn, is_tagged, workspace):
    account, middle = make_account(workspace=workspace), DAYS[zone]
    days = [middle + timedelta(days=number) for number in (-1, 0, 1)]
    start = datetime.combine(days[0], datetime.min.time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)
    expected = {}
    for hours, history in drawn:
        published_at = start + hours * HOUR
        delivery = make_published(account, published_at=published_at)
        for name in ("sea", "shore"):
            PostTag.objects.create(post=delivery.post, name=name)
        samples = [
            Sample(delivery.id, published_at + quarter * timedelta(minutes=15), views=views, likes=likes)
            for quarter, views, likes in history
        ]
        record(samples[:3], at=NOON)
        record([*samples[3:], *(Sample(delivery.id, start, part, views=777) for part in (1, 2))], at=NOON)
        for key, gain in reckoned(samples, zone, days).items():
            expected[key] = expected.get(key, 0) + gain

    query = f"from={days[0]}&to={days[-1]}&timezone={zone}&account={account.id}" + "&tag=sea" * is_tagged
    told = asked(client_of(account), "overview", query)

    # 0 or not told: of a figure that is the same before, in and after the span only the outer samples are kept.
    for figure in ("views", "likes"):
        gained = [expected.get((day, figure), 0) for day in days]
        assert (told["totals"][figure] or 0) == sum(gained)
        assert [day[figure] or 0 for day in told["by_day"]] == gained
        for tag in told["by_tag"]:
            assert (tag[figure] or 0) == sum(gained)


def test_best_times_say_how_many_posts_are_behind_each_cell():
    account = make_account()
    monday = make_published(account, published_at=NOON)
    other = make_published(
        make_account(workspace=account.workspace, platform="twitter"), published_at=NOON + 0.7 * HOUR
    )
    sunday = make_published(account, published_at=datetime(2026, 11, 22, 23, 15, tzinfo=UTC))
    record([Sample(monday.id, NOON, likes=3), Sample(sunday.id, NOON, likes=1)], at=NOON)
    record([Sample(other.id, NOON, views=200, likes=5)], at=NOON)

    record([Sample(make_published().id, NOON, likes=1000)], at=NOON)  # of another workspace

    told = asked(client_of(account), "best-times", "from=2026-11-23&to=2026-11-23&timezone=Europe/Berlin")

    assert told == {
        "from": "2026-11-23",
        "to": "2026-11-23",
        "timezone": "Europe/Berlin",
        "cells": [
            {"weekday": 1, "hour": 0, "posts": 1, **figures(likes=1)},
            {"weekday": 1, "hour": 13, "posts": 2, **figures(views=200, likes=8, engagement_rate=2.5)},
        ],
    }


def test_export_has_a_row_for_each_account_of_what_was_published_then():
    account = make_account(handle="@ada@example.org")
    delivery = make_published(account, url="https://example.org/1")
    record([Sample(delivery.id, NOON, views=1250, likes=45, shares=12, comments=8)], at=NOON)
    record(
        [Sample(make_published(account, published_at=NOON - 24 * HOUR, content="Before").id, NOON, likes=1)], at=NOON
    )

    answer = client_of(account).get("/api/v2/analytics/export?format=csv&from=2026-11-23&to=2026-11-23")

    assert answer["Content-Disposition"] == 'attachment; filename="analytics.csv"'
    head, row = answer.getvalue().decode("utf-8-sig").splitlines()
    assert head == (
        "post_id,delivery_id,platform,account,url,published_at,views,likes,shares,comments,reach,clicks,"
        "engagement_rate,collected_at"
    )
    assert row == (
        f"{delivery.post_id},{delivery.id},mastodon,mastodon:@ada@example.org,https://example.org/1,"
        "2026-11-23T12:00:00Z,1250,45,12,8,,,5.2,2026-11-23T12:00:00Z"
    )
    refused = client_of(account).get("/api/v2/analytics/export?format=json")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_choice")
