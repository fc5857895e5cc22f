"""One claimed delivery with everything a thread needs to work on it: plain values, no database behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q

from integrations.contract import Content, Target
from integrations.models import PlatformHost
from posts.models import Delivery
from posts.services.claims import Claimed, Result
from posts.services.composing import content_for
from posts.states import ATTEMPT_KIND, AttemptKind, AttemptOutcome, DeliveryState

CLOCK_SKEW = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Grant:
    """The tokens that a job works with. `version` tells a newer pair from an older one."""

    credential_id: UUID
    version: int
    access_token: str
    expires_at: datetime | None
    can_refresh: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed delivery, ready to be worked on. `known`: ids at the platform that belong to other deliveries.

    `obstacle`: why the account cannot be used at all, or "".
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
    obstacle: str = ""
    known: frozenset[str] = frozenset()

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


_COLUMNS = (
    "id", "platform", "generation", "tries", "visible_calls", "sent_at", "doubted_at", "progress", "parts",
    "is_one_step", "post__content", "post__post_type", "post__post_options", "post__overrides", "post__thread",
    "post__first_comment", "account__state", "account__state_reason", "account__remote_id", "account__handle",
    "account__facts", "account__platform_host_id", "account__credential_id", "account__credential__version",
    "account__credential__access_enc", "account__credential__refresh_enc", "account__credential__expires_at",
    "account__credential__state",
)  # fmt: skip


def load_jobs(claimed: Sequence[Claimed], *, at: datetime, hosts: dict[UUID, PlatformHost]) -> list[Job]:
    """Read what the threads need, in the order of `claimed`; one query, and one for hosts not in `hosts` yet.

    `hosts` is the caller's cache and is added to; PlatformHost rows change seldom.
    """
    if not claimed:
        return []
    rows = {
        row["id"]: row for row in Delivery.objects.filter(id__in=[c.delivery_id for c in claimed]).values(*_COLUMNS)
    }
    missing = {row["account__platform_host_id"] for row in rows.values()} - hosts.keys()
    if missing:
        hosts.update(PlatformHost.objects.in_bulk(list(missing)))
    known = _known_ids([c for c in claimed if ATTEMPT_KIND[c.state] == AttemptKind.RECONCILE])
    return [_job(c, rows[c.delivery_id], at=at, hosts=hosts, known=known) for c in claimed if c.delivery_id in rows]


def _job(
    claimed: Claimed,
    row: Mapping[str, Any],
    *,
    at: datetime,
    hosts: Mapping[UUID, PlatformHost],
    known: Mapping[UUID, frozenset[str]],
) -> Job:
    host = hosts[row["account__platform_host_id"]]
    credential_id = row["account__credential_id"]
    grant = None
    if credential_id is not None and row["account__credential__state"] == "live":
        grant = Grant(
            credential_id,
            row["account__credential__version"],
            row["account__credential__access_enc"],
            row["account__credential__expires_at"],
            bool(row["account__credential__refresh_enc"]),
        )
    obstacle = ""
    if row["account__state"] != "active":
        obstacle = row["account__state_reason"] or "The account is not active."
    elif grant is None:
        obstacle = "The account has to be connected again."
    elif host.paused_at is not None:
        obstacle = host.paused_reason or "The platform is paused."
    post = {name.removeprefix("post__"): value for name, value in row.items() if name.startswith("post__")}
    return Job(
        claimed=claimed,
        claimed_at=at,
        platform=row["platform"],
        content=content_for(post, platform=row["platform"], account_id=claimed.account_id),
        target=Target(
            base_url=host.base_url,
            host=host.host,
            remote_id=row["account__remote_id"],
            handle=row["account__handle"],
            info=host.info,
            facts=row["account__facts"],
        ),
        grant=grant,
        generation=row["generation"],
        tries=row["tries"],
        visible_calls=row["visible_calls"],
        sent_at=row["sent_at"],
        doubted_at=row["doubted_at"],
        progress=row["progress"] or {},
        parts=row["parts"] or (),
        is_one_step=row["is_one_step"],
        obstacle=obstacle,
        known=known.get(claimed.delivery_id, frozenset()),
    )


def _known_ids(claimed: Sequence[Claimed]) -> dict[UUID, frozenset[str]]:
    """For each delivery to be reconciled: the remote ids that its account's other deliveries have."""
    if not claimed:
        return {}
    accounts = {c.account_id for c in claimed}
    ids: dict[UUID, list[tuple[UUID, set[str]]]] = {}
    others = Delivery.objects.filter(account__in=accounts).filter(~Q(remote_id="") | Q(parts_done__gt=0))
    for account, delivery, remote_id, parts in others.values_list("account", "id", "remote_id", "parts"):
        found = {part["remote_id"] for part in parts or ()} | ({remote_id} if remote_id else set())
        ids.setdefault(account, []).append((delivery, found))
    return {
        c.delivery_id: frozenset().union(*(found for d, found in ids.get(c.account_id, []) if d != c.delivery_id))
        for c in claimed
    }
