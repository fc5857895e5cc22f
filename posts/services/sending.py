"""What one thread does with one job: plain values and HTTP in, a result out. No database."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from integrations import registry
from integrations import services as integrations
from integrations.contract import Absent, CannotTell, Connector, Found, LeaseLost, Pending, Published, SentPart
from integrations.errors import CallFailed, NeedsReconnect, OperatorProblem, OutcomeUnknown, Rejected, Unavailable
from mastablasta.core.outbound import Http
from mastablasta.core.time_scale import scaled
from posts.services import outcomes
from posts.services.claims import Result
from posts.services.desk import Desk, Done, Ledger
from posts.services.forms import at_hand
from posts.services.jobs import Grant, Job
from posts.services.obstacles import Obstacle
from posts.states import AttemptKind, AttemptOutcome, DeliveryState

log = structlog.get_logger(__name__)

REFRESH_AHEAD = timedelta(seconds=60)
REFRESH_BUSY = timedelta(milliseconds=500)

Answer = Published | Pending | Found | Absent | CannotTell


class RefreshUnderWay(Exception):
    """Another worker is refreshing this grant; the job is to come back in a moment."""


CODES = {
    "account": "account_not_usable",
    "host": "host_silent",
    "window": "rate_limited",
    "slow": "host_slow",
    "media": "media_in_work",
}


def work_on(job: Job, desk: Desk, *, premarked_until: float) -> None:
    """Do what the job asks for and leave its result at the desk; never raises."""
    try:
        with ExitStack() as held:
            desk.leave(_worked_on(job, desk, held, premarked_until))
    except LeaseLost as error:
        log.warning("lease_lost", delivery=str(job.claimed.delivery_id), reason=str(error))
        desk.leave(Done(job, None))


def _worked_on(job: Job, desk: Desk, held: ExitStack, premarked_until: float) -> Done:
    """`held` keeps local copies of the job's files until its work is done."""
    lost: CallFailed | None = None
    try:
        job = replace(job, content=at_hand(job.content, held))
    except Exception:
        log.exception("file_not_read", delivery=str(job.claimed.delivery_id))
        lost = Unavailable("A file of this post cannot be read from the storage.", code="storage_unavailable")
    ledger = Ledger(job, desk, premarked_until=premarked_until, monotonic=time.monotonic)
    return _done(job, desk, ledger) if lost is None else Done(job, _after(job, lost, ledger), lost)


def _done(job: Job, desk: Desk, ledger: Ledger) -> Done:
    try:
        answer = _with_fresh_token(job, desk, ledger)
    except LeaseLost:
        raise
    except RefreshUnderWay:
        at = timezone.now()
        message = "The account's token is being refreshed."
        return Done(job, job.handed_back(at=at, again_at=at + REFRESH_BUSY, code="refreshing", message=message))
    except CallFailed as failure:
        return Done(job, _after(job, failure, ledger), failure, ledger.grant_version)
    except Exception:
        log.exception("work_failed", delivery=str(job.claimed.delivery_id), platform=job.platform)
        bug: CallFailed = Unavailable("Something went wrong here before anything was sent.", code="internal_error")
        if ledger.visible.open_since:
            bug = OutcomeUnknown("Something went wrong here while it was being sent.", code="internal_error")
        return Done(job, _after(job, bug, ledger), bug)
    return Done(job, _after(job, answer, ledger))


def obstructed(job: Job, obstacle: Obstacle, *, at: datetime) -> Result:
    """It cannot be sent now: wait for what is in the way, without a call."""
    is_send = job.kind == AttemptKind.SEND
    says = {"message": obstacle.message, "error_message": obstacle.message}
    if obstacle.kind == "held":
        return job.result(
            DeliveryState.HELD, AttemptOutcome.ABANDONED, at=at, code="missed", error_code="missed",
            error_kind="held", error_retryable=True, **says,
        )  # fmt: skip
    if obstacle.kind == "account" and is_send:
        code = CODES["account"]
        return job.result(
            DeliveryState.BLOCKED, AttemptOutcome.ABANDONED, at=at, park=True, code=code, error_code=code,
            error_kind="needs_reconnect", **says,
        )  # fmt: skip
    if obstacle.kind == "unfit":
        refusal = Rejected(obstacle.message, code="media_unfit")
        after = outcomes.after_send if is_send else outcomes.after_poll
        return after(job, refusal, at=at, visible=outcomes.Visible())
    code = CODES[obstacle.kind]
    back = job.handed_back(at=at, again_at=obstacle.until, code=code, message=obstacle.message)
    if obstacle.kind == "media":  # its account's other posts need not wait for it
        return back
    waits = replace(back, park=obstacle.until is None, blocked_until=obstacle.until, retry_at=obstacle.until)
    if not is_send or obstacle.kind == "slow":
        return waits
    kind = "rate_limited" if obstacle.kind == "window" else "unavailable"
    return replace(waits, error_code=code, error_kind=kind, error_message=obstacle.message)


