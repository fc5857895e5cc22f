"""Where people find what is in a repository, and where videos go before they are in one.

A post's address names the DID, which outlives every change of handle.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

PAGES = "https://bsky.app"
_HOSTS_OF_PAGES = {"bsky.app", "www.bsky.app"}
SERVICE = "https://bsky.social"
VIDEO_SERVICE = "https://video.bsky.app"
VIDEO_SERVICE_DID = "did:web:video.bsky.app"
_WHOSE = r"(did:[a-z]+:[A-Za-z0-9._:%-]{1,2048}|(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{0,62})"
_KEY = r"([A-Za-z0-9._:~-]{1,512})"


def _addresses_of(collection: str, page: str) -> str:
    """The pattern of a record's addresses: its URI, https://atproto.com/specs/at-uri-scheme (read 2026-11-23), or its
    page at bsky.app."""
    return rf"^(?:at://{_WHOSE}/{re.escape(collection)}/{_KEY}|https://(?:www\.)?bsky\.app/profile/{_WHOSE}/{page}/{_KEY})$"


POST_ADDRESS = _addresses_of("app.bsky.feed.post", "post")
LIST_ADDRESS = _addresses_of("app.bsky.graph.list", "lists")


def place_of(address: str, pattern: str) -> tuple[str, str]:
    """Whose record an address names, by DID or handle, and its key; `pattern`: which of
    POST_ADDRESS and LIST_ADDRESS it fits."""
    found = re.fullmatch(pattern, address)
    whose, key = [part for part in found.groups() if part] if found else ("", "")
    return whose, key


def identifier_of(handle: str, base_url: str) -> str:
    """What to sign in with at this service, from a handle as people write or paste it; "" = there is none in it.

    Takes handles, DIDs and e-mail addresses, with @ or at:// in front, addresses of profiles, and bare names of the
    service's own people.
    """
    text = handle.removeprefix("@").removeprefix("at://")
    _, scheme, rest = text.partition("://")
    path = (rest if scheme else text).partition("?")[0].partition("#")[0].strip("/").split("/")
    if path[0].lower() in _HOSTS_OF_PAGES:
        path = path[2:] if path[1:2] == ["profile"] else []
    name = path[0].removeprefix("@") if path else ""
    if not name or name.startswith("did:") or "@" in name:
        return name
    return name.lower() if "." in name else f"{name.lower()}.{_domain_of(base_url)}"


def _domain_of(base_url: str) -> str:
    """Under which a service gives names: bsky.social, whose people the simulator has; a service of others its own."""
    host = urlsplit(base_url).hostname or ""
    is_known = base_url.startswith("http://") or host.endswith(".bsky.network")
    return "bsky.social" if is_known else host


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
