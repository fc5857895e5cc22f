"""What one server takes: what its instance document says, in our words, and the rule for media that follows from it.

Sources: https://docs.joinmastodon.org/entities/Instance/#configuration; app/models/media_attachment.rb and
app/models/concerns/attachmentable.rb of mastodon/mastodon (read 2026-11-28).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from integrations.contract import Target
from integrations.protocols.values import object_in
from mastablasta.core.media_rules import ImageRule, MediaRule, VideoRule

URL = "https://docs.joinmastodon.org/entities/Instance/#configuration"
READ = "2026-11-28"
STOCK: Mapping[str, int] = {
    "max_characters": 500,
    "characters_reserved_per_url": 23,
    "max_media_attachments": 4,
    "description_limit": 1_500,
    "image_size_limit": 16_777_216,
    "image_matrix_limit": 33_177_600,
    "video_size_limit": 103_809_024,
    "video_matrix_limit": 8_294_400,
    "video_frame_rate_limit": 120,
    "max_options": 4,
    "max_characters_per_option": 50,
    "min_expiration": 300,
    "max_expiration": 2_629_746,
}
GIF_MATRIX_LIMIT = 921_600  # 1280 x 720; of the source, no document says it
PICTURES = ("image/jpeg", "image/png", "image/webp")
GIF, MP4 = "image/gif", "video/mp4"
LARGEST = 10**11
MOST_TYPES = 50
_MASTODON = re.compile(r"(?P<major>[2-9])\.(?P<minor>[0-9]{1,4})\.(?P<patch>[0-9]{1,4})(?![^(]*\(compatible)")


def limits_of(instance: Mapping[str, Any]) -> dict[str, Any]:
    """The limits that matter here, from either version of the instance document, else the stock ones.

    `mime_types`: what it takes as media, [] = it does not say. Pleroma and Akkoma have theirs at the top, by names of
    their own.
    """
    configuration = object_in(instance, "configuration")
    media = object_in(configuration, "media_attachments")
    polls = object_in(instance, "poll_limits")
    said = {
        "max_characters": instance.get("max_toot_chars"),
        "max_media_attachments": instance.get("max_media_attachments"),
        "description_limit": instance.get("description_limit"),
        "image_size_limit": instance.get("upload_limit"),
        "video_size_limit": instance.get("upload_limit"),
        "max_characters_per_option": polls.get("max_option_chars"),
        **polls,
        **object_in(configuration, "polls"),
        **object_in(configuration, "statuses"),
        **media,
    }
    limits = {name: said[name] if _is_limit(name, said.get(name)) else stock for name, stock in STOCK.items()}
    return {**limits, "mime_types": _mime_types(media.get("supported_mime_types"))}


def limit_at(target: Target | None, name: str) -> int:
    """The limit of this name at the target's server; None = a stock one."""
    return int(object_in(target.info, "limits").get(name, STOCK[name])) if target else STOCK[name]


def mastodon_version(version: str) -> tuple[int, int, int]:
    """The version of Mastodon that a server runs, (0, 0, 0) for other software.

    `version` as its instance document says it; others name themselves in it, as "2.7.2 (compatible; Pleroma 2.6.0)",
    "takahe/0.11.0" and "0.19.0" do.
    """
    found = _MASTODON.match(version)
    return (int(found["major"]), int(found["minor"]), int(found["patch"])) if found else (0, 0, 0)


def media_rule_of(limits: Mapping[str, Any]) -> MediaRule | None:
    """What one status may carry there: pictures, or one GIF, or one video; None = no media.

    `limits` as `limits_of` gave them, maybe long ago: what is missing is stock. A GIF becomes a silent video at the
    server, but comes as a GIF, and by the limits of pictures.
    """
    most = tuple(int(limits.get(name, stock)) for name, stock in STOCK.items())
    return _media_rule(most, tuple(limits.get("mime_types") or (*PICTURES, GIF, MP4)))


@lru_cache(maxsize=200)  # of a thousand posts most are for the same server
def _media_rule(limits: tuple[int, ...], taken: tuple[str, ...]) -> MediaRule | None:
    """`limits` in the order of STOCK."""
    most = dict(zip(STOCK, limits, strict=True))
    if not most["max_media_attachments"]:
        return None
    pictures = tuple(mime_type for mime_type in PICTURES if mime_type in taken)
    image_bytes, video_bytes = most["image_size_limit"] - 1, most["video_size_limit"] - 1  # "must be less than"
    pixels, video_pixels = most["image_matrix_limit"], most["video_matrix_limit"]
    gif = ImageRule((GIF,), image_bytes, max_pixels=min(pixels, GIF_MATRIX_LIMIT))
    video = VideoRule((MP4,), video_bytes, max_pixels=video_pixels, max_fps=most["video_frame_rate_limit"])
    silent = ImageRule((MP4,), video_bytes, max_pixels=video_pixels)
    return MediaRule(
        url=URL,
        read=READ,
        images=ImageRule(pictures, image_bytes, max_pixels=pixels) if pictures else None,
        animations=gif if GIF in taken else silent if MP4 in taken else None,
        videos=video if MP4 in taken else None,
        max_images=most["max_media_attachments"],
        alt_text_limit=most["description_limit"],
    )


def _is_limit(name: str, value: Any) -> bool:
    least = 0 if name == "max_media_attachments" else 1
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST


def _mime_types(value: Any) -> list[str]:
    """A list, or an object with the types as names (Friendica)."""
    types = value if isinstance(value, list | Mapping) else ()
    return [one for one in types if isinstance(one, str) and len(one) < 100 and "/" in one][:MOST_TYPES]
