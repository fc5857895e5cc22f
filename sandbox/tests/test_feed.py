from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from sandbox.tests.clients import PNG, Client, Control, Server

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


class Links(HTMLParser):
    """Every address that a page loads or points to, and every tag in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]


def page_of(control: Control, path: str = "/") -> str:
    answer = control.http.get(control.origin + path, timeout=5)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    return answer.text


def test_feed_is_empty_at_first(control: Control) -> None:
    assert "Nothing has been published yet." in page_of(control)


def test_feed_shows_text_account_platform_time_reply_and_pictures(control: Control, alice: Client) -> None:
    media = alice.upload(description="A dot").json()
    root = alice.published("Root post", media_ids=[media["id"]])
    alice.published("The reply", in_reply_to_id=root["id"])

    page = page_of(control)

    assert page.index("The reply") < page.index("Root post")
    for shown in ("Root post", "@alice", "Mastodon", "in reply to", 'alt="A dot"'):
        assert shown in page
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", page)
    source = re.search(r'<img src="([^"]+)"', page)
    assert source is not None
    picture = control.http.get(control.origin + source[1], timeout=5)
    assert (picture.content, picture.headers["Content-Type"]) == (PNG, "image/png")


def test_feed_escapes_everything_and_loads_nothing_foreign(control: Control, server: Server) -> None:
    control.post("accounts", platform="mastodon", handle="eve", name=EVIL)
    eve = server.sign_in("eve")
    media = eve.upload(description=EVIL).json()
    eve.published(EVIL, spoiler_text=EVIL, media_ids=[media["id"]])

    page = page_of(control)

    links = Links(page)
    assert page.count("&lt;script&gt;alert(1)") == 4
    assert "script" not in links.tags
    assert all(address.startswith(("/", "#", control.origin + "/")) for address in links.addresses)
    assert control.http.get(f"{control.origin}/_static/sandbox.css", timeout=5).status_code == 200


def test_feed_pages_backwards(control: Control, alice: Client) -> None:
    control.put("limits", quotas=False)
    for place in range(101):
        alice.published(f"Post number {place}.")

    first = page_of(control)
    older = re.search(r'href="(/\?before=[^"]+)"', first)

    assert "Post number 100." in first
    assert "Post number 0." not in first
    assert older is not None
    assert "Post number 0." in page_of(control, older[1])


@pytest.mark.parametrize(("platform", "is_shown"), [("mastodon", True), ("other", False)])
def test_feed_picks_a_platform(control: Control, alice: Client, platform: str, is_shown: bool) -> None:
    alice.published("Only here")

    assert ("Only here" in page_of(control, f"/?platform={platform}")) is is_shown


def test_permalink_is_a_page(control: Control, alice: Client) -> None:
    public, private = alice.published("Readable"), alice.published("Hidden", visibility="private")

    page = control.http.get(public["url"], timeout=5)

    assert (page.status_code, "Readable" in page.text) == (200, True)
    assert control.http.get(private["url"], timeout=5).status_code == 404


def test_file_that_is_not_kept_is_404(control: Control) -> None:
    assert control.http.get(f"{control.origin}/_media/mastodon/5", timeout=5).status_code == 404
