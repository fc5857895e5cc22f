"""What X and Mastodon's server share in finding links: the characters and domains of twitter-text.

Source: https://github.com/twitter/twitter-text, its rules as of 2021-10-21 (read 2026-11-23).
"""

from __future__ import annotations

import regex

from integrations.protocols.domains import TLDS

MAX_URL = 4096
MAX_SHORT_SLUG = 40  # of an address of t.co

SPACES = r"\t-\r\x20\x85\xA0\u1680\u180E\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
DIRECTIONS = r"\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069"
INVALID = r"\uFFFE\uFEFF\uFFFF"
LATIN = (
    r"\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F\u0253\u0254\u0256\u0257\u0259\u025B\u0263\u0268\u026F\u0272\u0289"
    r"\u028B\u02BB\u0300-\u036F\u1E00-\u1EFF"
)
MAY_PRECEDE = regex.compile(rf"[^A-Za-z0-9@\uFF20$#\uFF03{INVALID}]")  # an address

_ASCII_LETTERS = regex.compile(r"[A-Za-z]++")
_NOT_AFTER_TLD = regex.compile(r"[0-9A-Za-z@+-]")
_LONGEST_FOREIGN = max(len(tld) for tld in TLDS if not tld.isascii())


def domain_end(
    text: str, start: int, end: int, *, punycode: regex.Pattern[str], with_underscore: bool = False
) -> int | None:
    """Where the longest domain ends that begins at `start`, or None where there is none.

    The label before its top-level domain has no underscore, unless `with_underscore`. `punycode`: what is taken for a
    top-level domain in Punycode, whether there is one of that name or not.
    """
    dot = text.rfind(".", start, end)
    while dot > start:
        label = text.rfind(".", start, dot) + 1 or start
        if with_underscore or "_" not in text[label:dot]:
            tld_end = _tld_end(text, dot + 1, punycode)
            if tld_end is not None:
                return tld_end
        dot = label - 1
    return None


def _tld_end(text: str, start: int, punycode: regex.Pattern[str]) -> int | None:
    if (encoded := punycode.match(text, start)) is not None:
        return int(encoded.end())
    letters = _ASCII_LETTERS.match(text, start)
    if letters is not None and letters[0].lower() in TLDS and not _NOT_AFTER_TLD.match(text, letters.end()):
        return int(letters.end())
    for end in range(min(start + _LONGEST_FOREIGN, len(text)), start, -1):
        if text[start:end].lower() in TLDS and not _NOT_AFTER_TLD.match(text, end):
            return end
    return None
