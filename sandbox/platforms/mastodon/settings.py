"""What differs from one Mastodon server to the next, and can be changed while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.fields import Check, flag, one_of, text, whole

MAX = 1 << 31
STOCK = "mastodon"
TAKAHE = "takahe"


@dataclass(slots=True)
class Settings:
    """Stock values of https://docs.joinmastodon.org/entities/Instance/ (read 2026-11-23).

    `video_processing_ms`: how long the server works on a video, a GIF or a sound before it can be posted.
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
    video_processing_ms: int = 250
    rotating_tokens: bool = False
    token_ttl_s: int = 7200
    code_ttl_s: int = 600
    dialect: str = STOCK


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
    "video_processing_ms": whole(0, 86_400_000),
    "rotating_tokens": flag,
    "token_ttl_s": whole(1, MAX),
    "code_ttl_s": whole(0, MAX),
    "dialect": one_of((STOCK, TAKAHE)),
}
