"""Posts under lock, with their deliveries: as nobody else changes them before the transaction ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from accounts.models import Workspace
from mastablasta.core.errors import DomainError, NotThere
from posts.models import Delivery, Post
from posts.queue import claims

Outcome = Post | DomainError  # what became of one post of many: itself, or why it was refused


@dataclass(frozen=True, slots=True)
class PostWithDeliveries:
    """A post and its deliveries, oldest first."""

    post: Post
    deliveries: list[Delivery]


def lock_posts(
    workspace: Workspace, ids: Iterable[UUID], *, also: Iterable[UUID] = ()
) -> dict[UUID, PostWithDeliveries]:
    """Lock the lanes of these posts, their deliveries and themselves, in this order; return them by id.

    Left out are those that the workspace does not have. `also`: accounts that they may get deliveries for; their lanes
    have to be locked now, never later. Inside the caller's transaction; four statements, however many posts.
    """
    there = Post.objects.in_workspace(workspace).kept().filter(id__in=set(ids))
    of_posts = Delivery.objects.filter(post__in=there.values("id"))
    claims.lock_lanes([*of_posts.values_list("account", flat=True), *also])
    deliveries: dict[UUID, list[Delivery]] = defaultdict(list)
    for delivery in of_posts.select_for_update(of=("self",)).order_by("id"):
        deliveries[delivery.post_id].append(delivery)
    rows = there.select_for_update().order_by("id")
    return {post.id: PostWithDeliveries(post, deliveries[post.id]) for post in rows}


def not_there() -> NotThere:
    """Why nothing is done with a post that the workspace does not have."""
    return NotThere("not_found", "There is no such post in this workspace, or it was deleted already.")


def one_of(outcomes: dict[UUID, Outcome], post: Post) -> Post:
    """What became of the only post. Raises why it was refused."""
    outcome = outcomes[post.id]
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def is_stopped(outcomes: dict[UUID, Outcome], *, is_atomic: bool) -> bool:
    """Whether nothing may be written: all or none was asked for, and one is refused."""
    return is_atomic and any(isinstance(outcome, DomainError) for outcome in outcomes.values())
