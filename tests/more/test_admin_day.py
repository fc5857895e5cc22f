"""A day of somebody of the staff, in a browser and an instance of their own: from signing in to a post that is out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from media_library.tests.factories import photo
from tests.browser import CHROMIUM, WHY_SKIPPED, Page, browser
from tests.client import Client
from tests.instance import Instance
from tests.more.test_browser import keep_picture

pytestmark = pytest.mark.skipif(not CHROMIUM, reason=WHY_SKIPPED)

EMAIL, PASSWORD = "ada@example.org", "analytical-engine-1843"
TEXT = "The lighthouse opens on Saturday"
SECOND = "Closed for repairs"


class Staff:
    """Somebody at the screen."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base

    def sees(self, *texts: str, timeout_s: float = 40) -> None:
        for text in texts:
            self.page.wait(f"document.body.innerText.includes({json.dumps(text)})", timeout_s=timeout_s)

    def goes_to(self, path: str, *texts: str) -> None:
        self.page.open(f"{self.base}{path}")
        self.sees(*texts)

    def presses(self, text: str) -> None:
        """The link or button that says so."""
        found = (
            "[...document.querySelectorAll('main a, main button, dialog[open] button, #content a, #content button')]"
            f".find(one => one.textContent.trim() === {json.dumps(text)} && one.getClientRects().length)"
        )
        self.page.wait(f"!!{found}")
        self.page.run(f"{found}.click()")

    def signs_in(self) -> None:
        self.goes_to("/admin/")
        self.page.fill("#id_username", EMAIL)
        self.page.fill("#id_password", PASSWORD)
        self.page.submit("document.querySelector('#login-form')", until="location.pathname === '/admin/'")

    def connects(self, handle: str) -> None:
        self.goes_to("/admin/connect/", "Mastodon")
        self.presses("Mastodon")
        self.sees("will be able to publish as this account")
        self.page.submit("document.querySelector('#content form')", until="!!document.querySelector('a.go')")
        self.page.click("a.go")
        self.page.wait("!!document.querySelector('[name=handle]') && document.readyState === 'complete'")
        self.page.fill("[name=handle]", handle)
        self.page.run("document.querySelector('[value=allow]').click()")
        self.sees("Back to the administration", f"@{handle}")

    def writes(self, text: str) -> None:
        self.goes_to("/admin/posts/post/write/")
        self.page.wait("document.querySelector('[data-compose]').dataset.ready === 'true'")
        self.page.click(".chip")
        self.page.fill("#part-1", text)
        self.sees(f"{len(text)} / 500", "Nothing stands against it.")

    def edits(self, text: str) -> None:
        """From the page of a post."""
        self.presses("Edit")
        self.page.wait("document.querySelector('[data-compose]')?.dataset.ready === 'true'")
        assert self.page.run("document.querySelector('#part-1').value")
        self.page.fill("#part-1", text)

    def adds_picture(self, picture: Path, alt_text: str) -> None:
        self.presses("Add a picture or video")
        self.page.wait("document.querySelector('dialog').open")
        self.sees("No file of that kind")
        self.page.choose_file("[data-upload]", picture)
        self.page.wait("document.querySelector('.compose .media img')?.naturalWidth > 0")
        self.page.fill(".compose .media input", alt_text)

    def saves(self, button: str) -> None:
        self.sees(button)
        self.page.click("[data-save]")
        self.sees("It is saved.")

    def opens(self, text: str, kind: str = "post") -> None:
        """The page of a post or delivery, by what the link there says."""
        self.presses(text)
        there = f"location.pathname.startsWith('/admin/posts/{kind}/') && location.pathname.endsWith('/change/')"
        self.page.wait(f"{there} && document.readyState === 'complete'")


def day_of(page: Page, text: str) -> str:
    """The day of the calendar on which a post stands."""
    found = f"[...document.querySelectorAll('.entry')].find(one => one.innerText.includes({json.dumps(text)}))"
    return str(page.run(f"{found}?.closest('[data-day]').dataset.day"))


