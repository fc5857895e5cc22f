"""A request to the demo, and the checked reading of what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mastablasta.core.api.fields import utc_text
from mastablasta.v1_demo.platforms import PLATFORMS
from mastablasta.v1_demo.rules import Rules
from mastablasta.v1_demo.state import State

LONGEST_NAME = 200
Answer = tuple[int, dict[str, Any]]
"""Status and JSON."""


class Refusal(Exception):
    """`{"error": …}`, with `details` where there are several faults."""

    def __init__(self, status: int, error: str, details: Sequence[str] = ()) -> None:
        super().__init__(error)
        self.status, self.error, self.details = status, error, list(details)

    @property
    def shown(self) -> dict[str, Any]:
        return {"error": self.error, **({"details": self.details} if self.details else {})}


@dataclass(frozen=True, slots=True)
class Call:
    """`state` is what is remembered; a handler that reads leaves it as it is. `at`: now, in UTC."""

    state: State
    rules: Rules
    at: datetime
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def now(self) -> str:
        return stamp(self.at)

    def text(self, name: str, *, most: int | None = None) -> str:
        """The text under this name, without blanks around it; "" when it is missing or null. Raises Refusal."""
        value = self.body.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Refusal(400, f"{name} has to be text")
        if most is not None and len(value) > most:
            raise Refusal(400, f"{name} may have at most {most} characters")
        return value.strip()

    def flag(self, name: str, default: bool) -> bool:
        """Raises Refusal."""
        value = self.body.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise Refusal(400, f"{name} has to be true or false")
        return value

    def texts(self, name: str) -> list[str]:
        """The list of texts under this name, each once. Raises Refusal."""
        found = self._typed(name, list)
        if not all(isinstance(one, str) for one in found):
            raise Refusal(400, f"{name} has to be a list of texts")
        return list(dict.fromkeys(found))

    def media(self) -> list[Any]:
        """The files, as addresses or objects. Raises Refusal."""
        found: list[Any] = self._typed("media", list)
        if not all(isinstance(one, str | dict) for one in found):
            raise Refusal(400, "media has to be a list of addresses")
        return found

    def options(self, name: str) -> dict[str, Any]:
        """Raises Refusal."""
        found: dict[str, Any] = self._typed(name, dict)
        return found

    def moment(self, name: str) -> datetime:
        """The time under this name, in UTC, as which one without an offset counts. Raises Refusal."""
        text = self.text(name)
        if not text:
            raise Refusal(400, f"{name} is required")
        try:
            moment = datetime.fromisoformat(text)
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            _ = moment + timedelta(days=366)  # so that there is always a time after it
        except (ValueError, OverflowError) as error:
            raise Refusal(400, f"{name} is not a time; write it as 2030-01-31T09:00:00Z") from error
        return moment

    def _typed(self, name: str, kind: type) -> Any:
        value = self.body.get(name)
        if value is None:
            return kind()
        if not isinstance(value, kind):
            raise Refusal(400, f"{name} has to be {'a list' if kind is list else 'an object'}")
        return value


def known_platform(name: str, *, status: int = 400) -> str:
    """The name itself. Raises Refusal."""
    if name not in PLATFORMS:
        raise Refusal(status, f"Invalid platform: {cut(name)}")
    return name


def cut(text: str) -> str:
    """What somebody sent, as an error repeats it."""
    return text[:100]


def stamp(moment: datetime) -> str:
    """A time in UTC to the second, so that texts sort as the times do."""
    return utc_text(moment.replace(microsecond=0))
