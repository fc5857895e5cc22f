"""What results say of the hosts behind them, and what the silence of a host means for its deliveries.

Pure but for `note`, which writes what was found. A host that answers nobody costs no delivery a retry, and neither does
one that answers look-ups and takes no sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

import structlog

from integrations.errors import OutcomeUnknown, RateLimited, Unavailable
from integrations.models import PlatformHost
from integrations.services import circuits
from posts.engine.mailbox import JobDone
from posts.queue.types import Result
from posts.states import AttemptKind, AttemptOutcome, DeliveryState

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class HostReport:
    """What the results of one commit say of one host: silent calls in a row at the end, whether it answered.

    `failed_sends`: silent sends in a row at the end, whatever look-ups were answered; `took_send`: whether it answered
    a visible call. `silent_accounts`: those that it did not answer.
    """

    silences: int = 0
    answered: bool = False
    failed_sends: int = 0
    took_send: bool = False
    silent_accounts: set[UUID] = field(default_factory=set)
    limited_until: datetime | None = None

    def add(self, end: JobDone, visible_calls: int) -> None:
        is_silent = circuits.is_silence(end.failure)
        if visible_calls > is_silent:  # of several parts, all but the last one were answered
            self.failed_sends, self.took_send = 0, True
            self.silences, self.answered = 0, True
        if is_silent:
            self.silences += 1
            self.failed_sends += end.job.kind != AttemptKind.RECONCILE
            self.silent_accounts.add(end.job.claimed.account_id)
            return
        self.silences, self.answered = 0, True
        if isinstance(end.failure, RateLimited) and end.failure.scope == "host":
            self.limited_until = max(end.failure.until, self.limited_until or end.failure.until)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a host stands after these results: whether anybody answers there, and whether it takes sends."""

    answers: bool = True
    takes_sends: bool = True


def assess_hosts(
    done: Iterable[JobDone], hosts: Mapping[UUID, PlatformHost]
) -> tuple[list[JobDone], dict[UUID, HostReport]]:
    """Return the results, those of silent hosts as waiting for them; and what is to be noted, by host."""
    ends = list(done)
    reports: dict[UUID, HostReport] = {}
    for end in ends:
        if end.result is not None and _called(end):
            reports.setdefault(end.job.host_id, HostReport()).add(end, end.result.spent)
    standings = {host: _standing(report, hosts.get(host)) for host, report in reports.items()}
    assessed = [
        _assessed(end, standings[end.job.host_id], hosts.get(end.job.host_id)) if _called(end) else end for end in ends
    ]
    return assessed, reports


def record(reports: Mapping[UUID, HostReport], hosts: dict[UUID, PlatformHost], *, at: datetime) -> None:
    """Write what was found, last in a transaction: a host's row is locked after all others."""
    for host_id, report in sorted(reports.items()):
        known = hosts.get(host_id)
        name = known.host if known else str(host_id)
        is_news = known is None or bool(known.failures or known.failed_sends or known.circuit_opened_at)
        is_news = is_news and report.answered
        is_silent = bool(report.silences or report.failed_sends)
        if is_news and circuits.note_answer(host_id, took_send=report.took_send, at=at):
            log.warning("circuit_closed", host=name)
        if is_silent and circuits.note_silence(
            host_id, calls=report.silences, sends=report.failed_sends, accounts=report.silent_accounts, at=at
        ):
            log.error("circuit_opened", host=name)
        if report.limited_until is not None:
            circuits.limit_host(host_id, until=report.limited_until)
        if is_silent or is_news or report.limited_until is not None:
            hosts.pop(host_id, None)


def _called(end: JobDone) -> bool:
    return end.result is not None and end.result.outcome != AttemptOutcome.ABANDONED


def _standing(report: HostReport, host: PlatformHost | None) -> Standing:
    failures, failed_sends = report.silences, report.failed_sends
    if host is not None:
        failures += 0 if report.answered else host.failures
        failed_sends += 0 if report.took_send else host.failed_sends
    takes_sends = failed_sends < circuits.OPENS_AFTER
    is_still_open = host is not None and host.circuit_opened_at is not None and not report.answered and takes_sends
    answers = failures < circuits.OPENS_AFTER and not is_still_open
    return Standing(answers=answers, takes_sends=answers and takes_sends)


def _assessed(end: JobDone, standing: Standing, host: PlatformHost | None) -> JobDone:
    """The same end, or one that waits for its host: no retry used, nothing given up."""
    assert end.result is not None  # noqa: S101  _called
    result = end.result
    if not standing.takes_sends and result.outcome == AttemptOutcome.ABSENT and result.state != DeliveryState.UNKNOWN:
        is_probe = host is not None and host.probe_account == end.job.claimed.account_id
        return replace(end, result=replace(_queued(end, result, standing), park=not is_probe))
    if not circuits.is_silence(end.failure) or standing.takes_sends:
        return end
    is_look_up = end.job.kind == AttemptKind.RECONCILE
    if (
        standing.answers
        and result.state == DeliveryState.UNKNOWN
        and (is_look_up or isinstance(end.failure, OutcomeUnknown))
    ):
        return end  # whether it is out can be asked
    waits = result
    if is_look_up:
        waits = replace(
            result, state=DeliveryState.UNKNOWN, tries=end.job.tries, sent_at=end.job.sent_at,
            doubted_at=end.job.doubted_at or end.job.claimed_at, next_attempt_at=result.ended_at,
            error_code="outcome_unknown", error_kind="unknown", error_retryable=False,
            error_message=f"{end.job.target.host} does not answer; it will be asked whether it has the post.",
        )  # fmt: skip
    elif end.job.kind == AttemptKind.SEND and result.state != DeliveryState.UNKNOWN:
        waits = replace(_queued(end, result, standing), next_attempt_at=result.ended_at)
    elif end.job.kind == AttemptKind.POLL and isinstance(end.failure, Unavailable):
        waits = replace(
            result, state=DeliveryState.PROCESSING, tries=end.job.tries, doubted_at=None,
            next_attempt_at=result.ended_at, retry_at=None, remote_id="", url="", published_at=None, warnings=(),
            error_code="host_silent", error_kind="unavailable", error_retryable=False,
            error_message=f"{_trouble(end, standing)}; this goes on when it does.",
        )  # fmt: skip
    return replace(end, result=replace(waits, park=True))


def _queued(end: JobDone, result: Result, standing: Standing) -> Result:
    """To be sent when the host takes it."""
    return replace(
        result, state=DeliveryState.QUEUED, tries=end.job.tries, retry_at=None, remote_id="", url="",
        next_attempt_at=result.next_attempt_at or result.ended_at, published_at=None, warnings=(),
        error_code="host_silent", error_kind="unavailable", error_retryable=False,
        error_message=f"{_trouble(end, standing)}; this goes out when it does.",
    )  # fmt: skip


def _trouble(end: JobDone, standing: Standing) -> str:
    return f"{end.job.target.host} {'takes no posts at the moment' if standing.answers else 'does not answer'}"
