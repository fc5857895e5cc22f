"""kill -9 of the worker at five points of a long video's way to YouTube: one video, nothing of it sent twice.

The short form kills at two points of 43 MB, the long one at five of 500 MB (FAULTS=full). Whichever worker has it holds
no more of the file in memory than a little of one stretch.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil
import pytest

from integrations.platforms.youtube.uploads import CHUNK
from media_library.tests.factories import clip, long_clip
from tests.crowd import Crowd
from tests.faults.figures import note
from tests.instance import Instance
from tests.scale import IS_FULL, SETTLE_S

pytestmark = pytest.mark.timeout(1500)

SIZE, POINTS = (500_000_000, 5) if IS_FULL else (5 * CHUNK + 1_000_000, 2)
MOST_MORE = 32 << 20
PATH = "/upload/youtube/v3/videos"


def stretches(instance: Instance) -> list[int]:
    """How many bytes each call had that brought some of the video, in their order."""
    calls = [call for call in instance.sandbox.requests("youtube") if call["method"] == "PUT"]
    return [call["bytes"] for call in calls if call["path"].endswith(PATH) and call["bytes"]]


def largest_worker(instance: Instance) -> int:
    """The memory of the largest process that may publish, in bytes."""
    largest = 0
    for pid, role in instance.roles().items():
        if role in {"q2_worker", "clock"}:
            with suppress(psutil.Error):
                largest = max(largest, psutil.Process(pid).memory_info().rss)
    return largest


@contextmanager
def watched(instance: Instance) -> Iterator[list[int]]:
    """Look at the largest worker five times a second; gives what was seen so far."""
    seen, is_over = [largest_worker(instance)], threading.Event()

    def look() -> None:
        while not is_over.wait(0.2):
            seen.append(largest_worker(instance))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        is_over.set()
        watcher.join()


def forms(crowd: Crowd, film: str) -> list[int]:
    """How many bytes each form of it has that is ready to be sent; its preview is none."""
    made = crowd.client.get(f"media/{film}/renditions")["renditions"]
    return [one["size"] for one in made if one["key"] != "web" and one["status"] == "ready"]


def published(instance: Instance, crowd: Crowd, post_id: str, within_s: float) -> None:
    instance.wait_for(lambda: crowd.post(post_id)["status"] == "published", within_s, what="published")


def scheduled(crowd: Crowd, data: bytes, text: str) -> tuple[str, str]:
    """A post with this video whose form is made, so that publishing is all that is left; its id and the file's."""
    [account] = crowd.accounts["youtube"]
    film = crowd.client.upload(data)["id"]
    body = {"content": text, "media": [film], "accounts": [account], "scheduled_time": "2031-01-01T09:00:00Z"}
    post_id = crowd.client.post("posts", body)["id"]

    crowd.instance.wait_for(lambda: forms(crowd, film), 600, what="made")
    return post_id, film


def test_long_video_is_one_and_nothing_of_it_is_sent_twice_whatever_dies(instance: Instance, crowd: Crowd) -> None:
    small, _ = scheduled(crowd, clip(), "Warm")
    crowd.client.post(f"posts/{small}/publish")
    published(instance, crowd, small, 60)
    text = f"{time.time_ns()} a long film"
    data = long_clip(SIZE)
    post_id, film = scheduled(crowd, data, text)
    del data
    [size] = forms(crowd, film)
    before, base = len(stretches(instance)), largest_worker(instance)
    instance.sandbox.latency(300)
    begun_at, kills = time.monotonic(), 0

    with watched(instance) as seen:
        crowd.client.post(f"posts/{post_id}/publish")
        for point in range(POINTS):
            wanted = before + 1 + point * (size // CHUNK) // POINTS
            instance.wait_for(lambda wanted=wanted: len(stretches(instance)) >= wanted, 300, what=f"at {point}")
            if holder := crowd.holder([post_id]):
                os.kill(holder, signal.SIGKILL)
                kills += 1
        published(instance, crowd, post_id, 300 + SETTLE_S["youtube"])
    instance.sandbox.latency(0)

    sent, more = sum(stretches(instance)[before:]), max(seen) - base
    videos = [post for post in instance.sandbox.posts("youtube") if post["text"] == text]
    assert [[file["size"] for file in video["media"]] for video in videos] == [[size]]
    begun = [call for call in instance.sandbox.requests("youtube") if call["path"].endswith(PATH)]
    assert sum(call["method"] == "POST" for call in begun) == 2  # the small one, and this one
    assert size >= SIZE
    assert kills >= POINTS - 1, "the worker was between two stretches too often to be killed in one"
    assert sent <= size + CHUNK
    assert more <= MOST_MORE
    note(
        "`kill -9` at five points of a 500 MB video",
        f"{size / 1e6:.0f} MB, {kills} kills: one video, {(sent - size) / 1e6:.1f} MB sent twice, worker + "
        f"{more / (1 << 20):.0f} MiB, {time.monotonic() - begun_at:.0f} s",
    )
