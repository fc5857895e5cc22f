"""What people do to a post once it is there: edit, cancel, move, copy, delete, try again, settle a doubt.

Each takes the lock that keeps claims away (`scheduling.lock`), looks at the rows as they are now, and either does the
whole thing or refuses it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import User, Workspace
from integrations.models import SocialAccount
from mastablasta.core.errors import Conflict, FieldProblem, Invalid
from posts.models import Delivery, Post
from posts.querysets import DeliveryQuerySet
from posts.services import claims, composing, media, scheduling, writing
from posts.services.media import Files
from posts.services.writing import Composed, Draft
from posts.states import (
    DELIVERY_MOVES,
    IN_FLIGHT_OR_UNCERTAIN,
    NOT_OUT,
    OUT,
    WAITING,
    DeliveryState,
)

S = DeliveryState
Check = Callable[[Post], None]
CANCELLABLE = tuple(DeliveryState(state) for state in DELIVERY_MOVES.sources_of(S.CANCELLED))


def _nothing(post: Post) -> None:
    """No check."""


# --- editing ---
def edit_post(post: Post, draft: Draft, *, check: Check = _nothing, at: datetime) -> Post:
    """Replace what the post says, where and when it goes. Tags may always change.

    `check` gets the locked post before anything is changed, and may raise. Raises Conflict `already_out` once anything
    of it is out or uncertain, Invalid as creating it would. What failed or was refused gets a new generation: it is
    other content now.
    """
    composing.refuse(writing.problems_of(draft))
    chosen, _ = composing.choose_accounts(post.workspace, draft.platforms, draft.accounts)
    with transaction.atomic():
        deliveries = scheduling.lock(post, also=[account.id for account in chosen])
        post.refresh_from_db()
        check(post)
        if replace(draft, tags=(), notes=()) == replace(draft_of(post), tags=()):
            writing.set_tags(post, draft.tags)
            return _touched(post, at=at)
        _refuse_if_out(deliveries, remedy="duplicate it to publish another text")
        if draft.scheduled_at is not None and draft.scheduled_at != post.scheduled_at:
            composing.refuse(scheduling.time_problems(draft.scheduled_at, at=at))
        goes_out = draft.scheduled_at is not None
        composed = writing.compose(post, draft, goes_out=goes_out)
        composing.refuse([p for p in composed.problems if goes_out or p.code in writing.NEVER_STORED])
        post.save()
        writing.set_tags(post, draft.tags)
        media.set_media(post, draft.media)
        _place(post, deliveries, composed, at=at)
        _renew(post, composed.files, at=at)
        if draft.scheduled_at is None:
            unschedule(post, at=at)
        else:
            scheduling.queue(post, due_at=draft.scheduled_at, at=at, files=composed.files)
        return _touched(post, at=at)


def draft_of(post: Post) -> Draft:
    """The post as a draft: what a partial edit starts from, and a copy is made of."""
    deliveries = list(post.deliveries.order_by("id").values_list("account", flat=True))
    return Draft(
        content="" if post.thread else post.content,
        platforms=post.wanted_platforms,
        accounts=deliveries,
        post_type=post.post_type,
        post_options=post.post_options,
        overrides={
            key: {name: text for name, text in override.items() if name != media.NAMES_MEDIA}
            for key, override in post.overrides.items()
        },
        thread=post.thread,
        media=media.choices_of(post),
        first_comment=post.first_comment,
        tags=list(post.tag_rows.order_by("id").values_list("name", flat=True)),
        scheduled_at=post.scheduled_at,
        timezone=post.timezone,
    )


def _touched(post: Post, *, at: datetime) -> Post:
    Post.objects.filter(id=post.id).update(version=F("version") + 1, updated_at=at)
    post.refresh_from_db()
    return post


def _place(post: Post, deliveries: Sequence[Delivery], composed: Composed, *, at: datetime) -> None:
    """Deliveries for exactly these accounts; others go, or are cancelled where they have a history to keep."""
    chosen = {account.id for account in composed.accounts}
    gone = [delivery for delivery in deliveries if delivery.account_id not in chosen]
    Delivery.objects.filter(id__in=[delivery.id for delivery in gone if not delivery.attempt_count]).delete()
    _cancel([delivery for delivery in gone if delivery.attempt_count and delivery.state in CANCELLABLE], at=at)
    claims.settle_lanes(delivery.account_id for delivery in gone)
    kept = {delivery.account_id for delivery in deliveries} & chosen
    new = [account for account in composed.accounts if account.id not in kept]
    composing.add_deliveries(post, new, composed.files)


def _renew(post: Post, files: Files, *, at: datetime) -> None:
    """What was tried with the old text is history: a new generation, all retries, and it may be retried."""
    composing.settle_steps(post, files)
    tried = post.deliveries.filter(state__in=NOT_OUT)
    tried.update(generation=F("generation") + 1, tries=0, progress=None, error_retryable=True, updated_at=at)
    post.deliveries.filter(state__in=WAITING, attempt_count__gt=0).update(
        generation=F("generation") + 1, tries=0, progress=None, error_code="", error_kind="", error_message=""
    )


def unschedule(post: Post, *, at: datetime) -> None:
    """Back to a draft: nothing is promised any more; inside the caller's transaction, which holds the lanes."""
    waiting = post.deliveries.filter(state__in=[S.QUEUED, S.BLOCKED, S.HELD])
    accounts = list(waiting.values_list("account", flat=True))
    waiting.update(state=S.DRAFT, due_at=None, next_attempt_at=None, updated_at=at)
    Post.objects.filter(id=post.id).update(scheduled_at=None, status="draft", updated_at=at)
    claims.settle_lanes(accounts)
    claims.settle_posts([post.id], at=at)


