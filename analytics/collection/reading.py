"""One account's figures, read at its platform: plain values and HTTP in, what came of it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog
from django.utils import timezone

from integrations.contract import AccountMetrics, Connector, Metrics, Target
from integrations.errors import CallFailed, NeedsReconnect, Rejected, Unavailable
from integrations.services.connectors import connector_for
from integrations.sign_in import ClientApp
from mastablasta.core.errors import DomainError

log = structlog.get_logger(__name__)

REFRESH_AHEAD = timedelta(seconds=60)
MOST_HALVINGS = 16  # two bad ids in a hundred are found with 14


class Post(NamedTuple):
    """A delivery whose figures are due. `refs`: the remote ids of its parts, the root's first."""

    delivery_id: UUID
    refs: tuple[str, ...]
    published_at: datetime
    gone_at: datetime | None = None
    failures: int = 0
    collected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What one account is asked for. `access_token` is the grant's; `target_token` the account's own, shown instead
    where there is one. `renew` brings a newer one of the grant's; None = there is no such way.

    `wants_account`: its own figures are due too. `failures`: looks in a row that failed.
    """

    account_id: UUID
    workspace_id: UUID
    token: UUID
    platform: str
    host_id: UUID
    target: Target
    app: ClientApp
    access_token: str = field(repr=False)
    expires_at: datetime | None
    renew: Callable[[], str] | None = field(repr=False)
    target_token: str = field(repr=False)
    batch: int
    posts: Sequence[Post] = ()
    wants_account: bool = False
    failures: int = 0


@dataclass(slots=True)
class Told:
    """What came of a job: figures by remote id, the ids that the platform answered for (shown or not), those that it
    refused one by one, and what ended the work before all were asked for. `is_account_told`: the account's own figures
    need not be asked for again today, also where the platform does not tell them."""

    job: Job
    metrics: dict[str, Metrics] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    account: AccountMetrics | None = None
    is_account_told: bool = False
    failure: CallFailed | None = None
    calls: int = 0
    halvings: int = 0


def read(job: Job, *, should_stop: Callable[[], bool]) -> Told:
    """Ask for all that the job wants, batch by batch; never raises."""
    told = Told(job)
    try:
        _read(job, told, should_stop)
    except CallFailed as failure:
        told.failure = failure
    except DomainError as error:
        told.failure = Unavailable(str(error), code=error.code)
    except Exception:
        log.exception("figures_not_read", account=str(job.account_id), platform=job.platform)
        told.failure = Unavailable("Something went wrong here.", code="internal_error")
    return told


def _read(job: Job, told: Told, should_stop: Callable[[], bool]) -> None:
    """With a token that is good for a while; one that is refused all the same is renewed, once."""
    renew = None if job.target_token else job.renew
    if renew is not None and job.expires_at is not None and job.expires_at <= timezone.now() + REFRESH_AHEAD:
        job, renew = replace(job, access_token=renew()), None
    try:
        _ask(job, told, should_stop)
    except NeedsReconnect as refusal:
        if renew is None or not refusal.can_refresh:
            raise
        _ask(replace(job, access_token=renew()), told, should_stop)


def _ask(job: Job, told: Told, should_stop: Callable[[], bool]) -> None:
    shown = job.target_token or job.access_token
    connector = connector_for(job.platform, job.target, token=shown, app=job.app)
    refs = [ref for post in job.posts for ref in post.refs if ref not in told.answered]
    for start in range(0, len(refs), job.batch):
        if should_stop():
            return
        _ask_batch(connector, refs[start : start + job.batch], told)
    if job.wants_account and not told.is_account_told and not should_stop():
        _ask_for_account(connector, told)


def _ask_for_account(connector: Connector, told: Told) -> None:
    """One that may not be asked for its own figures, as with a narrow scope, keeps those of its posts."""
    told.calls += 1
    try:
        told.account = connector.fetch_account_metrics()
    except (Rejected, NeedsReconnect) as refusal:
        if isinstance(refusal, NeedsReconnect) and refusal.can_refresh:
            raise
        log.info("account_figures_refused", account=str(told.job.account_id), code=refusal.code)
    told.is_account_told = True


def _ask_batch(connector: Connector, refs: Sequence[str], told: Told) -> None:
    """One that has the whole batch refused is found by halving it, so that the others have their answer.

    Raises the refusal when that goes on for too long: then it is not about single posts.
    """
    told.calls += 1
    try:
        found = connector.fetch_metrics(refs)
    except Rejected:
        if len(refs) == 1:
            told.refused.add(refs[0])
            return
        told.halvings += 1
        if told.halvings > MOST_HALVINGS:
            raise
        middle = len(refs) // 2
        _ask_batch(connector, refs[:middle], told)
        _ask_batch(connector, refs[middle:], told)
        return
    told.metrics.update(found)
    told.answered.update(refs)
