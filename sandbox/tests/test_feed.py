from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from sandbox.feed import picture
from sandbox.platforms import PLATFORMS
from sandbox.records import Media
from sandbox.tests import bluesky as sky
from sandbox.tests.clients import MP4, PNG, Client, Control, Server
from sandbox.tests.twitter import Session
from sandbox.world import Files, World

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
    assert "A dot</figcaption>" in page
    source = re.search(r'<img src="([^"]+)"', page)
    assert source is not None
    picture = control.http.get(control.origin + source[1], timeout=5)
    assert (picture.content, picture.headers["Content-Type"]) == (PNG, "image/png")


def test_feed_shows_the_files_of_every_platform(
    control: Control, alice: Client, ann: Session, amy: sky.Session
) -> None:
    alice.published("One", media_ids=[alice.upload(PNG, description="On Mastodon").json()["id"]])
    media_id = ann.uploaded(PNG)
    ann.describe(media_id, "On X")
    ann.posted("Two", media={"media_ids": [media_id]})
    image = {"image": amy.blob(PNG), "alt": "On Bluesky"}
    amy.posted("Three", embed={"$type": "app.bsky.embed.images", "images": [image]})

    page = page_of(control)

    for alt in ("On Mastodon", "On X", "On Bluesky"):
        source = re.search(rf'<img src="([^"]+)" alt="{alt}"', page)
        assert source is not None
        assert control.http.get(control.origin + source[1], timeout=5).content == PNG


def test_feed_shows_videos_and_says_where_an_alt_text_is_missing(control: Control, alice: Client) -> None:
    alice.published(media_ids=[alice.upload(MP4, version="v1").json()["id"]])

    page = page_of(control)

    source = re.search(r'<video src="([^"]+)" aria-label="" controls', page)
    assert source is not None
    assert "no alt text" in page
    assert control.http.get(control.origin + source[1], timeout=5).headers["Content-Type"] == "video/mp4"


@pytest.mark.parametrize(
    ("asked", "status", "part", "named"),
    [
        ("bytes=0-", 206, slice(0, None), f"bytes 0-{len(MP4) - 1}/{len(MP4)}"),
        ("bytes=5-9", 206, slice(5, 10), f"bytes 5-9/{len(MP4)}"),
        ("bytes=9-999", 206, slice(9, None), f"bytes 9-{len(MP4) - 1}/{len(MP4)}"),
        ("bytes=999-", 200, slice(None), None),
        ("bytes=-5", 200, slice(None), None),
        ("lines=1-2", 200, slice(None), None),
    ],
)
def test_file_comes_in_parts_for_players(
    control: Control, alice: Client, asked: str, status: int, part: slice, named: str | None
) -> None:
    alice.published(media_ids=[alice.upload(MP4, version="v1").json()["id"]])
    source = re.search(r'<video src="([^"]+)"', page_of(control))
    assert source is not None

    answer = control.http.get(control.origin + source[1], headers={"Range": asked}, timeout=5)

    assert (answer.status_code, answer.content) == (status, MP4[part])
    assert answer.headers.get("Content-Range") == named


def test_feed_hides_what_is_sensitive(control: Control, alice: Client) -> None:
    media_id = alice.upload(PNG).json()["id"]
    alice.published(media_ids=[media_id], sensitive=True)

    page = page_of(control)

    assert page.index("<details><summary>Sensitive media</summary>") < page.index("<img ") < page.index("</details>")


def test_feed_says_which_file_is_not_kept_any_more() -> None:
    world = World("http://127.0.0.1:1", PLATFORMS)
    platform = world.site("mastodon")
    assert platform is not None
    item = Media("5", platform.site.sign_up("eve"), "video", "video/mp4", 123_456, "", "", "A cat", 0)

    shown = picture(item, "mastodon", world)

    assert '<p class="gone">video/mp4, 123,456 bytes, not kept any more</p>' in shown
    assert "A cat</figcaption>" in shown


def test_files_that_are_kept_twice_count_once() -> None:
    files = Files(max_bytes=10)

    for media_id in ("1", "2", "1", "1"):
        files.keep("mastodon", media_id, b"12345")

    assert (files.find("mastodon", "1"), files.find("mastodon", "2")) == (b"12345", b"12345")


def test_feed_escapes_everything_and_loads_nothing_foreign(control: Control, server: Server) -> None:
    control.post("accounts", platform="mastodon", handle="eve", name=EVIL)
    eve = server.sign_in("eve")
    media = eve.upload(description=EVIL).json()
    eve.published(EVIL, spoiler_text=EVIL, media_ids=[media["id"]])

    page = page_of(control)

    links = Links(page)
    assert page.count("&lt;script&gt;alert(1)") == 5
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
