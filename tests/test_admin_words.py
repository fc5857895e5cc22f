"""Every word that Django admin says is looked up: its own pages, by the URL configuration, in a made-up language.

The pages of models are opened in it by tests/test_admin.py. What the API says stays English, and is marked so.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from accounts.models import SecondFactor, User, Workspace
from accounts.roles import SiteRole
from accounts.services import second_factor
from accounts.tests.factories import BACKEND, PASSWORD, make_member, make_user, make_workspace
from analytics.recording import Sample, record
from analytics.tests.factories import make_published
from integrations.models import GlobalPause
from integrations.tests.factories import make_account, make_credential, make_host
from mastablasta.core.ids import new_id
from posts.models import Attempt, Post
from posts.states import AttemptKind, DeliveryState
from posts.tests.factories import make_delivery
from tests.test_admin_permissions import addresses, model_of
from tests.words import data, made_up_language, not_looked_up, words_of

pytestmark = pytest.mark.django_db
# What answers with no page: a script, JSON, and what only leads on.
NO_PAGES = {"jsi18n", "autocomplete", "view_on_site", "act", "ask", None}
S = DeliveryState


def browser_of(person: User) -> Client:
    browser = Client()
    browser.force_login(person, backend=BACKEND)
    return browser


def make_world(at: Any) -> tuple[User, Workspace, dict[str, Any]]:
    """A workspace in which something stands in every state that a page of its own shows."""
    workspace = make_workspace(name="Harbour")
    make_workspace(name="Lighthouse")
    admin = make_user(
        site_role=SiteRole.ADMIN, timezone="Europe/Berlin", default_workspace=workspace, password=PASSWORD
    )
    grant = make_credential(workspace=workspace, expires_at=at + timedelta(days=2), refresh_enc=None)
    account = make_account(workspace=workspace, handle="@museum@harbour.example", credential=grant)
    bluesky = make_account(workspace=workspace, platform="bluesky", handle="museum.example")
    lost = make_account(workspace=workspace, handle="@lost@harbour.example", state="needs_reauth")
    make_account(workspace=workspace, handle="@held@harbour.example", state="paused")
    make_host(platform="mastodon", host="silent.example", circuit_opened_at=at)
    make_host(platform="mastodon", host="broken.example", paused_at=at, paused_reason="Repairs")
    ends = {"next_attempt_at": None, "error_retryable": True, "error_message": "The server was silent."}
    failed = [
        make_delivery(one, due_at=at, content="At dusk", state=S.FAILED, error_code="timed_out", **ends)
        for one in (account, lost)
    ]
    doubted = {"sent_at": at, "doubted_at": at, "next_attempt_at": None}
    unconfirmed = make_delivery(account, due_at=at, content="At dawn", state=S.UNCONFIRMED, **doubted)
    Post.objects.filter(deliveries__in=[one.pk for one in failed]).update(status="failed")
    Post.objects.filter(pk=unconfirmed.post_id).update(status="unconfirmed")
    make_delivery(bluesky, due_at=at + timedelta(hours=3), content="Open")
    make_delivery(account, due_at=at - timedelta(minutes=5), content="Late")
    for number, ended in ((1, at), (2, None)):
        Attempt.objects.create(
            delivery=failed[0], number=number, kind=AttemptKind.SEND, lease_token=new_id(), started_at=at,
            ended_at=ended, sent_at=at, outcome="unknown" if ended else None, code="timed_out", worker="w1",
        )  # fmt: skip
    counted = make_published(account, content="Counted")
    record([Sample(counted.id, at, likes=3, reach=40)], at=at)
    made = {"failed": failed[0], "unconfirmed": unconfirmed, "lost": lost, "bluesky": bluesky, "counted": counted}
    return admin, workspace, {**made, "scheduled": Post.objects.get(content="Open"), "host": account.platform_host}


def pages_of(workspace: Workspace, made: dict[str, Any]) -> list[str]:
    of_cause = "/admin/triage/group/?platform=mastodon&state="
    return [
        "/admin/", "/admin/help/", "/admin/password_change/", "/admin/password_change/done/", "/admin/posts/",
        "/admin/calendar/", "/admin/calendar/week/", "/admin/calendar/list/", "/admin/calendar/?day=2031-01-01",
        "/admin/calendar/?day=2031-01-01&status=failed", f"/admin/calendar/{made['scheduled'].pk}/move/",
        "/admin/connect/", "/admin/connect/bluesky/", "/admin/connect/mastodon/", "/admin/second-factor/own/",
        "/admin/triage/", "/admin/triage/?order=newest", f"{of_cause}failed&code=timed_out",
        f"{of_cause}unconfirmed&code=", f"{of_cause}held&code=none",
        "/admin/triage/platforms/", "/admin/triage/everything/pause/", "/admin/triage/everything/resume/",
        *(f"/admin/triage/platforms/{made['host'].pk}/{change}/" for change in ("pause", "resume")),
        *(f"/admin/triage/accounts/{made['lost'].pk}/{change}/" for change in ("pause", "resume", "reconnect")),
        f"/admin/triage/accounts/{made['bluesky'].pk}/reconnect/",
        f"/admin/posts/post/write/?workspace={workspace.pk}", f"/admin/posts/post/{made['scheduled'].pk}/write/",
        f"/admin/posts/post/{made['scheduled'].pk}/change/", "/admin/posts/post/import/",
        *(f"/admin/posts/delivery/{made[name].pk}/change/" for name in ("failed", "unconfirmed")),
        f"/admin/analytics/latestmetrics/by-day/?workspace={workspace.pk}&days=30",
        f"/admin/analytics/latestmetrics/of-post/{made['counted'].post_id}/",
        "/admin/auth/group/", "/admin/posts/post/?q=nothing+of+that",
    ]  # fmt: skip


@pytest.mark.parametrize("part", range(4))
def test_all_that_pages_of_their_own_say_is_looked_up(part: int) -> None:
    admin, workspace, made = make_world(timezone.now())
    newcomer = browser_of(make_member(make_workspace(name="Empty"), has_staff_access=True))
    browsers = [
        (browser_of(admin), pages_of(workspace, made)[part::4]),
        (Client(), ["/admin/login/"][part:]),
        (newcomer, ["/admin/", "/admin/accounts/user/", "/admin/posts/post/write/"][part::4]),
    ]
    known, wrong, opened = data(), {}, {}

    with made_up_language():
        for browser, paths in browsers:
            for path in paths:
                answer = browser.get(path)
                assert answer.status_code in {200, 403}, (path, answer.status_code)
                opened[path] = answer.content.decode()
                if left := not_looked_up(opened[path], known):
                    wrong[path] = left

    assert wrong == {}
    for config in re.findall(
        r'<script id="compose-config" type="application/json">(.+?)</script>', "".join(opened.values())
    ):
        assert words_of(json.loads(config)["words"].values()) == []


def test_every_page_of_its_own_is_among_them() -> None:
    _, workspace, made = make_world(timezone.now())
    opened = {"login", *(resolve(path.partition("?")[0]).url_name for path in pages_of(workspace, made))}
    ours = {pattern.name for route, pattern in addresses() if model_of(route) is None}

    assert ours - NO_PAGES - opened - {"app_list"} == set()


def test_what_is_said_after_something_was_done_is_looked_up() -> None:
    """Messages, faults in forms, previews, and the second factor."""
    at = timezone.now()
    admin, workspace, made = make_world(at)
    browser, person = browser_of(admin), make_user(site_role=SiteRole.ADMIN, password=PASSWORD)
    act, own = "/admin/triage/act/", "/admin/second-factor/own/"
    failed, other = str(made["failed"].pk), str(made["unconfirmed"].pk)
    file = SimpleUploadedFile("posts.csv", b'content\nHello\n\n""\n')
    GlobalPause.objects.all().delete()
    second_factor.begin(person, at=at - timedelta(minutes=1))
    codes = second_factor.confirm(person, _code(person, at - timedelta(minutes=1)), at=at - timedelta(minutes=1))
    other_browser = browser_of(person)

    def of(client: Client, path: str, **fields: Any) -> Any:
        return client.post(path, fields, follow=True)

    with made_up_language():
        preview = of(browser, act, action="retry", picked=[failed, other])
        done = of(browser, act, held=preview.context["held"])
        answers = {
            "preview": preview,
            "done": done,
            "nothing": of(browser, act, action="retry"),
            "no action": of(browser, act, picked=[failed]),
            "no time": of(browser, act, action="reschedule", picked=[failed]),
            "old": of(browser, act, held="x"),
            "resolve": of(browser, act, action="published", picked=[other]),
            "pause without reason": of(browser, "/admin/triage/everything/pause/"),
            "pause": of(browser, "/admin/triage/everything/pause/", reason="Fire"),
            "pause again": of(browser, "/admin/triage/everything/pause/", reason="Fire"),
            "paused": browser.get("/admin/"),
            "host": of(browser, f"/admin/triage/platforms/{made['host'].pk}/resume/"),
            "account": of(browser, f"/admin/triage/accounts/{made['bluesky'].pk}/pause/"),
            "import": of(browser, "/admin/posts/post/import/", workspace=str(workspace.pk), file=file),
            "import of nothing": of(browser, "/admin/posts/post/import/"),
            "move": of(browser, f"/admin/calendar/{made['scheduled'].pk}/move/", day="", time=""),
            "reconnect": of(browser, f"/admin/triage/accounts/{made['bluesky'].pk}/reconnect/"),
            "person": of(browser, "/admin/accounts/user/add/"),
            "deleted": browser.get(f"/admin/accounts/user/{person.pk}/delete/"),
            "begun": of(browser, own, do="begin", password=PASSWORD),
            "ask": other_browser.get("/admin/", follow=True),
            "code": of(other_browser, "/admin/second-factor/", code=codes[0]),
            "own": other_browser.get(own),
            "renewed": of(other_browser, own, do="renew", password=PASSWORD),
            "removed": of(other_browser, own, do="remove", password=PASSWORD),
        }
        known = data()
        wrong = {
            name: left
            for name, answer in answers.items()
            if (left := not_looked_up(answer.content.decode(), known)) or answer.status_code != 200
        }

    assert wrong == {}


def _code(person: User, at: Any) -> str:
    return pyotp.TOTP(str(SecondFactor.objects.get(user=person).secret_enc)).at(at)


def test_what_is_not_looked_up_is_found() -> None:
    known = re.compile("Harbour")
    page = """<html lang="en"><title>⟦Home⟧</title><body><p title="Say">⟦a ⟦b⟧ c⟧: Harbour, 2026-11-29</p>
    <p lang="en">Free</p><input type="submit" value="Go on"><input value="mine"><script>let word;</script>
    <b>Bare word</b>⟦x⟧ and</body></html>"""

    assert not_looked_up(page, known) == ["Say", "Go on", "Bare word", "⟦x⟧ and"]
