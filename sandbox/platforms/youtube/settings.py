"""What can be changed about YouTube while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.fields import Check, flag, names, one_of, whole

FAILURES = ("", "conversion", "invalidFile", "emptyFile", "tooSmall", "codec", "uploadAborted")
REJECTIONS = (
    "",
    "claim",
    "copyright",
    "duplicate",
    "inappropriate",
    "legal",
    "length",
    "termsOfUse",
    "trademark",
    "uploaderAccountClosed",
    "uploaderAccountSuspended",
)
HONEST, AHEAD, BEHIND, SILENT = "", "ahead", "behind", "silent"


@dataclass(slots=True)
class Settings:
    """`video_processing_ms`: how long YouTube works on a video. `failure`, `rejection`: why it does not take those
    uploaded from now on, "" = it does. `range_lie`: what a 308 says of the bytes that have arrived. `session_ttl_s`:
    how long an upload may take. `is_testing`: whether our project is, so that grants end after a week. `keeps_private`:
    whether videos stay private whatever is asked for. `unverified`: handles of channels without a number of a phone.
    `playlists`: ids of those there are. `comments_off`: whether videos take none. `hidden_counts`: whether figures are
    hidden. `daily_videos`, `daily_units`: the quota of a project.
    """

    video_processing_ms: int = 250
    failure: str = ""
    rejection: str = ""
    range_lie: str = HONEST
    session_ttl_s: int = 604_800
    token_ttl_s: int = 3_599
    is_testing: bool = False
    keeps_private: bool = False
    unverified: list[str] = field(default_factory=list)
    playlists: list[str] = field(default_factory=list)
    comments_off: bool = False
    hidden_counts: bool = False
    daily_videos: int = 100
    daily_units: int = 10_000


SETTING_CHECKS: Mapping[str, Check] = {
    "video_processing_ms": whole(0, 86_400_000),
    "failure": one_of(FAILURES),
    "rejection": one_of(REJECTIONS),
    "range_lie": one_of((HONEST, AHEAD, BEHIND, SILENT)),
    "session_ttl_s": whole(0, 10_000_000),
    "token_ttl_s": whole(1, 10_000_000),
    "is_testing": flag,
    "keeps_private": flag,
    "unverified": names,
    "playlists": names,
    "comments_off": flag,
    "hidden_counts": flag,
    "daily_videos": whole(0, 1_000_000),
    "daily_units": whole(0, 100_000_000),
}
