"""Between the threads that do HTTP and the one thread that talks to the database.

A thread leaves results, and asks for what must be durable before it goes on; the database thread takes all that has
come together, writes it in one commit, and only then answers. HTTP threads never touch the ORM.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from uuid import UUID

from django.utils import timezone

from integrations.contract import LeaseLost, SentPart, Step
from integrations.errors import CallFailed
from posts.services.claims import Result, Save
from posts.services.jobs import Job
from posts.services.outcomes import Visible

Value = TypeVar("Value")
ANSWER_TIMEOUT_S = 90.0


@dataclass(slots=True)
class Ask:
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
class Done:
    """A job's end: its result, and the failure behind it. `result` None = the lease was lost, nothing to write.

    `grant_version`: that of the token which was used last, so that a newer one is not blamed.
    """

    job: Job
    result: Result | None
    failure: CallFailed | None = None
    grant_version: int | None = None


class Desk:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._done: list[Done] = []
        self._asks: list[Ask] = []
        self._is_closed = False

    # --- the threads' side ---
    def leave(self, done: Done) -> None:
        with self._changed:
            self._done.append(done)
            self._changed.notify()

    def save(self, save: Save) -> None:
        """Return when it is committed. Raises LeaseLost when the delivery is not ours any more."""
        if not self._ask(Ask(save=save)):
            raise LeaseLost(str(save.delivery_id))

    def call(self, function: Callable[[], Value]) -> Value:
        """Run `function` in the database thread and return its value once it is committed; its errors come here."""
        value: Value = self._ask(Ask(call=function))
        return value

    def _ask(self, ask: Ask) -> Any:
        with self._changed:
            if self._is_closed:
                raise LeaseLost("the drain has ended")
            self._asks.append(ask)
            self._changed.notify()
        if not ask.is_answered.wait(ANSWER_TIMEOUT_S):
            raise LeaseLost("the database did not answer in time")
        if ask.error is not None:
            raise ask.error
        return ask.value

    # --- the database thread's side ---
    def wait(self, timeout_s: float) -> bool:
        """Wait until something lies here; False = nothing came."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._done or self._asks), timeout_s)

    def take(self) -> tuple[list[Done], list[Ask]]:
        with self._changed:
            done, asks, self._done, self._asks = self._done, self._asks, [], []
        return done, asks

    def close(self) -> None:
        """Nobody will answer any more: whoever asks is told that the lease is lost."""
        with self._changed:
            self._is_closed = True
            asks, self._asks = self._asks, []
        for ask in asks:
            ask.answer(error=LeaseLost("the drain has ended"))


class Ledger:
    """What one thread makes durable for its delivery: the mark before a visible call, progress, and parts that are out.

    This is the Progress that a connector gets; `mark` is what the door calls before the first byte of a visible
    request leaves. `parts` are those that are out, in order, also from earlier attempts.
    """

    def __init__(self, job: Job, desk: Desk, *, premarked_until: float, monotonic: Callable[[], float]) -> None:
        self._job = job
        self._desk = desk
        self._premarked_until = premarked_until
        self._monotonic = monotonic
        self._data: dict[str, Any] = dict(job.progress)
        self.parts: list[dict[str, Any]] = [dict(part) for part in job.parts]
        self.visible = Visible()
        self.grant_version = job.grant.version if job.grant else None

    @property
    def data(self) -> Mapping[str, Any]:
        return self._data

    @property
    def delivery_id(self) -> UUID:
        return self._job.claimed.delivery_id

    def save(self, **values: Any) -> None:
        self._data.update(values)
        self._desk.save(Save(self.delivery_id, self._job.claimed.token, progress=dict(self._data)))

    def mark(self) -> None:
        """Say durably that a visible step begins. Raises LeaseLost: then nothing may be sent.

        A claim that was committed moments ago has said so already, for deliveries of one step.
        """
        at = self._job.sent_at
        is_premarked = self._job.is_one_step and at is not None and not self.visible.calls
        if not (is_premarked and self._monotonic() < self._premarked_until):
            at = timezone.now()
            self._desk.save(Save(self.delivery_id, self._job.claimed.token, sent_at=at))
        self.visible = Visible(self.visible.calls + 1, self.visible.first_at or at, at)

    def note_part(self, part: SentPart, *, is_result_next: bool = False) -> None:
        """Keep a part that is out, durably unless the result comes right after it, as it does for the last one."""
        number = len(self.parts)
        kind = self._job.content.parts[number].kind
        noted = {"index": number, "kind": kind, "remote_id": part.remote_id, "url": part.url}
        self.parts.append({**noted, "facts": dict(part.facts), "at": timezone.now().isoformat()})
        self._data, self.visible = {}, replace(self.visible, open_since=None)
        if not is_result_next and len(self.parts) < len(self._job.content.parts):
            token = self._job.claimed.token
            self._desk.save(Save(self.delivery_id, token, parts=list(self.parts), closes_mark=True))

    def step(self) -> Step:
        """The part that is to be made next."""
        sent = tuple(SentPart(part["remote_id"], part["url"], part.get("facts", {})) for part in self.parts)
        return Step(self._job.content, f"{self._job.key}.{len(sent)}", sent)