def _refuse_if_out(deliveries: Iterable[Delivery], *, remedy: str) -> None:
    if any(d.state in OUT or d.parts_done or d.state in IN_FLIGHT_OR_UNCERTAIN for d in deliveries):
        raise Conflict("already_out", f"Something of this post is out already, or may be; {remedy}.")


# --- not going out ---
def cancel_post(post: Post, *, at: datetime) -> Post:
    """Stop everything of it that has not begun. Raises Conflict when something is in flight, or nothing waits."""
    with transaction.atomic():
        deliveries = scheduling.lock(post)
        _refuse_if_under_way(deliveries)
        waiting = [d for d in deliveries if d.state in CANCELLABLE]
        if not waiting:
            raise Conflict("not_waiting", f"This post is {post.status}; there is nothing to cancel.")
        _cancel(waiting, at=at)
        claims.settle_posts([post.id], at=at)
    post.refresh_from_db()
    return post


def delete_post(post: Post, *, check: Check = _nothing, at: datetime) -> None:
    """Take it out of every list here; what is out stays out. Raises Conflict while anything is in flight or doubt."""
    with transaction.atomic():
        deliveries = scheduling.lock(post)
        post.refresh_from_db()
        check(post)
        _refuse_if_under_way(deliveries)
        _cancel([d for d in deliveries if d.state in CANCELLABLE], at=at)
        claims.settle_posts([post.id], at=at)
        Post.objects.filter(id=post.id).update(deleted_at=at, updated_at=at)


def _cancel(deliveries: Sequence[Delivery], *, at: datetime) -> None:
    Delivery.objects.filter(id__in=[d.id for d in deliveries], state__in=CANCELLABLE).update(
        state=S.CANCELLED, next_attempt_at=None, updated_at=at
    )
    claims.settle_lanes(d.account_id for d in deliveries)


def _refuse_if_under_way(deliveries: Iterable[Delivery]) -> None:
    states = {d.state for d in deliveries}
    if S.UNCONFIRMED in states:
        raise Conflict("unconfirmed", "Nobody knows whether this post is out; resolve its delivery first.")
    if states & set(IN_FLIGHT_OR_UNCERTAIN):
        raise Conflict("in_flight", "This post is being published; wait for its outcome.")


