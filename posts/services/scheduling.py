"""When posts go out: every change of a promise, under the lock that keeps claims away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from integrations.models import SocialAccount
from integrations.states import AccountState
from mastablasta.core.errors import Conflict, FieldProblem
from posts.models import Delivery, Post
from posts.queue import claims
from posts.services import media, post_content, post_renditions
from posts.services.media import Files
from posts.services.post_content import AccountChoice
from posts.states import IN_FLIGHT_OR_UNCERTAIN, OUT, WAITING, DeliveryState, PostStatus

FARTHEST = timedelta(days=5 * 366)


def time_problems(scheduled_at: datetime, *, at: datetime) -> list[FieldProblem]:
    """Problems with promising this time."""
    if scheduled_at <= at:
        message = "scheduled_time is in the past; give a later time, or publish now."
        return [FieldProblem("scheduled_time", "in_past", message)]
    if scheduled_at > at + FARTHEST:
        message = "scheduled_time is more than five years ahead; give an earlier time."
        return [FieldProblem("scheduled_time", "too_far", message)]
    return []


def publish_post(post: Post, *, at: datetime) -> Post:
    """Send a draft or scheduled post now. Raises Conflict when it is out or on its way, Invalid when it cannot go."""
    with transaction.atomic():
        deliveries = lock_post(post, also=accounts_to_come(post))
        _refuse_unless_waiting(post, deliveries)
        create_missing_deliveries(post)
        schedule_deliveries(post, due_at=at, at=at)
    post.refresh_from_db()
    return post


def lock_post(post: Post, *, also: Iterable[UUID] = ()) -> list[Delivery]:
    """Lock a post's lanes, its deliveries and itself, in this order; return the deliveries as they are now.

    `also`: accounts that it may get deliveries for; their lanes have to be locked now, never later.
    """
    claims.lock_lanes([*post.deliveries.values_list("account", flat=True), *also])
    deliveries = list(post.deliveries.select_for_update(of=("self",)).order_by("id"))
    current = Post.objects.select_for_update().get(id=post.id)
    post.status, post.version, post.wanted_platforms = (
        current.status,
        current.version,
        current.wanted_platforms,
    )
    return deliveries


def schedule_deliveries(post: Post, *, due_at: datetime, at: datetime, files: Files | None = None) -> None:
    """Promise `due_at` for every delivery that waits; inside the caller's transaction, which holds their lanes.

    Its files are brought into form from now on. `files`: those that it has; None = they are read.
    """
    post_renditions.require_renditions(post, files=files, at=at)
    waiting = post.deliveries.filter(state__in=WAITING)
    accounts = list(waiting.values_list("account", flat=True))
    waiting.filter(state=DeliveryState.HELD).update(error_code="", error_kind="", error_message="")
    waiting.update(state=DeliveryState.QUEUED, due_at=due_at, released_at=None, next_attempt_at=due_at, updated_at=at)
    post.scheduled_at, post.status = due_at, PostStatus.SCHEDULED
    Post.objects.filter(id=post.id).update(scheduled_at=due_at, status=PostStatus.SCHEDULED, updated_at=at)
    claims.wake_lanes(dict.fromkeys(sorted(accounts), due_at))
    claims.recompute_lanes(accounts)
    claims.recompute_post_status([post.id], at=at)


def _refuse_unless_waiting(post: Post, deliveries: list[Delivery]) -> None:
    if any(d.state in IN_FLIGHT_OR_UNCERTAIN for d in deliveries):
        raise Conflict("in_flight", "This post is being published; wait for its outcome.")
    if any(d.state in OUT for d in deliveries):
        raise Conflict("already_out", "This post is out already; duplicate it to publish it again.")
    if post.status not in {PostStatus.DRAFT, PostStatus.SCHEDULED}:
        raise Conflict("not_waiting", f"This post is {post.status}; only drafts and scheduled posts can be published.")


def accounts_to_come(post: Post) -> list[UUID]:
    """The accounts that `place` would give it deliveries for."""
    if not post.wanted_platforms:
        return []
    found, _ = post_content.choose_accounts(_platforms_of(post), post.wanted_platforms, [])
    return [account.id for account in found]


def _platforms_of(post: Post) -> AccountChoice:
    """The accounts that the platforms may stand for now which had none when they were chosen."""
    return AccountChoice(post.workspace, post.wanted_platforms, [])


def create_missing_deliveries(post: Post) -> None:
    """Give the platforms that were chosen before they had an account their deliveries; the rules of creation hold."""
    choice = _platforms_of(post)
    found, problems = post_content.choose_accounts(choice, post.wanted_platforms, [])
    chosen = {d.account_id: d.account for d in post.deliveries.select_related("account__platform_host")}
    new = [account for account in found if account.id not in chosen]
    if not chosen and not new and not problems:
        message = "Name at least one platform or account to publish to."
        problems.append(FieldProblem("platforms", "required", message))
    files = media.read_files([post.id]).get(post.id, {})
    choices = media.choices_of(post) if files else {}
    against_media = media.problems_with(post.workspace, choices, media.find_assets(post.workspace, [choices]))
    content = post_content.content_problems(post, [*chosen.values(), *new], files)
    post_content.raise_if_any([*problems, *against_media, *content])
    post_content.add_deliveries(post, new, files)
    warnings = post_content.as_rows(post_content.default_warnings(choice, new, accounts=()))
    post.wanted_platforms, post.warnings = [], [*_still_true(post.warnings, chosen), *warnings]
    post.save(update_fields=["wanted_platforms", "warnings"])


def _still_true(warnings: Iterable[dict[str, Any]], chosen: Mapping[UUID, SocialAccount]) -> list[dict[str, Any]]:
    """What was warned of defaults that still have to be connected again."""
    dead = {str(account.id) for account in chosen.values() if account.state == AccountState.NEEDS_REAUTH}
    return [
        row for row in warnings if row["code"] == "default_needs_reauth" and row["params"].get("account_id") in dead
    ]
