"""Lists of Django admin over tables that grow: they look through the newest rows, say so, and lead to the others."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import browser_of, make_workspace
from integrations.tests.factories import make_account, make_host
from mastablasta.core import admin_lists
from mastablasta.core.admin_lists import _periods_in
from mastablasta.core.ids import first_id_at, new_id
from posts.models import Delivery, Post
from posts.tests.factories import make_delivery, make_post
from tests.test_admin import client_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
OLD = datetime(2024, 3, 5, 12, tzinfo=UTC)
POSTS = "/admin/posts/post/"


@pytest.fixture
def _three_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_lists, "MOST_SEARCHED", 3)


@pytest.fixture
def operator(db: None) -> Client:
    return client_of(SiteRole.ADMIN)


def written(at: datetime, content: str, workspace: Workspace) -> Post:
    """A post that was written then."""
    id_ = UUID(int=first_id_at(at).int | (new_id().int & (2**62 - 1)))
    return make_post(workspace=workspace, id=id_, created_at=at, content=content)


def listed(client: Client, address: str, **asked: Any) -> list[str]:
    answer = client.get(address, asked)
    assert answer.status_code == 200, answer
    return [str(getattr(row, "content", row.pk)) for row in answer.context["cl"].result_list]


@pytest.fixture
def workspace(db: None) -> Workspace:
    """With five posts, the first of which is years old."""
    workspace = make_workspace()
    for number in range(5):
        at = OLD if not number else NOON + timedelta(minutes=number)
        written(at, f"post {number}", workspace)
    return workspace


@pytest.mark.usefixtures("_three_at_most")
def test_list_looks_through_the_newest_and_says_so(operator: Client, workspace: Workspace) -> None:
    newest = ["post 4", "post 3", "post 2"]
    page = operator.get(POSTS)

    assert listed(operator, POSTS) == newest
    assert listed(operator, POSTS, q="post") == newest
    assert listed(operator, POSTS, status__exact="draft", o="9") == newest[::-1]
    assert listed(operator, POSTS, q='"post 3"') == ["post 3"]
    assert listed(operator, POSTS, q='"post 0"') == []  # as words, 0 would be found in an address or a name, too
    assert page.context["cl"].result_count == 3
    assert "This looks through the newest 10,000 rows." in page.content.decode()


@pytest.mark.usefixtures("_three_at_most")
def test_older_rows_are_found_by_id_by_period_and_by_workspace(operator: Client, workspace: Workspace) -> None:
    oldest = Post.objects.get(content="post 0")
    quiet = make_workspace()
    written(OLD, "quiet", quiet)

    assert listed(operator, POSTS, q=str(oldest.pk)) == ["post 0"]
    assert sorted(listed(operator, POSTS, created_at__year=2024)) == ["post 0", "quiet"]
    day = {"created_at__year": 2024, "created_at__month": 3, "created_at__day": 5}
    assert listed(operator, POSTS, **day, q="post") == ["post 0"]
    assert listed(operator, POSTS, created_at__year=2025) == []
    assert listed(operator, POSTS, workspace=str(quiet.pk)) == ["quiet"]
    member = quiet.members.get()
    member.has_staff_access = True
    member.save()
    assert listed(browser_of(member), POSTS) == ["quiet"]
    assert listed(browser_of(member), POSTS, q=str(oldest.pk)) == []


@pytest.mark.usefixtures("_three_at_most")
def test_all_that_wait_for_a_person_are_listed_by_their_state(operator: Client) -> None:
    failed = [make_delivery(state="failed") for _ in range(2)]
    for _ in range(4):
        make_delivery()
    address = reverse("admin:posts_delivery_changelist")

    assert listed(operator, address, state__exact="failed") == [str(one.pk) for one in reversed(failed)]
    assert listed(operator, address, q=str(failed[0].post_id)) == [str(failed[0].pk)]
    assert len(listed(operator, address)) == 3
    assert Delivery.objects.count() == 6


def test_short_list_is_whole_and_says_nothing(operator: Client, workspace: Workspace) -> None:
    page = operator.get(POSTS, {"q": "post"})

    assert page.context["cl"].result_count == 5
    assert "This looks through" not in page.content.decode()


def test_filters_offer_what_the_rows_have(operator: Client, workspace: Workspace) -> None:
    author = workspace.members.get()
    Post.objects.filter(content="post 1").update(author=author, post_type="reel")

    page = operator.get(POSTS)

    shown = page.context["cl"]
    offered = {str(spec.title): [one["display"] for one in spec.choices(shown)] for spec in shown.filter_specs}
    assert author.email in offered["author"]
    assert offered["post type"] == ["All", "reel", "standard"]
    assert listed(operator, POSTS, author=str(author.pk), post_type="reel") == ["post 1"]


def test_platforms_are_called_by_their_names(operator: Client) -> None:
    account = make_account(platform="twitter", platform_host=make_host(platform="twitter"))
    delivery = make_delivery(account)

    for of in ("integrations/platformhost", "integrations/socialaccount", "posts/delivery"):
        shown = operator.get(f"/admin/{of}/", {"platform__exact": "twitter"})
        cells = re.findall(r'class="field-platform[^>]*>([^<]*)', shown.content.decode())
        filters = {str(spec.title): spec for spec in shown.context["cl"].filter_specs}
        offered = [one["display"] for one in filters["platform"].choices(shown.context["cl"])]
        assert (of, cells, {"X", "LinkedIn"} <= {*offered}) == (of, ["X"], True)
    row = re.search(
        r'field-platform">\s*<p>([^<]*)', operator.get(f"{POSTS}{delivery.post_id}/change/").content.decode()
    )
    assert row is not None
    assert row[1] == "X"


def test_periods_are_those_of_the_calendar_between_the_first_and_the_last_row() -> None:
    first, last = date(2024, 11, 29), date(2026, 2, 3)

    years = _periods_in(first, last, None, None, None)
    months = _periods_in(first, last, 2024, None, None)
    days = _periods_in(first, last, 2024, 11, None)
    day = _periods_in(first, last, 2024, 11, 30)

    assert years == (None, [({"year": one}, str(one)) for one in (2024, 2025, 2026)])
    assert months[0] == ({}, "All dates")
    assert months[1] == [({"year": 2024, "month": 11}, "November 2024"), ({"year": 2024, "month": 12}, "December 2024")]
    assert days == (
        ({"year": 2024}, "2024"),
        [({"year": 2024, "month": 11, "day": one}, f"November {one}") for one in (29, 30)],
    )
    assert day == (({"year": 2024, "month": 11}, "November 2024"), [(None, "November 30")])


def test_id_of_a_moment_lies_between_those_given_before_and_after_it() -> None:
    before = new_id()
    moment = datetime.now(UTC) + timedelta(milliseconds=1)
    while datetime.now(UTC) < moment + timedelta(milliseconds=1):
        pass

    assert before < first_id_at(moment) < new_id()
    assert first_id_at(datetime(1, 1, 1, tzinfo=UTC)).int == 0
    assert first_id_at(datetime(1970, 1, 1, 0, 0, 2, tzinfo=UTC)).int == 2000 << 80
    assert first_id_at(datetime.max.replace(tzinfo=UTC)) < UUID(int=2**128 - 1)
