"""Refusals that a person can act on: what services raise and every face (API, admin, commands) shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One fault of one input field: a stable code, a sentence with the remedy, and the limits it names."""

    field: str
    code: str
    message: str
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def summary(problems: Sequence[FieldProblem]) -> str:
    """Return one sentence for one or more faults: the first with its field, and how many more there are."""
    first, rest = problems[0], len(problems) - 1
    sentence = f"{first.field}: {first.message}" if first.field else first.message
    if rest:
        sentence += f" ({rest} more {'fault is' if rest == 1 else 'faults are'} listed in errors.)"
    return sentence


class DomainError(Exception):
    """A request that cannot be carried out as asked; nothing was changed.

    `code` is stable, `detail` one plain sentence with the remedy, `problems` the faults by field.
    Subclasses say of what kind it is; mastablasta.core.api.errors maps the kind to a status.
    """

    def __init__(self, code: str, detail: str, problems: Sequence[FieldProblem] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.problems = tuple(problems)


class Invalid(DomainError):
    """The input is wrong."""

    @classmethod
    def field(cls, name: str, code: str, message: str, **params: Any) -> Invalid:
        return cls(code, message, [FieldProblem(name, code, message, params)])


class Conflict(DomainError):
    """The input is right, but the thing is in a state that does not allow it."""


class Forbidden(DomainError):
    """The person may see this, but not do it."""


class NotThere(DomainError):
    """There is no such thing in this workspace."""


class Unreachable(DomainError):
    """A system outside, which this request needs at once, does not answer or answers nonsense."""


class TooLarge(DomainError):
    """What was sent has more bytes than are taken here."""


class WrongType(DomainError):
    """What was sent is of a kind that is not taken here."""


class NoRoom(DomainError):
    """There is no room to keep what was sent."""


class NotSignedIn(DomainError):
    """The proof of who asks is wrong, used up or ended."""


class TooOften(DomainError):
    """Asked too often; worth another try after `retry_after_s` seconds."""

    def __init__(self, code: str, detail: str, *, retry_after_s: int) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s
