"""What follows from an outcome: one pure function per kind of look, from what came back to the delivery's new row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from integrations.contract import Absent, CannotTell, Found, Pending, Published
from integrations.errors import (
    CallFailed,
    NeedsReconnect,
    OperatorProblem,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from mastablasta.core.backoff import next_try_at
from mastablasta.core.time_scale import scaled
from posts.engine.send_jobs import SendJob
from posts.queue.types import Result
from posts.states import AttemptOutcome, DeliveryState

LOOKS_S = tuple(scaled(s) for s in (2, 5, 10, 20, 40, 80))
LONGEST_GAP_S = scaled(60)
GIVES_UP_AFTER = timedelta(seconds=scaled(3600))
LONGEST_RATE_LIMIT = timedelta(days=1)
TIMED_OUT = "timed_out"
# What a front says when the server behind it takes too long: the request is there, and may still be carried out.
# 504: https://www.rfc-editor.org/rfc/rfc9110#section-15.6.5; 524: Cloudflare
GATEWAY_TIMEOUTS = frozenset({504, 524})


@dataclass(frozen=True, slots=True)
class Visible:
    """The calls of one attempt that could have made something visible.

    `first_at`: when the first was marked. `open_since`: the mark of the one that has no answer yet, if any.
    """

    calls: int = 0
    first_at: datetime | None = None
    open_since: datetime | None = None


ReconcileAnswer = Found | Absent | CannotTell | CallFailed
SendAnswer = Published | Pending | CallFailed


def may_arrive_late(code: str, http_status: int | None) -> bool:
    """Whether the call of an attempt that ended so may be carried out from now on: it was not broken off, only slow."""
    return code == TIMED_OUT or http_status in GATEWAY_TIMEOUTS


def next_look(doubted_at: datetime, settle_s: float, *, at: datetime) -> datetime:
    """When to ask again: 2, 5, 10, 20, 40 s after the doubt began, then each minute; and when absence is believed."""
    plan = sorted({*LOOKS_S, settle_s})
    waited_s = (at - doubted_at).total_seconds()
    return doubted_at + timedelta(seconds=next((s for s in plan if s > waited_s + 0.2), waited_s + LONGEST_GAP_S))


def after_send(job: SendJob, answer: SendAnswer, *, at: datetime, visible: Visible) -> Result:
    """The result of a send. `job.parts` are those that are out by now."""
    calls = _calls(job, visible)
    if isinstance(answer, Published):
        return _published(job, at=at, rests_until=answer.rests_until, **calls)
    if isinstance(answer, Pending):
        return _pending(job, answer, at=at, sent_at=visible.open_since, **calls)
    return _refused_send(job, answer, at=at, marked_at=visible.open_since, calls=calls)


def _refused_send(
    job: SendJob, failure: CallFailed, *, at: datetime, marked_at: datetime | None, calls: dict[str, Any]
) -> Result:
    said = {**_attempt_says(failure), **_delivery_says(failure), **calls}
    if isinstance(failure, OutcomeUnknown):
        return job.result(
            DeliveryState.UNKNOWN, AttemptOutcome.UNKNOWN, at=at, next_attempt_at=at, doubted_at=at,
            sent_at=marked_at or job.sent_at or at, **said,
        )  # fmt: skip
    if isinstance(failure, Rejected):
        if job.parts:
            return _incomplete(job, AttemptOutcome.REJECTED, failure.message, at=at, **said)
        return job.result(DeliveryState.REJECTED, AttemptOutcome.REJECTED, at=at, **said)
    if isinstance(failure, NeedsReconnect):
        return job.result(DeliveryState.BLOCKED, AttemptOutcome.NEEDS_RECONNECT, at=at, park=True, **said)
    if isinstance(failure, OperatorProblem):
        return job.result(DeliveryState.BLOCKED, AttemptOutcome.OPERATOR_PROBLEM, at=at, park=True, **said)
    if isinstance(failure, RateLimited):
        return job.result(DeliveryState.QUEUED, AttemptOutcome.RATE_LIMITED, at=at, **_waits(failure, at=at), **said)
    return _again_or_failed(job, AttemptOutcome.UNAVAILABLE, at=at, since=at, **said)


def _incomplete(job: SendJob, outcome: str, reason: str, *, at: datetime, **said: Any) -> Result:
    """The root is out and a later part cannot be: a missing comment is a warning, a missing reply a failure."""
    number, total = len(job.parts) + 1, len(job.content.parts)
    if job.content.parts[len(job.parts)].kind == "comment":
        quiet = {name: value for name, value in said.items() if not name.startswith("error_")}
        result = _published(job, at=at, **quiet)
        return replace(result, outcome=outcome, warnings=(f"The first comment could not be made: {reason}",))
    said |= {
        "error_code": "thread_incomplete",
        "error_message": f"Part {number} of {total} could not be made: {reason}"[:500],
        "error_retryable": True,
    }
    return job.result(DeliveryState.FAILED, outcome, at=at, **said)


def after_poll(job: SendJob, answer: SendAnswer, *, at: datetime, visible: Visible) -> Result:
    """The result of asking whether the platform has finished, and of what was sent when it had.

    A refusal for now took this attempt's own mark down; one from before stays open.
    """
    calls = _calls(job, visible)
    sent_at = visible.open_since or job.sent_at
    if isinstance(answer, Published):
        return _published(job, at=at, rests_until=answer.rests_until, **calls)
    if isinstance(answer, Pending):
        return _pending(job, answer, at=at, sent_at=sent_at, **calls)
    if isinstance(answer, Rejected | OutcomeUnknown):
        return _refused_send(job, answer, at=at, marked_at=sent_at, calls=calls)
    if isinstance(answer, Unavailable):
        return _polled_in_vain(job, answer, at=at, calls=calls)
    waits: dict[str, Any] = {"next_attempt_at": next_try_at(3, at=at), "park": _parks(answer)}
    if isinstance(answer, RateLimited):
        waits = _waits(answer, at=at)
    return job.result(
        DeliveryState.PROCESSING, _outcome_of(answer), at=at, sent_at=job.sent_at, **waits, **_attempt_says(answer),
        **calls,
    )  # fmt: skip


def _polled_in_vain(job: SendJob, failure: Unavailable, *, at: datetime, calls: dict[str, Any]) -> Result:
    """One of the retries. After the last it has failed; but where it may be out, that is found out."""
    said = {**_attempt_says(failure), **calls}
    tries = job.tries + 1
    if tries <= settings.PUBLISH_MAX_RETRIES:
        again_at = next_try_at(tries, at=at)
        return job.result(
            DeliveryState.PROCESSING, AttemptOutcome.UNAVAILABLE, at=at, sent_at=job.sent_at, tries=tries,
            next_attempt_at=again_at, retry_at=again_at, **said,
        )  # fmt: skip
    said |= _delivery_says(failure)
    if job.sent_at is None:
        return _again_or_failed(job, AttemptOutcome.UNAVAILABLE, at=at, since=at, **said)
    return job.result(
        DeliveryState.UNKNOWN, AttemptOutcome.UNAVAILABLE, at=at, sent_at=job.sent_at, doubted_at=at,
        next_attempt_at=at, **said,
    )  # fmt: skip


def after_reconcile(job: SendJob, answer: ReconcileAnswer, *, at: datetime, settle_s: float) -> Result:
    """The result of asking whether it is out. Absence counts only when asked `settle_s` after the doubt began."""
    doubted_at = job.doubted_at or job.claimed_at
    still: dict[str, Any] = {"sent_at": job.sent_at, "doubted_at": doubted_at}
    if isinstance(answer, Found):  # that part is out; the next one is sent
        return job.result(DeliveryState.QUEUED, AttemptOutcome.PUBLISHED, at=at, next_attempt_at=at)
    if isinstance(answer, Absent):
        if job.claimed_at >= doubted_at + timedelta(seconds=settle_s):
            return _again_or_failed(
                job, AttemptOutcome.ABSENT, at=at, since=doubted_at, error_code="not_sent", error_kind="unavailable",
                error_message="The platform gave no answer, and does not have the post.",
            )  # fmt: skip
        return job.result(
            DeliveryState.UNKNOWN, AttemptOutcome.ABSENT, at=at, **still,
            next_attempt_at=next_look(doubted_at, settle_s, at=at),
        )  # fmt: skip
    if isinstance(answer, CannotTell):
        return _unconfirmed(job, answer.reason, at=at, **still)
    if isinstance(answer, Rejected):
        return _unconfirmed(job, answer.message, at=at, **still, **_attempt_says(answer))
    if at - doubted_at > GIVES_UP_AFTER and isinstance(answer, Unavailable | OutcomeUnknown):
        return _unconfirmed(job, answer.message, at=at, **still, **_attempt_says(answer))
    waits: dict[str, Any] = {
        "next_attempt_at": next_look(doubted_at, settle_s, at=at),
        "park": _parks(answer),
    }
    if isinstance(answer, RateLimited):
        waits = _waits(answer, at=at)
    return job.result(
        DeliveryState.UNKNOWN, _outcome_of(answer), at=at, **still, **waits, **_attempt_says(answer),
        error_code="outcome_unknown", error_kind="unknown",
        error_message="The platform gave no answer; it is being asked whether it has the post.",
    )  # fmt: skip


def _calls(job: SendJob, visible: Visible) -> dict[str, Any]:
    return {
        "visible_calls": job.visible_calls + visible.calls,
        "attempt_sent_at": visible.first_at,
        "spent": visible.calls,
    }


def _published(job: SendJob, *, at: datetime, rests_until: datetime | None = None, **calls: Any) -> Result:
    """All parts are out; the delivery goes by its root's name.

    Its account rests after a late one, since backlog is paced, and when the platform said that its window is used up.
    """
    root = job.parts[0]
    rests = [at + timedelta(seconds=job.spacing_s)] if job.spacing_s else []
    if rests_until is not None:
        rests.append(min(rests_until, at + LONGEST_RATE_LIMIT))
    if rests:
        calls["blocked_until"] = max(rests)
    return job.result(
        DeliveryState.PUBLISHED, AttemptOutcome.PUBLISHED, at=at, remote_id=root["remote_id"], url=root["url"],
        published_at=at, **calls,
    )  # fmt: skip


def _pending(job: SendJob, answer: Pending, *, at: datetime, sent_at: datetime | None, **calls: Any) -> Result:
    return job.result(
        DeliveryState.PROCESSING, AttemptOutcome.PENDING, at=at, next_attempt_at=max(answer.check_at, at),
        progress={**job.progress, **answer.progress}, sent_at=sent_at, **calls,
    )  # fmt: skip


def _unconfirmed(job: SendJob, reason: str, *, at: datetime, **said: Any) -> Result:
    return job.result(
        DeliveryState.UNCONFIRMED, AttemptOutcome.CANNOT_TELL, at=at, error_code="unconfirmed", error_kind="unknown",
        error_message=f"Nobody can say whether this is out: {reason}"[:500], **said,
    )  # fmt: skip


def _again_or_failed(job: SendJob, outcome: str, *, at: datetime, since: datetime, **said: Any) -> Result:
    """Another try, as long as there are retries left: after the usual wait, counted from `since`, the last one's end.

    A look-up that was answered in between does not shorten it.
    """
    tries = job.tries + 1
    if tries > settings.PUBLISH_MAX_RETRIES and job.parts:
        return _incomplete(job, outcome, str(said.get("error_message", "")), at=at, **said)
    if tries > settings.PUBLISH_MAX_RETRIES:
        return job.result(DeliveryState.FAILED, outcome, at=at, error_retryable=True, **said)
    again_at = max(at, next_try_at(tries, at=since))
    return job.result(
        DeliveryState.QUEUED, outcome, at=at, tries=tries, next_attempt_at=again_at, retry_at=again_at, **said
    )


def _waits(failure: RateLimited, *, at: datetime) -> dict[str, Any]:
    until = min(max(failure.until, next_try_at(1, at=at)), at + LONGEST_RATE_LIMIT)
    return {"next_attempt_at": until, "retry_at": until, "blocked_until": until}


def _parks(failure: CallFailed) -> bool:
    return isinstance(failure, NeedsReconnect | OperatorProblem)


def _outcome_of(failure: CallFailed) -> str:
    return AttemptOutcome(failure.kind)


def _attempt_says(failure: CallFailed) -> dict[str, Any]:
    return {"http_status": failure.http_status, "code": failure.code[:60], "message": failure.message[:500]}


def _delivery_says(failure: CallFailed) -> dict[str, Any]:
    return {
        "error_code": (failure.code or failure.kind)[:60],
        "error_kind": failure.kind,
        "error_message": failure.message[:500],
    }
