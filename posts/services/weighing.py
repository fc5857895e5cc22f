"""What results say of the hosts behind them, and what the silence of a host means for its deliveries.

Pure but for `note`, which writes what was found. A host that answers nobody costs no delivery a retry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from integrations.errors import RateLimited, Unavailable
from integrations.models import PlatformHost
from integrations.services import circuits
from posts.services.claims import Result
from posts.services.desk import Done
from posts.states import AttemptKind, AttemptOutcome, DeliveryState

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Weight:
    """What the results of one commit say of one host: silent calls in a row at the end, whether it answered."""

    silences: int = 0
    answered: bool = False
    limited_until: datetime | None = None


def weigh(done: Iterable[Done], hosts: Mapping[UUID, PlatformHost]) -> tuple[list[Done], dict[UUID, Weight]]:
    """Return the results, those of silent hosts as waiting for them; and what is to be noted, by host."""
    ends = list(done)
    weights: dict[UUID, Weight] = {}
    for end in ends:
        if not _called(end):
            continue
        weight = weights.setdefault(end.job.host_id, Weight())
        if circuits.is_silence(end.failure):
            weight.silences += 1
            continue
        weight.silences, weight.answered = 0, True
        if isinstance(end.failure, RateLimited) and end.failure.scope == "host":
            weight.limited_until = max(end.failure.until, weight.limited_until or end.failure.until)
    silent = {host for host, weight in weights.items() if _is_silent(weight, hosts.get(host))}
    return [_waiting(end) if _waits(end, silent) else end for end in ends], weights


def note(weights: Mapping[UUID, Weight], hosts: dict[UUID, PlatformHost], *, at: datetime) -> None:
    """Write what was found, last in a transaction: a host's row is locked after all others."""
    for host_id, weight in sorted(weights.items()):
        known = hosts.get(host_id)
        is_news = known is not None and bool(known.failures or known.circuit_opened_at)
        if weight.answered and is_news and circuits.note_answer(host_id):
            log.warning("circuit_closed", host=known.host if known else str(host_id))
        if weight.silences and circuits.note_silence(host_id, calls=weight.silences, at=at):
            log.error("circuit_opened", host=known.host if known else str(host_id))
        if weight.limited_until is not None:
            circuits.limit_host(host_id, until=weight.limited_until)
        if weight.silences or weight.limited_until is not None or (weight.answered and is_news):
            hosts.pop(host_id, None)


def _called(end: Done) -> bool:
    return end.result is not None and end.result.outcome != AttemptOutcome.ABANDONED


def _is_silent(weight: Weight, host: PlatformHost | None) -> bool:
    before = 0 if host is None or weight.answered else host.failures
    is_open = host is not None and host.circuit_opened_at is not None and not weight.answered
    return bool(weight.silences) and (is_open or before + weight.silences >= circuits.OPENS_AFTER)


def _waits(end: Done, silent: Sequence[UUID] | set[UUID]) -> bool:
    return _called(end) and end.job.host_id in silent and circuits.is_silence(end.failure)


def _waiting(end: Done) -> Done:
    """The same end, but waiting for its host: no retry used, nothing given up."""
    result, job = end.result, end.job
    host = job.target.host
    assert result is not None  # noqa: S101  _called
    waits: Result
    if job.kind == AttemptKind.SEND and result.state != DeliveryState.UNKNOWN:
        waits = replace(
            result, state=DeliveryState.QUEUED, tries=job.tries, next_attempt_at=result.ended_at, retry_at=None,
            error_code="host_silent", error_kind="unavailable", error_retryable=False,
            error_message=f"{host} does not answer; this goes out when it does.",
        )  # fmt: skip
    elif job.kind == AttemptKind.RECONCILE:
        waits = replace(
            result, state=DeliveryState.UNKNOWN, tries=job.tries, sent_at=job.sent_at,
            doubted_at=job.doubted_at or job.claimed_at, next_attempt_at=result.next_attempt_at or result.ended_at,
            error_code="outcome_unknown", error_kind="unknown", error_retryable=False,
            error_message=f"{host} does not answer; it will be asked whether it has the post.",
        )  # fmt: skip
    elif job.kind == AttemptKind.POLL and isinstance(end.failure, Unavailable):
        waits = replace(
            result, state=DeliveryState.PROCESSING, tries=job.tries, doubted_at=None,
            next_attempt_at=result.ended_at, retry_at=None, remote_id="", url="", published_at=None, warnings=(),
            error_code="host_silent", error_kind="unavailable", error_retryable=False,
            error_message=f"{host} does not answer; this goes on when it does.",
        )  # fmt: skip
    else:
        waits = result
    return replace(end, result=replace(waits, park=True))
