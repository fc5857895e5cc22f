"""What the threads work on: one delivery with all that sending it needs, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from integrations.contract import Content, Target
from integrations.sign_in import NO_APP, ClientApp
from posts.engine.blockers import Blocker
from posts.queue.types import Claimed, Result
from posts.states import ATTEMPT_KIND, AttemptKind, AttemptOutcome, DeliveryState

CLOCK_SKEW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Grant:
    """The tokens that a job works with. `version` tells a newer pair from an older one."""

    credential_id: UUID
    version: int
    access_token: str = field(repr=False)
    expires_at: datetime | None
    can_refresh: bool


@dataclass(frozen=True, slots=True)
class SendJob:
    """A claimed delivery, ready to be worked on. `known`: ids at the platform that belong to other deliveries.

    `app`: our registration at its host, empty where there is none. `target_token`: the account's own token, which calls
    are made with where there is one.

    `blocker`: why it cannot be sent now, or None. `spacing_s`: how long its account rests after a late post.
    `rate`: the platform's own limit, as (visible calls, seconds), or None. `may_arrive_late`: the call in doubt timed
    out, so that a front may still hand it on.
    """

    claimed: Claimed
    claimed_at: datetime
    platform: str
    content: Content
    target: Target
    grant: Grant | None
    generation: int
    tries: int
    visible_calls: int
    sent_at: datetime | None
    doubted_at: datetime | None
    progress: Mapping[str, Any]
    parts: Sequence[Mapping[str, Any]]
    is_one_step: bool
    host_id: UUID
    app: ClientApp = NO_APP
    target_token: str = field(default="", repr=False)
    blocker: Blocker | None = None
    spacing_s: float = 0.0
    rate: tuple[int, int] | None = None
    known: frozenset[str] = frozenset()
    may_arrive_late: bool = False

    @property
    def kind(self) -> str:
        return ATTEMPT_KIND[self.claimed.state]

    @property
    def key(self) -> str:
        """Stable for the same content: what the platform gets as idempotency key, extended by the part."""
        return f"{self.claimed.delivery_id}.{self.generation}"

    @property
    def looks_since(self) -> datetime:
        """Only what the platform made after this can be ours."""
        return (self.sent_at or self.claimed_at) - CLOCK_SKEW

    def result(self, state: str, outcome: str, *, at: datetime, **changes: Any) -> Result:
        """The result that keeps everything as it is, but for `changes`."""
        result = Result(
            delivery_id=self.claimed.delivery_id,
            account_id=self.claimed.account_id,
            post_id=self.claimed.post_id,
            token=self.claimed.token,
            number=self.claimed.number,
            from_state=self.claimed.state,
            state=state,
            outcome=outcome,
            ended_at=at,
            tries=self.tries,
            visible_calls=self.visible_calls,
            progress=self.progress or None,
            parts=self.parts or None,
            rate=self.rate,
        )
        return replace(result, **changes)

    def handed_back(
        self,
        *,
        at: datetime,
        again_at: datetime | None = None,
        code: str = "handed_back",
        message: str = "The worker stopped before it began.",
    ) -> Result:
        """Nothing was done with it: as it was before the claim, to be looked at again at `again_at` or at once."""
        waits: dict[str, Any] = {"next_attempt_at": again_at or at, "code": code, "message": message}
        if self.kind == AttemptKind.SEND:
            return self.result(DeliveryState.QUEUED, AttemptOutcome.ABANDONED, at=at, **waits)
        return self.result(
            self.claimed.state, AttemptOutcome.ABANDONED, at=at, sent_at=self.sent_at, doubted_at=self.doubted_at,
            **waits,
        )  # fmt: skip
