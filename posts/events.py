"""What posts tell webhooks: written in the transaction of what it tells, set-based, and only where somebody asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from posts.models import BulkJob, Delivery, Post
from posts.queue.types import SETTLED, StatusChange
from posts.states import NOT_OUT, OUT, DeliveryState, PostStatus
from webhooks import outbox
from webhooks.outbox import NewEvent

PUBLISHED, FAILED, UNCONFIRMED, SCHEDULED = "post.published", "post.failed", "post.unconfirmed", "post.scheduled"
BULK_FINISHED = "bulk.finished"
COLUMNS = (
    "post_id", "id", "account_id", "platform", "state", "url", "remote_id", "published_at", "error_code", "error_kind",
    "error_message", "error_retryable",
)  # fmt: skip


def record_status_changes(changes: Sequence[StatusChange], *, at: datetime) -> None:
    """Write what these changes of posts' statuses mean: two statements where they are wanted, one where they are not.

    A post that settles sends `post.published` when something of it is out, `post.failed` when something is not.
    """
    wanted = outbox.wanted_types({change.workspace_id for change in changes})
    telling = [
        (change, types & wanted[change.workspace_id])
        for change in changes
        if (types := _types_of(change)) & wanted.get(change.workspace_id, set())
    ]
    if not telling:
        return
    deliveries: dict[UUID, list[dict[str, Any]]] = {}
    rows = Delivery.objects.filter(post__in=[change.post_id for change, _ in telling]).order_by("created_at", "id")
    for row in rows.values(*COLUMNS):
        deliveries.setdefault(row["post_id"], []).append(row)
    events = [
        NewEvent(change.workspace_id, event_type, data)
        for change, types in telling
        for event_type in (PUBLISHED, FAILED, UNCONFIRMED)
        if event_type in types and (data := _data(event_type, change.post_id, deliveries[change.post_id], at=at))
    ]
    if events:
        outbox.record(events, at=at)


def record_scheduled(posts: Iterable[tuple[Post, Iterable[str]]], *, at: datetime) -> None:
    """Write that these posts of one workspace, each with its platforms, were given the time that they have.

    One statement where nobody asked for it, two where somebody did, however many posts they are.
    """
    scheduled = list(posts)
    if scheduled:
        outbox.emit(
            SCHEDULED,
            scheduled[0][0].workspace_id,
            lambda: [
                {
                    "post_id": post.id,
                    "platforms": sorted(set(platforms)),
                    "scheduled_time": post.scheduled_at,
                }
                for post, platforms in scheduled
            ],
            at=at,
        )


def record_bulk_finished(job: BulkJob, *, at: datetime) -> None:
    """Write that a job over many posts has ended, however it did."""
    names = ("kind", "status", "total", "successful", "failed")
    told = {"job_id": job.id, **{name: getattr(job, name) for name in names}}
    outbox.emit(BULK_FINISHED, job.workspace_id, lambda: [told], at=at)


def _types_of(change: StatusChange) -> set[str]:
    if change.after == PostStatus.UNCONFIRMED:
        return {UNCONFIRMED}
    return {PUBLISHED, FAILED} if change.after in SETTLED and change.before not in SETTLED else set()


def _data(event_type: str, post_id: UUID, rows: Sequence[dict[str, Any]], *, at: datetime) -> dict[str, Any]:
    """What an event tells of those deliveries that it is about; {} = there are none."""
    states = {PUBLISHED: OUT, FAILED: NOT_OUT, UNCONFIRMED: (DeliveryState.UNCONFIRMED,)}[event_type]
    about = [row for row in rows if row["state"] in states]
    if not about:
        return {}
    shown = [_delivery(row, with_error=event_type == FAILED) for row in about]
    told: dict[str, Any] = {"post_id": post_id, "platforms": list(dict.fromkeys(row["platform"] for row in about))}
    if event_type == PUBLISHED:
        told["published_at"] = max((row["published_at"] for row in about if row["published_at"]), default=at)
    elif event_type == FAILED:
        told["failed_at"] = at
    return {**told, "deliveries": shown}


def _delivery(row: dict[str, Any], *, with_error: bool) -> dict[str, Any]:
    told = {
        "id": row["id"],
        "account_id": row["account_id"],
        "platform": row["platform"],
        "url": row["url"] or None,
        "platform_post_id": row["remote_id"] or None,
    }
    if with_error:
        told["error"] = {name: row[f"error_{name}"] for name in ("code", "kind", "message", "retryable")}
    return told
