"""Passwords in one form, however a keyboard spells them: the mappings of OpaqueString (RFC 8265 §4.2)."""

from __future__ import annotations

import unicodedata


def prepared(password: str) -> str:
    """Return the form that is hashed and compared: any space is U+0020, and composed (NFC). Case and width stay."""
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in password)
    return unicodedata.normalize("NFC", spaced)
