"""What can be changed about X while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.fields import Check, flag, handles, one_of, whole

NEW, OLD, BOTH = "new", "old", "both"


@dataclass(slots=True)
class Settings:
    """`names`: those of the OpenAPI document 2.167 (`referenced_posts` …), of 2.166 (`referenced_tweets` …), or both.

    `field_names`: whether `post.fields`, `tweet.fields` or either is taken. `subscribed`: the handles with X Premium,
    who may write long posts. `self_serve`: the rules of the plans that are not Enterprise, for replies and cashtags;
    `self_replies`: whether those let people reply to themselves. `media_duplicates`: whether the guard against the same
    text looks at posts with media too. `video_processing_ms`: how long X works on a GIF or a video;
    `processing_failure`: what that fails with, "" = it does not. `upload_ttl_s`, `media_ttl_s`: how long an upload may
    take, and how long its id is good afterwards.
    """

    names: str = NEW
    field_names: str = BOTH
    subscribed: list[str] = field(default_factory=list)
    self_serve: bool = True
    self_replies: bool = True
    duplicate_window_s: int = 86_400
    media_duplicates: bool = True
    video_processing_ms: int = 250
    processing_failure: str = ""
    upload_ttl_s: int = 1_296_000
    media_ttl_s: int = 86_400
    code_ttl_s: int = 30
    token_ttl_s: int = 7_200


SETTING_CHECKS: Mapping[str, Check] = {
    "names": one_of((NEW, OLD, BOTH)),
    "field_names": one_of((NEW, OLD, BOTH)),
    "subscribed": handles,
    "self_serve": flag,
    "self_replies": flag,
    "duplicate_window_s": whole(0, 1 << 31),
    "media_duplicates": flag,
    "video_processing_ms": whole(0, 86_400_000),
    "processing_failure": one_of(("", "InvalidMedia", "UnsupportedMedia", "InternalError")),
    "upload_ttl_s": whole(0, 1 << 31),
    "media_ttl_s": whole(0, 1 << 31),
    "code_ttl_s": whole(0, 1 << 31),
    "token_ttl_s": whole(1, 1 << 31),
}
