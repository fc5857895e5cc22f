"""What can be changed about Facebook while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.fields import BadField, Check, flag, one_of, whole


@dataclass(slots=True)
class Settings:
    """`lost_pages`: names of pages whose tokens have ended alone. `read_only_pages`: names of pages where the person
    may not write. `unticked_pages`: names of pages that the person does not allow an app to see. `require_proof`:
    whether a call has to be signed with the app's secret. `used_percent`, `regain_min`: what answers to pages say of
    their limit: the least share that is used, the minutes to wait. `story_archive`: whether pages keep one, without
    which no story is listed. `video_processing_ms`: how long Facebook puts a video together; `video_failure`: what is
    wrong with those uploaded from now on, "" = nothing. `refused_fields`: names of fields and insights that Facebook
    tells no more. `silent_reads`: how many reads of a batch it leaves unanswered from now on.
    """

    lost_pages: list[str] = field(default_factory=list)
    read_only_pages: list[str] = field(default_factory=list)
    unticked_pages: list[str] = field(default_factory=list)
    require_proof: bool = True
    used_percent: int = 0
    regain_min: int = 0
    accounts_per_page: int = 100
    story_archive: bool = True
    video_processing_ms: int = 250
    video_failure: str = ""
    refused_fields: list[str] = field(default_factory=list)
    silent_reads: int = 0


def names(name: str, value: object) -> list[str]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise BadField(f"{name}: must be a list of names")


SETTING_CHECKS: Mapping[str, Check] = {
    "lost_pages": names,
    "read_only_pages": names,
    "unticked_pages": names,
    "require_proof": flag,
    "used_percent": whole(0, 100),
    "regain_min": whole(0, 1_440),
    "accounts_per_page": whole(1, 100),
    "story_archive": flag,
    "video_processing_ms": whole(0, 86_400_000),
    "refused_fields": names,
    "silent_reads": whole(0, 100),
    "video_failure": one_of(("", "The video cannot be decoded.")),
}
