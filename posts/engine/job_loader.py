"""From claimed rows to jobs, a few queries for all, and what keeps a job from being sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from integrations import registry
from integrations.capabilities import RateRule
from integrations.contract import Content, Target
from integrations.models import Credential, PlatformHost
from integrations.services import budgets, circuits
from integrations.services.hosts import app_of
from integrations.services.tokens import may_refresh
from mastablasta.core.compiled_queries import CompiledQuery, IsOneOf
from mastablasta.core.crypto import Unreadable
from posts.engine import attachments, rate_windows
from posts.engine.blockers import Blocker, missed_rules_of, unreadable_grant
from posts.engine.outcomes import may_arrive_late
from posts.engine.send_jobs import Grant, SendJob
from posts.models import Attempt, Delivery
from posts.queue.types import Claimed
from posts.services import media
from posts.services.media import Files
from posts.services.post_content import content_for
from posts.states import ATTEMPT_KIND, AttemptKind, AttemptOutcome

LATE = timedelta(seconds=60)  # what is later than this is backlog, and goes out at its platform's pace
_COLUMNS = (
    "id", "workspace_id", "platform", "generation", "tries", "visible_calls", "sent_at", "doubted_at", "progress",
    "parts", "is_one_step", "due_at", "released_at", "attempt_count", "post__content", "post__post_type",
    "post__post_options", "post__overrides", "post__thread", "post__first_comment", "account__state",
    "account__state_reason", "account__remote_id", "account__handle", "account__facts", "account__target_token_enc",
    "account__platform_host_id",
    "account__credential_id", "account__credential__version", "account__credential__access_enc",
    "account__credential__refresh_enc", "account__credential__refresh_not_before",
    "account__credential__refresh_expires_at", "account__credential__expires_at", "account__credential__state",
)  # fmt: skip


_ROWS = CompiledQuery(lambda ids: Delivery.objects.filter(IsOneOf("id", ids)).values_list(*_COLUMNS), ids=list)


def load_jobs(claimed: Sequence[Claimed], *, at: datetime, hosts: dict[UUID, PlatformHost]) -> list[SendJob]:
    """Read what the threads need, in the order of `claimed`; one query, one for hosts not in `hosts` yet, two for
    what is in doubt.

    `hosts` is the caller's cache and is added to; PlatformHost rows change seldom.
    """
    if not claimed:
        return []
    found = _ROWS.all(ids=[c.delivery_id for c in claimed])
    rows: dict[UUID, dict[str, Any]] = {row[0]: dict(zip(_COLUMNS, row, strict=True)) for row in found}
    wanted = {row["account__platform_host_id"] for row in rows.values()}
    # What stands open may have been closed meanwhile, or lets just this account through: that is looked up each time.
    stale = {host for host in wanted if host not in hosts or hosts[host].circuit_opened_at is not None}
    if stale:
        hosts.update(PlatformHost.objects.in_bulk(list(stale)))
    blockers = _blockers([(c, rows[c.delivery_id]) for c in claimed if c.delivery_id in rows], at=at, hosts=hosts)
    in_doubt = [c for c in claimed if ATTEMPT_KIND[c.state] == AttemptKind.RECONCILE]
    known, late_ones = _known_ids(in_doubt), _may_arrive_late(in_doubt)
    # What goes out in one call is one part without media: those posts are the many, and cost no query here.
    files = media.read_files(
        {c.post_id for c in claimed if c.delivery_id in rows and not rows[c.delivery_id]["is_one_step"]}
    )
    jobs = [
        _send_job(
            c, rows[c.delivery_id], at=at, host=hosts[rows[c.delivery_id]["account__platform_host_id"]],
            blocker=blockers.get(c.delivery_id), known=known.get(c.delivery_id, frozenset()),
            files=files.get(c.post_id, media.NO_FILES), may_arrive_late=c.delivery_id in late_ones,
        )
        for c in claimed
        if c.delivery_id in rows
    ]  # fmt: skip
    return _attached(jobs, at=at) if files else jobs


def _attached(jobs: Sequence[SendJob], *, at: datetime) -> list[SendJob]:
    """The jobs with their files in the form that is to be sent, or with what is in the way of it."""
    wanted = {
        job.claimed.delivery_id: attachments.required_media(job.platform, job.content, job.target)
        for job in jobs
        if job.blocker is None and any(part.media for part in job.content.parts) and _needs_files(job)
    }
    found = attachments.attach_renditions(wanted, at=at) if wanted else {}
    loaded = []
    for job in jobs:
        one = found.get(job.claimed.delivery_id)
        if isinstance(one, Blocker) and job.kind == AttemptKind.RECONCILE:
            loaded.append(job)  # what is out is found without them
        elif isinstance(one, Blocker):
            loaded.append(replace(job, blocker=one))
        elif one is None:
            loaded.append(job)
        else:
            loaded.append(replace(job, content=_as_needed(job, one)))
    return loaded


def _needs_files(job: SendJob) -> bool:
    """Whether it is sent, or may have to be made whole when it is looked up."""
    needs = registry.connector_class(job.platform).reconcile_needs
    return job.kind != AttemptKind.RECONCILE or any(needs(use) for part in job.content.parts for use in part.media)


def _as_needed(job: SendJob, content: Content) -> Content:
    """Its content with the files that it needs: a look-up fetches no video from another host for its captions."""
    if job.kind != AttemptKind.RECONCILE:
        return content
    needs = registry.connector_class(job.platform).reconcile_needs
    parts = tuple(
        replace(part, media=tuple(use if needs(use) else replace(use, stored_name="") for use in part.media))
        for part in content.parts
    )
    return replace(content, parts=parts)


def _blockers(
    claimed: Sequence[tuple[Claimed, Mapping[str, Any]]], *, at: datetime, hosts: Mapping[UUID, PlatformHost]
) -> dict[UUID, Blocker]:
    """What keeps each from being sent, by delivery; in the order in which a person would want to hear it."""
    found: dict[UUID, Blocker] = {}
    late = {}
    for one, row in claimed:
        host = hosts[row["account__platform_host_id"]]
        if blocker := _blocker_of_account(one, row, host, at=at):
            found[one.delivery_id] = blocker
        if _is_send(one) and not row["parts"] and at - _promised_at(row) > LATE:
            late[one.delivery_id] = row
    if late:
        rules = missed_rules_of(row["workspace_id"] for row in late.values())
        for delivery_id, row in late.items():
            is_first_look = row["attempt_count"] == 1  # the claim counted this one
            rule = rules[row["workspace_id"]]
            if held := rule.blocker(_promised_at(row), at=at, is_first_look=is_first_look):
                found[delivery_id] = held
    return found | _over_budget([pair for pair in claimed if pair[0].delivery_id not in found], at=at, hosts=hosts)


def _over_budget(
    claimed: Sequence[tuple[Claimed, Mapping[str, Any]]], *, at: datetime, hosts: Mapping[UUID, PlatformHost]
) -> dict[UUID, Blocker]:
    """Reserve the sends in what our app may still publish at each host; what is beyond waits for the next window."""
    wanted: dict[UUID, list[UUID]] = {}
    for one, row in claimed:
        if _is_send(one) and app_rules(row["platform"]):
            wanted.setdefault(row["account__platform_host_id"], []).append(one.delivery_id)
    found: dict[UUID, Blocker] = {}
    for host_id, deliveries in sorted(wanted.items()):
        host = hosts[host_id]
        rules = app_rules(host.platform)
        granted, until = budgets.reserve(f"{host.platform}:{host.host}:publish", rules, calls=len(deliveries), at=at)
        most = " or ".join(str(rule.limit) for rule in rules)
        message = f"This server's {most} posts at {host.host} are used up until {until:%Y-%m-%d %H:%M} UTC."
        found |= {delivery: Blocker("window", message, until) for delivery in deliveries[granted:]}
    return found


def _blocker_of_account(
    claimed: Claimed, row: Mapping[str, Any], host: PlatformHost, *, at: datetime
) -> Blocker | None:
    if row["account__state"] != "active":
        return Blocker("account", row["account__state_reason"] or "The account is not active.")
    if row["account__credential_id"] is None or row["account__credential__state"] != "live":
        return Blocker("account", "The account has to be connected again.")
    if host.paused_at is not None:
        return Blocker("account", host.paused_reason or "The platform is paused.")
    if host.circuit_opened_at is not None and host.probe_account != claimed.account_id:
        if not circuits.takes_look_ups(host):
            return Blocker("host", f"{host.host} does not answer; this goes on when it does.")
        if ATTEMPT_KIND[claimed.state] != AttemptKind.RECONCILE:
            return Blocker("host", f"{host.host} takes no posts at the moment; this goes out when it does.")
    if isinstance(row["account__target_token_enc"] or row["account__credential__access_enc"], Unreadable):
        return unreadable_grant(at=at)
    if host.limited_until is not None and host.limited_until > at:
        return Blocker("window", f"{host.host} takes no more calls of this server for now.", host.limited_until)
    return None


def _is_send(claimed: Claimed) -> bool:
    return ATTEMPT_KIND[claimed.state] == AttemptKind.SEND


def _promised_at(row: Mapping[str, Any]) -> datetime:
    due_at: datetime = row["due_at"]
    return max(due_at, row["released_at"] or due_at)


def _send_job(
    claimed: Claimed,
    row: Mapping[str, Any],
    *,
    at: datetime,
    host: PlatformHost,
    blocker: Blocker | None,
    known: frozenset[str],
    files: Files,
    may_arrive_late: bool,
) -> SendJob:
    credential_id = row["account__credential_id"]
    grant = None
    if credential_id is not None and row["account__credential__state"] == "live":
        grant = Grant(
            credential_id,
            row["account__credential__version"],
            row["account__credential__access_enc"],
            row["account__credential__expires_at"],
            may_refresh(
                row["account__credential__refresh_enc"],
                not_before=row["account__credential__refresh_not_before"],
                ends_at=row["account__credential__refresh_expires_at"],
                at=at,
            ),
        )
    rate = publish_rate(row["platform"])
    is_late = at - _promised_at(row) > LATE
    post = {name.removeprefix("post__"): value for name, value in row.items() if name.startswith("post__")}
    return SendJob(
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
        app=app_of(host),
        target_token=row["account__target_token_enc"] or "",
        generation=row["generation"],
        tries=row["tries"],
        visible_calls=row["visible_calls"],
        sent_at=row["sent_at"],
        doubted_at=row["doubted_at"],
        progress=row["progress"] or {},
        parts=row["parts"] or (),
        is_one_step=row["is_one_step"],
        host_id=host.id,
        blocker=blocker,
        spacing_s=max(1.0, rate[1] / rate[0] if rate else 0.0) if is_late else 0.0,
        rate=rate,
        known=known,
        may_arrive_late=may_arrive_late,
    )


def app_rules(platform: str) -> tuple[RateRule, ...]:
    """How often our app may publish there, whosever account; () = as often as it likes."""
    return rate_windows.publish_rules(platform, "app")


def publish_rate(platform: str) -> tuple[int, int] | None:
    """How many visible calls one account may make in how many seconds, by the window that its lane counts."""
    rule = rate_windows.lane_rule(platform)
    return None if rule is None else (rule.limit, rule.window_s)


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


def _may_arrive_late(in_doubt: Sequence[Claimed]) -> set[UUID]:
    """Those of which the call in doubt timed out."""
    if not in_doubt:
        return set()
    doubtful = Attempt.objects.filter(
        delivery__in=[c.delivery_id for c in in_doubt],
        kind__in=[AttemptKind.SEND, AttemptKind.POLL],
        outcome=AttemptOutcome.UNKNOWN,
    ).order_by("delivery", "number")
    ends = doubtful.values_list("delivery_id", "code", "http_status")
    last = {delivery: may_arrive_late(code, status) for delivery, code, status in ends}
    return {delivery for delivery, is_late in last.items() if is_late}


def current_grant(grant: Grant) -> Grant | None:
    """The stored grant, when it is newer than `grant` and usable; in the database thread."""
    newer = Credential.objects.filter(id=grant.credential_id, version__gt=grant.version, state="live").first()
    if newer is None:
        return None
    again = may_refresh(
        newer.refresh_enc, not_before=newer.refresh_not_before, ends_at=newer.refresh_expires_at, at=timezone.now()
    )
    return Grant(newer.id, newer.version, str(newer.access_enc), newer.expires_at, again)
