"""What one thread does with one job: plain values and HTTP in, a result out. No database."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from integrations import registry
from integrations.contract import Absent, CannotTell, Connector, Found, LeaseLost, Pending, Published, SentPart, Target
from integrations.errors import CallFailed, NeedsReconnect, OperatorProblem, OutcomeUnknown, Rejected, Unavailable
from integrations.services import tokens
from integrations.services.connectors import connector_for
from mastablasta.core.crypto import Undecryptable
from mastablasta.core.outbound import noting_request_ids
from mastablasta.core.time_scale import scaled
from posts.engine import outcomes
from posts.engine.attachments import localised
from posts.engine.blockers import Blocker, unreadable_grant
from posts.engine.job_loader import current_grant
from posts.engine.mailbox import JobDone, Mailbox
from posts.engine.progress import DeliveryProgress
from posts.engine.send_jobs import Grant, SendJob
from posts.queue.types import Result
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
    "secret": "secret_unreadable",
}
# What is said of those that keep a send from going out; of others that it is unavailable.
KINDS = {"window": "rate_limited", "secret": "operator_problem"}


def work_on(job: SendJob, mailbox: Mailbox, *, premarked_until: float) -> None:
    """Do what the job asks for and leave its result at the mailbox; never raises."""
    try:
        with ExitStack() as held, noting_request_ids() as noted:
            done = _worked_on(job, mailbox, held, premarked_until)
            result = done.result and replace(done.result, request_id=noted.text)
            mailbox.put(replace(done, result=result))
    except LeaseLost as error:
        log.warning("lease_lost", delivery=str(job.claimed.delivery_id), reason=str(error))
        mailbox.put(JobDone(job, None))


def _worked_on(job: SendJob, mailbox: Mailbox, held: ExitStack, premarked_until: float) -> JobDone:
    """`held` keeps local copies of the job's files until its work is done."""
    lost: CallFailed | None = None
    try:
        job = replace(job, content=localised(job.content, held))
    except Exception:
        log.exception("file_not_read", delivery=str(job.claimed.delivery_id))
        lost = Unavailable("A file of this post cannot be read from the storage.", code="storage_unavailable")
    progress = DeliveryProgress(job, mailbox, premarked_until=premarked_until, monotonic=time.monotonic)
    return _done(job, mailbox, progress) if lost is None else JobDone(job, _after(job, lost, progress), lost)


def _done(job: SendJob, mailbox: Mailbox, progress: DeliveryProgress) -> JobDone:
    try:
        answer = _with_fresh_token(job, mailbox, progress)
    except LeaseLost:
        raise
    except RefreshUnderWay:
        at = timezone.now()
        message = "The account's token is being refreshed."
        return JobDone(job, job.handed_back(at=at, again_at=at + REFRESH_BUSY, code="refreshing", message=message))
    except CallFailed as failure:
        return JobDone(job, _after(job, failure, progress), failure, progress.grant_version)
    except Undecryptable:
        at, job = timezone.now(), replace(job, progress=progress.stored, parts=progress.parts)
        return JobDone(job, blocked_result(job, unreadable_grant(at=at), at=at))
    except Exception:
        log.exception("work_failed", delivery=str(job.claimed.delivery_id), platform=job.platform)
        bug: CallFailed = Unavailable("Something went wrong here before anything was sent.", code="internal_error")
        if progress.visible.open_since:
            bug = OutcomeUnknown("Something went wrong here while it was being sent.", code="internal_error")
        return JobDone(job, _after(job, bug, progress), bug)
    return JobDone(job, _after(job, answer, progress))


def blocked_result(job: SendJob, blocker: Blocker, *, at: datetime) -> Result:
    """It cannot be sent now: wait for what is in the way, without a call."""
    is_send = job.kind == AttemptKind.SEND
    says = {"message": blocker.message, "error_message": blocker.message}
    if blocker.kind == "held":
        return job.result(
            DeliveryState.HELD, AttemptOutcome.ABANDONED, at=at, code="missed", error_code="missed",
            error_kind="held", error_retryable=True, **says,
        )  # fmt: skip
    if blocker.kind == "account" and is_send:
        code = CODES["account"]
        return job.result(
            DeliveryState.BLOCKED, AttemptOutcome.ABANDONED, at=at, park=True, code=code, error_code=code,
            error_kind="needs_reconnect", **says,
        )  # fmt: skip
    if blocker.kind == "unfit":
        refusal = Rejected(blocker.message, code="media_unfit")
        after = outcomes.after_send if is_send else outcomes.after_poll
        return after(job, refusal, at=at, visible=outcomes.Visible())
    code = CODES[blocker.kind]
    back = job.handed_back(at=at, again_at=blocker.until, code=code, message=blocker.message)
    if blocker.kind == "media":  # its account's other posts need not wait for it
        return back
    waits = replace(back, park=blocker.until is None, blocked_until=blocker.until, retry_at=blocker.until)
    if not is_send or blocker.kind == "slow":
        return waits
    kind = KINDS.get(blocker.kind, "unavailable")
    return replace(waits, error_code=code, error_kind=kind, error_message=blocker.message)


