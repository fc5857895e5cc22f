"""How a call can fail: the class says what to do next, the code says what happened."""

from __future__ import annotations

from typing import ClassVar


class CallFailed(Exception):
    """A call that did not bring what was wanted; the subclass says what to do next.

    Neither `message` nor anything else in here holds a token, a body or a query string.
    """

    kind: ClassVar[str] = "failed"

    def __init__(self, message: str, *, code: str = "", http_status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.http_status = http_status


class Unavailable(CallFailed):
    """Certainly nothing was done: no bytes left, or the step was not a visible one. Try again later."""

    kind: ClassVar[str] = "unavailable"


class OutcomeUnknown(CallFailed):
    """A visible request left and no trustworthy answer came: it may be out. Ask first, never send again."""

    kind: ClassVar[str] = "unknown"


class LineError(Exception):
    """Inside the door: the line failed. Whether bytes had left decides what the caller is told."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
