"""Every kind of page of Django admin in a browser: usable by everybody, by day and night, on a screen and a phone.

axe-core looks at each of them; `make pictures` keeps what the help page shows.
"""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User, Workspace
from accounts.roles import SiteRole
from accounts.tests.factories import make_member, make_user, make_workspace
from analytics.recording import Sample, record
from analytics.tests.factories import make_published
from integrations.models import SocialAccount
from integrations.tests.factories import make_account
from media_library.models import Asset
from media_library.tests.factories import make_asset
from posts.models import Delivery, Post, PostMedia
from posts.tests.factories import make_delivery
from tests.axe import faults_of
from tests.browser import CHROMIUM, WHY_SKIPPED, Page, browser
from tests.more.test_browser import foreign, keep_picture, session_of, thumbnail
from tests.serving import served
from tests.test_admin import address
from webhooks.tests.factories import make_endpoint

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason=WHY_SKIPPED),
    pytest.mark.django_db(transaction=True),
]
HELP = Path(__file__).resolve().parents[2] / "mastablasta/static/mastablasta/help"
SEEN_AS = (("light", 1280), ("dark", 1280), ("dark", 390), ("light", 390))
TEXTS = (
    "The lighthouse opens on Saturday", "Harbour tour, every Sunday at ten", "New in the museum: a map of 1843",
    "We look for volunteers", "Fog horn concert on Friday", "Thank you for a thousand visitors",
)  # fmt: skip

TOWER, BRING = "The sunrise is best seen from the tower", "Bring a warm coat: the wind comes from the north"


def make_world() -> tuple[User, dict[str, str]]:
    """A workspace with something of everything, and the pages where it is to be seen."""
    workspace = make_workspace(name="Harbour Museum")
    make_workspace(name="Lighthouse")
    admin = make_user(site_role=SiteRole.ADMIN, timezone="Europe/Berlin", default_workspace=workspace)
    account = make_account(workspace=workspace, handle="@museum@harbour.example")
    other = make_account(workspace=workspace, platform="bluesky", handle="museum.harbour.example")
    broken = make_account(workspace=workspace, handle="@tours@harbour.example", state="needs_reauth")
    at = timezone.now().replace(minute=0, second=0, microsecond=0)
    for number, text in enumerate(TEXTS):
        make_delivery(other if number % 2 else account, due_at=at + timedelta(days=number, hours=number), content=text)
    failed = [_failed(account if number else broken, at - timedelta(hours=number + 2)) for number in range(3)]
    counted = make_published(account, content="Good morning from the harbour")
    Post.objects.filter(id=counted.post_id).update(status="published", scheduled_at=at - timedelta(days=1))
    record([Sample(counted.id, at, likes=3, reach=40)], at=at)
    asset = make_asset(workspace=workspace, filename="Harbour at dawn.jpg", thumbnail_name=thumbnail(1))
    make_endpoint(workspace=workspace)
    return admin, {
        "dashboard": "/admin/",
        "calendar": "/admin/calendar/",
        "calendar-week": "/admin/calendar/week/",
        "calendar-list": "/admin/calendar/list/",
        "calendar-empty": "/admin/calendar/?day=2031-01-01",
        "move": f"/admin/calendar/{Post.objects.get(content=TEXTS[1]).id}/move/",
        "write": f"/admin/posts/post/write/?workspace={workspace.id}",
        "connect": "/admin/connect/",
        "connect-bluesky": "/admin/connect/bluesky/",
        "help": "/admin/help/",
        "triage": "/admin/triage/",
        "cause": "/admin/triage/group/?state=failed&code=timed_out&platform=mastodon",
        "pause": "/admin/triage/everything/pause/",
        "delivery": address(Delivery, "change", failed[1].pk),
        "posts": address(Post, "changelist"),
        "post": address(Post, "change", counted.post_id),
        "import": "/admin/posts/post/import/",
        "accounts": address(SocialAccount, "changelist"),
        "account": address(SocialAccount, "change", broken.pk),
        "media": address(Asset, "changelist"),
        "file": address(Asset, "change", asset.pk),
        "people": address(User, "changelist"),
        "person": address(User, "change", admin.pk),
        "workspace": address(Workspace, "change", workspace.pk),
        "figures": "/admin/analytics/latestmetrics/by-day/",
    }


def _failed(account: SocialAccount, at: Any) -> Delivery:
    state = {"state": "failed", "next_attempt_at": None, "error_code": "timed_out", "error_retryable": True}
    delivery = make_delivery(account, due_at=at, content="At dusk", error_message="The server did not answer.", **state)
    Post.objects.filter(id=delivery.post_id).update(status="failed")
    return delivery


READY = {"write": "document.querySelector('[data-compose]').dataset.ready === 'true'"}


