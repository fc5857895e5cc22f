"""What a file loses in a form is told before it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule
from media_library.codecs.recipes import Original, losses, plan

RULE = MediaRule(
    "https://example.org",
    "2026-11-28",
    images=ImageRule(("image/jpeg", "image/png"), 5_000_000),
    animations=ImageRule(("video/mp4",), 5_000_000),
    videos=VideoRule(("video/mp4",), 50_000_000),
)
JPEG_ONLY = MediaRule("https://example.org", "2026-11-28", images=ImageRule(("image/jpeg",), 5_000_000))
FILM = {
    "container": "mp4", "video_codec": "h264", "audio_codec": "aac", "has_audio": True, "fps": 30.0,
    "pixel_format": "yuv420p", "rotation": 0, "channels": 2, "sample_rate": 48_000,
}  # fmt: skip


def lost(form: str, mime_type: str, facts: dict[str, Any], rule: MediaRule = RULE) -> list[str]:
    original = Original(form, mime_type, 1000, 640, 480, 5.0 if form != "image" else None, facts)
    return [one.code for one in losses(original, plan(original, rule))]


@pytest.mark.parametrize(
    ("form", "mime_type", "facts", "codes"),
    [
        ("image", "image/png", {"frames": 12}, ["motion_lost"]),
        ("image", "image/png", {"frames": 1, "has_alpha": True}, []),
        ("image", "image/jpeg", {"frames": 1}, []),
        ("animation", "image/gif", {"frames": 12}, []),
        ("animation", "image/gif", {"frames": 12, "has_alpha": True}, ["transparency_lost"]),
        ("video", "video/mp4", FILM, []),
        ("video", "video/mp4", {**FILM, "channels": 6}, ["surround_lost"]),
        ("video", "video/mp4", {**FILM, "is_hdr": True}, ["dynamic_range_lost"]),
    ],
)
def test_losses_are_told(form: str, mime_type: str, facts: dict[str, Any], codes: list[str]) -> None:
    assert lost(form, mime_type, facts) == codes


def test_transparency_is_lost_where_only_jpeg_is_taken() -> None:
    assert lost("image", "image/png", {"frames": 3, "has_alpha": True}, JPEG_ONLY) == [
        "motion_lost",
        "transparency_lost",
    ]
