"""What one server takes: what its instance document says, in our words, and the rule for media that follows from it.

Sources: https://docs.joinmastodon.org/entities/Instance/#configuration; app/models/media_attachment.rb and
app/models/concerns/attachmentable.rb of mastodon/mastodon (read 2026-11-28).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule

URL = "https://docs.joinmastodon.org/entities/Instance/#configuration"
READ = "2026-11-28"
MAX_CHARACTERS = 500
CHARACTERS_PER_URL = 23
STOCK: Mapping[str, int] = {
    "max_characters": MAX_CHARACTERS,
    "characters_reserved_per_url": CHARACTERS_PER_URL,
    "max_media_attachments": 4,
    "description_limit": 1_500,
    "image_size_limit": 16_777_216,
    "image_matrix_limit": 33_177_600,
    "video_size_limit": 103_809_024,
    "video_matrix_limit": 8_294_400,
    "video_frame_rate_limit": 120,
}
GIF_MATRIX_LIMIT = 921_600  # 1280 x 720; of the source, no document says it
PICTURES = ("image/jpeg", "image/png", "image/webp")
GIF, MP4 = "image/gif", "video/mp4"
LARGEST = 10**11
MOST_TYPES = 50


def limits_of(instance: Mapping[str, Any]) -> dict[str, Any]:
    """The limits that matter here, from either version of the instance document, else the stock ones.

    `mime_types`: what it takes as media, [] = it does not say. Pleroma and Akkoma have theirs at the top, by names of
    their own.
    """
    configuration = _mapping(instance.get("configuration"))
    statuses, media = _mapping(configuration.get("statuses")), _mapping(configuration.get("media_attachments"))
    upload_limit = instance.get("upload_limit")
    said = {
        "max_characters": instance.get("max_toot_chars"),
        "max_media_attachments": instance.get("max_media_attachments"),
        "description_limit": instance.get("description_limit"),
        "image_size_limit": upload_limit,
        "video_size_limit": upload_limit,
        **statuses,
        **media,
    }
    least = {"max_media_attachments": 0}
    limits: dict[str, Any] = {
        name: _count(said.get(name), stock, least=least.get(name, 1)) for name, stock in STOCK.items()
    }
    return {**limits, "mime_types": _mime_types(media.get("supported_mime_types"))}


def media_rule_of(limits: Mapping[str, Any]) -> MediaRule | None:
    """What one status may carry there: pictures, or one GIF, or one video; None = no media.

    `limits` as `limits_of` gave them, maybe long ago: what is missing is stock. A GIF becomes a silent video at the
    server, but comes as a GIF, and by the limits of pictures.
    """
    most = {name: int(limits.get(name, stock)) for name, stock in STOCK.items()}
    taken = limits.get("mime_types") or (*PICTURES, GIF, MP4)
    pictures = tuple(mime_type for mime_type in PICTURES if mime_type in taken)
    image_bytes, video_bytes = most["image_size_limit"] - 1, most["video_size_limit"] - 1  # "must be less than"
    if not most["max_media_attachments"]:
        return None
    return MediaRule(
        url=URL,
        read=READ,
        images=ImageRule(pictures, image_bytes, max_pixels=most["image_matrix_limit"]) if pictures else None,
        animations=_animations(taken, image_bytes, most) or _silent_videos(taken, video_bytes, most),
        videos=VideoRule(
            (MP4,), video_bytes, max_pixels=most["video_matrix_limit"], max_fps=most["video_frame_rate_limit"]
        )
        if MP4 in taken
        else None,
        max_images=most["max_media_attachments"],
        alt_text_limit=most["description_limit"],
    )


def _animations(taken: Iterable[str], max_bytes: int, most: Mapping[str, int]) -> ImageRule | None:
    pixels = min(most["image_matrix_limit"], GIF_MATRIX_LIMIT)
    return ImageRule((GIF,), max_bytes, max_pixels=pixels) if GIF in taken else None


def _silent_videos(taken: Iterable[str], max_bytes: int, most: Mapping[str, int]) -> ImageRule | None:
    return ImageRule((MP4,), max_bytes, max_pixels=most["video_matrix_limit"]) if MP4 in taken else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any, stock: int, *, least: int) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST
    return value if is_count else stock


def _mime_types(value: Any) -> list[str]:
    """A list, or an object with the types as names (Friendica)."""
    types = value if isinstance(value, list | Mapping) else ()
    return [one for one in types if isinstance(one, str) and len(one) < 100 and "/" in one][:MOST_TYPES]
