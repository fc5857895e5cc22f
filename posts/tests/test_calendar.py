"""GET /calendar: posts by local day, also on the days on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from posts.models import Post
from posts.services import costs
from posts.services.calendar import MOST_A_DAY
from posts.tests.factories import make_delivery, make_post

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("account")]


def days(client: APIClient, query: str) -> dict[str, list[str]]:
    """The contents of each day's posts."""
    answer = client.get(f"/api/v2/calendar?{query}")
    assert answer.status_code == 200, answer.content
    return {day["date"]: [post["content"] for post in day["posts"]] for day in answer.json()["days"]}


def refused_fields(client: APIClient, url: str) -> list[str]:
    answer = client.get(url)
    assert answer.status_code == 400
    return [one["field"] for one in answer.json()["errors"]]


def plan(account: SocialAccount, *times: str) -> None:
    """A post for each time (UTC), which is its content."""
    for text in times:
        make_delivery(account, due_at=datetime.fromisoformat(text).replace(tzinfo=UTC), content=text)


def test_the_whole_answer(client: APIClient, account: SocialAccount) -> None:
    post = make_delivery(account, due_at=datetime(2030, 3, 31, 7, tzinfo=UTC), content="x" * 100).post
    gone = make_delivery(account, due_at=datetime(2030, 3, 31, 6, tzinfo=UTC)).post
    deleted = make_delivery(account, due_at=datetime(2030, 3, 31, 8, tzinfo=UTC)).post
    Post.objects.filter(id=gone.id).update(status="cancelled")
    Post.objects.filter(id=deleted.id).update(deleted_at=datetime(2030, 1, 1, tzinfo=UTC))
    make_post(accounts=[account])
    make_delivery(make_account(), due_at=datetime(2030, 3, 31, 7, tzinfo=UTC))

    answer = client.get("/api/v2/calendar?from=2030-03-31&to=2030-04-01&timezone=Europe/Berlin")

    def shown(post: Post, content: str, status: str, due: str) -> dict[str, Any]:
        return {
            "id": str(post.id), "content": content, "post_type": "standard", "status": status, "scheduled_time": due,
            "published_at": None, "platforms": ["mastodon"], "accounts": [str(account.id)],
        }  # fmt: skip

    assert answer.json() == {
        "from": "2030-03-31",
        "to": "2030-04-01",
        "timezone": "Europe/Berlin",
        "days": [
            {
                "date": "2030-03-31",
                "posts": [
                    shown(gone, "Hello", "cancelled", "2030-03-31T06:00:00Z"),
                    shown(post, "x" * 80, "scheduled", "2030-03-31T07:00:00Z"),
                ],
                "total": 2,
                "counts": {"scheduled": 1, "cancelled": 1},
            },
            {"date": "2030-04-01", "posts": [], "total": 0, "counts": {}},
        ],
        "total": 2,
        "counts": {"scheduled": 1, "cancelled": 1},
        "cost": None,
    }


@pytest.mark.parametrize(
    ("zone", "day", "outside", "inside"),
    [
        (
            "Europe/Berlin",
            "2030-03-31",
            ["2030-03-30T22:59:59", "2030-03-31T22:00"],
            ["2030-03-30T23:00", "2030-03-31T21:59:59"],
        ),
        (
            "Europe/Berlin",
            "2030-10-27",
            ["2030-10-26T21:59:59", "2030-10-27T23:00"],
            ["2030-10-26T22:00", "2030-10-27T00:30", "2030-10-27T01:30", "2030-10-27T22:59:59"],
        ),
        (
            "America/New_York",
            "2030-03-10",
            ["2030-03-10T04:59:59", "2030-03-11T04:00"],
            ["2030-03-10T05:00", "2030-03-11T03:59:59"],
        ),
        (
            "America/New_York",
            "2030-11-03",
            ["2030-11-03T03:59:59", "2030-11-04T05:00"],
            ["2030-11-03T04:00", "2030-11-03T05:30", "2030-11-03T06:30", "2030-11-04T04:59:59"],
        ),
        (
            "America/Santiago",
            "2026-09-06",
            ["2026-09-06T03:59:59", "2026-09-07T03:00"],
            ["2026-09-06T04:00", "2026-09-07T02:59:59"],
        ),
    ],
    ids=["Berlin, 23 hours", "Berlin, 25 hours", "New York, 23 hours", "New York, 25 hours", "Santiago, no midnight"],
)
def test_a_day_on_which_clocks_change_is_whole(
    client: APIClient, account: SocialAccount, zone: str, day: str, outside: list[str], inside: list[str]
) -> None:
    plan(account, *outside, *inside)
    before, after = (str(datetime.fromisoformat(day).date() + timedelta(days=n)) for n in (-1, 1))

    assert days(client, f"from={day}&to={day}&timezone={zone}") == {day: inside}
    around = days(client, f"from={before}&to={after}&timezone={zone}")
    assert around == {before: outside[:1], day: inside, after: outside[1:]}


