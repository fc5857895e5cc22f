"""What the queue hands out and takes back, and what each database has to know how to do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from mastablasta.core.database_changes import DUE
from posts.states import CLAIMABLE, DELIVERY_MOVES, NOT_OUT, OUT, DeliveryState, PostStatus

MOST_LOSSES = 3
GIVEN_UP = f"{MOST_LOSSES} workers in a row ended while they had this in hand; it may be what ended them."
NOTIFY_CHANNEL = DUE
CLAIMABLE_SQL = "({})".format(", ".join(f"'{state.value}'" for state in CLAIMABLE))


def state_in(states: Iterable[DeliveryState]) -> str:
    return "state IN ({})".format(", ".join(f"'{state.value}'" for state in states))


_ACTIVE = state_in(
    [
        DeliveryState.QUEUED,
        DeliveryState.BLOCKED,
        DeliveryState.HELD,
        DeliveryState.SENDING,
        DeliveryState.PROCESSING,
        DeliveryState.UNKNOWN,
    ]
)
_BEGUN = (
    f"({state_in([DeliveryState.SENDING, DeliveryState.PROCESSING, DeliveryState.UNKNOWN, *OUT, *NOT_OUT])}"
    " OR visible_calls > 0)"
)
# The status of a post, read off its deliveries; the order of the lines is contract, the dialects share it.
POST_STATUS_SQL = f"""CASE
    WHEN MAX(CASE WHEN {_ACTIVE} THEN 1 ELSE 0 END) = 1
     AND MAX(CASE WHEN {_BEGUN} THEN 1 ELSE 0 END) = 1 THEN 'publishing'
    WHEN MAX(CASE WHEN state = 'unconfirmed' THEN 1 ELSE 0 END) = 1 THEN 'unconfirmed'
    WHEN MAX(CASE WHEN {_ACTIVE} THEN 1 ELSE 0 END) = 1 THEN 'scheduled'
    WHEN MIN(CASE WHEN {state_in(OUT)} THEN 1 ELSE 0 END) = 1 THEN 'published'
    WHEN MAX(CASE WHEN {state_in(OUT)} THEN 1 ELSE 0 END) = 1 THEN 'partially_published'
    WHEN MAX(CASE WHEN {state_in(NOT_OUT)} THEN 1 ELSE 0 END) = 1 THEN 'failed'
    WHEN MAX(CASE WHEN state = 'draft' THEN 1 ELSE 0 END) = 1 THEN 'draft'
    ELSE 'cancelled' END"""

SETTLED = (PostStatus.PUBLISHED, PostStatus.PARTIALLY_PUBLISHED, PostStatus.FAILED)
TOLD = (*SETTLED, PostStatus.UNCONFIRMED)  # what webhooks may want to know
TOLD_SQL = "({})".format(", ".join(f"'{status.value}'" for status in TOLD))


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A post that has another status than before, one of TOLD."""

    post_id: UUID
    workspace_id: UUID
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery that is ours until its lease ends. `number` is that of the Attempt opened with it."""

    delivery_id: UUID
    account_id: UUID
    post_id: UUID
    state: str
    number: int
    token: UUID


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a claimed delivery: its new row, the closed Attempt and what it means for the lane.

    `blocked_until`: no call for this account before it. `park`: no call at all until the account is usable again.
    `spent` visible calls count against `rate` (calls, seconds); an account that has used up its window rests.
    """

    delivery_id: UUID
    account_id: UUID
    post_id: UUID
    token: UUID
    number: int
    from_state: str
    state: str
    outcome: str
    ended_at: datetime
    next_attempt_at: datetime | None = None
    tries: int = 0
    visible_calls: int = 0
    sent_at: datetime | None = None
    doubted_at: datetime | None = None
    progress: Mapping[str, Any] | None = None
    parts: Sequence[Mapping[str, Any]] | None = None
    remote_id: str = ""
    url: str = ""
    published_at: datetime | None = None
    error_code: str = ""
    error_kind: str = ""
    error_message: str = ""
    error_retryable: bool = False
    warnings: Sequence[str] = ()
    attempt_sent_at: datetime | None = None
    http_status: int | None = None
    code: str = ""
    message: str = ""
    request_id: str = ""
    retry_at: datetime | None = None
    blocked_until: datetime | None = None
    park: bool = False
    spent: int = 0
    rate: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        DELIVERY_MOVES.check(self.from_state, self.state)


@dataclass(frozen=True, slots=True)
class Save:
    """Something that must be durable before the next call: the mark (`sent_at`), and what was done so far.

    `closes_mark`: the open visible step has its answer (a part is out), so the mark is taken down and what was saved
    of that step is forgotten.
    """

    delivery_id: UUID
    token: UUID
    sent_at: datetime | None = None
    progress: Mapping[str, Any] | None = None
    parts: Sequence[Mapping[str, Any]] | None = None
    closes_mark: bool = False


class Dialect(ABC):
    """The same steps in one database's SQL."""

    @abstractmethod
    def claim(self, *, at: datetime, limit: int, token: UUID, expires_at: datetime, worker: str) -> list[Claimed]: ...

    @abstractmethod
    def save(self, saves: Sequence[Save], *, at: datetime) -> set[UUID]: ...

    @abstractmethod
    def finish(self, results: Sequence[Result], *, at: datetime) -> set[UUID]: ...

    @abstractmethod
    def renew(self, tokens: list[UUID], *, expires_at: datetime) -> None: ...

    @abstractmethod
    def take_over(self, *, at: datetime, limit: int) -> tuple[int, set[UUID]]:
        """How many lanes were freed, and the posts of deliveries that were given up."""

    @abstractmethod
    def lock_lanes(self, accounts: list[UUID]) -> None: ...

    @abstractmethod
    def wake_lanes(self, due: Mapping[UUID, datetime]) -> None: ...

    @abstractmethod
    def recompute_lanes(self, accounts: list[UUID]) -> None: ...

    @abstractmethod
    def recompute_post_status(self, posts: list[UUID], *, at: datetime) -> list[StatusChange]:
        """Those changes that webhooks may want to know; without workspaces that have none, where that costs nothing."""

    @abstractmethod
    def late_lanes(self, limit: int) -> list[UUID]: ...
