"""Where X is: its API and its pages have hosts of their own, which the simulator has not."""

from __future__ import annotations

API = "https://api.x.com"
PAGES = "https://x.com"


def pages_of(base_url: str) -> str:
    """The address below which people find consent, profiles and posts."""
    return PAGES if base_url == API else base_url


def profile_url(base_url: str, handle: str) -> str:
    return f"{pages_of(base_url)}/{handle.removeprefix('@')}"


def post_url(base_url: str, handle: str, remote_id: str) -> str:
    """X redirects it should the person be called otherwise by now."""
    return f"{profile_url(base_url, handle)}/status/{remote_id}"
