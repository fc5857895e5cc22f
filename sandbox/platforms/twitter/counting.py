"""How long a text is for X, and what else of its text rules is not about links.

Source: https://docs.x.com/fundamentals/counting-characters and twitter-text's configuration v3 (read 2026-11-23).
"""

from __future__ import annotations

from unicodedata import is_normalized, normalize

import regex

from sandbox.platforms.twitter.links import INVALID, SPACES, find_links

MAX_WEIGHTED = 280
MAX_SUBSCRIBED = 25_000
URL_LENGTH = 23
EMOJI_LENGTH = 2

_HEAVY = regex.compile(r"[^\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
# Beyond the first plane X leaves U+FE0F out of an emoji that is shown in colour by itself, but for three of them.
_PICTURE = (
    r"(?:\p{Emoji_Modifier_Base}\ufe0f?\p{Emoji_Modifier}"
    r"|[\p{Extended_Pictographic}&&\p{Emoji_Presentation}&&[\U00010000-\U0010ffff]--[\U0001f004\U0001f21a\U0001f22f]]"
    r"|[\p{Extended_Pictographic}--[\u00a9\u00ae]](?:\ufe0f|\p{Emoji_Modifier})?)"
)
_EMOJI = regex.compile(
    rf"""
    \p{{Regional_Indicator}}{{2}}
    | [0-9\#*]\ufe0f?\u20e3
    | [\u00a9\u00ae]\ufe0f
    | \U0001f3f4[\U000e0020-\U000e007e]+\U000e007f
    | {_PICTURE}(?:\u200d{_PICTURE})*
    """,
    regex.VERBOSE | regex.VERSION1,
)
_INVALID = regex.compile(rf"[{INVALID}]")
_CASHTAG = regex.compile(
    rf"(?:^|(?<=[{SPACES}]))\$([a-z]{{1,6}}(?:[._][a-z]{{1,2}})?)"
    rf"(?=$|\s|[!'#%&()*+,\\\-./:;<=>?@\[\]\^_{{|}}~$])",
    regex.IGNORECASE,
)


def normal(text: str) -> str:
    """Return the text as X keeps it: in Unicode's form NFC."""
    return text if text.isascii() or is_normalized("NFC", text) else normalize("NFC", text)


def weighted_length(text: str) -> int:
    """Return the length: 1 or 2 for a character, 2 for an emoji however long its sequence, 23 for a link."""
    if text.isascii() and "." not in text:
        return len(text)
    text = normal(text)
    length = at = 0
    for start, end in find_links(text):
        length += _weight(text[at:start]) + URL_LENGTH
        at = end
    return length + _weight(text[at:])


def _weight(text: str) -> int:
    if text.isascii():
        return len(text)
    rest: str
    rest, emoji = _EMOJI.subn("", text)
    heavy: list[str] = _HEAVY.findall(rest)
    return EMOJI_LENGTH * int(emoji) + len(rest) + len(heavy)


def has_invalid_characters(text: str) -> bool:
    return not text.isascii() and _INVALID.search(text) is not None


def cashtags(text: str) -> list[str]:
    """Return the tags without their $."""
    found: list[str] = _CASHTAG.findall(text) if "$" in text else []
    return found