# --- another time, another post ---
def reschedule_post(
    post: Post, *, scheduled_at: datetime, timezone: str = "", notes: Sequence[FieldProblem] = (), at: datetime
) -> Post:
    """Promise another time. For drafts, scheduled, failed and cancelled posts of which nothing ever went out.

    `notes`: what to warn of.
    """
    composing.refuse(scheduling.time_problems(scheduled_at, at=at))
    with transaction.atomic():
        deliveries = scheduling.lock(post, also=scheduling.accounts_to_come(post))
        _refuse_if_under_way(deliveries)
        _refuse_if_out(deliveries, remedy="duplicate it to publish it again")
        refused = [d for d in deliveries if d.state == S.REJECTED and not d.error_retryable]
        if refused:
            raise Conflict("content_refused", f"{refused[0].error_message} Edit the post first.")
        scheduling.place(post)
        Delivery.objects.filter(post=post, state__in=[*NOT_OUT, S.CANCELLED]).update(
            state=S.QUEUED, due_at=scheduled_at, next_attempt_at=scheduled_at, tries=0
        )
        if timezone:
            Post.objects.filter(id=post.id).update(timezone=timezone)
        if notes:
            Post.objects.filter(id=post.id).update(warnings=writing.as_rows(notes))
        scheduling.queue(post, due_at=scheduled_at, at=at)
    post.refresh_from_db()
    return post


def duplicate_post(post: Post, *, by: User, at: datetime) -> Post:
    """A new draft that says the same to the same accounts, as far as they are still connected."""
    draft = draft_of(post)
    connected = SocialAccount.objects.in_workspace(post.workspace).connected().filter(id__in=draft.accounts)
    still = set(connected.values_list("id", flat=True))
    lost = post.deliveries.exclude(account__in=still).values_list("platform", flat=True)
    changes: dict[str, Any] = {
        "accounts": [id_ for id_ in draft.accounts if id_ in still],
        "platforms": list(dict.fromkeys([*draft.platforms, *lost])),
        "scheduled_at": None,
    }
    return writing.create_post(post.workspace, by=by, draft=replace(draft, **changes), at=at)


# --- trying again ---
@dataclass(frozen=True, slots=True)
class StillFailed:
    """A post that trying again cannot help until somebody acts, and why."""

    post_id: UUID
    error: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which deliveries a retry is meant for; "" and None = any. `since`: what failed then or later."""

    platform: str = ""
    code: str = ""
    since: datetime | None = None

    def covers(self, delivery: Delivery) -> bool:
        is_late_enough = self.since is None or delivery.updated_at >= self.since
        return self.platform in {"", delivery.platform} and self.code in {"", delivery.error_code} and is_late_enough

    def among(self, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
        wanted = {"platform": self.platform, "error_code": self.code, "updated_at__gte": self.since}
        return deliveries.filter(**{name: value for name, value in wanted.items() if value})


ANY = Chosen()


def retry_post(post: Post, *, at: datetime, chosen: Chosen = ANY) -> Post:
    """Send again what failed, going on at the missing part; the promise stays what it was.

    Raises Conflict `not_failed`, `unconfirmed` (resolve it first) or `content_refused` (edit it first).
    """
    with transaction.atomic():
        deliveries = scheduling.lock(post)
        if any(d.state == S.UNCONFIRMED for d in deliveries):
            raise Conflict("unconfirmed", "Nobody knows whether this post is out; resolve its delivery first.")
        failed = [d for d in deliveries if d.state in NOT_OUT and chosen.covers(d)]
        if not failed:
            raise Conflict("not_failed", f"This post is {post.status}; only failed posts can be retried.")
        retryable = [d for d in failed if d.error_retryable]
        if not retryable:
            raise Conflict("content_refused", f"{failed[0].error_message} Edit the post before you retry it.")
        _requeue(retryable, at=at)
        claims.settle_posts([post.id], at=at)
    post.refresh_from_db()
    return post


def retry_failed(workspace: Workspace, *, at: datetime, limit: int = 1000) -> tuple[list[UUID], list[StillFailed]]:
    """Retry every failed post of the workspace that may be retried; tell the others, and what each waits for."""
    retried: list[UUID] = []
    still: list[StillFailed] = []
    for post_id in failed_posts(workspace)[:limit]:
        reason = retry_one(post_id, at=at)
        if reason is None:
            retried.append(post_id)
        else:
            still.append(reason)
    return retried, still


def failed_posts(workspace: Workspace | None, chosen: Chosen = ANY) -> QuerySet[Delivery, UUID]:
    """The ids of the posts with something that failed or waits for a person, oldest first; None = everybody's."""
    stuck = chosen.among(_stuck()) if workspace is None else chosen.among(_stuck().in_workspace(workspace))
    return stuck.order_by("post").values_list("post", flat=True).distinct()


