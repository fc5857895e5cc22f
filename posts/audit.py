"""What the audit log is told of posts and deliveries: the decisions of people, never the engine's own writes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mastablasta.core.audit.recording import Subject, difference, entries, record
from mastablasta.core.bulk_insert import Statement
from posts.models import Delivery, Post

if TYPE_CHECKING:
    from posts.services.drafts import Draft

EDITABLE = (
    "content", "thread", "first_comment", "post_type", "post_options", "overrides", "platforms", "accounts", "tags",
    "external_id", "scheduled_at", "timezone",
)  # fmt: skip


def post_subject(post: Post, **changes: tuple[Any, Any]) -> Subject:
    """A post, named by its first words."""
    return Subject("posts.post", post.id, post.content[:80], post.workspace_id, changes)


def delivery_subject(delivery: Delivery, **changes: tuple[Any, Any]) -> Subject:
    return Subject("posts.delivery", delivery.id, delivery.platform, delivery.workspace_id, changes)


def record_posts(action: str, posts: Iterable[Post], *, at: datetime) -> None:
    """One statement, however many posts."""
    record(action, map(post_subject, posts), at=at)


def created(posts: Iterable[tuple[Post, int]], *, at: datetime) -> Statement | None:
    """New posts, each with the number of its accounts: to be stored together with them."""
    told: dict[tuple[Any, ...], dict[str, tuple[Any, Any]]] = {}  # of a thousand posts the most are alike
    subjects = []
    for post, count in posts:
        now = {"status": post.status, "scheduled_at": post.scheduled_at, "accounts": count}
        changes = told.setdefault((*now.values(),), {name: (None, value) for name, value in now.items()})
        subjects.append(Subject("posts.post", post.id, post.content[:80], post.workspace_id, changes))
    return entries("created", subjects, at=at)


def edit_changes(before: Draft, after: Draft) -> dict[str, tuple[Any, Any]]:
    """What an edit changed: the fields that mean something else now; of media, how many there were and are."""
    found = difference(*({name: getattr(one, name) for name in EDITABLE} for one in (before, after)))
    if before.media != after.media:
        was, is_now = (sum(map(len, one.media.values())) for one in (before, after))
        found["media"] = (was, is_now)
    return found


def record_moves(action: str, deliveries: Iterable[Delivery], state: str, *, at: datetime) -> None:
    """Deliveries that a person brings to another state; `deliveries` as they were before."""
    record(action, (delivery_subject(one, state=(one.state, state)) for one in deliveries), at=at)
