"""Files through the API of a whole instance: back as they came, prepared within seconds, out in every form."""

from __future__ import annotations

import hashlib
import urllib.error
from typing import Any

import pytest

from media_library.tests.factories import MAKER, clip, moving, photo, still
from tests.client import Client
from tests.instance import Instance

PLATFORMS = ["bluesky", "mastodon", "twitter"]
FORMATS = {
    "image/jpeg": photo((800, 600), orientation=6),
    "image/png": still("PNG", (300, 200), mode="RGBA"),
    "image/gif": moving("GIF"),
    "image/webp": still("WEBP"),
    "video/mp4": clip("mp4"),
    "video/quicktime": clip("mov"),
    "video/x-msvideo": clip("avi"),
}


@pytest.fixture
def client(instance: Instance) -> Client:
    person = instance.client()
    for platform in PLATFORMS:
        person.connect(platform, "ada")
    return person


def ready(instance: Instance, client: Client, media_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        shown: dict[str, Any] = client.get(f"media/{media_id}")
        return None if shown["status"] == "processing" else shown

    found: dict[str, Any] = instance.wait_for(look, what="made ready")
    return found


@pytest.mark.parametrize("mime_type", FORMATS)
def test_the_original_comes_back_byte_for_byte(instance: Instance, client: Client, mime_type: str) -> None:
    data = FORMATS[mime_type]

    uploaded = client.upload(data, "Ferien ⛱.bin", alt_text="The sea")

    assert (uploaded["mime_type"], uploaded["size"], uploaded["sha256"], uploaded["alt_text"]) == (
        mime_type, len(data), hashlib.sha256(data).hexdigest(), "The sea",
    )  # fmt: skip
    back, headers = client.fetch(uploaded["url"])
    assert back == data
    assert (headers["Content-Type"], headers["X-Content-Type-Options"]) == (mime_type, "nosniff")
    part, headers = client.fetch(uploaded["url"], Range="bytes=10-29")
    assert (part, headers["Content-Range"]) == (data[10:30], f"bytes 10-29/{len(data)}")
    shown = ready(instance, client, uploaded["id"])
    assert (shown["status"], shown["status_reason"]) == ("ready", "")
    for path in (uploaded["thumbnail_url"], f"{uploaded['url']}?rendition=web"):
        made, headers = client.fetch(path)
        assert headers["Content-Type"].startswith(("image/", "video/"))
        assert MAKER.encode() not in made
    assert client.upload(data)["id"] == uploaded["id"]


def test_nobody_else_gets_it(instance: Instance, client: Client) -> None:
    uploaded = client.upload(photo())

    with pytest.raises(urllib.error.HTTPError) as refused:
        instance.client().fetch(uploaded["url"])

    assert refused.value.code == 404


def test_a_picture_and_a_film_reach_every_platform(instance: Instance, client: Client) -> None:
    picture = client.upload(photo((640, 480)), alt_text="A street")["id"]
    film = client.upload(clip("mov", duration_s=2), alt_text="A film")["id"]

    for media, text, alt_text in ((picture, "Look", "A street"), (film, "Watch", "A film")):
        post = client.post("posts", {"content": text, "platforms": PLATFORMS, "media": [media], "publish": True})

        def look(post_id: str = post["id"]) -> Any:
            shown = client.get(f"posts/{post_id}")
            return shown if shown["status"] == "published" else None

        instance.wait_for(look, what=f"published with {alt_text}")
        for platform in PLATFORMS:
            found = [row["media"] for row in instance.sandbox.posts(platform) if row["text"].startswith(text)]
            assert [[one["alt_text"] for one in files] for files in found] == [[alt_text]]
