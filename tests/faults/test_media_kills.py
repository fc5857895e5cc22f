"""kill -9 of the worker at every step of a video that goes up in pieces: one post, with the whole file, none twice."""

from __future__ import annotations

import os
import signal
import time

import pytest

from media_library.tests.factories import clip
from tests.crowd import Crowd
from tests.faults.figures import note
from tests.instance import Instance
from tests.scale import IS_FULL, SETTLE_S

# Calls of a publication that takes about 2.5 MB of video, until the one that makes it visible has been received.
STEPS = {"twitter": 8, "mastodon": 3, "bluesky": 4, "facebook": 5, "instagram": 3, "youtube": 3}
FEW = {
    ("twitter", 2),
    ("twitter", 7),
    ("bluesky", 1),
    ("facebook", 4),
    ("instagram", 2),
    ("youtube", 1),
}  # in a piece, at the visible call
WHERE = [(platform, step) for platform, steps in STEPS.items() for step in range(steps)]
WHERE = [one for one in WHERE if IS_FULL or one in FEW]
SETTLED_WITHIN_S = 60


def calls(instance: Instance, platform: str) -> int:
    """How many calls towards a publication have reached the platform."""
    return sum(request["operation"] in {"upload", "publish"} for request in instance.sandbox.requests(platform))


@pytest.fixture
def film(crowd: Crowd, platform: str) -> str:
    duration_s = 3 if platform == "instagram" else 2  # as short as it may be there
    data = clip(duration_s=duration_s, size=(640, 480), is_noisy=True)
    media_id: str = crowd.client.upload(data, alt_text="A film")["id"]
    return media_id


@pytest.mark.parametrize(("platform", "step"), WHERE)
def test_a_video_survives_a_kill_at_every_step(
    instance: Instance, crowd: Crowd, film: str, platform: str, step: int
) -> None:
    [account] = crowd.accounts[platform]
    text = f"{time.time_ns()} {platform} {step}"
    body = {"content": text, "media": [film], "accounts": [account], "scheduled_time": "2031-01-01T09:00:00Z"}
    post_id = crowd.client.post("posts", body)["id"]
    form = crowd.rows(
        "SELECT 1 FROM media_library_rendition WHERE asset_id = %s AND recipe_key <> 'web' AND status = 'processing'",
        film,
    )
    if form:
        instance.wait_for(
            lambda: all(one["status"] == "ready" for one in crowd.client.get(f"media/{film}/renditions")["renditions"]),
            what="made",
        )
    instance.sandbox.latency(400)
    begun = calls(instance, platform)
    crowd.client.post(f"posts/{post_id}/publish")
    instance.wait_for(lambda: calls(instance, platform) >= begun + step, what=f"at step {step}")
    holder = crowd.holder([post_id])
    if holder is not None:
        os.kill(holder, signal.SIGKILL)
    killed_at = time.monotonic()

    instance.wait_for(
        lambda: crowd.post(post_id)["status"] == "published",
        SETTLED_WITHIN_S + SETTLE_S[platform],
        what="published after the kill",
    )

    instance.sandbox.latency(0)
    seen = [post for post in instance.sandbox.posts(platform) if post["text"].startswith(text)]
    assert [[(file["mime_type"], file["alt_text"]) for file in post["media"]] for post in seen] == [
        [("video/mp4", None if platform in {"facebook", "instagram", "youtube"} else "A film")]  # none of videos
    ]
    sent = {one["sha256"]: one["size"] for one in crowd.client.get(f"media/{film}/renditions")["renditions"]}
    assert sent[seen[0]["media"][0]["sha256"]] == seen[0]["media"][0]["size"]
    [delivery] = crowd.post(post_id)["deliveries"]
    assert delivery["platform_post_id"] == seen[0]["id"]
    how = f"{time.monotonic() - killed_at:.0f} s" if holder is not None else "between two claims"
    note("`kill -9` at every step of a video", f"{platform} {step}: {how}")
