"""How Mastodon counts and compares text.

Source: StatusLengthValidator, Extractor and Account::MENTION_RE of https://github.com/mastodon/mastodon (read
2026-11-28), of which https://docs.joinmastodon.org/user/posting/#text is the short form.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator

import regex

from integrations.protocols.mastodon_links import find_links

MAX_DOMAIN = 253

_WORD = r"\p{L}\p{M}\p{Nd}\p{Pc}"
_LATIN = (
    r"\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F\u0253\u0254\u0256\u0257\u0259\u025B\u0263\u0268\u026F\u0272\u0289"
    r"\u028B\u02BB\u0300-\u036F\u1E00-\u1EFF"
)
_MENTION = regex.compile(
    rf"(?<![=/{_WORD}])(?P<user>@[A-Za-z0-9_]+(?:[.-]+[A-Za-z0-9_]+)*)(?:@(?P<domain>[{_WORD}]+(?:[.-]+[{_WORD}]+)*))?"
)
_NOT_AFTER_MENTION = regex.compile(rf"[@\uFF20{_LATIN}]|://")
_STRIPPED = "\0\t\n\v\f\r "  # what Ruby's `strip` takes off; the server does so before it counts
# Graphemes as Ruby 3.4 knows them: it parts conjuncts of Indic scripts, क्ष, which later versions and `\X` keep in one
# (https://github.com/ruby/ruby/pull/12798). Servers run on either, and the longer count is the one that none refuses.
_GRAPHEME = regex.compile(
    r"""
      \r\n
    | \p{GCB=Prepend}*
      (?: \p{GCB=Regional_Indicator}{2}
        | \p{GCB=L}*+(?:\p{GCB=V}++|\p{GCB=LV}\p{GCB=V}*+|\p{GCB=LVT})\p{GCB=T}*+
        | \p{GCB=L}++
        | \p{GCB=T}++
        | \p{Extended_Pictographic}(?:\p{GCB=Extend}*\u200D\p{Extended_Pictographic})*
        | [^\p{GCB=Control}\r\n]
      )
      [\p{GCB=Extend}\p{GCB=SpacingMark}\u200D]*+
    | .
    """,
    regex.VERBOSE | regex.DOTALL,
)
_BREAK = regex.compile(r"<br\s*/?>|</p>\s*<p[^>]*>|</li>\s*<li[^>]*>", regex.IGNORECASE)
_TAG = regex.compile(r"<[^>]*>")


def counted_length(text: str, *, spoiler_text: str = "", characters_per_url: int = 23) -> int:
    """Return the length as the server counts it: graphemes of warning and text, a link as a fixed length, a mention
    of somebody on another server without that server's name."""
    text = text.strip(_STRIPPED)
    pieces, at = [spoiler_text.strip(_STRIPPED)], 0
    for start, end, counted in _counted_differently(text, "x" * characters_per_url):
        pieces += [text[at:start], counted]
        at = end
    whole = "".join([*pieces, text[at:]])
    if whole.isascii():
        return len(whole) - whole.count("\r\n")
    return graphemes(whole)


def graphemes(text: str) -> int:
    """Return how many characters people see in a text, as the server counts them."""
    return sum(1 for _ in _GRAPHEME.finditer(text))


def _counted_differently(text: str, link: str) -> Iterator[tuple[int, int, str]]:
    """Start and end of each link and mention, and what is counted for it. Of two that overlap the first counts."""
    found = sorted([*((start, end, link) for start, end in find_links(text)), *_mentions(text)])
    at = 0
    for start, end, counted in found:
        if start >= at:
            yield start, end, counted
            at = end


def _mentions(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _MENTION.finditer(text):
        if not _NOT_AFTER_MENTION.match(text, match.end()) and len(match["domain"] or "") <= MAX_DOMAIN:
            yield match.start(), match.end(), match["user"]


def comparable(text: str) -> str:
    """The text without what servers change: line ends, spaces at line ends, empty edges, Unicode form."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def comparable_shown(content_html: str) -> str:
    """A status' HTML as bare words, to be compared with `words_of`: for servers that do not give the source text."""
    return words_of(html.unescape(_TAG.sub("", _BREAK.sub("\n", content_html))))


def words_of(text: str) -> str:
    """The text with single spaces and mentions without their server, as it can be read off HTML."""
    return " ".join(_MENTION.sub(r"\g<user>", comparable(text)).split())
