r"""LinkedIn's little text format, both ways: what is special in it is escaped, mentions and hashtags are templates.

In our texts a mention is written as LinkedIn does, `@[Name](urn:li:organization:1)`, and a hashtag as everywhere.
Source: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/little-text-format
(read 2026-11-23).
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\|{}@\[\]()<>#*_~]")
_MENTION = r"@\[(?P<name>[^\[\]\n]+)\]\((?P<urn>urn:li:(?:person|organization):[A-Za-z0-9_-]+)\)"
_ADDRESS = r"(?P<address>https?://\S+)"
# Not within a word; digits alone are none.
_HASHTAG = r"(?<![\w#/&=?.@-])\#(?P<tag>(?=[^\W_]*[^\W\d_])[^\W_]+)"
_OURS = re.compile(f"{_ADDRESS}|{_MENTION}|{_HASHTAG}")
_THEIRS = re.compile(
    r"\{hashtag\|\\?\#\|(?P<tag>(?:\\.|[^\\}])+)\}"
    r"|@\[(?P<name>(?:\\.|[^\\\]])+)\]\((?P<urn>urn:li:[A-Za-z]+:[A-Za-z0-9_-]+)\)"
    r"|\\(?P<plain>.)",
    re.DOTALL,
)


def little_text(text: str) -> str:
    """A text of ours as LinkedIn is sent it."""
    pieces, at = [], 0
    for found in _OURS.finditer(text):
        pieces += [_escaped(text[at : found.start()]), _template(found)]
        at = found.end()
    return "".join([*pieces, _escaped(text[at:])])


def plain_text(commentary: str) -> str:
    """What LinkedIn shows as a post's text, as we would have written it."""

    def written(found: re.Match[str]) -> str:
        if found["plain"]:
            return found["plain"]
        if found["tag"]:
            return f"#{_unescaped(found['tag'])}"
        return f"@[{_unescaped(found['name'])}]({found['urn']})"

    return _THEIRS.sub(written, commentary)


def comparable(text: str) -> str:
    """A text in one form of many: blanks folded, and a mention by its name, which is all that a wrong one leaves."""
    return " ".join(_shown(text).split())


def length_of(text: str) -> int:
    """How long LinkedIn may take a text to be: UTF-16 code units, a mention by its name."""
    return len(_shown(text).encode("utf-16-le")) // 2


def has_mention(text: str) -> bool:
    return any(found["urn"] for found in _OURS.finditer(text))


def _shown(text: str) -> str:
    """With mentions by their names. What is written like one within an address is a part of that."""
    return _OURS.sub(lambda found: found["name"] or found[0], text)


def _template(found: re.Match[str]) -> str:
    if found["address"]:
        return _escaped(found["address"])
    if found["tag"]:
        return rf"{{hashtag|\#|{found['tag']}}}"
    return f"@[{_escaped(found['name'])}]({found['urn']})"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
