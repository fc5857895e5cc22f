"""The name that a platform gave to the call that it answered last: what its support asks for first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

LONGEST = 100
# Rails, and so Mastodon: https://api.rubyonrails.org/classes/ActionDispatch/RequestId.html. LinkedIn:
# integrations/platforms/linkedin/errors.py. Meta and X: their servers send them, and no documentation promises it.
HEADERS = ("x-request-id", "x-li-uuid", "x-fb-trace-id", "x-fb-request-id", "x-transaction-id")


@dataclass(slots=True)
class LastRequestId:
    """`text`: that of the last call; "" where it had no answer, or one without."""

    text: str = ""


_noted: ContextVar[LastRequestId | None] = ContextVar("last_request_id", default=None)


@contextmanager
def noting_request_ids() -> Iterator[LastRequestId]:
    """Note them while the block calls out, on its own thread."""
    noted = LastRequestId()
    before = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(before)


def note_request_id(headers: Mapping[str, str] | None) -> None:
    """`headers` of an answer, with lower-case names; None = there was none."""
    noted = _noted.get()
    if noted is None:
        return
    said = next((headers[name] for name in HEADERS if name in headers), "") if headers else ""
    noted.text = "".join(sign for sign in said if sign.isprintable())[:LONGEST]