def _after(job: SendJob, answer: Answer | CallFailed, progress: DeliveryProgress) -> Result:
    at = timezone.now()
    is_further = len(progress.parts) > len(job.parts)
    job = replace(job, progress=progress.stored, parts=progress.parts, sent_at=None if is_further else job.sent_at)
    if job.kind == AttemptKind.RECONCILE and not isinstance(answer, Published):
        assert not isinstance(answer, Pending)  # noqa: S101  reconcile() cannot return it
        return outcomes.after_reconcile(job, answer, at=at, settle_s=absence_settles_s(job))
    assert not isinstance(answer, Found | Absent | CannotTell)  # noqa: S101  neither can publish() return these
    after = outcomes.after_poll if job.kind == AttemptKind.POLL else outcomes.after_send
    return after(job, answer, at=at, visible=progress.visible)


def absence_settles_s(job: SendJob) -> float:
    """How long after the doubt began the platform's "I do not have it" is believed."""
    return visibility_lag_s(job.platform) + (hold_s(job.platform, job.target) if job.may_arrive_late else 0.0)


def hold_s(platform: str, target: Target) -> float:
    """How much longer that is after a time-out."""
    return scaled(registry.connector_class(platform).hold_s(target))


def visibility_lag_s(platform: str) -> float:
    """How long after a call absence there is believed."""
    return scaled(registry.capabilities(platform).settle_s)


def _act(connector: Connector, job: SendJob, progress: DeliveryProgress) -> Answer:
    """Do what the claim was for; then go on from part to part until all are out, or something is in the way."""
    answer: Answer
    if job.kind == AttemptKind.RECONCILE:
        answer = connector.reconcile(
            progress.step(), progress=progress, since=job.looks_since, known=_known(job, progress)
        )
        if isinstance(answer, Found):
            return _found(answer, job, progress)
    elif job.kind == AttemptKind.POLL:
        answer = connector.resume(progress.step(), progress=progress)
    else:
        answer = connector.publish(progress.step(), progress=progress)
    while isinstance(answer, Published):
        if not answer.remote_id:
            raise OutcomeUnknown("The platform accepted it without naming it.", code="no_id")
        progress.record_part(SentPart(answer.remote_id, answer.url, answer.facts))
        if len(progress.parts) == len(job.content.parts):
            return answer
        answer = connector.publish(progress.step(), progress=progress)
    return answer


def _found(found: Found, job: SendJob, progress: DeliveryProgress) -> Answer:
    """The part in doubt is out. What comes after it is sent by the next claim, as a send."""
    progress.record_part(SentPart(found.remote_id, found.url, found.facts), is_result_next=True)
    if len(progress.parts) == len(job.content.parts):
        return Published(found.remote_id, found.url, found.facts)
    return found


def _known(job: SendJob, progress: DeliveryProgress) -> frozenset[str]:
    return job.known | {part["remote_id"] for part in progress.parts}


def _with_fresh_token(job: SendJob, mailbox: Mailbox, progress: DeliveryProgress) -> Answer:
    """Act with a token that is good for a while; where the platform refuses it all the same, refresh it once.

    An account's own token does not end with the grant's, and no refresh makes it again.
    """
    grant = job.grant
    assert grant is not None  # noqa: S101  a job without one has a blocker and does not come here
    if job.target_token:
        return _act(_connector(job, grant, progress), job, progress)
    is_fresh = grant.expires_at is None or grant.expires_at > timezone.now() + REFRESH_AHEAD
    may_refresh = grant.can_refresh
    if not is_fresh and may_refresh:
        grant, may_refresh = _refreshed(grant, mailbox), False
    try:
        return _act(_connector(job, grant, progress), job, progress)
    except NeedsReconnect as failure:
        if not (may_refresh and failure.can_refresh):
            raise
    return _act(_connector(job, _refreshed(grant, mailbox), progress), job, progress)


def _connector(job: SendJob, grant: Grant, progress: DeliveryProgress) -> Connector:
    progress.grant_version = grant.version
    return connector_for(
        job.platform,
        job.target,
        token=str(job.target_token or grant.access_token),
        app=job.app,
        on_visible=progress.mark,
    )


def _refreshed(grant: Grant, mailbox: Mailbox) -> Grant:
    """Refresh the grant, once across all workers, and return the new one: stored before it is used.

    Raises NeedsReconnect (the platform refuses the grant), OperatorProblem (it does not know our app), Unavailable,
    RefreshUnderWay.
    """
    turn = mailbox.call(lambda: tokens.begin_refresh(grant.credential_id, version=grant.version, at=timezone.now()))
    if turn is None:
        newer = mailbox.call(lambda: current_grant(grant))
        if newer is None:
            raise RefreshUnderWay
        return newer
    try:
        fresh = tokens.perform_refresh(turn)
    except CallFailed as failure:
        refusal = failure
        mailbox.call(lambda: tokens.fail_refresh(turn, refusal, at=timezone.now()))
        if isinstance(failure, NeedsReconnect | OperatorProblem):
            raise
        raise Unavailable(
            "The account's token could not be refreshed just now.",
            code=failure.code,
            http_status=failure.http_status,
        ) from failure
    version = mailbox.call(lambda: tokens.store_refresh(turn, fresh, at=timezone.now()))
    if not version:
        raise RefreshUnderWay
    if fresh.unusable:
        raise NeedsReconnect(fresh.unusable, code="account_locked", can_refresh=False, scope="account")
    return Grant(grant.credential_id, grant.version + 1, fresh.access_token, fresh.expires_at, can_refresh=True)
