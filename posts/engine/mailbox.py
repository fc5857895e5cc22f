"""Between the threads that do HTTP and the one thread that talks to the database.

A thread puts results here, and requests for what must be durable before it goes on. The database thread takes all that
has come together, writes it in one commit, and only then answers. HTTP threads never touch the ORM.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from integrations.contract import LeaseLost
from integrations.errors import CallFailed
from posts.engine.send_jobs import SendJob
from posts.queue.types import Result, Save

Value = TypeVar("Value")
ANSWER_TIMEOUT_S = 90.0


@dataclass(slots=True)
class DatabaseRequest:
    """A request to the database thread: a Save, or a function to be called inside its transaction."""

    save: Save | None = None
    call: Callable[[], Any] | None = None
    is_answered: threading.Event = field(default_factory=threading.Event)
    value: Any = None
    error: BaseException | None = None

    def answer(self, value: Any = None, error: BaseException | None = None) -> None:
        self.value, self.error = value, error
        self.is_answered.set()


@dataclass(frozen=True, slots=True)
class JobDone:
    """A job's end: its result, and the failure behind it. `result` None = the lease was lost, nothing to write.

    `grant_version`: that of the token which was used last, so that a newer one is not blamed.
    """

    job: SendJob
    result: Result | None
    failure: CallFailed | None = None
    grant_version: int | None = None


class Mailbox:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._done: list[JobDone] = []
        self._requests: list[DatabaseRequest] = []
        self._is_closed = False

    # --- the threads' side ---
    def put(self, done: JobDone) -> None:
        with self._changed:
            self._done.append(done)
            self._changed.notify()

    def save(self, save: Save) -> None:
        """Return when it is committed. Raises LeaseLost when the delivery is not ours any more."""
        if not self._ask(DatabaseRequest(save=save)):
            raise LeaseLost(str(save.delivery_id))

    def call(self, function: Callable[[], Value]) -> Value:
        """Run `function` in the database thread and return its value once it is committed; its errors come here."""
        value: Value = self._ask(DatabaseRequest(call=function))
        return value

    def _ask(self, request: DatabaseRequest) -> Any:
        with self._changed:
            if self._is_closed:
                raise LeaseLost("the drain has ended")
            self._requests.append(request)
            self._changed.notify()
        if not request.is_answered.wait(ANSWER_TIMEOUT_S):
            raise LeaseLost("the database did not answer in time")
        if request.error is not None:
            raise request.error
        return request.value

    # --- the database thread's side ---
    def wait(self, timeout_s: float) -> bool:
        """Wait until something lies here; False = nothing came."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._done or self._requests), timeout_s)

    def take(self) -> tuple[list[JobDone], list[DatabaseRequest]]:
        with self._changed:
            done, requests, self._done, self._requests = self._done, self._requests, [], []
        return done, requests

    def close(self) -> None:
        """Nobody will answer any more: whoever asks is told that the lease is lost."""
        with self._changed:
            self._is_closed = True
            requests, self._requests = self._requests, []
        for request in requests:
            request.answer(error=LeaseLost("the drain has ended"))
