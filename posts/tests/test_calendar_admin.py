"""The calendar of Django admin: local days, whose posts, what it is cut down to, and posts that get another time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.roles import Role, SiteRole
from accounts.tests.factories import browser_of, make_membership, make_user, make_workspace
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from mastablasta.core.ids import new_id
from posts.models import Delivery, Post
from posts.tests.factories import make_delivery

pytestmark = pytest.mark.django_db
MONTH = "/admin/calendar/"
BERLIN = "Europe/Berlin"


def staff(account: SocialAccount, role: Role = Role.EDITOR, **fields: Any) -> Client:
    person = make_user(has_staff_access=True, timezone=BERLIN, **fields)
    make_membership(person, account.workspace, role=role)
    return browser_of(person)


def plan(account: SocialAccount, at: str, status: str = "scheduled") -> Post:
    post = make_delivery(account, due_at=datetime.fromisoformat(at).replace(tzinfo=UTC), content=at).post
    Post.objects.filter(id=post.id).update(status=status)
    return post


def shown(page: Any) -> dict[str, list[str]]:
    """Local times and contents by day, of the days that have any."""
    return {
        cell.date.isoformat(): [f"{entry.at:%H:%M} {entry.excerpt}" for entry in cell.entries]
        for cell in page.context["cells"]
        if cell.entries
    }


def move(client: Client, post: Post, day: str, time: str, *, seen: str | None = None, **headers: str) -> Any:
    was = post.scheduled_at.isoformat() if post.scheduled_at else ""
    fields = {"day": day, "time": time, "seen": was if seen is None else seen}
    return client.post(f"{MONTH}{post.id}/move/", fields, headers={"Accept": "text/html", **headers}, follow=True)


def test_days_are_those_of_the_person_also_where_clocks_change() -> None:
    account = make_account()
    for at in ("2030-03-30T22:59", "2030-03-30T23:00", "2030-03-31T21:59", "2030-03-31T22:00"):
        plan(account, at)
    client = staff(account)

    month = client.get(f"{MONTH}?day=2030-03-15")
    week = client.get(f"{MONTH}week/?day=2030-03-31")
    listed = client.get(f"{MONTH}list/?day=2030-04-01")

    assert shown(month) == {
        "2030-03-30": ["23:59 2030-03-30T22:59"],
        "2030-03-31": ["00:00 2030-03-30T23:00", "23:59 2030-03-31T21:59"],
        # of April the month's last week begins with a Monday, which is not in it
    }
    assert [cell.date.isoformat() for cell in month.context["cells"]][:: 7 * 5 - 1] == ["2030-02-25", "2030-03-31"]
    assert [cell.offsets for cell in week.context["cells"]] == [""] * 6 + ["+01:00 → +02:00"]
    assert "Clocks change: +01:00 → +02:00" in week.content.decode()
    assert "23:59 CEST" in week.content.decode()
    assert shown(listed) == {"2030-04-01": ["00:00 2030-03-31T22:00"]}
    assert "Times are those of Europe/Berlin (your time zone), in 24 hours." in " ".join(
        listed.content.decode().split()
    )


def test_staff_see_and_move_their_own_posts_and_site_admins_all() -> None:
    own, foreign = make_account(), make_account(platform="bluesky")
    mine, theirs = plan(own, "2030-05-01T08:00"), plan(foreign, "2030-05-01T09:00")
    gone = plan(own, "2030-05-01T10:00")
    Post.objects.filter(id=gone.id).update(deleted_at=timezone.now())
    editor, viewer = staff(own), staff(own, Role.VIEWER)
    admin = browser_of(make_user(site_role=SiteRole.ADMIN))
    at = f"{MONTH}?day=2030-05-01"

    assert shown(editor.get(at)) == {"2030-05-01": ["10:00 2030-05-01T08:00"]}
    assert shown(admin.get(at)) == {"2030-05-01": ["08:00 2030-05-01T08:00", "09:00 2030-05-01T09:00"]}
    assert 'draggable="true"' in editor.get(at).content.decode()
    assert 'draggable="true"' not in viewer.get(at).content.decode()
    assert f"{MONTH}{mine.id}/move/" in editor.get(at).content.decode()
    assert move(editor, theirs, "2030-05-02", "09:00").status_code == 404
    assert move(editor, gone, "2030-05-02", "09:00").status_code == 404
    assert move(viewer, mine, "2030-05-02", "09:00").status_code == 403
    for name, value, found in (
        ("platform", "bluesky", ["09:00 2030-05-01T09:00"]),
        ("account", own.id, ["08:00 2030-05-01T08:00"]),
        ("workspace", foreign.workspace_id, ["09:00 2030-05-01T09:00"]),
        ("status", "failed", []),
        ("platform", "nowhere", []),
        ("account", "nobody", []),
    ):
        assert shown(admin.get(f"{at}&{name}={value}")).get("2030-05-01", []) == found, name
    assert shown(editor.get(f"{at}&workspace={foreign.workspace_id}")) == {}
    assert Post.objects.get(id=mine.id).scheduled_at == datetime(2030, 5, 1, 8, tzinfo=UTC)


def test_a_post_gets_another_time_by_form_and_by_the_script_alike() -> None:
    account = make_account()
    by_form, by_script = plan(account, "2030-03-28T08:00"), plan(account, "2030-03-29T08:30")
    client = staff(account)
    asked = client.get(f"{MONTH}{by_form.id}/move/?back={MONTH}week/")

    said = move(client, by_form, "2030-04-02", "07:15")
    answer = move(client, by_script, "2030-04-01", "09:30:00", Accept="application/json")

    assert 'value="2030-03-28"' in asked.content.decode()
    assert 'value="09:00"' in asked.content.decode()
    assert "goes out on Tuesday, 2 April 2030 at 07:15 (Europe/Berlin)." in said.content.decode()
    assert answer.json()["detail"].endswith("goes out on Monday, 1 April 2030 at 09:30 (Europe/Berlin).")
    assert set(Delivery.objects.values_list("post", "due_at")) == {
        (by_form.id, datetime(2030, 4, 2, 5, 15, tzinfo=UTC)),
        (by_script.id, datetime(2030, 4, 1, 7, 30, tzinfo=UTC)),
    }
    assert {post.status for post in Post.objects.all()} == {"scheduled"}


@pytest.mark.parametrize(
    ("day", "time", "sentence"),
    [
        ("2030-03-31", "02:30", "does not exist in Europe/Berlin"),
        ("2020-01-01", "09:00", "in the past"),
        ("2030-02-30", "09:00", "Give a day and a time."),
        ("", "", "Give a day and a time."),
        ("2050-01-01", "09:00", "more than five years ahead"),
    ],
)
def test_what_is_no_time_is_refused_in_words_and_nothing_is_changed(day: str, time: str, sentence: str) -> None:
    account = make_account()
    post = plan(account, "2030-03-28T08:00")
    client = staff(account)

    page, answer = move(client, post, day, time), move(client, post, day, time, Accept="application/json")

    assert sentence in page.content.decode()
    assert answer.status_code == 409
    assert sentence in answer.json()["detail"]
    assert Delivery.objects.get().due_at == datetime(2030, 3, 28, 8, tzinfo=UTC)


def test_a_time_that_comes_twice_is_taken_with_a_word() -> None:
    account = make_account()
    post = plan(account, "2030-10-20T08:00")

    answer = move(staff(account), post, "2030-10-27", "02:30", Accept="application/json").json()

    assert "comes twice in Europe/Berlin" in answer["warnings"][0]
    assert Delivery.objects.get().due_at == datetime(2030, 10, 27, 0, 30, tzinfo=UTC)


def test_who_was_slower_is_told_and_changes_nothing() -> None:
    account = make_account()
    post = plan(account, "2030-03-28T08:00")
    held = {"state": "sending", "lease_token": new_id(), "lease_expires_at": timezone.now()}
    sending = make_delivery(make_account(workspace=account.workspace), **held).post
    client = staff(account)
    was = post.scheduled_at.isoformat() if post.scheduled_at else ""
    move(client, post, "2030-03-29", "09:00")

    late = move(client, post, "2030-03-30", "09:00", seen=was, Accept="application/json")
    busy = move(client, sending, "2030-03-30", "09:00", Accept="application/json")

    assert (late.status_code, late.json()["code"]) == (409, "changed_meanwhile")
    assert "Somebody gave this post another time meanwhile" in late.json()["detail"]
    assert (busy.status_code, busy.json()["code"]) == (409, "in_flight")
    assert busy.json()["detail"] == "This post is being published; wait for its outcome."
    assert Delivery.objects.get(post=post).due_at == datetime(2030, 3, 29, 8, tzinfo=UTC)


def test_more_posts_cost_no_more_queries_and_what_is_too_much_is_linked() -> None:
    account = make_account()
    client = staff(account)
    at = datetime(2030, 6, 3, 8, tzinfo=UTC)

    def cost() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(f"{MONTH}?day=2030-06-03").status_code == 200
        return len(found)

    plan(account, "2030-06-03T08:00")
    one = cost()
    for number in range(51):
        make_delivery(account, due_at=at + timedelta(minutes=number))
    page = client.get(f"{MONTH}?day=2030-06-03")

    assert cost() == one
    assert "2 more" in page.content.decode()
    listed = client.get(page.context["cells"][7].all_of_it)
    assert listed.context["cl"].result_count == 52


def test_empty_days_say_what_to_do_and_odd_days_are_today() -> None:
    account = make_account()
    client = staff(account)

    empty = client.get(f"{MONTH}?day=2030-06-03").content.decode()
    odd = client.get(f"{MONTH}week/?day=yesterday")

    assert "Nothing goes out in these days" in empty
    assert "/admin/posts/post/write/" in empty
    assert any(cell.is_today for cell in odd.context["cells"])
    for day in ("0001-01-01", "9999-12-31"):
        assert client.get(f"{MONTH}?day={day}").status_code == 200


def test_days_are_the_workspaces_for_who_has_no_zone() -> None:
    account = make_account(workspace=make_workspace(timezone="Asia/Tokyo"))
    plan(account, "2030-05-01T16:00")
    person = make_user(has_staff_access=True)
    make_membership(person, account.workspace, role=Role.EDITOR)

    page = browser_of(person).get(f"{MONTH}?day=2030-05-01")

    assert shown(page) == {"2030-05-02": ["01:00 2030-05-01T16:00"]}
    assert "the time zone of the workspace" in page.content.decode()
