"""Reads the JSON bodies and queries of the control API, strictly: an unknown or wrong field is refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

Check = Callable[[str, Any], Any]
"""Takes a field's name and value; returns the value to use or raises BadField."""


class BadField(Exception):
    """A sentence that names the field and says what is valid."""


def whole(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadField(f"{name}: must be a whole number from {low} to {high}")
        return value

    return check


def number(low: float, high: float) -> Check:
    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadField(f"{name}: must be a number from {low:g} to {high:g}")
        return value

    return check


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadField(f"{name}: must be true or false")
    return value


def text(max_chars: int) -> Check:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= max_chars:
            raise BadField(f"{name}: must be a text of 1 to {max_chars} characters")
        return value

    return check


def one_of(valid: Collection[str]) -> Check:
    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in valid:
            raise BadField(f"{name}: must be one of {', '.join(sorted(valid))}")
        return value

    return check


def handles(name: str, value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(handle, str) for handle in value):
        return [handle.removeprefix("@").lower() for handle in value]
    raise BadField(f"{name}: must be a list of handles")


def names(name: str, value: Any) -> list[str]:
    """Accept a list of names, or how many there are."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100:
        return [f"{name.rstrip('s').capitalize()} {place}" for place in range(1, value + 1)]
    if isinstance(value, list) and len(value) <= 100 and all(isinstance(item, str) and item for item in value):
        return value
    raise BadField(f"{name}: must be a list of at most 100 names, or a number from 0 to 100")


def read_fields(data: Any, checks: Mapping[str, Check], required: Collection[str] = ()) -> dict[str, Any]:
    """Return the checked fields of `data`; a field that was not given is left out. Raises BadField."""
    if not isinstance(data, dict):
        raise BadField(f"body: must be a JSON object with {_listed(checks)}")
    for name in data:
        if name not in checks:
            raise BadField(f"{name}: unknown field; valid are {_listed(checks)}")
    for name in required:
        if name not in data:
            raise BadField(f"{name}: is required")
    return {name: checks[name](name, value) for name, value in data.items()}


def _listed(checks: Mapping[str, Check]) -> str:
    return ", ".join(checks) or "no fields"
