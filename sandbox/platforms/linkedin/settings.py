"""What can be changed about LinkedIn while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.fields import BadField, Check, flag, whole

DAY_S = 86_400


@dataclass(slots=True)
class Settings:
    """`community`: whether our app has the Community Management API; without it nobody can be asked for what it allows.
    `has_refresh`: whether it gets refresh tokens. `dead_versions`: versions switched off beside those that are anyway.
    `lost_organisations`: names of those where the person has no role any more. `daily_posts`: how often an author may
    post in a day, 0 = without end. `comment_delay_ms`: how long a fresh post takes no comments. `processing_ms`: how
    long LinkedIn works on a video; `processing_fails`: what it ends with for files uploaded from now on.
    `upload_ttl_s`: how long the address of an upload is good. `part_bytes`: how long the parts of a video are.
    """

    community: bool = True
    has_refresh: bool = True
    dead_versions: list[str] = field(default_factory=list)
    lost_organisations: list[str] = field(default_factory=list)
    daily_posts: int = 0
    comment_delay_ms: int = 0
    processing_ms: int = 250
    processing_fails: bool = False
    upload_ttl_s: int = DAY_S
    part_bytes: int = 4_194_304


def texts(name: str, value: object) -> list[str]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise BadField(f"{name}: must be a list of texts")


SETTING_CHECKS: Mapping[str, Check] = {
    "community": flag,
    "has_refresh": flag,
    "dead_versions": texts,
    "lost_organisations": texts,
    "daily_posts": whole(0, 100_000),
    "comment_delay_ms": whole(0, 600_000),
    "processing_ms": whole(0, 86_400_000),
    "processing_fails": flag,
    "upload_ttl_s": whole(0, 30 * DAY_S),
    "part_bytes": whole(1, 4_194_304),
}