def test_day_of_a_staff_member(instance: Instance, tmp_path: Path) -> None:
    Client(instance.url).register(EMAIL, PASSWORD)
    assert instance.manage("set_site_role", EMAIL, "admin").returncode == 0
    picture = tmp_path / "lighthouse.jpg"
    picture.write_bytes(photo())
    monday = _monday_to_come()
    days = [(monday + timedelta(days=number)).date().isoformat() for number in (1, 3)]

    with browser() as page:
        staff = Staff(page, instance.url)
        staff.signs_in()
        staff.connects("lighthouse")

        staff.writes(TEXT)
        staff.adds_picture(picture, "A lighthouse at dawn")
        page.run("document.querySelector('[name=when][value=at]').click()")
        page.fill("[name=day]", days[0])
        page.fill("[name=time]", "09:30")
        keep_picture(page, "day-written.png")
        staff.saves("Schedule it")

        staff.goes_to(f"/admin/calendar/week/?day={days[0]}", TEXT)
        assert day_of(page, TEXT) == days[0]
        page.drag(".entry[draggable]", f"[data-day='{days[1]}']")
        staff.sees("goes out on", "at 09:30 (UTC)")
        page.wait(f"!!document.querySelector(\"[data-day='{days[1]}'] .entry\")")
        keep_picture(page, "day-dragged.png")
        assert _due(instance) == [f"{days[1]}T09:30"]
        _assert_put_back(instance, page, staff, days)

        staff.opens(TEXT)
        staff.edits(TEXT)
        page.run("document.querySelector('[name=when][value=now]').click()")
        staff.saves("Publish it now")
        instance.wait_for(lambda: _states(instance) == ["published"], what="out")
        assert _published(instance) == [(TEXT, ["A lighthouse at dawn"])]
        staff.goes_to("/admin/calendar/week/", TEXT, "Published")

        instance.sandbox.fault("mastodon", "publish", "reject_content", times=1)
        staff.writes(SECOND)
        page.run("document.querySelector('[name=when][value=now]').click()")
        staff.saves("Publish it now")
        instance.wait_for(lambda: _states(instance) == ["published", "rejected"], what="refused")
        staff.goes_to("/admin/triage/", "Refused")
        page.run("document.querySelector('.cause a.name').click()")
        staff.opens(SECOND, "delivery")
        staff.sees("Edit the post, then retry it")
        staff.opens("The post")
        staff.edits(f"{SECOND} until May")
        staff.saves("Schedule it")
        staff.goes_to("/admin/triage/", "1 can be retried")
        page.run("document.querySelector('.cause a.name').click()")
        page.wait("location.pathname.endsWith('/group/') && document.readyState === 'complete'")
        page.run("document.querySelector('[name=picked]').click()")
        page.run("document.querySelector('button[value=retry]').click()")
        staff.sees("Retries 1 that was not sent.")
        keep_picture(page, "day-retry.png")
        page.wait("document.readyState === 'complete'")
        page.run("document.querySelector('.submit-row button').click()")
        staff.sees("Retried: 1.")
        instance.wait_for(lambda: len(_published(instance)) == 2, what="out")

        assert page.complaints == []
        ours = (instance.url, instance.sandbox.url, "data:", "about:")
        assert [address for address in page.asked if not address.startswith(ours)] == []
    assert sorted(text for text, _ in _published(instance)) == sorted([TEXT, f"{SECOND} until May"])


def _assert_put_back(instance: Instance, page: Page, staff: Staff, days: list[str]) -> None:
    """Somebody else was faster: what was dragged stands where it is now, and the page says why."""
    instance.execute(f"UPDATE posts_post SET scheduled_at = '{days[1]} 10:45:00+00:00'")
    page.drag(".entry[draggable]", f"[data-day='{days[0]}']")
    staff.sees("Somebody gave this post another time meanwhile", "10:45")
    assert day_of(page, TEXT) == days[1]
    assert page.complaints == ["Failed to load resource: the server responded with a status of 409 (Conflict)"]
    page.complaints.clear()


def _monday_to_come() -> datetime:
    now = datetime.now(UTC)
    return now + timedelta(days=7 - now.weekday())


def _due(instance: Instance) -> list[str]:
    found: list[Any] = [one for (one,) in instance.rows("SELECT due_at FROM posts_delivery ORDER BY due_at")]
    return [str(one).replace(" ", "T")[:16] for one in found]


def _states(instance: Instance) -> list[str]:
    return sorted(str(one) for (one,) in instance.rows("SELECT state FROM posts_delivery"))


def _published(instance: Instance) -> list[tuple[str, list[str]]]:
    return [
        (post["text"], [file["alt_text"] for file in post.get("media", [])])
        for post in instance.sandbox.posts("mastodon")
    ]
