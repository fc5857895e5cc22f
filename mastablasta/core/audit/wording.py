"""What an entry of the audit log says to people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from mastablasta.core.model_words import readable


def in_words(changes: Mapping[str, Any]) -> Iterator[str]:
    """A line for each field: "status: draft → scheduled"."""
    for name, (before, after) in changes.items():
        label = _(readable(name))
        yield f"{label}: {_word(after)}" if before is None else f"{label}: {_word(before)} → {_word(after)}"


def _word(value: Any) -> str:
    if value is None or value == "":
        return _("nothing")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(map(str, value)) or _("nothing")
    return str(value)
