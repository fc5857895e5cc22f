"""Changing what a post says, where and when it goes, and taking its promise back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import chain
from uuid import UUID

from django.db.models import F

from accounts.models import Workspace
from integrations.models import SocialAccount
from mastablasta.core.audit.recording import Subject, record
from mastablasta.core.errors import Conflict, DomainError
from posts import audit
from posts.models import Delivery, Post, PostMedia, PostTag
from posts.queue import claims
from posts.services import drafts, external_ids, guard, media, post_content, scheduling
from posts.services.cancellation import CANCELLABLE, cancel_deliveries
from posts.services.drafts import Composed, Draft, Surroundings
from posts.services.locks import Outcome, PostWithDeliveries, is_stopped, lock_posts, not_there, one_of
from posts.services.media import NO_FILES, Files
from posts.services.post_content import AccountChoice
from posts.services.preconditions import Check, no_check, raise_if_out
from posts.services.retries import S
from posts.services.scheduling import Promise
from posts.services.standings import Standing, meaning_of, standings_of
from posts.states import NOT_OUT, WAITING, PostStatus

Refusals = Callable[[Sequence[Post]], Mapping[UUID, DomainError]]


@dataclass(frozen=True, slots=True)
class Edit:
    """What a post is to say, where and when it is to go."""

    post_id: UUID
    draft: Draft


def edit_post(post: Post, draft: Draft, *, check: Check = no_check, at: datetime) -> Post:
    """Replace what the post says, where and when it goes. What is so already is not a change.

    Tags and external id may always change. `check` gets the locked post before anything is changed, and may raise.
    Raises Conflict `already_out` once anything of it is out or uncertain, `external_id_taken`, Invalid as creating it
    would. What failed or was refused gets a new generation: it is other content now.
    """

    def refuse(posts: Iterable[Post]) -> Mapping[UUID, DomainError]:
        for one in posts:
            check(one)
        return {}

    return one_of(edit_posts(post.workspace, [Edit(post.id, draft)], refuse=refuse, at=at), post)


def edit_posts(
    workspace: Workspace,
    edits: Sequence[Edit],
    *,
    refuse: Refusals = lambda _: {},
    is_atomic: bool = False,
    at: datetime,
) -> dict[UUID, Outcome]:
    """Edit many as `edit_post` would, in a fixed number of statements; by id the post as it is now, or why not.

    `edits`: each of another post. `refuse` gets the locked posts before anything is changed, and says by id which must
    stay as they are, and why. `is_atomic`: where one cannot be edited none is.
    """
    beaten: dict[UUID, DomainError] = {}
    while True:
        try:
            with external_ids.refusing_races(workspace, [edit.draft.external_id for edit in edits]):
                return _edit_all(workspace, edits, beaten, refuse=refuse, is_atomic=is_atomic, at=at)
        except Conflict as faster:
            late = _beaten(edits, faster)
            if not late.keys() - beaten.keys():
                raise
            beaten |= late


def _beaten(edits: Sequence[Edit], faster: Conflict) -> dict[UUID, DomainError]:
    """Whose external id another post has by now, and what is to be said of it."""
    taken = {problem.params["external_id"]: problem for problem in faster.problems}
    late = [edit for edit in edits if edit.draft.external_id in taken]
    found = {edit.post_id: taken[edit.draft.external_id] for edit in late}
    return {
        post_id: post_content.refusal([problem])
        for post_id, problem in found.items()
        if problem.params["post_id"] != str(post_id)
    }


def _edit_all(
    workspace: Workspace,
    edits: Sequence[Edit],
    beaten: Mapping[UUID, DomainError],
    *,
    refuse: Refusals,
    is_atomic: bool,
    at: datetime,
) -> dict[UUID, Outcome]:
    """`beaten`: whose external id somebody else has taken meanwhile."""
    wanted = [edit.draft for edit in edits]
    locked = lock_posts(workspace, [edit.post_id for edit in edits], also=_accounts_of(workspace, wanted))
    posts = [one.post for one in locked.values()]
    refused = {**refuse(posts), **beaten}
    standings = standings_of(posts, {post_id: one.deliveries for post_id, one in locked.items()})
    within = cache(lambda: Surroundings.of(workspace, wanted))
    names: set[str] = set()
    results: dict[UUID, Outcome] = {}
    changes: list[_Change] = []
    for edit in edits:
        try:
            if edit.post_id in refused:
                raise refused[edit.post_id]
            change = _change(edit, locked.get(edit.post_id), standings, within=within, names=names, at=at)
        except DomainError as refusal:
            results[edit.post_id] = refusal
        else:
            results[edit.post_id] = change.post
            changes += [change] if change.is_one else []
    duplicates = _judge(changes, at=at)
    results |= duplicates
    changes = [change for change in changes if change.post.id not in duplicates]
    if changes and not is_stopped(results, is_atomic=is_atomic):
        _store(changes, at=at)
        results |= Post.objects.in_bulk([change.post.id for change in changes])
    return results


def _judge(changes: Sequence[_Change], *, at: datetime) -> dict[UUID, DomainError]:
    """Warn on the posts of what the guard finds; by id why those are refused of which the workspace wants that."""
    judged = [(change, change.composed) for change in changes if change.composed and change.accounts]
    if not judged:
        return {}
    planned = [
        guard.Planned(
            change.post.id,
            post_content.fingerprints(change.post, composed.accounts, composed.files),
            change.after.scheduled_at or at,
            is_draft=not change.goes_out,
            may_repeat=change.after.allow_duplicate,
        )
        for change, composed in judged
    ]
    verdicts = guard.judge(judged[0][1].accounts[0].workspace, planned)
    return guard.warn(zip((change.post for change, _ in judged), verdicts, strict=True))


def accounts_of(workspace: Workspace, edits: Sequence[Edit]) -> set[UUID]:
    """The accounts whose lanes `edit_posts` locks for these."""
    theirs = Delivery.objects.in_workspace(workspace).filter(post__in=[edit.post_id for edit in edits])
    return {*theirs.values_list("account", flat=True), *_accounts_of(workspace, [edit.draft for edit in edits])}


def _accounts_of(workspace: Workspace, wanted: Sequence[Draft]) -> set[UUID]:
    """The accounts that the drafts mean."""
    platforms = {platform for draft in wanted for platform in draft.platforms}
    choice = AccountChoice(workspace, platforms, {account for draft in wanted for account in draft.accounts})
    return {account.id for account in choice.found}


@dataclass(frozen=True, slots=True)
class _Change:
    """What an edit makes of a post, not yet stored; `composed` None: of its labels at most."""

    post: Post
    before: Standing
    after: Draft
    composed: Composed | None

    @property
    def is_one(self) -> bool:
        return self.composed is not None or self.before.is_changed_by(self.after)

    @property
    def changes_tags(self) -> bool:
        return drafts.tag_names(self.after.tags) != list(self.before.draft.tags)

    @property
    def goes_out(self) -> bool:
        return self.after.scheduled_at is not None

    @property
    def deliveries(self) -> Sequence[Delivery]:
        return self.before.deliveries

    @property
    def files(self) -> Files:
        return self.composed.files if self.composed else NO_FILES

    @property
    def accounts(self) -> list[SocialAccount]:
        return self.composed.accounts if self.composed else []


def _change(
    edit: Edit,
    locked: PostWithDeliveries | None,
    standings: Mapping[UUID, Standing],
    *,
    within: Callable[[], Surroundings],
    names: set[str],
    at: datetime,
) -> _Change:
    """Raises why the post cannot be edited so. `names`: external ids that posts before it get; its own is added."""
    if locked is None:
        raise not_there()
    post, deliveries, draft = locked.post, locked.deliveries, edit.draft
    before = standings[post.id]
    if meaning_of(draft, deliveries) == meaning_of(before.draft, deliveries):
        if draft.external_id != before.draft.external_id:
            post_content.raise_if_any(external_ids.problems_of(draft.external_id, post, within().external_ids))
            _claim_name(draft, names)
            post.external_id = draft.external_id or None
        return _Change(post, before, draft, None)
    post_content.raise_if_any(drafts.problems_of(draft))
    raise_if_out(deliveries, remedy="duplicate it to publish another text")
    if draft.scheduled_at is not None and draft.scheduled_at != post.scheduled_at:
        post_content.raise_if_any(scheduling.time_problems(draft.scheduled_at, at=at))
    goes_out = draft.scheduled_at is not None
    composed = drafts.compose(post, draft, goes_out=goes_out, within=within())
    post_content.raise_if_any([p for p in composed.problems if goes_out or p.code in drafts.NEVER_STORED])
    if draft.external_id != before.draft.external_id:
        _claim_name(draft, names)
    return _Change(post, before, draft, composed)


def _claim_name(draft: Draft, names: set[str]) -> None:
    """Raises Conflict when a post before this one gets the same external id."""
    if draft.external_id in names:
        post_content.raise_if_any([external_ids.repeated(draft.external_id)])
    names |= {draft.external_id} - {""}


def _store(changes: Sequence[_Change], *, at: datetime) -> None:
    """Write what the changes make of their posts, as many as they are in the same statements."""
    whole = [change for change in changes if change.composed is not None]
    for change in changes:
        change.post.version += 1
    for change in whole:
        change.post.scheduled_at = change.after.scheduled_at
        change.post.status = PostStatus.SCHEDULED if change.goes_out else PostStatus.DRAFT
    Post.objects.rewrite([change.post for change in changes], *_WRITTEN)
    record("edited", map(_told, changes), at=at)
    _set_tags([change for change in changes if change.changes_tags])
    if not whole:
        return
    _set_media([change for change in whole if change.after.media != change.before.draft.media])
    _place_deliveries(whole, at=at)
    _renew(whole, at=at)
    kept_back = [change.post for change in whole if not change.goes_out]
    if kept_back:
        _hold_back(kept_back, at=at)
    going_out = [Promise(change.post, change.accounts, change.files) for change in whole if change.goes_out]
    if going_out:
        scheduling.schedule_posts(going_out, at=at)


def _told(change: _Change) -> Subject:
    before, after = (
        replace(meaning_of(one, change.deliveries), tags=drafts.tag_names(one.tags), external_id=one.external_id)
        for one in (change.before.draft, change.after)
    )
    return audit.post_subject(change.post, **audit.edit_changes(before, after))


_WRITTEN = (
    *post_content.CONTENT_FIELDS, "wanted_platforms", "warnings", "timezone", "external_id", "scheduled_at", "status",
    "version",
)  # fmt: skip


def _set_tags(changes: Sequence[_Change]) -> None:
    PostTag.objects.filter(post__in=[change.post.id for change in changes]).delete()
    PostTag.objects.bulk_create(chain.from_iterable(drafts.tags_of(one.post, one.after.tags) for one in changes))


def _set_media(changes: Sequence[_Change]) -> None:
    PostMedia.objects.filter(post__in=[change.post.id for change in changes]).delete()
    PostMedia.objects.bulk_create(chain.from_iterable(media.uses_of(one.post, one.after.media) for one in changes))


def _place_deliveries(changes: Sequence[_Change], *, at: datetime) -> None:
    """Deliveries for exactly the chosen accounts; others go, or are cancelled where they have a history to keep."""
    gone: list[Delivery] = []
    new: list[Delivery] = []
    for change in changes:
        chosen = {account.id for account in change.accounts}
        had = {delivery.account_id for delivery in change.deliveries}
        gone += [delivery for delivery in change.deliveries if delivery.account_id not in chosen]
        added = [account for account in change.accounts if account.id not in had]
        new += post_content.deliveries_of(change.post, added, change.files)
    if gone:
        Delivery.objects.filter(id__in=[delivery.id for delivery in gone if not delivery.attempt_count]).delete()
        cancel_deliveries(
            [delivery for delivery in gone if delivery.attempt_count and delivery.state in CANCELLABLE], at=at
        )
        claims.recompute_lanes(delivery.account_id for delivery in gone)
    Delivery.objects.bulk_create(new)


def _renew(changes: Sequence[_Change], *, at: datetime) -> None:
    """What was tried with the old text is history: a new generation, all retries, and it may be retried."""
    post_content.recompute_facts((change.post, change.deliveries, change.files) for change in changes)
    of_posts = Delivery.objects.filter(post__in=[change.post.id for change in changes])
    had = [delivery for change in changes for delivery in change.deliveries]
    if any(delivery.state in NOT_OUT for delivery in had):
        of_posts.filter(state__in=NOT_OUT).update(
            generation=F("generation") + 1, tries=0, progress=None, error_retryable=True, updated_at=at
        )
    if any(delivery.state in WAITING and delivery.attempt_count for delivery in had):
        of_posts.filter(state__in=WAITING, attempt_count__gt=0).update(
            generation=F("generation") + 1, tries=0, progress=None, error_code="", error_kind="", error_message=""
        )


def _hold_back(posts: Sequence[Post], *, at: datetime) -> None:
    """Nothing is promised any more, of posts whose rows say so."""
    ids = [post.id for post in posts]
    waiting = Delivery.objects.filter(post__in=ids, state__in=[S.QUEUED, S.BLOCKED, S.HELD])
    accounts = set(waiting.values_list("account", flat=True))
    if accounts:
        waiting.update(state=S.DRAFT, due_at=None, next_attempt_at=None, updated_at=at)
        claims.recompute_lanes(accounts)
    claims.recompute_post_status(ids, at=at)


def unschedule(post: Post, *, at: datetime) -> None:
    """Back to a draft: nothing is promised any more; inside the caller's transaction, which holds the lanes."""
    Post.objects.filter(id=post.id).update(scheduled_at=None, status=PostStatus.DRAFT, updated_at=at)
    _hold_back([post], at=at)
