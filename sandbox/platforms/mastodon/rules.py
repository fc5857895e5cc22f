"""How Mastodon counts text, covers scopes and counts calls."""

from __future__ import annotations

from typing import Any

import regex

from sandbox.platforms.mastodon.links import ACCENTS, find_links
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
IDENTITY_SCOPES = frozenset({"profile", "read:accounts"})

# Account::MENTION_RE, and what may not follow upon it: `end_mention_match` of twitter-text.
WORD = r"\p{Letter}\p{Mark}\p{Decimal_Number}\p{Connector_Punctuation}"
_MENTION = regex.compile(
    rf"(?<![=/{WORD}])@(?P<user>[a-zA-Z0-9_]+([.-]+[a-zA-Z0-9_]+)*)(@(?P<domain>[{WORD}]+([.-]+[{WORD}]+)*))?"
)
_NO_MENTION_BEFORE = regex.compile(rf"[@\uff20]|[{ACCENTS}]|://")
LONGEST_DOMAIN = 253

FALSE_WORDS = frozenset({"", "0", "f", "F", "false", "FALSE", "off", "OFF"})
STRIPPED = "\x00\t\n\v\f\r "  # by Ruby's String#strip
_GRAPHEME = regex.compile(r"\X")
# String#each_grapheme_cluster of Ruby 3.4 does not know GB9c yet, and begins again at a consonant behind a virama.
_CONJUNCT = regex.compile(r"(?<=\p{InCB=Linker}[\p{InCB=Extend}\p{InCB=Linker}]*)\p{InCB=Consonant}")


def counted_length(text: str, spoiler_text: str, characters_per_url: int) -> int:
    """Return the length in grapheme clusters as the server counts it against `max_characters`.

    Source: StatusLengthValidator of https://github.com/mastodon/mastodon; Status strips both texts before (read
    2026-11-28).
    """
    whole = spoiler_text.strip(STRIPPED) + countable_text(text.strip(STRIPPED), "x" * characters_per_url)
    if whole.isascii() and "\r" not in whole:
        return len(whole)
    return sum(1 for _ in _GRAPHEME.finditer(whole)) + sum(1 for _ in _CONJUNCT.finditer(whole))


def countable_text(text: str, placeholder: str) -> str:
    """Return the text with the placeholder for each link, and each mention without its server."""
    entities = [(start, end, placeholder) for start, end in find_links(text)]
    for found in _MENTION.finditer(text) if "@" in text else ():
        is_mention = _NO_MENTION_BEFORE.match(text, found.end()) is None
        if is_mention and len(found["domain"] or "") <= LONGEST_DOMAIN:
            entities.append((found.start(), found.end(), f"@{found['user']}"))
    counted, last = "", 0
    for start, end, replacement in sorted(entities, key=lambda entity: entity[0]):
        if start >= last:  # what overlaps an earlier one is none
            counted += text[last:start] + replacement
            last = end
    return counted + text[last:]


def graphemes(text: str) -> int:
    """Return how many characters people see in a text."""
    return sum(1 for _ in _GRAPHEME.finditer(text))


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


def is_true(value: Any) -> bool:
    """Return what Rails makes of a flag: everything is true but the words for false."""
    return value is not None and value is not False and str(value) not in FALSE_WORDS
