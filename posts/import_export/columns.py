"""What a row of a file holds, and how a cell of CSV says a list, an object or a text that a spreadsheet would run."""

from __future__ import annotations

import json
import re
from enum import Enum, auto
from typing import Any

from rest_framework.exceptions import ValidationError

from mastablasta.core.api.errors import problems_in
from mastablasta.core.api.parsers import Malformed, read_json
from mastablasta.core.errors import FieldProblem


class Cell(Enum):
    """How a cell says a value; an empty one says "", null, [] or {}."""

    TEXT = auto()
    WORD = auto()  # empty: nothing is said
    MOMENT = auto()
    LIST = auto()  # separated by commas, or a JSON list
    PARTS = auto()  # a JSON list
    OBJECT = auto()  # a JSON object


# What is read, each as the field of that name in POST /posts.
READ: dict[str, Cell] = {
    "external_id": Cell.TEXT,
    "content": Cell.TEXT,
    "platforms": Cell.LIST,
    "accounts": Cell.LIST,
    "post_type": Cell.WORD,
    "scheduled_time": Cell.MOMENT,
    "timezone": Cell.TEXT,
    "tags": Cell.LIST,
    "first_comment": Cell.TEXT,
    "media": Cell.LIST,
    "thread": Cell.PARTS,
    "post_options": Cell.OBJECT,
    "overrides": Cell.OBJECT,
}
# What exports tell besides. Of these imports look at `id` only, which may name a post that is there.
TOLD = ("id", "status", "published_at", "urls")
COLUMNS = (*READ, *TOLD)

_RUN_BY_SPREADSHEETS = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # the last four: full-width = + - @
_TO_ESCAPE = re.compile(f"'*[{_RUN_BY_SPREADSHEETS}]")
_ESCAPED = re.compile(f"'+[{_RUN_BY_SPREADSHEETS}]")
_EXAMPLES = {
    Cell.LIST: 'write a, b or ["a", "b"]',
    Cell.PARTS: 'write for example ["First", "Second"]',
    Cell.OBJECT: 'write for example {"mastodon": {"visibility": "unlisted"}}',
}


# --- reading ---
def read_cell(name: str, cell: str) -> dict[str, Any]:
    """What the cell says of a post, by field: nothing where it says none. Raises ValueError, see `problems_of`."""
    kind, text = READ[name], unescaped(cell)
    if kind is Cell.TEXT:
        return {name: text}
    text = text.strip()
    if kind is Cell.WORD:
        return {name: text} if text else {}
    if kind is Cell.MOMENT:
        return {name: text or None}
    if kind is Cell.LIST and not text.startswith("["):
        return {name: _split(text)}
    value = read_json(text) if text else ({} if kind is Cell.OBJECT else [])
    if not isinstance(value, dict if kind is Cell.OBJECT else list):
        raise Malformed(f"is not {'an object' if kind is Cell.OBJECT else 'a list'}", "wrong_type")
    return {name: value}


def problems_of(name: str, error: Malformed | ValidationError) -> list[FieldProblem]:
    """What `read_cell` found wrong, by column."""
    if isinstance(error, Malformed):
        return [FieldProblem(name, error.code, f"The cell {error.what}; {_EXAMPLES[READ[name]]}.")]
    inner = problems_in(error)
    return [FieldProblem(f"{name}.{one.field}".rstrip("."), one.code, one.message, one.params) for one in inner]


def unescaped(cell: str) -> str:
    return cell[1:] if _ESCAPED.match(cell) else cell


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


# --- writing ---
def write_cell(name: str, value: Any) -> str:
    """The cell that `read_cell` reads as this value again; of columns that are only told, one for people."""
    kind = READ.get(name, Cell.LIST if name == "urls" else Cell.TEXT)
    if not value:
        return ""
    if kind in {Cell.PARTS, Cell.OBJECT}:
        return json.dumps(value, ensure_ascii=False)
    return escaped(_joined(value) if kind is Cell.LIST else str(value))


def escaped(text: str) -> str:
    """The text with an apostrophe before what a spreadsheet would take for a formula; `unescaped` takes it off."""
    return f"'{text}" if _TO_ESCAPE.match(text) else text


def _joined(items: list[Any]) -> str:
    """Separated by commas where that says the same items again."""
    if all(isinstance(item, str) for item in items):
        text = ", ".join(items)
        if not text.startswith("[") and _split(text) == items:
            return text
    return json.dumps(items, ensure_ascii=False)