def retry_one(post_id: UUID, *, at: datetime, chosen: Chosen = ANY, is_rehearsal: bool = False) -> StillFailed | None:
    """Retry a post of `failed_posts`; returns why it stays as it is, or None. A rehearsal changes nothing."""
    try:
        with transaction.atomic():
            retry_post(Post.objects.get(id=post_id), at=at, chosen=chosen)
            transaction.set_rollback(is_rehearsal)
    except Conflict as reason:
        waiting = _stuck().filter(post=post_id, state__in=[S.BLOCKED, S.HELD]).first()
        return StillFailed(post_id, waiting.error_message if waiting else reason.detail)
    return None


def _stuck() -> DeliveryQuerySet:
    states = [*NOT_OUT, S.UNCONFIRMED, S.BLOCKED, S.HELD]
    return Delivery.objects.filter(post__deleted_at=None, state__in=states)


def _requeue(deliveries: Sequence[Delivery], *, at: datetime) -> None:
    for delivery in deliveries:
        DELIVERY_MOVES.check(delivery.state, S.QUEUED)
        Delivery.objects.filter(id=delivery.id, state=delivery.state).update(
            state=S.QUEUED, due_at=delivery.due_at or at, released_at=at, next_attempt_at=at, tries=0, updated_at=at,
            error_code="", error_kind="", error_message="", error_retryable=False,
        )  # fmt: skip
    accounts = sorted(d.account_id for d in deliveries)
    claims.hint(dict.fromkeys(accounts, at))
    claims.settle_lanes(accounts)


# --- settling a doubt ---
def resolve_delivery(delivery: Delivery, *, is_published: bool, url: str = "", by: User, at: datetime) -> Delivery:
    """A person has looked: it is out (maybe under `url`), or is not and may be retried; nothing is sent by itself."""
    with transaction.atomic():
        scheduling.lock(delivery.post)
        current = Delivery.objects.select_related("account").get(id=delivery.id)
        # Signed out, its platform cannot be asked, maybe never again: then a person's word settles the doubt.
        is_unasked = current.state == S.UNKNOWN and current.lease_token is None and current.account.state != "active"
        if current.state != S.UNCONFIRMED and not is_unasked:
            raise Conflict("not_unconfirmed", "Only an unconfirmed delivery can be resolved.")
        if url and not url.startswith(("https://", "http://")):
            raise Invalid.field(
                "url", "invalid", "url is no web address; give the address of the post, or leave it out."
            )
        changes: dict[str, Any]
        if is_published:
            changes = {
                "state": S.PUBLISHED, "resolved_by": by, "published_at": current.sent_at or at,
                "url": url or current.url, "error_code": "", "error_kind": "", "error_message": "",
            }  # fmt: skip
        else:
            message = "A person looked: it is not out."
            changes = {"state": S.FAILED, "error_code": "not_sent", "error_message": message, "error_retryable": True}
        Delivery.objects.filter(id=current.id, state=current.state).update(
            **changes, sent_at=None, doubted_at=None, updated_at=at
        )
        claims.settle_lanes([current.account_id])
        claims.settle_posts([current.post_id], at=at)
    delivery.refresh_from_db()
    return delivery