def _after(job: Job, answer: Answer | CallFailed, ledger: Ledger) -> Result:
    at = timezone.now()
    is_further = len(ledger.parts) > len(job.parts)
    job = replace(job, progress=ledger.data, parts=ledger.parts, sent_at=None if is_further else job.sent_at)
    if job.kind == AttemptKind.RECONCILE and not isinstance(answer, Published):
        assert not isinstance(answer, Pending)  # noqa: S101  reconcile() cannot return it
        return outcomes.after_reconcile(job, answer, at=at, settle_s=settle_s(job.platform))
    assert not isinstance(answer, Found | Absent | CannotTell)  # noqa: S101  neither can publish() return these
    after = outcomes.after_poll if job.kind == AttemptKind.POLL else outcomes.after_send
    return after(job, answer, at=at, visible=ledger.visible)


def settle_s(platform: str) -> float:
    """How long after a call absence there is believed."""
    return scaled(registry.capabilities(platform).settle_s)


def _act(connector: Connector, job: Job, ledger: Ledger) -> Answer:
    """Do what the claim was for; then go on from part to part until all are out, or something is in the way."""
    answer: Answer
    if job.kind == AttemptKind.RECONCILE:
        answer = connector.reconcile(ledger.step(), progress=ledger, since=job.looks_since, known=_known(job, ledger))
        if isinstance(answer, Found):
            return _found(answer, job, ledger)
    elif job.kind == AttemptKind.POLL:
        answer = connector.resume(ledger.step(), progress=ledger)
    else:
        answer = connector.publish(ledger.step(), progress=ledger)
    while isinstance(answer, Published):
        if not answer.remote_id:
            raise OutcomeUnknown("The platform accepted it without naming it.", code="no_id")
        ledger.note_part(SentPart(answer.remote_id, answer.url, answer.facts))
        if len(ledger.parts) == len(job.content.parts):
            return answer
        answer = connector.publish(ledger.step(), progress=ledger)
    return answer


def _found(found: Found, job: Job, ledger: Ledger) -> Answer:
    """The part in doubt is out. What comes after it is sent by the next claim, as a send."""
    ledger.note_part(SentPart(found.remote_id, found.url, found.facts), is_result_next=True)
    if len(ledger.parts) == len(job.content.parts):
        return Published(found.remote_id, found.url, found.facts)
    return found


def _known(job: Job, ledger: Ledger) -> frozenset[str]:
    return job.known | {part["remote_id"] for part in ledger.parts}


def _with_fresh_token(job: Job, desk: Desk, ledger: Ledger) -> Answer:
    """Act with a token that is good for a while; where the platform refuses it all the same, refresh it once."""
    grant = job.grant
    assert grant is not None  # noqa: S101  a job without one has an obstacle and does not come here
    is_fresh = grant.expires_at is None or grant.expires_at > timezone.now() + REFRESH_AHEAD
    may_refresh = grant.can_refresh
    if not is_fresh and may_refresh:
        grant, may_refresh = _refreshed(grant, desk), False
    try:
        return _act(_connector(job, grant, ledger), job, ledger)
    except NeedsReconnect as failure:
        if not (may_refresh and failure.can_refresh):
            raise
    return _act(_connector(job, _refreshed(grant, desk), ledger), job, ledger)


def _connector(job: Job, grant: Grant, ledger: Ledger) -> Connector:
    ledger.grant_version = grant.version
    http = Http(job.target.base_url, purpose="platform", token=grant.access_token, on_visible=ledger.mark)
    return registry.connector_class(job.platform)(job.target, http)


def _refreshed(grant: Grant, desk: Desk) -> Grant:
    """Refresh the grant, once across all workers, and return the new one: stored before it is used.

    Raises NeedsReconnect (the platform refuses the grant), OperatorProblem (it does not know our app), Unavailable,
    RefreshUnderWay.
    """
    turn = desk.call(lambda: integrations.begin_refresh(grant.credential_id, version=grant.version, at=timezone.now()))
    if turn is None:
        newer = desk.call(lambda: current_grant(grant))
        if newer is None:
            raise RefreshUnderWay
        return newer
    try:
        tokens = integrations.perform_refresh(turn)
    except CallFailed as failure:
        refusal = failure
        desk.call(lambda: integrations.fail_refresh(turn, refusal, at=timezone.now()))
        if isinstance(failure, NeedsReconnect | OperatorProblem):
            raise
        raise Unavailable(
            "The account's token could not be refreshed just now.",
            code=failure.code,
            http_status=failure.http_status,
        ) from failure
    version = desk.call(lambda: integrations.store_refresh(turn, tokens, at=timezone.now()))
    if not version:
        raise RefreshUnderWay
    return Grant(grant.credential_id, grant.version + 1, tokens.access_token, tokens.expires_at, can_refresh=True)


def current_grant(grant: Grant) -> Grant | None:
    """The stored grant, when it is newer than `grant` and usable; in the database thread."""
    from integrations.models import Credential

    newer = Credential.objects.filter(id=grant.credential_id, version__gt=grant.version, state="live").first()
    if newer is None:
        return None
    return Grant(newer.id, newer.version, str(newer.access_enc), newer.expires_at, bool(newer.refresh_enc))
