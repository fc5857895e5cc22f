"""Where X is: its API and its pages have hosts of their own, which the simulator has not."""

from __future__ import annotations

import re

API = "https://api.x.com"
PAGES = "https://x.com"
POST_ID = re.compile(r"[0-9]{1,19}")
_POST_URL = re.compile(r"/[^/?#]+(?:/web)?/status/(?P<id>[0-9]{1,19})(?![0-9])")
_HOST = re.compile(r"https?://(?:www\.|mobile\.)?(?:x|twitter)\.com(?=/)", re.IGNORECASE)


def pages_of(base_url: str) -> str:
    """The address below which people find consent, profiles and posts."""
    return PAGES if base_url == API else base_url


def profile_url(base_url: str, handle: str) -> str:
    return f"{pages_of(base_url)}/{handle.removeprefix('@')}"


def post_url(base_url: str, handle: str, remote_id: str) -> str:
    """X redirects it should the person be called otherwise by now."""
    return f"{profile_url(base_url, handle)}/status/{remote_id}"


def post_id_of(given: str, base_url: str = API) -> str:
    """The id of the post that somebody names by its id or its address; "" = that is neither.

    `base_url`: where the account's API is; addresses below its pages count beside those at X.
    """
    named = given.strip()
    if POST_ID.fullmatch(named):
        return named
    pages = pages_of(base_url)
    host = len(pages) if named.startswith(f"{pages}/") else (found.end() if (found := _HOST.match(named)) else 0)
    address = _POST_URL.match(named, host) if host else None
    return address["id"] if address else ""
