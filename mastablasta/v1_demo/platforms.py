"""The platforms of the demo: those of API v1, with what a post may be there. What is sent to them goes nowhere."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Platform:
    """Post types by the names that API v2 has too."""

    display_name: str
    post_types: tuple[str, ...]


PLATFORMS: dict[str, Platform] = {
    "twitter": Platform("Twitter/X", ("standard", "thread")),
    "facebook": Platform("Facebook", ("standard", "reel", "story")),
    "instagram": Platform("Instagram", ("standard", "carousel", "reel", "story")),
    "linkedin": Platform("LinkedIn", ("standard", "article")),
    "threads": Platform("Threads", ("standard", "thread", "carousel")),
    "bluesky": Platform("Bluesky", ("standard", "thread")),
    "youtube": Platform("YouTube", ("standard", "video", "short")),
    "pinterest": Platform("Pinterest", ("standard", "video")),
    "tiktok": Platform("TikTok", ("standard", "video", "carousel")),
}
