"""Where people find what is in a repository, and where videos go before they are in one.

A post's address names the DID, which outlives every change of handle.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

PAGES = "https://bsky.app"
SERVICE = "https://bsky.social"
VIDEO_SERVICE = "https://video.bsky.app"
VIDEO_SERVICE_DID = "did:web:video.bsky.app"


def pages_of(base_url: str) -> str:
    """Every service's posts are shown at bsky.app; the simulator, which alone speaks http, shows its own."""
    return base_url if base_url.startswith("http://") else PAGES


def post_url(base_url: str, did: str, record_key: str) -> str:
    return f"{pages_of(base_url)}/profile/{did}/post/{record_key}"


def own_did(base_url: str) -> str:
    """The DID of a service that does not say which is its own: that of its host's name."""
    return f"did:web:{quote(urlsplit(base_url).netloc, safe='')}"


def video_service_of(base_url: str, did: str) -> tuple[str, str]:
    """The address and the DID of the video service that works for all; the simulator is its own."""
    return (base_url, did) if base_url.startswith("http://") else (VIDEO_SERVICE, VIDEO_SERVICE_DID)
