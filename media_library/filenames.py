"""File names as people see them: shown and searched, never part of a path."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 255
_UNSEEN = {"Cc", "Cs", "Cn", "Zl", "Zp"}  # controls, halves of characters, what is not a character, breaks of lines
_MISLEADING = frozenset("\u061c\u200b\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(name: str) -> str:
    """What to keep of a name from outside; "" when nothing is left of it.

    The last part of a path, in NFC, without control characters and marks that turn the direction of reading (with which
    `gpj.exe` shows as `exe.jpg`), at most 255 characters with its extension.
    """
    parts = [part for part in re.split(r"[/\\]", unicodedata.normalize("NFC", name)) if part.strip(". ")]
    last = parts[-1] if parts else ""
    seen = "".join(one for one in last if unicodedata.category(one) not in _UNSEEN and one not in _MISLEADING).strip()
    if not seen.strip(". "):
        return ""
    stem, dot, extension = seen.rpartition(".")
    if len(seen) <= LONGEST or not stem or len(extension) > 20:
        return seen[:LONGEST].rstrip()
    return stem[: LONGEST - len(extension) - 1].rstrip() + dot + extension
