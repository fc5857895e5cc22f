"""Another time for a post, or another post that says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from integrations.models import SocialAccount
from mastablasta.core.audit.recording import record
from mastablasta.core.errors import Conflict, FieldProblem
from posts import audit
from posts.models import Delivery, Post
from posts.services import creation, post_content, scheduling
from posts.services.locks import PostWithDeliveries
from posts.services.preconditions import Check, no_check, raise_if_out, raise_if_under_way
from posts.services.retries import S
from posts.services.standings import draft_of
from posts.states import NOT_OUT, PostStatus


def reschedule_post(
    post: Post,
    *,
    scheduled_at: datetime,
    timezone: str = "",
    notes: Sequence[FieldProblem] = (),
    allow_duplicate: bool = False,
    check: Check = no_check,
    at: datetime,
) -> Post:
    """Promise another time. For drafts, scheduled, failed and cancelled posts of which nothing ever went out.

    `notes`: what to warn of. `allow_duplicate`: the same text again is meant. `check` gets the locked post before
    anything is changed, and may raise.
    """
    post_content.raise_if_any(scheduling.time_problems(scheduled_at, at=at))
    with transaction.atomic():
        deliveries = scheduling.lock_post(post, also=scheduling.accounts_to_come(post))
        raise_if_under_way(deliveries)
        raise_if_out(deliveries, remedy="duplicate it to publish it again")
        check(post)
        refused = [d for d in deliveries if d.state == S.REJECTED and not d.error_retryable]
        if refused:
            raise Conflict("content_refused", f"{refused[0].error_message} Edit the post first.")
        [completed] = scheduling.complete_posts(post.workspace, [PostWithDeliveries(post, deliveries)])
        post_content.raise_if_any(completed.problems)
        Delivery.objects.bulk_create(completed.new)
        _reopen(deliveries, due_at=at)  # whatever it was: it gets its new time with all others
        told = audit.post_subject(post, scheduled_at=(post.scheduled_at, scheduled_at))
        post.scheduled_at, post.status, post.timezone = scheduled_at, PostStatus.SCHEDULED, timezone or post.timezone
        if notes:
            post.warnings = post_content.as_rows(notes)
        duplicates = scheduling.warn_of_duplicates(
            post.workspace, [completed], allow_duplicate=allow_duplicate, due_at=scheduled_at
        )
        if post.id in duplicates:
            raise duplicates[post.id]
        fields = ["scheduled_at", "status", *scheduling.COMPLETED, *(["timezone"] if timezone else [])]
        Post.objects.rewrite([post], *fields)
        record("rescheduled", [told], at=at)
        scheduling.schedule_posts([completed.promise()], at=at)
    post.refresh_from_db()
    return post


def _reopen(deliveries: Sequence[Delivery], *, due_at: datetime) -> None:
    """Let what failed or was cancelled wait again, in the rows and in `deliveries`."""
    ended = [delivery for delivery in deliveries if delivery.state in {*NOT_OUT, S.CANCELLED}]
    for delivery in ended:
        delivery.state = S.QUEUED
    Delivery.objects.filter(id__in=[delivery.id for delivery in ended]).update(
        state=S.QUEUED, due_at=due_at, next_attempt_at=due_at, tries=0
    )


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
        "external_id": "",
    }
    return creation.create_post(post.workspace, by=by, draft=replace(draft, **changes), at=at).post
