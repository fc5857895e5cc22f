"""What somebody takes of files, as data: platforms declare it, renditions are made to it.

Sizes are bytes, durations seconds, aspect ratios width ÷ height; None = no bound.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SizeRule:
    """What is to be said of pictures and videos alike."""

    mime_types: tuple[str, ...]
    max_bytes: int
    max_width: int | None = None
    max_height: int | None = None
    max_pixels: int | None = None
    min_width: int | None = None
    min_height: int | None = None
    min_aspect: float | None = None
    max_aspect: float | None = None


@dataclass(frozen=True, slots=True)
class ImageRule(SizeRule):
    """Still images, or animated ones where a MediaRule says so. The first of `mime_types` is what is made.

    `max_frames`, `max_pixels_in_all`: of an animation, the pixels of all its frames together.
    """

    max_frames: int | None = None
    max_pixels_in_all: int | None = None


@dataclass(frozen=True, slots=True)
class VideoRule(SizeRule):
    """Videos; what is made is MP4 with H.264 and AAC."""

    min_duration_s: float | None = None
    max_duration_s: float | None = None
    video_codecs: tuple[str, ...] = ("h264",)
    audio_codecs: tuple[str, ...] = ("aac",)
    max_fps: float | None = None


@dataclass(frozen=True, slots=True)
class DocumentRule:
    """Documents, taken as they are: they leave byte by byte as they came, with what they tell of their author."""

    mime_types: tuple[str, ...]
    max_bytes: int
    max_pages: int | None = None


@dataclass(frozen=True, slots=True)
class CaptionRule:
    """Captions of a video. The first of `mime_types` is what SubRip is made into where it is not taken itself."""

    mime_types: tuple[str, ...]
    max_bytes: int


@dataclass(frozen=True, slots=True)
class MediaRule:
    """What one visible post may carry. A kind that is None is not taken.

    `max_*`: how many of a kind. `may_mix`: whether kinds go together. `alt_text_limit` in characters, 0 = none is
    taken. `covers`: a picture that stands for a video or document, beside what the post shows. `captions`: those of its
    video. `by_url`: the kinds (image, animation, video) that the platform fetches from here instead of being sent them.
    `url` and `read`: where the vendor says so, and the day it was read there (YYYY-MM-DD).
    """

    url: str
    read: str
    images: ImageRule | None = None
    animations: ImageRule | None = None
    videos: VideoRule | None = None
    max_images: int = 4
    max_animations: int = 1
    max_videos: int = 1
    may_mix: bool = False
    alt_text_limit: int = 0
    documents: DocumentRule | None = None
    max_documents: int = 1
    covers: ImageRule | None = None
    captions: CaptionRule | None = None
    max_captions: int = 20
    by_url: tuple[str, ...] = ()
