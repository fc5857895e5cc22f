"""When posts go out: every change of a promise, under the lock that keeps claims away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import OuterRef, Subquery

from accounts.models import Workspace
from integrations.models import SocialAccount
from integrations.states import AccountState
from mastablasta.core.audit.recording import Subject, record
from mastablasta.core.errors import Conflict, DomainError, FieldProblem
from media_library.services import renditions
from posts import audit, events
from posts.models import Delivery, Post
from posts.queue import claims
from posts.services import guard, media, option_reading, post_content, post_renditions
from posts.services.locks import Outcome, PostWithDeliveries, is_stopped, lock_posts, not_there, one_of
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


def publish_post(post: Post, *, allow_duplicate: bool = False, at: datetime) -> Post:
    """Send a draft or scheduled post now. Raises Conflict when it is out or on its way, Invalid when it cannot go.

    `allow_duplicate`: the same text again is meant.
    """
    return one_of(publish_posts(post.workspace, [post.id], allow_duplicate=allow_duplicate, at=at), post)


def publish_posts(
    workspace: Workspace,
    ids: Sequence[UUID],
    *,
    is_atomic: bool = False,
    allow_duplicate: bool = False,
    at: datetime,
) -> dict[UUID, Outcome]:
    """Publish many as `publish_post` would, in a fixed number of statements; by id the post as it is now, or why not.

    `is_atomic`: where one cannot be published none is.
    """
    with transaction.atomic():
        there = Post.objects.in_workspace(workspace).kept().filter(id__in=set(ids))
        to_come = _accounts_to_come(workspace, there.values_list("wanted_platforms", flat=True))
        locked = lock_posts(workspace, ids, also=to_come)
        completed = {one.post.id: one for one in complete_posts(workspace, list(locked.values()))}
        results = {post_id: _publishable(completed.get(post_id)) for post_id in ids}
        sent = [completed[post_id] for post_id, result in results.items() if isinstance(result, Post)]
        duplicates = warn_of_duplicates(workspace, sent, allow_duplicate=allow_duplicate, due_at=at)
        results |= duplicates
        sent = [one for one in sent if one.post.id not in duplicates]
        if sent and not is_stopped(results, is_atomic=is_atomic):
            Delivery.objects.bulk_create(chain.from_iterable(one.new for one in sent))
            told = [_told(one.post, at=at) for one in sent]
            for one in sent:
                one.post.scheduled_at, one.post.status = at, PostStatus.SCHEDULED
            Post.objects.rewrite([one.post for one in sent], "scheduled_at", "status", *COMPLETED)
            record("published now", told, at=at)
            schedule_posts([one.promise() for one in sent], at=at)
            results |= Post.objects.in_bulk([one.post.id for one in sent])
    return results


def _told(post: Post, *, at: datetime) -> Subject:
    """For the audit log, while the post is as it was."""
    return audit.post_subject(post, status=(post.status, PostStatus.SCHEDULED), scheduled_at=(post.scheduled_at, at))


def warn_of_duplicates(
    workspace: Workspace, completed: Sequence[CompletedPost], *, allow_duplicate: bool, due_at: datetime
) -> dict[UUID, DomainError]:
    """Warn on these posts of what would go wrong at `due_at`; return by id why some are refused."""
    planned = [guard.Planned(one.post.id, one.fingerprints(), due_at, may_repeat=allow_duplicate) for one in completed]
    verdicts = guard.judge(workspace, planned) if planned else []
    return guard.warn(zip((one.post for one in completed), verdicts, strict=True))


def _publishable(one: CompletedPost | None) -> Outcome:
    if one is None:
        return not_there()
    try:
        _refuse_unless_waiting(one.post, one.deliveries)
        post_content.raise_if_any(one.problems)
    except DomainError as refusal:
        return refusal
    return one.post


def lock_post(post: Post, *, also: Iterable[UUID] = ()) -> list[Delivery]:
    """Lock a post's lanes, its deliveries and itself, in this order; return the deliveries as they are now.

    `also`: accounts that it may get deliveries for; their lanes have to be locked now, never later.
    """
    claims.lock_lanes([*post.deliveries.values_list("account", flat=True), *also])
    deliveries = list(post.deliveries.select_for_update(of=("self",)).order_by("id"))
    current = Post.objects.select_for_update().get(id=post.id)
    post.status, post.version, post.scheduled_at = current.status, current.version, current.scheduled_at
    post.wanted_platforms = current.wanted_platforms
    return deliveries


@dataclass(frozen=True, slots=True)
class Promise:
    """A post whose row says when it is to go out, its files, and the accounts of which nothing has ended."""

    post: Post
    accounts: Sequence[SocialAccount]
    files: Files


def schedule_posts(promises: Sequence[Promise], *, at: datetime) -> None:
    """Promise each post's `scheduled_at` for all of its deliveries that wait, in a fixed number of statements.

    Inside the caller's transaction, which holds their lanes and has stored the posts. Their files are brought into form
    from now on.
    """
    post_renditions.require_renditions([(one.post, one.accounts, one.files) for one in promises], at=at)
    option_reading.require_reading([one.post for one in promises], at=at)
    times = {one.post.id: one.post.scheduled_at for one in promises}
    waiting = Delivery.objects.filter(post__in=list(times), state__in=WAITING)
    due: dict[UUID, datetime] = {}
    is_news: set[UUID] = set()
    for account, post_id, promised in waiting.order_by("account").values_list("account", "post", "due_at"):
        time = times[post_id] or at
        due[account] = min(time, due.get(account, time))
        if promised != time > at:
            is_news.add(post_id)
    waiting.filter(state=DeliveryState.HELD).update(error_code="", error_kind="", error_message="")
    due_at = Subquery(Post.objects.filter(id=OuterRef("post")).values("scheduled_at")[:1])
    waiting.update(state=DeliveryState.QUEUED, due_at=due_at, released_at=None, next_attempt_at=due_at, updated_at=at)
    claims.wake_lanes(due)
    claims.recompute_lanes(due)
    claims.recompute_post_status(times, at=at)
    events.record_scheduled(
        [(one.post, [account.platform for account in one.accounts]) for one in promises if one.post.id in is_news],
        at=at,
    )


def _refuse_unless_waiting(post: Post, deliveries: list[Delivery]) -> None:
    if any(d.state in IN_FLIGHT_OR_UNCERTAIN for d in deliveries):
        raise Conflict("in_flight", "This post is being published; wait for its outcome.")
    if any(d.state in OUT for d in deliveries):
        raise Conflict("already_out", "This post is out already; duplicate it to publish it again.")
    if post.status not in {PostStatus.DRAFT, PostStatus.SCHEDULED}:
        raise Conflict("not_waiting", f"This post is {post.status}; only drafts and scheduled posts can be published.")


def accounts_to_come(post: Post) -> list[UUID]:
    """The accounts that `complete_posts` would give it deliveries for."""
    return _accounts_to_come(post.workspace, [post.wanted_platforms])


def _accounts_to_come(workspace: Workspace, wanted: Iterable[Sequence[str]]) -> list[UUID]:
    return [account.id for account in AccountChoice(workspace, set(chain.from_iterable(wanted)), []).found]


COMPLETED = ("wanted_platforms", "warnings")  # what `complete_posts` changes of a post


@dataclass(frozen=True, slots=True)
class CompletedPost:
    """A post with all of its accounts, and the problems of sending it.

    `new`: deliveries, not yet stored, for the platforms that had no account when they were chosen.
    """

    post: Post
    deliveries: list[Delivery]
    new: list[Delivery]
    accounts: Mapping[UUID, SocialAccount]
    files: Files
    problems: list[FieldProblem]

    def fingerprints(self) -> dict[UUID, int | None]:
        """What is left to be published of it, by account."""
        open_ = [d for d in self.deliveries if d.state in {*WAITING, DeliveryState.BLOCKED}]
        return {delivery.account_id: delivery.fingerprint for delivery in (*open_, *self.new)}

    def promise(self) -> Promise:
        """What is left to be done for it, `new` included."""
        open_ = self.fingerprints().keys()
        return Promise(self.post, [one for id_, one in self.accounts.items() if id_ in open_], self.files)


def complete_posts(workspace: Workspace, locked: Sequence[PostWithDeliveries]) -> list[CompletedPost]:
    """Find the accounts that these posts still wait for, and judge them by the rules of creation; nothing is stored.

    The posts forget what they waited for, and their warnings are as they are now (COMPLETED). A fixed number of
    statements, however many posts.
    """
    posts = [one.post for one in locked]
    choice = AccountChoice(workspace, {slug for post in posts for slug in post.wanted_platforms}, [])
    ids = {delivery.account_id for one in locked for delivery in one.deliveries}
    known = SocialAccount.objects.select_related("platform_host").defer("platform_host__client_secret_enc").in_bulk(ids)
    files = media.read_files([post.id for post in posts])
    choices = media.read_choices([post for post in posts if post.id in files])
    assets = media.find_assets(workspace, choices.values())
    failed = renditions.failed_of(assets)
    completed = []
    for one in locked:
        against_media = media.problems_with(workspace, choices.get(one.post.id, {}), assets)
        completed.append(_completed(one, choice, known, files.get(one.post.id, {}), failed, against_media))
    return completed


def _completed(
    one: PostWithDeliveries,
    choice: AccountChoice,
    known: Mapping[UUID, SocialAccount],
    files: Files,
    failed: media.Renditions,
    against_media: Sequence[FieldProblem],
) -> CompletedPost:
    post = one.post
    found, problems = post_content.choose_accounts(choice, post.wanted_platforms, [])
    chosen = {delivery.account_id: known[delivery.account_id] for delivery in one.deliveries}
    new = [account for account in found if account.id not in chosen]
    if not chosen and not new and not problems:
        message = "Name at least one platform or account to publish to."
        problems.append(FieldProblem("platforms", "required", message))
    accounts = {**chosen, **{account.id: account for account in new}}
    content = post_content.content_problems(post, accounts.values(), files, failed)
    problems = [*problems, *against_media, *content]
    warnings = post_content.as_rows(post_content.default_warnings(choice, new, accounts=()))
    post.wanted_platforms, post.warnings = [], [*_still_true(post.warnings, chosen), *warnings]
    deliveries = post_content.deliveries_of(post, new, files)
    return CompletedPost(post, one.deliveries, deliveries, accounts, files, problems)


def _still_true(warnings: Iterable[dict[str, Any]], chosen: Mapping[UUID, SocialAccount]) -> list[dict[str, Any]]:
    """What was warned of defaults that still have to be connected again."""
    dead = {str(account.id) for account in chosen.values() if account.state == AccountState.NEEDS_REAUTH}
    return [
        row for row in warnings if row["code"] == "default_needs_reauth" and row["params"].get("account_id") in dead
    ]
