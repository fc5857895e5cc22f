"""What can be changed about a Bluesky service while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.fields import Check, flag, handles, one_of, whole

MAX = 1 << 31
FAILURES = (
    "validation_failure",
    "encoding_failure",
    "pds_upload_failure",
    "pds_upload_unsupported_blob_size",
    "generic_failure",
)
NO_METHOD = ("not_implemented", "not_supported", "html_404")


@dataclass(slots=True)
class Settings:
    """`taken_down`, `suspended`, `deactivated`: handles. Sessions live as long as on the reference server.

    `refresh_grace_s`: how long a refresh token that was used still gives the same successor. `retry_after`: whether
    429 says it in `Retry-After` as well; servers before 0.5 have `RateLimit-Reset` only.

    `blob_upload_limit`: bytes of one upload; `tells_upload_limit`: whether describeServer names it, as servers do since
    0.5. `blob_ttl_s`: how long a file that no record refers to is kept. `image_max_bytes`: the lexicon's; until 2026 it
    was 1,000,000.

    `unconfirmed`: handles without a confirmed address, who may upload no video; `daily_videos`: how many others may.
    `video_processing_ms`: how long one is worked on. `video_failure`: the `failureCode` of all that are uploaded from
    now on; "" = they come out well. `flat_jobs`: uploadVideo answers the job's status bare, as the live service does,
    or under `jobStatus`, as its lexicon says. `no_video_methods`: how a service answers app.bsky.video.* that does not
    have them, as a PDS on its own; "" = it has them.
    """

    taken_down: list[str] = field(default_factory=list)
    suspended: list[str] = field(default_factory=list)
    deactivated: list[str] = field(default_factory=list)
    access_ttl_s: int = 7_200
    refresh_ttl_s: int = 7_776_000
    refresh_grace_s: int = 7_200
    retry_after: bool = True
    blob_upload_limit: int = 52_428_800
    tells_upload_limit: bool = True
    blob_ttl_s: int = 3_600
    image_max_bytes: int = 2_000_000
    unconfirmed: list[str] = field(default_factory=list)
    daily_videos: int = 25
    video_processing_ms: int = 250
    video_failure: str = ""
    flat_jobs: bool = True
    no_video_methods: str = ""


SETTING_CHECKS: Mapping[str, Check] = {
    "taken_down": handles,
    "suspended": handles,
    "deactivated": handles,
    "access_ttl_s": whole(1, MAX),
    "refresh_ttl_s": whole(1, MAX),
    "refresh_grace_s": whole(0, MAX),
    "retry_after": flag,
    "blob_upload_limit": whole(1, MAX),
    "tells_upload_limit": flag,
    "blob_ttl_s": whole(0, MAX),
    "image_max_bytes": whole(1, MAX),
    "unconfirmed": handles,
    "daily_videos": whole(0, MAX),
    "video_processing_ms": whole(0, MAX),
    "video_failure": one_of(("", *FAILURES)),
    "flat_jobs": flag,
    "no_video_methods": one_of(("", *NO_METHOD)),
}