def test_every_kind_of_page_is_usable_by_everybody_by_day_and_night_and_on_a_phone() -> None:
    admin, pages = make_world()
    faults: dict[str, list[str]] = {}  # where each is

    with served() as base, browser() as page:
        page.open(f"{base}/admin/login/")
        assert faults_of(page) == []
        page.run("document.querySelector('label').style.color = '#ccc'")
        assert "color-contrast" in str(faults_of(page))
        page.sign_in(base, session_of(admin))
        for name, path in pages.items():
            page.open(f"{base}{path}")
            page.wait(f"document.readyState === 'complete' && ({READY.get(name, 'true')})")
            assert page.run("document.querySelector('#content')?.innerText.length > 20"), name
            for scheme, width in SEEN_AS:
                page.shown_as(width=width, scheme=scheme)
                page.wait("document.getAnimations().every((one) => one.playState !== 'running')")
                keep_picture(page, f"{name}-{scheme}-{width}.png")
                found = faults_of(page)
                if (shown := page.run("document.documentElement.scrollWidth")) > width:
                    found.append(f"{shown} pixels wide")
                for fault in found:
                    faults.setdefault(fault, []).append(f"{name} {scheme} {width}")

        found_by_searching(page, f"{base}{pages['figures']}", "Harbour")
        assert faults == {}, json.dumps(faults, indent=1)
        assert page.complaints == []
        assert foreign(page, base) == []


def found_by_searching(page: Page, address: str, name: str) -> None:
    """The field that is searched in says what it is, closed and open, and lets one choose by keyboard."""
    page.open(address)
    page.click("[role=combobox]")
    page.wait("!!document.querySelector('[role=option]')")
    names = [
        f"document.querySelector('{one}').ariaLabel" for one in ("[role=combobox]", "[type=search]", "[role=listbox]")
    ]
    assert [page.run(one) for one in names] == ["Workspace"] * 3
    assert faults_of(page) == []
    keep_picture(page, "searched.png")
    found = f"[...document.querySelectorAll('[role=option]')].find(one => one.innerText.includes({json.dumps(name)}))"
    page.run(f"{found}.dispatchEvent(new MouseEvent('mouseup', {{bubbles: true}}))")
    page.wait("!document.querySelector('[role=option]')")
    assert page.run(names[0]) == "Workspace: Harbour Museum"
    assert faults_of(page) == []


def test_a_thread_is_written_and_moved_by_keyboard_and_mouse_and_what_stands_against_it_is_said() -> None:
    """Parts, counters, problems, the library and the help's pictures."""
    admin, pages = make_world()

    with served() as base, browser() as page:
        page.sign_in(base, session_of(admin))
        page.shown_as(width=1000, scheme="light")
        for name in ("connect", "calendar", "triage"):
            page.open(f"{base}{pages[name]}")
            page.wait("document.readyState === 'complete'")
            keep_for_help(page, name)
        page.open(f"{base}{pages['write']}")
        page.wait(READY["write"])
        page.run("document.querySelectorAll('.chip input').forEach(one => one.click())")
        page.fill("#part-1", "x" * 301)
        page.wait("!!document.querySelector('.counters .over')")
        assert "301 / 300" in page.run("document.querySelector('.counters .over').innerText")
        page.wait("document.querySelector('[data-problems]').innerText.includes('300')")
        page.fill("#part-1", TOWER)
        page.wait("document.querySelector('[data-standing]').innerText === 'Nothing stands against it.'")
        page.run("document.querySelector('.part > button').click()")
        page.wait("!!document.querySelector('dialog .choice img[src^=data]')")
        assert faults_of(page) == []
        keep_picture(page, "picker.png")
        page.run("document.querySelector('dialog .choice').click()")
        page.wait("!!document.querySelector('.media img[src^=data]')")
        keep_for_help(page, "write")
        page.click("[data-add-part]")
        page.fill("#part-2", BRING)
        page.click("[data-save]")
        page.wait("document.querySelector('[data-saved]').hidden === false")
        assert faults_of(page) == []
        keep_picture(page, "saved.png")

        assert page.complaints == []
        assert foreign(page, base) == []
    thread = Post.objects.get(post_type="thread")
    assert (thread.thread, thread.status) == ([TOWER, BRING], "draft")
    assert sorted(thread.deliveries.values_list("platform", flat=True)) == ["bluesky", "mastodon", "mastodon"]
    assert PostMedia.objects.get(post=thread).asset.filename == "Harbour at dawn.jpg"


def keep_for_help(page: Page, name: str) -> None:
    """With HELP_PICTURES=yes the picture of that name on the help page is taken again."""
    if os.environ.get("HELP_PICTURES") != "yes":
        return
    HELP.mkdir(exist_ok=True)
    page.run("scrollTo(0, 0)")
    clip = {"x": 0, "y": 0, "width": 1000, "height": 620, "scale": 1}
    page.picture(HELP / f"{name}.webp", format="webp", quality=70, clip=clip)


def test_staff_of_one_workspace_find_the_same_pages_usable() -> None:
    """What a site admin does not see: the page of what a role does not allow, and a workspace without anything."""
    editor = make_member(make_workspace(name="Empty"), has_staff_access=True)

    with served() as base, browser() as page:
        page.sign_in(base, session_of(editor))
        for path in ("/admin/", "/admin/calendar/", "/admin/posts/post/write/", "/admin/accounts/user/"):
            page.open(f"{base}{path}")
            assert faults_of(page) == [], path
