r"""What LinkedIn makes of `commentary`: escapes, mentions and hashtags. An unescaped special character ends the text.

Source: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/little-text-format
(read 2026-11-23); that the rest is lost without a word is told in public bug reports of 2026.
"""

from __future__ import annotations

import re

ELEMENT = re.compile(
    r"\\(?P<escaped>[\\|{}@\[\]()<>#*_~])"
    r"|\{hashtag\|(?:\\\#|\#)\|(?P<tag>(?:\\.|[^\\|{}@\[\]()<>#*_~])+)\}"
    r"|@\[(?P<name>(?:\\.|[^\\|{}@\[\]()<>#*_~])+)\]\((?P<urn>urn:li:(?:person|organization):[A-Za-z0-9_-]+)\)"
    r"|(?P<plain>[^\\|{}@\[\]()<>#*_~]+)"
    r"|\#(?P<word>\w+)",
    re.DOTALL,
)
ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def shown(commentary: str) -> str:
    """Return the text that people read."""
    pieces, at = [], 0
    while found := ELEMENT.match(commentary, at):
        pieces.append(piece_of(found))
        at = found.end()
    return "".join(pieces)


def mentions(commentary: str) -> list[str]:
    """Return the URNs of those who are mentioned."""
    return [found["urn"] for found in ELEMENT.finditer(commentary) if found["urn"]]


def hashtags(commentary: str) -> list[str]:
    """Return the words that lead to what others say about them."""
    return [found["tag"] or found["word"] for found in ELEMENT.finditer(commentary) if found["tag"] or found["word"]]


def piece_of(found: re.Match[str]) -> str:
    if found["tag"] or found["word"]:
        return "#" + ESCAPE.sub(r"\1", found["tag"] or found["word"])
    if found["name"]:
        return ESCAPE.sub(r"\1", found["name"])
    return found["escaped"] or found["plain"] or ""
