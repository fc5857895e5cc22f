"""What can be changed about a Bluesky service while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.fields import BadField, Check, flag, whole

MAX = 1 << 31


@dataclass(slots=True)
class Settings:
    """`taken_down`, `deactivated`: handles. Sessions live as long as on the reference server.

    `refresh_grace_s`: how long a refresh token that was used still gives the same successor. `retry_after`: whether
    429 says it in `Retry-After` as well; servers before 0.5 have `RateLimit-Reset` only.
    """

    taken_down: list[str] = field(default_factory=list)
    deactivated: list[str] = field(default_factory=list)
    access_ttl_s: int = 7_200
    refresh_ttl_s: int = 7_776_000
    refresh_grace_s: int = 7_200
    retry_after: bool = True


def handles(name: str, value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(handle, str) for handle in value):
        return [handle.removeprefix("@").lower() for handle in value]
    raise BadField(f"{name}: must be a list of handles")


SETTING_CHECKS: Mapping[str, Check] = {
    "taken_down": handles,
    "deactivated": handles,
    "access_ttl_s": whole(1, MAX),
    "refresh_ttl_s": whole(1, MAX),
    "refresh_grace_s": whole(0, MAX),
    "retry_after": flag,
}
