"""One claimed delivery with everything a thread needs to work on it: plain values, no database behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import Q

from integrations import registry
from integrations.capabilities import RateRule
from integrations.contract import Content, Target
from integrations.models import PlatformHost
from integrations.services import budgets, circuits
from posts.models import Delivery
from posts.services import forms, media
from posts.services.claims import Claimed, Result
from posts.services.composing import content_for
from posts.services.media import Files
from posts.services.obstacles import Obstacle, rules_of
from posts.states import ATTEMPT_KIND, AttemptKind, AttemptOutcome, DeliveryState

CLOCK_SKEW = timedelta(seconds=60)
LATE = timedelta(seconds=60)  # what is later than this is backlog, and goes out at its platform's pace


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

    `obstacle`: why it cannot be sent now, or None. `spacing_s`: how long its account rests after a late post.
    `rate`: the platform's own limit, as (visible calls, seconds), or None.
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
    obstacle: Obstacle | None = None
    spacing_s: float = 0.0
    rate: tuple[int, int] | None = None
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


_COLUMNS = (
    "id", "workspace_id", "platform", "generation", "tries", "visible_calls", "sent_at", "doubted_at", "progress",
    "parts", "is_one_step", "due_at", "released_at", "attempt_count", "post__content", "post__post_type",
    "post__post_options", "post__overrides", "post__thread", "post__first_comment", "account__state",
    "account__state_reason", "account__remote_id", "account__handle", "account__facts", "account__platform_host_id",
    "account__credential_id", "account__credential__version", "account__credential__access_enc",
    "account__credential__refresh_enc", "account__credential__expires_at", "account__credential__state",
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
    wanted = {row["account__platform_host_id"] for row in rows.values()}
    # What stands open may have been closed meanwhile, or lets just this account through: that is looked up each time.
    stale = {host for host in wanted if host not in hosts or hosts[host].circuit_opened_at is not None}
    if stale:
        hosts.update(PlatformHost.objects.in_bulk(list(stale)))
    obstacles = _obstacles([(c, rows[c.delivery_id]) for c in claimed if c.delivery_id in rows], at=at, hosts=hosts)
    known = _known_ids([c for c in claimed if ATTEMPT_KIND[c.state] == AttemptKind.RECONCILE])
    # What goes out in one call is one part without media: those posts are the many, and cost no query here.
    files = media.read_files(
        {c.post_id for c in claimed if c.delivery_id in rows and not rows[c.delivery_id]["is_one_step"]}
    )
    jobs = [
        _job(
            c, rows[c.delivery_id], at=at, host=hosts[rows[c.delivery_id]["account__platform_host_id"]],
            obstacle=obstacles.get(c.delivery_id), known=known.get(c.delivery_id, frozenset()),
            files=files.get(c.post_id, media.NO_FILES),
        )
        for c in claimed
        if c.delivery_id in rows
    ]  # fmt: skip
    return _outfitted(jobs, at=at) if files else jobs


def _outfitted(jobs: Sequence[Job], *, at: datetime) -> list[Job]:
    """The jobs with their files in the form that is to be sent, or with what is in the way of it."""
    wanted = {
        job.claimed.delivery_id: forms.wanted_by(job.platform, job.content, job.target)
        for job in jobs
        if job.obstacle is None and job.kind != AttemptKind.RECONCILE and any(part.media for part in job.content.parts)
    }
    found = forms.outfit(wanted, at=at) if wanted else {}
    outfitted = []
    for job in jobs:
        one = found.get(job.claimed.delivery_id)
        if isinstance(one, Obstacle):
            outfitted.append(replace(job, obstacle=one))
        else:
            outfitted.append(job if one is None else replace(job, content=one))
    return outfitted


def _obstacles(
    claimed: Sequence[tuple[Claimed, Mapping[str, Any]]], *, at: datetime, hosts: Mapping[UUID, PlatformHost]
) -> dict[UUID, Obstacle]:
    """What stands against each, by delivery; in the order in which a person would want to hear it."""
    found: dict[UUID, Obstacle] = {}
    late = {}
    for one, row in claimed:
        host = hosts[row["account__platform_host_id"]]
        if obstacle := _obstacle_of_account(one, row, host, at=at):
            found[one.delivery_id] = obstacle
        if _is_send(one) and not row["parts"] and at - _promised_at(row) > LATE:
            late[one.delivery_id] = row
    if late:
        rules = rules_of(row["workspace_id"] for row in late.values())
        for delivery_id, row in late.items():
            is_first_look = row["attempt_count"] == 1  # the claim counted this one
            rule = rules[row["workspace_id"]]
            if held := rule.obstacle(_promised_at(row), at=at, is_first_look=is_first_look):
                found[delivery_id] = held
    return found | _over_budget([pair for pair in claimed if pair[0].delivery_id not in found], at=at, hosts=hosts)


def _over_budget(
    claimed: Sequence[tuple[Claimed, Mapping[str, Any]]], *, at: datetime, hosts: Mapping[UUID, PlatformHost]
) -> dict[UUID, Obstacle]:
    """Reserve the sends in what our app may still publish at each host; what is beyond waits for the next window."""
    wanted: dict[UUID, list[UUID]] = {}
    for one, row in claimed:
        if _is_send(one) and app_rule(row["platform"]) is not None:
            wanted.setdefault(row["account__platform_host_id"], []).append(one.delivery_id)
    found: dict[UUID, Obstacle] = {}
    for host_id, deliveries in sorted(wanted.items()):
        host = hosts[host_id]
        rule = app_rule(host.platform)
        assert rule is not None  # noqa: S101  asked above
        granted, until = budgets.reserve(f"{host.platform}:{host.host}:publish", rule, calls=len(deliveries), at=at)
        message = f"This server's {rule.limit} posts at {host.host} are used up until {until:%Y-%m-%d %H:%M} UTC."
        found |= {delivery: Obstacle("window", message, until) for delivery in deliveries[granted:]}
    return found


def _obstacle_of_account(
    claimed: Claimed, row: Mapping[str, Any], host: PlatformHost, *, at: datetime
) -> Obstacle | None:
    if row["account__state"] != "active":
        return Obstacle("account", row["account__state_reason"] or "The account is not active.")
    if row["account__credential_id"] is None or row["account__credential__state"] != "live":
        return Obstacle("account", "The account has to be connected again.")
    if host.paused_at is not None:
        return Obstacle("account", host.paused_reason or "The platform is paused.")
    if host.circuit_opened_at is not None and host.probe_account != claimed.account_id:
        if not circuits.takes_look_ups(host):
            return Obstacle("host", f"{host.host} does not answer; this goes on when it does.")
        if ATTEMPT_KIND[claimed.state] != AttemptKind.RECONCILE:
            return Obstacle("host", f"{host.host} takes no posts at the moment; this goes out when it does.")
    if host.limited_until is not None and host.limited_until > at:
        return Obstacle("window", f"{host.host} takes no more calls of this server for now.", host.limited_until)
    return None


def _is_send(claimed: Claimed) -> bool:
    return ATTEMPT_KIND[claimed.state] == AttemptKind.SEND


def _promised_at(row: Mapping[str, Any]) -> datetime:
    due_at: datetime = row["due_at"]
    return max(due_at, row["released_at"] or due_at)


def _job(
    claimed: Claimed,
    row: Mapping[str, Any],
    *,
    at: datetime,
    host: PlatformHost,
    obstacle: Obstacle | None,
    known: frozenset[str],
    files: Files,
) -> Job:
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
    rate = publish_rate(row["platform"])
    is_late = at - _promised_at(row) > LATE
    post = {name.removeprefix("post__"): value for name, value in row.items() if name.startswith("post__")}
    return Job(
        claimed=claimed,
        claimed_at=at,
        platform=row["platform"],
        content=content_for(post, platform=row["platform"], account_id=claimed.account_id, files=files),
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
        host_id=host.id,
        obstacle=obstacle,
        spacing_s=max(1.0, rate[1] / rate[0] if rate else 0.0) if is_late else 0.0,
        rate=rate,
        known=known,
    )


@cache
def app_rule(platform: str) -> RateRule | None:
    """How often our app may publish there, whosever account; None = as often as it likes."""
    rules = registry.capabilities(platform).rates
    return next((rule for rule in rules if rule.scope == "app" and rule.operation == "publish"), None)


@cache
def publish_rate(platform: str) -> tuple[int, int] | None:
    """How many visible calls one account may make in how many seconds, by the platform's shortest window."""
    rules = [
        (rule.limit, rule.window_s)
        for rule in registry.capabilities(platform).rates
        if rule.scope == "account" and rule.operation == "publish"
    ]
    return min(rules, key=lambda rule: rule[1], default=None)


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