def test_days_are_ones_own_else_the_workspaces_unless_a_zone_is_named(
    client: APIClient, account: SocialAccount
) -> None:
    plan(account, "2030-07-01T23:00")
    Workspace.objects.update(timezone="America/New_York")

    assert days(client, "from=2030-07-01&to=2030-07-02") == {"2030-07-01": ["2030-07-01T23:00"], "2030-07-02": []}
    assert client.get("/api/v2/calendar?from=2030-07-01&to=2030-07-02").json()["timezone"] == "America/New_York"
    User.objects.update(timezone="Asia/Tokyo")
    assert days(client, "from=2030-07-01&to=2030-07-02") == {"2030-07-01": [], "2030-07-02": ["2030-07-01T23:00"]}
    named = days(client, "from=2030-07-01&to=2030-07-02&timezone=America/New_York")
    assert named == {"2030-07-01": ["2030-07-01T23:00"], "2030-07-02": []}


def test_times_cut_the_days_that_they_lie_in(client: APIClient, account: SocialAccount) -> None:
    plan(account, "2030-07-01T08:00", "2030-07-01T09:00", "2030-07-02T10:00", "2030-07-02T10:01")

    query = "from=2030-07-01T09:00:00Z&to=2030-07-02T12:00:00%2B02:00&timezone=UTC"

    assert days(client, query) == {"2030-07-01": ["2030-07-01T09:00"], "2030-07-02": ["2030-07-02T10:00"]}
    body = client.get(f"/api/v2/calendar?{query}").json()
    assert (body["from"], body["to"]) == ("2030-07-01T09:00:00Z", "2030-07-02T10:00:00Z")


def test_a_full_day_shows_its_first_posts_and_counts_all(client: APIClient, account: SocialAccount) -> None:
    start = datetime(2030, 7, 1, tzinfo=UTC)
    rows = [
        Post(workspace=account.workspace, content=str(n), status="scheduled", scheduled_at=start + timedelta(minutes=n))
        for n in range(MOST_A_DAY + 5)
    ]
    Post.objects.bulk_create(reversed(rows))

    [day] = client.get("/api/v2/calendar?from=2030-07-01&to=2030-07-01").json()["days"]

    assert [post["content"] for post in day["posts"]] == [str(n) for n in range(MOST_A_DAY)]
    assert (day["total"], day["counts"]) == (MOST_A_DAY + 5, {"scheduled": MOST_A_DAY + 5})


def test_the_month_says_what_is_still_to_be_paid(
    client: APIClient, account: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid = make_account(workspace=account.workspace, platform="twitter")
    month = "/api/v2/calendar?from=2030-07-01&to=2030-07-31&timezone=UTC&cost="
    for day, content in [(1, "Hello"), (31, "See example.com")]:
        make_delivery(paid, due_at=datetime(2030, 7, day, 23, tzinfo=UTC), content=content)
    due = datetime(2030, 7, 2, tzinfo=UTC)
    make_delivery(paid, due_at=due, state="published", remote_id="5", next_attempt_at=None, published_at=due)
    make_delivery(paid, due_at=datetime(2030, 8, 1, tzinfo=UTC))
    make_delivery(account, due_at=datetime(2030, 7, 1, tzinfo=UTC))
    make_delivery(make_account(platform="twitter"), due_at=datetime(2030, 7, 1, tzinfo=UTC))

    assert client.get(f"{month}true").json()["cost"] == "0.215"
    assert refused_fields(client, f"{month}yes") == ["cost"]
    monkeypatch.setattr(costs, "MOST_ESTIMATED", 1)
    assert refused_fields(client, f"{month}true") == ["to"]


@pytest.mark.parametrize("rows", [1, 50])
def test_the_calendar_takes_the_same_few_queries_however_full(
    client: APIClient, account: SocialAccount, rows: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(rows):
        make_delivery(account, due_at=datetime(2030, 7, 1 + number % 30, 9, tzinfo=UTC))

    with django_assert_max_num_queries(5):  # sign-in, zone, counts, posts, deliveries
        body = client.get("/api/v2/calendar?from=2030-07-01&to=2030-07-31").json()

    assert body["total"] == rows


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("", [("from", "required"), ("to", "required")]),
        ("from=2030-01-01", [("to", "required")]),
        ("from=soon&to=2030-01-01", [("from", "invalid")]),
        ("from=2030-01-01T00:00:00&to=2030-01-01", [("from", "no_offset")]),
        ("from=2030-01-02&to=2030-01-01", [("to", "before_from")]),
        ("from=2030-01-01&to=2030-04-03", [("to", "too_long")]),
        ("from=2030-01-01&to=2030-01-01&timezone=Mars/Olympus", [("timezone", "unknown_zone")]),
        ("from=0001-01-01&to=0001-01-01&timezone=Europe/Berlin", [("from", "overflow")]),
        ("from=9999-12-31&to=9999-12-31", [("to", "overflow")]),
        ("from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z&timezone=America/New_York", [("from", "overflow")]),
        ("from=2030-01-01&to=2030-01-01&limit=5", [("limit", "unknown_parameter")]),
    ],
)
def test_a_bad_span_names_its_parameter(client: APIClient, query: str, faults: list[tuple[str, str]]) -> None:
    answer = client.get(f"/api/v2/calendar?{query}")

    assert answer.status_code == 400, answer.content
    assert [(fault["field"], fault["code"]) for fault in answer.json()["errors"]] == faults


def test_92_days_are_not_too_many(client: APIClient) -> None:
    assert len(days(client, "from=2030-01-01&to=2030-04-02")) == 92
