"""Text as it is searched: tokens without case, accents or punctuation, by rules that both databases share.

`fold` gives the tokens of a text, separated by spaces. SQLite calls it in its triggers, PostgreSQL has the same steps
as a function in SQL, made of the tables here (index.py); a test holds the two together over all of Unicode.

A word is a run of letters and digits. Where a script writes no spaces between words (Han, kana, Hangul, Thai, Lao,
Khmer, Burmese), and of emoji, each character is a token, so that any part of a text is found as a phrase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from unicodedata import normalize

LONGEST_TOKEN = 100  # characters; what is longer is found by its beginning
LONGEST_TEXT = 60_000  # characters of what one column of the index holds
BOUNDARY = "¶"  # between two texts in one column: no text and no query has it as a token, so no phrase goes across

Ranges = Sequence[tuple[int, int]]

# Signs that would decompose into letters and stick to the word before them.
SIGNS = {0x2120: " ", 0x2122: " "}
# Combining marks, and what nobody sees: joiners, directions, variation selectors, skin tones, tags of flags.
MARKS: Ranges = (
    (0x00AD, 0x00AD), (0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05BD), (0x05BF, 0x05BF), (0x05C1, 0x05C2),
    (0x05C4, 0x05C5), (0x05C7, 0x05C7), (0x0610, 0x061A), (0x061C, 0x061C), (0x064B, 0x065F), (0x0670, 0x0670),
    (0x06D6, 0x06DC), (0x06DF, 0x06E4), (0x06E7, 0x06E8), (0x06EA, 0x06ED), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF),
    (0x200C, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x20D0, 0x20FF), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F),
    (0xFEFF, 0xFEFF), (0x1F3FB, 0x1F3FF), (0xE0000, 0xE0FFF),
)  # fmt: skip
# Each of these is a token of its own.
SINGLES: Ranges = (
    (0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1100, 0x11FF), (0x1780, 0x17FF), (0x2300, 0x23FF),
    (0x2600, 0x27BF), (0x2B00, 0x2BFF), (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3021, 0x3029), (0x3041, 0x309F),
    (0x30A1, 0x30FA), (0x30FC, 0x312F), (0x3131, 0x318E), (0x31A0, 0x31BF), (0x31F0, 0x31FF), (0x3400, 0x4DBF),
    (0x4E00, 0xA4CF), (0xA960, 0xA97F), (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0x1F000, 0x1F3FA), (0x1F400, 0x1FBFF),
    (0x20000, 0x3FFFF),
)  # fmt: skip
# What stands between words.
SEPARATORS: Ranges = (
    (0x0001, 0x002F), (0x003A, 0x0040), (0x005B, 0x0060), (0x007B, 0x00A9), (0x00AB, 0x00B4), (0x00B6, 0x00B9),
    (0x00BB, 0x00BF), (0x00D7, 0x00D7), (0x00F7, 0x00F7), (0x037E, 0x037E), (0x0387, 0x0387), (0x055A, 0x055F),
    (0x0589, 0x058A), (0x05BE, 0x05BE), (0x05C0, 0x05C0), (0x05C3, 0x05C3), (0x05C6, 0x05C6), (0x05F3, 0x05F4),
    (0x0600, 0x060F), (0x061B, 0x061B), (0x061D, 0x061F), (0x066A, 0x066D), (0x06D4, 0x06D4), (0x0964, 0x0965),
    (0x0970, 0x0970), (0x10FB, 0x10FB), (0x1360, 0x1368), (0x1680, 0x1680), (0x16EB, 0x16ED), (0x180E, 0x180E),
    (0x2000, 0x200B), (0x2010, 0x2029), (0x202F, 0x205F), (0x20A0, 0x20CF), (0x2190, 0x22FF), (0x2400, 0x25FF),
    (0x27C0, 0x2AFF), (0x2E00, 0x2E7F), (0x3000, 0x3004), (0x3008, 0x3020), (0x302A, 0x3040), (0x30A0, 0x30A0),
    (0x30FB, 0x30FB), (0xE000, 0xF8FF), (0xFD3E, 0xFD3F), (0xFE10, 0xFE1F), (0xFE30, 0xFE6F), (0xFFF0, 0xFFFF),
    (0xF0000, 0x10FFFF),
)  # fmt: skip


# Where there are capitals that do not decompose; a test looks for others.
CASED: Ranges = (
    (0x0080, 0x2DFF), (0xA640, 0xABFF), (0x10400, 0x10CFF), (0x11800, 0x118FF), (0x16E40, 0x16E7F), (0x1E900, 0x1E943),
)  # fmt: skip
# Letters with strokes, which decompose as little.
STROKES = {"ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d", "ħ": "h", "Ħ": "h", "ı": "i", "ς": "σ"}  # noqa: RUF001


@cache
def capitals() -> dict[str, str]:
    """What becomes of capitals and letters with strokes, ASCII aside, once a text is decomposed: one letter each."""
    letters = (chr(point) for first, last in CASED for point in range(first, last + 1))
    return {letter: letter.lower() for letter in letters if is_capital(letter)} | STROKES


def is_capital(letter: str) -> bool:
    """Whether it has one small letter, and is still there when the text is decomposed."""
    small = letter.lower()
    return len(small) == 1 and small != letter and normalize("NFKD", letter) == letter


def character_class(ranges: Ranges) -> str:
    """The ranges as they stand in the brackets of a regular expression, in Python's words and in PostgreSQL's."""
    return "".join(rf"\U{first:08X}-\U{last:08X}" for first, last in ranges)


_MARKS = re.compile(f"[{character_class(MARKS)}]+")
_SINGLES = re.compile(f"([{character_class(SINGLES)}])")
_SEPARATORS = re.compile(f"[{character_class(SEPARATORS)}]+")
_ASCII_SEPARATORS = re.compile("[^a-z0-9]+")


@cache
def _small() -> dict[int, str]:
    ascii_capitals = {chr(point): chr(point + 32) for point in range(ord("A"), ord("Z") + 1)}
    return str.maketrans(ascii_capitals | capitals())


def fold(text: str) -> str:
    """The tokens of a text, separated by single spaces; "" when it has none."""
    if text.isascii():
        tokens = _ASCII_SEPARATORS.sub(" ", text.lower())
    else:
        letters = normalize("NFKD", text.translate(SIGNS)).translate(_small())
        tokens = _SEPARATORS.sub(" ", _SINGLES.sub(r" \1 ", normalize("NFC", _MARKS.sub("", letters))))
    return " ".join(token[:LONGEST_TOKEN] for token in tokens.strip(" ")[:LONGEST_TEXT].split(" ") if token)


def fold_all(texts: Iterable[str]) -> str:
    """The tokens of several texts in a row, with BOUNDARY between those that have any."""
    return f" {BOUNDARY} ".join(filter(None, map(fold, texts)))
