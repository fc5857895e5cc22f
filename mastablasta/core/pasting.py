"""What comes with copied text and nobody sees: marks of direction, joiners, spaces without width."""

from __future__ import annotations

from unicodedata import normalize

import regex

_MARKS = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cf}]+")
_UNSEEN = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{White_Space}\p{Cf}\p{Cc}\u2800]*")


def pasted(name: str) -> str:
    """A name, handle or address without marks that are not seen and blanks around it, composed (NFC).

    For what has no such marks of its own; of a text they may be part.
    """
    return normalize("NFC", _MARKS.sub("", name).strip())


def is_blank(text: str) -> bool:
    """Whether nothing of it is to be seen."""
    return _UNSEEN.fullmatch(text) is not None
