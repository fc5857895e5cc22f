"""What an answer holds, read without trust: a platform may leave out anything, or say it in another shape.

Objects are dicts, and whole numbers are ints and nothing that is like them, as JSON is read: to ask for the abstract
classes takes ten times as long, and figures are many.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

LARGEST_COUNT = 2**63 - 1
LONGEST_NAME = 40
MOST_NUMBERS = 30


def object_in(holder: Any, name: str) -> Mapping[str, Any]:
    """The object under `name`; {} where there is none."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def objects_in(holder: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects of the list under `name`; [] where there is none."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text_in(holder: Any, *names: str) -> str:
    """The text under the first of `names` that has one; "" where none has."""
    if isinstance(holder, dict):
        for name in names:
            value = holder.get(name)
            if isinstance(value, str) and value:
                return value
    return ""


def id_in(holder: Any, name: str = "id") -> str:
    """The id under `name`, which may be a number; "" where there is none."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def count_in(holder: Any, name: str) -> int | None:
    """The whole number from 0 to LARGEST_COUNT under `name`; None where there is none."""
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if type(value) is int and 0 <= value <= LARGEST_COUNT else None


def counts_in(holder: Any, names: Mapping[str, str]) -> dict[str, int]:
    """The whole numbers under the keys of `names`, each by the name that it has there; without those that are not."""
    return {ours: count for theirs, ours in names.items() if (count := count_in(holder, theirs)) is not None}


def numbers_in(holder: Any, *, depth: int = 3) -> dict[str, Any]:
    """The whole numbers of an answer under their own names, as deep as `depth` objects, and nothing else of it.

    No text, so no names, links and tokens; at most MOST_NUMBERS of each object, under names of at most 40 characters.
    """
    if depth <= 0 or not isinstance(holder, dict):
        return {}
    if len(holder) <= MOST_NUMBERS:
        for name, value in holder.items():
            if type(value) is not int or value < 0 or value > LARGEST_COUNT or len(name) > LONGEST_NAME:
                break
        else:
            return holder  # as most are: nothing in it has to go
    found: dict[str, Any] = {}
    for name, value in holder.items():
        if type(value) is int:
            if not 0 <= value <= LARGEST_COUNT:
                continue
        elif type(value) is not dict or not (value := numbers_in(value, depth=depth - 1)):
            continue
        if len(name) <= LONGEST_NAME:
            found[name] = value
    return found if len(found) <= MOST_NUMBERS else dict(islice(found.items(), MOST_NUMBERS))


def sum_of(*counts: int | None) -> int | None:
    """Those that are told, together; None = none is."""
    told = [count for count in counts if count is not None]
    return sum(told) if told else None


def moment_of(value: Any) -> datetime | None:
    """An ISO 8601 time, of UTC where it names no zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
