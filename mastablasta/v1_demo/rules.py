"""What the demo has to know of the rest, handed in by the URL configuration."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Preview = Callable[..., Mapping[str, Any]]
"""`(platform, *, content, post_type, media)` → what the platform would get of it, and what it would refuse, as JSON.

`media` holds the kinds of the files (image or video), in order. No database, no network.
"""
RateLimits = Callable[[str], Sequence[Mapping[str, Any]]]
"""`(platform)` → the platform's own limits, as JSON; empty where this version does not know them."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`exported`: the platforms that API v2 knows; a post leaves the demo for those only."""

    preview: Preview
    rate_limits: RateLimits
    exported: Collection[str]
