"""What an outcome means beyond its delivery: accounts have to be connected again, the platform is paused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import structlog

from integrations.errors import NeedsReconnect, OperatorProblem
from integrations.services import hosts, signing_out
from posts.engine.mailbox import JobDone

log = structlog.get_logger(__name__)


def apply_side_effects(done: Iterable[JobDone], written: set[UUID], *, at: datetime) -> None:
    """Carry out what follows from results that were written; inside the transaction that wrote them.

    Touches no lanes: those of sibling accounts are parked when they are next claimed.
    """
    for end in done:
        if end.job.claimed.delivery_id not in written or end.failure is None:
            continue
        if isinstance(end.failure, NeedsReconnect) and end.job.grant is not None:
            is_alone = end.failure.scope == "account"
            sign_out = signing_out.account_needs_reauth if is_alone else signing_out.needs_reauth
            whom = end.job.claimed.account_id if is_alone else end.job.grant.credential_id
            sign_out(whom, reason=end.failure.message, at=at, version=end.grant_version)
        elif isinstance(end.failure, OperatorProblem):
            hosts.pause_host(end.job.platform, end.job.target.host, reason=end.failure.message, at=at)
            log.error("platform_paused", platform=end.job.platform, host=end.job.target.host, code=end.failure.code)
