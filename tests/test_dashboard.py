"""The first page of Django admin: what goes out, what failed, what the posts gained, and what to do first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User, Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import BACKEND, make_member, make_user, make_workspace
from analytics.models import Rollup
from integrations.models import PlatformHost
from integrations.states import AccountState
from integrations.tests.factories import make_account, make_credential, make_host
from mastablasta.ops import health
from mastablasta.ops.dashboard import CHECKS, DAYS, Dashboard
from posts.states import DeliveryState
from posts.tests.factories import make_delivery

pytestmark = pytest.mark.django_db
WELL = health.Finding(True, "It answers.")


@pytest.fixture(autouse=True)
def _well(monkeypatch: pytest.MonkeyPatch) -> None:
    found = dict.fromkeys(CHECKS, WELL) | {"worker": health.Finding(False, "No heartbeat.", timedelta(seconds=99))}
    monkeypatch.setattr(health, "findings", lambda _: found)


def browser_of(user: User) -> Client:
    browser = Client()
    browser.force_login(user, backend=BACKEND)
    return browser


def open_page(user: User) -> tuple[Dashboard, str]:
    """What the page was made from, and the page."""
    response = browser_of(user).get("/admin/")
    assert response.status_code == 200
    return response.context["dashboard"], response.content.decode()


def fill(workspace: Workspace, name: str) -> None:
    """An account whose sign-in ends, a post to come and one that failed, and figures of two days."""
    at = timezone.now()
    grant = make_credential(workspace=workspace, expires_at=at + timedelta(days=3), refresh_enc=None)
    account = make_account(workspace=workspace, credential=grant, handle=f"@{name}")
    make_delivery(account, due_at=at + timedelta(hours=2), content=f"To come in {name}")
    failed: dict[str, Any] = {"state": DeliveryState.FAILED, "next_attempt_at": None}
    make_delivery(account, content=f"Failed in {name}", error_message="The platform said no.", **failed)
    for days, reach, likes in ((1, 100, 4), (2, 50, 2), (DAYS + 2, 1_000, 500)):
        Rollup.objects.create(account=account, starts_at=at - timedelta(days=days), reach=reach, likes=likes)


def test_staff_see_what_their_own_workspaces_do():
    own, foreign = make_workspace(), make_workspace()
    fill(own, "own")
    fill(foreign, "foreign")
    make_account(workspace=own, state=AccountState.NEEDS_REAUTH)
    PlatformHost.objects.update(paused_at=timezone.now(), paused_reason="Maintenance")
    make_host(host="elsewhere.test", paused_at=timezone.now())

    found, page = open_page(make_member(own, has_staff_access=True))

    assert [delivery.post.content for delivery in found.upcoming] == ["To come in own"]
    assert [delivery.post.content for delivery in found.failures] == ["Failed in own"]
    assert (found.counts, found.waiting) == ({DeliveryState.FAILED: 1}, 1)
    assert found.accounts == {AccountState.ACTIVE: 1, AccountState.NEEDS_REAUTH: 1}
    assert [host.host for host in found.halted] == ["mastodon.test"]
    assert [forecast.message.split(" ends on")[0] for forecast in found.ending] == ["The sign-in of @own"]
    assert (found.gains.sums.figures["reach"], found.gains.engagements, found.gains.sums.rate) == (150, 6, 4.0)
    assert [bar.value for bar in found.gains.reach_by_day[-3:]] == [50, 100, 0]
    assert [bar.height for bar in found.gains.reach_by_day[-3:]] == [50.0, 100.0, 0.0]
    assert len(found.gains.reach_by_day) == len(found.gains.engagements_by_day) == DAYS
    assert [check.name for check in found.checks if not check.ok] == ["Workers"]
    assert '<span lang="en">No heartbeat.</span> (99 s)' in page
    assert "Maintenance" in page
    assert "The platform said no." in page
    assert "foreign" not in page
    assert "elsewhere.test" not in page


def test_site_admins_see_all_of_it_and_it_costs_the_same():
    operator = make_user(site_role=SiteRole.ADMIN)
    browser = browser_of(operator)

    def queries() -> int:
        with CaptureQueriesContext(connection) as context:
            assert browser.get("/admin/").status_code == 200
        return len(context)

    fill(make_workspace(), "first")
    fill(make_workspace(deleted_at=timezone.now()), "gone")
    first = queries()
    for number in range(10):
        fill(make_workspace(), f"other{number}")

    assert queries() == first <= 20
    found, page = open_page(operator)
    assert (found.waiting, found.connected, found.gains.engagements) == (11, 11, 66)
    assert len(found.upcoming) == len(found.failures) == 8
    assert "@other9" in page
    assert "gone" not in page


def test_new_site_admin_is_told_what_to_do_first():
    found, page = open_page(make_user(site_role=SiteRole.ADMIN))

    assert [(step.name, step.is_done) for step in found.steps] == [
        ("Add the people who write", False),
        ("Connect an account", False),
        ("Write a post", False),
        ("See it published", False),
    ]
    assert 'href="/admin/accounts/user/add/"' in page
    assert 'href="/admin/connect/"' in page
    assert "Nothing failed, and nothing is in doubt." in page
    assert page.count("not told") == 2


def test_person_in_no_workspace_is_told_so():
    found, page = open_page(make_user(has_staff_access=True))

    assert "You are in no workspace yet" in page
    assert (found.upcoming, found.failures, found.accounts) == ([], [], {})
