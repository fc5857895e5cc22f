"""POST /schedule/conflicts: what the same account publishes around a time, and free times after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from posts.models import Delivery, Post
from posts.services import calendar
from posts.tests.factories import make_delivery

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("account")]

NINE = datetime(2030, 1, 31, 9, tzinfo=UTC)


def ask(client: APIClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/api/v2/schedule/conflicts", {"scheduled_time": "2030-01-31T09:00:00Z", **body})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def times(found: dict[str, Any]) -> list[str]:
    return [one["scheduled_time"] for one in found["suggestions"]]


def minutes(*numbers: int) -> list[str]:
    """Times so many minutes after nine."""
    return [(NINE + timedelta(minutes=n)).isoformat().replace("+00:00", "Z") for n in numbers]


def taken(account: SocialAccount, *numbers: int, **overrides: Any) -> list[Delivery]:
    """A delivery so many minutes from nine, each."""
    return [make_delivery(account, due_at=NINE + timedelta(minutes=n), **overrides) for n in numbers]


def test_the_whole_answer(client: APIClient, account: SocialAccount) -> None:
    [far, near] = taken(account, -14, 5, content="x" * 100)
    taken(account, -15, 15)
    taken(make_account(), 0)

    def shown(delivery: Delivery, due: str, apart: int) -> dict[str, Any]:
        return {
            "post_id": str(delivery.post_id), "account_id": str(account.id), "platform": "mastodon",
            "scheduled_time": due, "seconds_apart": apart, "content": "x" * 80,
        }  # fmt: skip

    assert ask(client, platforms=["mastodon"]) == {
        "has_conflicts": True,
        "conflicts": [shown(near, "2030-01-31T09:05:00Z", 300), shown(far, "2030-01-31T08:46:00Z", 840)],
        "total": 2,
        "suggestions": [{"scheduled_time": time} for time in minutes(30, 45, 60)],
    }


def test_a_free_time_has_no_conflicts_and_later_ones_beside_it(client: APIClient) -> None:
    found = ask(client)

    assert (found["has_conflicts"], found["conflicts"], found["total"]) == (False, [], 0)
    assert times(found) == minutes(15, 30, 45)


@pytest.mark.parametrize(
    ("busy", "gap", "free"),
    [
        ([0], 15, [15, 30, 45]),
        ([10], 15, [25, 40, 55]),
        ([0, 15, 30], 15, [45, 60, 75]),
        ([0, 20, 45], 15, [60, 75, 90]),
        ([0, 30, 61], 15, [15, 45, 76]),
        ([0, 1, 2, 3], 1, [4, 5, 6]),
        ([0, 2000], 1440, [3440, 4880, 6320]),
    ],
)
def test_suggestions_keep_clear_of_all_that_is_taken(
    client: APIClient, account: SocialAccount, busy: list[int], gap: int, free: list[int]
) -> None:
    taken(account, *busy)

    assert times(ask(client, minutes=gap)) == minutes(*free)


def test_a_long_full_schedule_is_read_piece_by_piece(
    client: APIClient, account: SocialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendar, "CHUNK", 3)
    taken(account, *range(0, 150, 15))

    assert times(ask(client)) == minutes(150, 165, 180)
    monkeypatch.setattr(calendar, "MOST_PIECES", 2)
    assert times(ask(client)) == []


@pytest.mark.parametrize(
    ("row", "counts"),
    [
        ({"state": "blocked"}, True),
        ({"state": "held"}, False),
        ({"state": "failed"}, False),
        ({"state": "cancelled"}, False),
        ({"state": "published", "remote_id": "1", "published_at": NINE}, True),
        ({"state": "unconfirmed", "sent_at": NINE}, True),
    ],
)
def test_what_goes_out_or_is_out_counts(
    client: APIClient, account: SocialAccount, row: dict[str, Any], counts: bool
) -> None:
    taken(account, 0, **row)

    assert ask(client)["has_conflicts"] is counts


def test_deleted_posts_and_the_one_that_is_moved_do_not_count(client: APIClient, account: SocialAccount) -> None:
    [deleted, moved] = taken(account, 0, 1)
    Post.objects.filter(id=deleted.post_id).update(deleted_at=timezone.now())

    assert ask(client)["total"] == 1
    found = ask(client, exclude_post=str(moved.post_id))
    assert (found["total"], times(found)) == (0, minutes(15, 30, 45))


def test_only_the_accounts_that_are_meant_count(client: APIClient, account: SocialAccount) -> None:
    other = make_account(workspace=account.workspace, handle="other", is_default=False)
    taken(other, 0)

    assert ask(client)["total"] == ask(client, accounts=[str(other.id)])["total"] == 1
    assert ask(client, accounts=[str(account.id)])["total"] == ask(client, platforms=["mastodon"])["total"] == 0
    assert ask(client, platforms=["bluesky"])["total"] == 0


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        ("2030-03-31T03:30:00", "Europe/Berlin", "2030-03-31T01:30"),
        ("2030-03-10T03:30:00", "America/New_York", "2030-03-10T07:30"),
        ("2030-10-27T03:30:00", "Europe/Berlin", "2030-10-27T02:30"),
        ("2030-11-03T02:30:00", "America/New_York", "2030-11-03T07:30"),
    ],
)
def test_clocks_that_change_move_no_time(
    client: APIClient, account: SocialAccount, local: str, zone: str, utc: str
) -> None:
    wanted = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    for hours in (-1, 0, 1):
        make_delivery(account, due_at=wanted + timedelta(hours=hours), content=str(hours))

    found = ask(client, scheduled_time=local, timezone=zone, minutes=60)

    assert [(one["content"], one["seconds_apart"]) for one in found["conflicts"]] == [("0", 0)]
    later = [wanted + timedelta(hours=hours) for hours in (2, 3, 4)]
    assert times(found) == [moment.isoformat().replace("+00:00", "Z") for moment in later]


def test_a_time_that_is_over_gets_suggestions_from_now_on(client: APIClient) -> None:
    before = timezone.now()

    free = [datetime.fromisoformat(time) for time in times(ask(client, scheduled_time="2020-01-31T09:00:00Z"))]

    assert before < free[0] <= timezone.now() + timedelta(minutes=1)
    assert (free[0].second, free[0].microsecond) == (0, 0)
    assert [later - free[0] for later in free[1:]] == [timedelta(minutes=15), timedelta(minutes=30)]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"scheduled_time": None}, "scheduled_time", "null"),
        ({"scheduled_time": "2030-01-31T09:00:00"}, "scheduled_time", "no_offset"),
        ({"scheduled_time": "2030-03-31T02:30:00", "timezone": "Europe/Berlin"}, "scheduled_time", "skipped"),
        ({"scheduled_time": "9999-12-31T23:59:59Z"}, "scheduled_time", "too_far"),
        ({"scheduled_time": "0001-01-01T00:00:00Z"}, "scheduled_time", "overflow"),
        ({"minutes": 0}, "minutes", "min_value"),
        ({"minutes": 1441}, "minutes", "max_value"),
        ({"minutes": "15"}, "minutes", "wrong_type"),
        ({"platforms": ["myspace"]}, "platforms", "unknown_platform"),
        ({"accounts": [str(uuid4())]}, "accounts.0", "unknown_account"),
        ({"exclude_post": str(uuid4())}, "exclude_post", "unknown_post"),
        ({"colour": "red"}, "colour", "unknown"),
    ],
)
def test_a_bad_question_names_its_field(client: APIClient, body: dict[str, Any], field: str, code: str) -> None:
    answer = client.post("/api/v2/schedule/conflicts", {"scheduled_time": "2030-01-31T09:00:00Z", **body})

    assert answer.status_code == 400, answer.content
    assert [(fault["field"], fault["code"]) for fault in answer.json()["errors"]] == [(field, code)]


def test_a_foreign_post_is_unknown_and_a_foreign_account_too(client: APIClient) -> None:
    foreign = make_delivery(make_account(), due_at=NINE)

    for body in ({"exclude_post": str(foreign.post_id)}, {"accounts": [str(foreign.account_id)]}):
        answer = client.post("/api/v2/schedule/conflicts", {"scheduled_time": "2030-01-31T09:00:00Z", **body})
        assert answer.status_code == 400
