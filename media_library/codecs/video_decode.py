"""Videos by PyAV: opened as what they are and nothing else, a picture from one, and a look at what was made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError, InvalidDataError, PatchWelcomeError
from PIL import Image, ImageStat

from media_library.codecs.process import Refused
from media_library.codecs.recipes import Recipe
from media_library.codecs.video_filters import BT709, of_pictures

DEMUXERS = {"video/mp4": "mov", "video/quicktime": "mov", "video/x-msvideo": "avi"}
THREADS = 2

LOOK_AT = (0.0, 0.1, 0.3, 0.6)  # shares of the duration where a good picture may be
LOOK_FRAMES = 48
LIVELY, DARK, BRIGHT = 10.0, 18.0, 242.0


@contextmanager
def opened(path: Path, mime_type: str) -> Iterator[Any]:
    """The video at `path`, as the type it was judged to be; no playlist, no other file, no network. Raises Refused."""
    try:
        with av.open(
            str(path), format=DEMUXERS[mime_type], options={"protocol_whitelist": "file"}, metadata_errors="replace"
        ) as container:
            if not container.streams.video:
                raise Refused("media_unreadable", "There is no picture in this video.")
            yield container
    except (InvalidDataError, PatchWelcomeError) as error:  # the others are ours: memory, the disk, a bug
        raise Refused("media_unreadable", "This video is damaged and cannot be read. Upload it again.") from error


# --- a picture from it ---
def poster(container: Any) -> Image.Image:
    """The first good picture: not dark, not empty; else the best one found. Raises Refused when there is none."""
    best, best_life = None, -1.0
    stream = container.streams.video[0]
    stream.codec_context.thread_count = THREADS
    ratio = pixel_ratio(stream)
    for share in LOOK_AT:
        for frame in islice(_frames_from(container, stream, share), LOOK_FRAMES):
            life = _life(frame)
            if life > best_life:
                best, best_life = frame, life
            if best_life >= LIVELY:
                return _upright(frame, ratio)
    if best is None:
        raise Refused("media_unreadable", "No picture of this video can be decoded. Upload it again.")
    return _upright(best, ratio)


def _frames_from(container: Any, stream: Any, share: float) -> Iterator[Any]:
    try:
        if share:
            container.seek(int((container.duration or 0) * share), backward=True)
        yield from container.decode(stream)
    except (FFmpegError, EOFError):  # damaged from here on: what was seen so far counts
        return


def _life(frame: Any) -> float:
    """How much there is to see: the spread of brightness; below 0 when it is nearly black or white."""
    small = ImageStat.Stat(frame.reformat(width=32, height=32, format="rgb24").to_image().convert("L"))
    spread, mean = small.stddev[0], small.mean[0]
    return spread if DARK <= mean <= BRIGHT else spread / 100


def _upright(frame: Any, ratio: float) -> Image.Image:
    """It as people see it: turned as the file says, its pixels square, its colours those of a screen."""
    width = max(1, round(frame.width * ratio))
    steps = [("scale", f"{width}:{frame.height}:out_range=pc:{BT709}"), ("format", "rgb24")]
    image: Image.Image = next(of_pictures(frame, frame.time_base, steps).push(frame)).to_image()
    return image.rotate(frame.rotation, expand=True) if frame.rotation else image


def pixel_ratio(stream: Any) -> float:
    """Width of a pixel by its height; old cameras have other than square ones."""
    return float(stream.sample_aspect_ratio or 1)


# --- what came out ---
def is_as_said(path: Path, recipe: Recipe) -> bool:
    """Whether the MP4 at `path` is upright, as large and no longer than the recipe says, and shows a picture."""
    with opened(path, "video/mp4") as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream), None)
        return (
            frame is not None
            and (frame.width, frame.height) == (recipe.width, recipe.height)
            and frame.rotation == 0
            and pixel_ratio(stream) == 1
            and (recipe.max_duration_s is None or (container.duration or 0) / 1_000_000 <= recipe.max_duration_s)
        )


def duration_s(path: Path) -> float:
    with opened(path, "video/mp4") as container:
        return (container.duration or 0) / 1_000_000
