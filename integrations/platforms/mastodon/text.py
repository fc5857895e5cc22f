"""How Mastodon counts and compares text.

Source: https://docs.joinmastodon.org/user/posting/#text and StatusLengthValidator of the server (read 2026-11-23).
"""

from __future__ import annotations

import html
import unicodedata

import regex

# A link counts as one fixed length when the server would make a link of it: http(s), a name with a top-level domain.
# What ends a sentence or closes a bracket is not part of it.
_URL = regex.compile(
    r"""https?://(?:[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}_])?\.)+[\p{L}]{2,}(?::\d{1,5})?
        (?:[/?\#](?:[^\s<>"]*[^\s<>".,;:!?)\]}'])?)?""",
    regex.VERBOSE | regex.IGNORECASE,
)
_REMOTE_MENTION = regex.compile(
    r"(?<![\p{L}\p{N}_/=])@([\p{L}\p{N}_]+(?:[\p{L}\p{N}_.-]*[\p{L}\p{N}_])?)@[\p{L}\p{N}.:-]*[\p{L}\p{N}]",
    regex.IGNORECASE,
)
_GRAPHEME = regex.compile(r"\X")
_BREAK = regex.compile(r"<br\s*/?>|</p>\s*<p[^>]*>|</li>\s*<li[^>]*>", regex.IGNORECASE)
_TAG = regex.compile(r"<[^>]*>")


def counted_length(text: str, *, spoiler_text: str = "", characters_per_url: int = 23) -> int:
    """Return the length as the server counts it: graphemes of warning and text, a link as a fixed length, a mention
    of somebody on another server without that server's name."""
    text = _URL.sub("x" * characters_per_url, unicodedata.normalize("NFC", text))
    text = _REMOTE_MENTION.sub(r"@\1", text)
    return sum(1 for _ in _GRAPHEME.finditer(spoiler_text + text))


def comparable(text: str) -> str:
    """The text without what servers change: line ends, spaces at line ends, empty edges, Unicode form."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def comparable_shown(content_html: str) -> str:
    """A status' HTML as bare words, to be compared with `words_of`: for servers that do not give the source text."""
    return words_of(html.unescape(_TAG.sub("", _BREAK.sub("\n", content_html))))


def words_of(text: str) -> str:
    """The text with single spaces and mentions without their server, as it can be read off HTML."""
    return " ".join(_REMOTE_MENTION.sub(r"@\1", comparable(text)).split())
