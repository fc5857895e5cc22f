"""The simulator's feed for people, in a browser: what every platform got is there to be seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from integrations.contract import Content, Part
from media_library.tests.factories import clip, moving, photo
from tests.browser import CHROMIUM, WHY_SKIPPED, browser
from tests.kit.connector_contract import InMemoryProgress, SignedInAccount, step_of, visit
from tests.kit.media_contract import MediaFolder, go_on, with_media
from tests.world import Sandbox

ARE_SEEN = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
PLAY = "[...document.querySelectorAll('video')].every(video => video.readyState > 0 && video.duration > 0)"


def publish_some(anna: SignedInAccount, folder: MediaFolder) -> None:
    shape = {"width": 64, "height": 48}
    pictures = [folder.use(photo(), "image/jpeg", alt_text=f"Picture {number}", **shape) for number in range(4)]
    film = folder.use(clip(), "video/mp4", kind="video", duration_s=1.0, alt_text="A film", **shape)
    rule = anna.connector.media_rule("standard", anna.target)
    assert rule is not None
    assert rule.animations is not None
    mime_type = rule.animations.mime_types[0]
    data = moving() if mime_type == "image/gif" else clip(has_audio=False)
    animation = folder.use(data, mime_type, kind="animation", duration_s=0.3, alt_text="It blinks", **shape)
    for text, media in {"Pictures": pictures, "A film": [film], "It moves": [animation]}.items():
        go_on(anna, step_of(with_media(*media, text=text), key=text), InMemoryProgress())


@pytest.mark.skipif(not CHROMIUM, reason=WHY_SKIPPED)
def test_feed_in_chromium_shows_the_files_of_every_platform(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = MediaFolder(tmp_path)
    for slug in ("mastodon", "twitter", "bluesky"):
        publish_some(visit(sandbox, slug), folder)
    hidden = Content((Part("Careful", (folder.use(photo(), "image/jpeg"),)),), {"sensitive": True})
    go_on(visit(sandbox, "mastodon"), step_of(hidden, key="k.9"), InMemoryProgress())

    with browser() as page:
        page.open(f"{sandbox.url}/")
        page.run("document.querySelectorAll('img').forEach(image => { image.loading = 'eager' })")
        is_hidden = page.run("document.querySelector('details img').checkVisibility()")
        page.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
        page.wait(ARE_SEEN)
        page.wait(PLAY)
        shown = page.run("[document.images.length, document.querySelectorAll('video').length]")
        page.run("document.querySelector('video').currentTime = 0.5")
        page.wait("document.querySelector('video').currentTime === 0.5")
        widest = page.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    # X and Mastodon take GIFs, Bluesky a film in their place
    assert (is_hidden, shown, widest) == (False, [3 * 4 + 2 + 1, 3 + 1], True)
    assert page.complaints == []
    foreign = [address for address in page.asked if not address.startswith((f"{sandbox.url}/", "data:", "about:"))]
    assert foreign == []
