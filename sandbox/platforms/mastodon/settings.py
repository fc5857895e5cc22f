"""What differs from one Mastodon server to the next, and can be changed while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.fields import BadField, Check, flag, handles, one_of, text, whole

MAX = 1 << 31
STOCK = "mastodon"
TAKAHE = "takahe"
MIME_TYPES = (
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "video/webm",
    "video/mp4",
    "video/quicktime",
    "audio/wav",
    "audio/ogg",
    "audio/mpeg",
    "audio/mp4",
)


@dataclass(slots=True)
class Settings:
    """Stock values of https://docs.joinmastodon.org/entities/Instance/ (read 2026-11-23).

    `video_processing_ms`: how long the server works on a video, a GIF or a sound before it can be posted;
    `processing_fails`: whether it cannot use it in the end. `media_ttl_s`: how long a file is kept that no status has.
    `has_v2_media`: whether it knows the call of 3.1.3 that does not wait. `drops_unknown_media`: a status is made
    without the media that are not there, as older servers do, instead of being refused.
    `login_disabled`: handles whose token gets them 403, as those of suspended and moved accounts do on Mastodon itself.
    `suspended`, `moved`, `limited`: handles of which the account only says it, as on other servers.
    `rotating_tokens`: a fork whose tokens end after `token_ttl_s`, with single-use refresh tokens.
    """

    title: str = "Sandbox"
    version: str = "4.5.2"
    max_characters: int = 500
    max_media_attachments: int = 4
    characters_reserved_per_url: int = 23
    description_limit: int = 1500
    image_size_limit: int = 16_777_216
    image_matrix_limit: int = 33_177_600
    video_size_limit: int = 103_809_024
    video_matrix_limit: int = 8_294_400
    video_frame_rate_limit: int = 120
    poll_max_options: int = 4
    poll_max_characters: int = 50
    poll_min_expiration: int = 300
    poll_max_expiration: int = 2_629_746
    supported_mime_types: list[str] = field(default_factory=lambda: list(MIME_TYPES))
    video_processing_ms: int = 250
    processing_fails: bool = False
    media_ttl_s: int = 86_400
    has_v2_media: bool = True
    drops_unknown_media: bool = False
    login_disabled: list[str] = field(default_factory=list)
    suspended: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    limited: list[str] = field(default_factory=list)
    rotating_tokens: bool = False
    token_ttl_s: int = 7200
    code_ttl_s: int = 600
    dialect: str = STOCK


def mime_types(name: str, value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(one, str) and "/" in one for one in value):
        return value
    raise BadField(f"{name}: must be a list of MIME types")


# What Takahe 0.11 says of itself instead; it makes a WebP of every picture and takes nothing else.
TAKAHE_LIMITS: Mapping[str, Any] = {
    "version": "takahe/0.11.0",
    "image_size_limit": 10_485_760,
    "image_matrix_limit": 4_000_000,
    "supported_mime_types": ["image/gif", "image/jpeg", "image/png", "image/webp"],
}

SETTING_CHECKS: Mapping[str, Check] = {
    "title": text(200),
    "version": text(100),
    "max_characters": whole(1, MAX),
    "max_media_attachments": whole(0, 100),
    "characters_reserved_per_url": whole(1, MAX),
    "description_limit": whole(1, MAX),
    "image_size_limit": whole(1, MAX),
    "image_matrix_limit": whole(1, MAX),
    "video_size_limit": whole(1, MAX),
    "video_matrix_limit": whole(1, MAX),
    "video_frame_rate_limit": whole(1, MAX),
    "poll_max_options": whole(2, 100),
    "poll_max_characters": whole(1, MAX),
    "poll_min_expiration": whole(1, MAX),
    "poll_max_expiration": whole(1, MAX),
    "supported_mime_types": mime_types,
    "video_processing_ms": whole(0, 86_400_000),
    "processing_fails": flag,
    "media_ttl_s": whole(0, MAX),
    "has_v2_media": flag,
    "drops_unknown_media": flag,
    "login_disabled": handles,
    "suspended": handles,
    "moved": handles,
    "limited": handles,
    "rotating_tokens": flag,
    "token_ttl_s": whole(1, MAX),
    "code_ttl_s": whole(0, MAX),
    "dialect": one_of((STOCK, TAKAHE)),
}
