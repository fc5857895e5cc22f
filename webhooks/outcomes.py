"""What a try means for what to do next: for the event that was sent, and for the queue of its endpoint. Pure.

An endpoint's events go out in order, so the one that failed holds up those behind it: 5 s, 30 s, 2 min. Then it steps
aside, so that a receiver which refuses one event gets the others. Whether it is the event or the receiver shows at
once: when the next one fails too, the whole queue waits.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mastablasta.core.time_scale import scaled
from webhooks.states import EndpointDeliveryState

WAITS_S = (5, 30, 120, 600, 3600, *[10_800] * 8)  # 25 hours in all
MOST_TRIES = len(WAITS_S) + 1
STEPS_ASIDE = 4  # tries
JITTER = 0.1
DAY_S = 86_400
GONE = 410


@dataclass(frozen=True, slots=True)
class Attempted:
    """One request and what came of it. `http_status` None = no answer, and `code` says why.

    `answer`: the first kilobyte of the answer's body. `retry_at`: when the receiver wants to be asked again.
    """

    started_at: datetime
    ended_at: datetime
    url: str
    headers: dict[str, str]
    http_status: int | None = None
    answer: str = ""
    code: str = ""
    message: str = ""
    retry_at: datetime | None = None

    @property
    def duration_ms(self) -> int:
        return round((self.ended_at - self.started_at).total_seconds() * 1000)

    @property
    def is_taken(self) -> bool:
        return self.http_status is not None and 200 <= self.http_status < 300


@dataclass(frozen=True, slots=True)
class LaneHealth:
    """How an endpoint has fared: tries that failed in a row, since when, and until when it is left alone."""

    failures: int = 0
    failing_since: datetime | None = None
    blocked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The delivery's next row, and the lane's. `disabled_reason`: why the endpoint is switched off; "" = it is not."""

    state: EndpointDeliveryState
    failures: int
    next_attempt_at: datetime | None
    lane: LaneHealth
    disabled_reason: str = ""


def judge(attempted: Attempted, *, failures: int, lane: LaneHealth) -> Verdict:
    """What follows from a try of a delivery that has failed `failures` times before."""
    if attempted.is_taken:
        return Verdict(EndpointDeliveryState.DELIVERED, failures, None, LaneHealth())
    at, failures = attempted.ended_at, failures + 1
    lane = LaneHealth(lane.failures + 1, lane.failing_since or at)
    if reason := _reason_to_switch_off(attempted, lane):
        return Verdict(EndpointDeliveryState.MISSED, failures, None, lane, reason)
    asked_for = min(attempted.retry_at, at + timedelta(seconds=DAY_S)) if attempted.retry_at else at
    if failures >= MOST_TRIES:
        return Verdict(EndpointDeliveryState.FAILED, failures, None, replace(lane, blocked_until=asked_for))
    if failures >= STEPS_ASIDE and lane.failures <= failures:
        again_at = max(at + wait(failures), asked_for)
        return Verdict(EndpointDeliveryState.PENDING, failures, again_at, replace(lane, blocked_until=asked_for))
    again_at = max(at + wait(max(failures, lane.failures)), asked_for)
    return Verdict(EndpointDeliveryState.PENDING, failures, again_at, replace(lane, blocked_until=again_at))


def wait(failures: int) -> timedelta:
    """The wait after so many failures (from 1), up to a tenth longer, so that what failed together parts."""
    seconds = WAITS_S[min(failures, len(WAITS_S)) - 1]
    return timedelta(seconds=scaled(seconds) * random.uniform(1, 1 + JITTER))  # noqa: S311  nothing secret


def _reason_to_switch_off(attempted: Attempted, lane: LaneHealth) -> str:
    if attempted.http_status == GONE:
        return "The receiver answered 410: it is gone for good."
    since = lane.failing_since
    if since is None or attempted.ended_at < since + timedelta(seconds=scaled(DAY_S)):
        return ""
    return f"Nothing got through for a day; the last try: {attempted.message}"
