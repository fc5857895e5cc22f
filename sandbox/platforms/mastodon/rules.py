"""How Mastodon counts text, covers scopes and counts calls."""

from __future__ import annotations

import regex

from sandbox.quotas import Quota
from sandbox.routing import Operation

# https://docs.joinmastodon.org/api/oauth-scopes/ (read 2026-11-23)
SCOPES = frozenset(
    {
        "profile",
        "read",
        "write",
        "push",
        "follow",
        "admin:read",
        "admin:write",
        "read:accounts",
        "read:blocks",
        "read:bookmarks",
        "read:collections",
        "read:favourites",
        "read:filters",
        "read:follows",
        "read:lists",
        "read:mutes",
        "read:notifications",
        "read:search",
        "read:statuses",
        "write:accounts",
        "write:blocks",
        "write:bookmarks",
        "write:collections",
        "write:conversations",
        "write:favourites",
        "write:filters",
        "write:follows",
        "write:lists",
        "write:media",
        "write:mutes",
        "write:notifications",
        "write:reports",
        "write:statuses",
    }
)

# A link counts when no word, @, # or $ stands right before it and its host has a dot (localhost is no link);
# closing punctuation does not belong to it.
_LINK = r"""
    (?<![\p{L}\p{N}@\uFF20$\#\uFF03_/])
    https?://
    (?:[\p{L}\p{N}](?:[\p{L}\p{N}_-]*[\p{L}\p{N}])?\.)+
    (?:xn--[a-z0-9-]+|\p{L}{2,})
    (?::[0-9]{1,5})?
    (?=[/?\#]|[^\p{L}\p{N}_@-]|$)
    (?:/(?:[^\s<>()?]|\([^\s<>()]*\))*(?<![!*"'「」;:,.$%\[\]~&|@]))?
    (?:\?[^\s<>"'「」]*[\p{L}\p{N}_&=\#/-])?
"""
# https://docs.joinmastodon.org/user/posting/#mentions: a mention counts without its server.
_MENTION = r"""
    (?<![\p{L}\p{N}_/])
    @(?P<user>[a-z0-9_]+(?:[a-z0-9_.-]+[a-z0-9_]+)?)
    @[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_])?
    (?![@\uFF20]|://)
"""
_COUNTED_DIFFERENTLY = regex.compile(f"(?P<link>{_LINK})|{_MENTION}", regex.VERBOSE | regex.IGNORECASE)
_GRAPHEME = regex.compile(r"\X")


def counted_length(text: str, spoiler_text: str, characters_per_url: int) -> int:
    """Return the length in grapheme clusters as the server counts it against `max_characters`.

    Source: https://docs.joinmastodon.org/user/posting/ (read 2026-11-23).
    """
    if "://" in text or "@" in text:
        placeholder = "x" * characters_per_url
        text = _COUNTED_DIFFERENTLY.sub(lambda found: placeholder if found["link"] else f"@{found['user']}", text)
    whole = spoiler_text + text
    if whole.isascii() and "\r" not in whole:
        return len(whole)
    return sum(1 for _ in _GRAPHEME.finditer(whole))


def covers(granted: tuple[str, ...], *sufficient: str) -> bool:
    """Return whether one of the sufficient scopes was granted."""
    return any(scope in granted for scope in sufficient)


# https://docs.joinmastodon.org/api/rate-limits/ (read 2026-11-23); statuses: from the server's own tests.
ALL_CALLS = Quota("calls", 300, 300)
STATUSES = Quota("statuses", 300, 10_800)
EXTRA_QUOTAS = {
    ("POST", Operation.PUBLISH): STATUSES,
    ("POST", Operation.UPLOAD): Quota("media", 30, 1_800),
    ("DELETE", Operation.DELETE): Quota("deletes", 30, 1_800),
}
