"""How X counts, refuses and shows text.

Sources: https://docs.x.com/fundamentals/counting-characters and the configuration v3 of
https://github.com/twitter/twitter-text (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from unicodedata import normalize
from urllib.parse import unquote

import regex

from integrations.platforms.twitter.links import find_links
from integrations.protocols.twitter_text import INVALID, SPACES

URL_LENGTH = 23
EMOJI_LENGTH = 2

# Everything else counts double: "ranges" and "defaultWeight" of the configuration.
_HEAVY = regex.compile(r"[^\u0000-\u10FF\u2000-\u200D\u2010-\u201F\u2032-\u2037]")

# An emoji counts as one however long its sequence is. These are Unicode's own rules for sequences, so that those made
# after twitter-text count alike; a sequence that nobody has drawn yet counts as one too.
# https://unicode.org/reports/tr51/#EBNF_and_Regex (read 2026-11-23)
_COLOURED = (
    r"[\p{Emoji_Presentation}&&[\U00010000-\U0010FFFF]--\p{Regional_Indicator}--[\U0001F004\U0001F21A\U0001F22F]]"
)
_PICTURE = (
    r"(?:\p{Emoji_Modifier_Base}\uFE0F?\p{Emoji_Modifier}"
    rf"|{_COLOURED}"
    rf"|[\p{{Emoji}}--{_COLOURED}--[0-9\#*\u00A9\u00AE\u2122]--\p{{Regional_Indicator}}](?!\uFE0E)\uFE0F?)"
)
_EMOJI = regex.compile(
    rf"""
      \p{{Regional_Indicator}}{{2}}
    | [0-9\#*]\uFE0F?\u20E3
    | [\u00A9\u00AE\u2122]\uFE0F
    | \U0001F3F4[\U000E0020-\U000E007E]+\U000E007F
    | {_PICTURE}(?:\u200D{_PICTURE})*
    """,
    regex.VERBOSE | regex.VERSION1,
)
_INVALID = regex.compile(rf"[{INVALID}]")
_CASHTAG = regex.compile(
    rf"(?:^|(?<=[{SPACES}]))\$([a-z]{{1,6}}(?:[._][a-z]{{1,2}})?)(?=$|\s|[!'#%&()*+,\\\-./:;<=>?@\[\]^_{{|}}~$])",
    regex.IGNORECASE,
)
_PROTOCOL = regex.compile(r"https?://", regex.IGNORECASE)
_SHORT_LINK = regex.compile(r"https?://t\.co/[A-Za-z0-9]+")
_ESCAPED = regex.compile(r"&(?:amp|lt|gt);")
_UNESCAPED = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}


def weighted_length(text: str) -> int:
    """Return the length: a character is 1 or 2, an emoji 2, a link 23."""
    text = normalize("NFC", text)
    length = at = 0
    for start, end in find_links(text):
        length += _weight(text[at:start]) + URL_LENGTH
        at = end
    return length + _weight(text[at:])


def _weight(text: str) -> int:
    if text.isascii():
        return len(text)
    rest, emoji = _EMOJI.subn("", text)
    return EMOJI_LENGTH * int(emoji) + len(rest) + len(_HEAVY.findall(rest))


def has_invalid_characters(text: str) -> bool:
    """Whether it holds one of the three code points that X refuses: U+FFFE, U+FEFF, U+FFFF."""
    return _INVALID.search(text) is not None


def cashtags(text: str) -> list[str]:
    """Return what stands behind each `$` that makes a link of it."""
    found: list[str] = _CASHTAG.findall(text)
    return found


def comparable(text: str) -> str:
    """A text of ours without what X changes about it, to be compared with `comparable_shown`."""
    text = normalize("NFC", text)
    pieces, at = [], 0
    for start, end in find_links(text):
        pieces += [text[at:start], _address(text[start:end])]
        at = end
    return " ".join("".join([*pieces, text[at:]]).split())


def comparable_shown(text: str, links: Mapping[str, str]) -> str:
    """A post's text as X gives it, with what it stands for: `links` are its t.co addresses and where they lead.

    X escapes `&`, `<` and `>`. A t.co that leads nowhere ("") stands for media and is left out.
    """
    text = _ESCAPED.sub(lambda found: _UNESCAPED[found[0]], normalize("NFC", text))
    text = _SHORT_LINK.sub(lambda found: _address(links.get(found[0], found[0])), text)
    return " ".join(text.split())


def _address(link: str) -> str:
    """A link in one form of many: without protocol and last slash, the host in small letters and Punycode."""
    host, slash, path = _PROTOCOL.sub("", link, count=1).partition("/")
    try:
        host = host.lower().encode("idna").decode()
    except UnicodeError:
        host = host.lower()
    return f"{host}{slash}{unquote(path)}".rstrip("/")
