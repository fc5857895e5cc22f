"""Where people find what is in a repository. The address names the DID, which outlives every change of handle."""

from __future__ import annotations

PAGES = "https://bsky.app"
SERVICE = "https://bsky.social"


def pages_of(base_url: str) -> str:
    """Every service's posts are shown at bsky.app; the simulator, which alone speaks http, shows its own."""
    return base_url if base_url.startswith("http://") else PAGES


def post_url(base_url: str, did: str, record_key: str) -> str:
    return f"{pages_of(base_url)}/profile/{did}/post/{record_key}"
