"""What can be changed about Instagram while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.fields import Check, flag, handles, names, whole


@dataclass(slots=True)
class Settings:
    """`lost_pages`: names of pages whose tokens have ended alone. `unlinked_pages`: those without an account.
    `personal`: handles whose account is not a professional one. `require_proof`: whether calls to the host of Facebook
    Login have to be signed. `used_percent`, `regain_min`: what answers say of the limit of calls.

    `publishing_quota`: posts a day. `image_processing_ms`, `video_processing_ms`: how long a container is worked on.
    `container_failure`: the subcode of the error in which those end that are made from now on, 0 = none.
    `container_ttl_s`: how long one lives. `silent_reads`: how many reads of a batch get no answer. `refused_metrics`:
    names of insights that Instagram knows no more.
    """

    lost_pages: list[str] = field(default_factory=list)
    unlinked_pages: list[str] = field(default_factory=list)
    personal: list[str] = field(default_factory=list)
    require_proof: bool = True
    used_percent: int = 0
    regain_min: int = 0
    accounts_per_page: int = 100
    publishing_quota: int = 50
    image_processing_ms: int = 0
    video_processing_ms: int = 250
    container_failure: int = 0
    container_ttl_s: int = 86_400
    silent_reads: int = 0
    refused_metrics: list[str] = field(default_factory=list)


SETTING_CHECKS: Mapping[str, Check] = {
    "lost_pages": names,
    "unlinked_pages": names,
    "personal": handles,
    "require_proof": flag,
    "used_percent": whole(0, 100),
    "regain_min": whole(0, 1_440),
    "accounts_per_page": whole(1, 100),
    "publishing_quota": whole(0, 1_000),
    "image_processing_ms": whole(0, 86_400_000),
    "video_processing_ms": whole(0, 86_400_000),
    "container_failure": whole(0, 9_999_999),
    "container_ttl_s": whole(0, 86_400),
    "silent_reads": whole(0, 100),
    "refused_metrics": names,
}
