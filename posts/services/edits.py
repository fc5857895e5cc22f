"""Changing what a post says, where and when it goes, and taking its promise back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import F

from posts.models import Delivery, Post, PostTag, PostType
from posts.queue import claims
from posts.services import drafts, external_ids, media, post_content, scheduling
from posts.services.cancellation import CANCELLABLE, cancel_deliveries
from posts.services.drafts import Composed, Draft
from posts.services.media import Choices, Files
from posts.services.post_content import AccountChoice
from posts.services.preconditions import Check, no_check, raise_if_out
from posts.services.retries import S
from posts.states import (
    NOT_OUT,
    WAITING,
)


def edit_post(post: Post, draft: Draft, *, check: Check = no_check, at: datetime) -> Post:
    """Replace what the post says, where and when it goes. What is so already is no change.

    Tags and external id may always change. `check` gets the locked post before anything is changed, and may raise.
    Raises Conflict `already_out` once anything of it is out or uncertain, `external_id_taken`, Invalid as creating it
    would. What failed or was refused gets a new generation: it is other content now.
    """
    choice = AccountChoice(post.workspace, draft.platforms, draft.accounts)
    chosen, _ = post_content.choose_accounts(choice, draft.platforms, draft.accounts)
    with external_ids.refusing_races(post.workspace, [draft.external_id]):
        deliveries = scheduling.lock_post(post, also=[account.id for account in chosen])
        post.refresh_from_db()
        check(post)
        current = draft_of(post)
        if _meaning(draft, deliveries) == _meaning(current, deliveries):
            if _labels(draft) == _labels(current):
                return post
            return _relabelled(post, draft, at=at)
        post_content.raise_if_any(drafts.problems_of(draft))
        raise_if_out(deliveries, remedy="duplicate it to publish another text")
        if draft.scheduled_at is not None and draft.scheduled_at != post.scheduled_at:
            post_content.raise_if_any(scheduling.time_problems(draft.scheduled_at, at=at))
        goes_out = draft.scheduled_at is not None
        composed = drafts.compose(post, draft, goes_out=goes_out)
        post_content.raise_if_any([p for p in composed.problems if goes_out or p.code in drafts.NEVER_STORED])
        post.save()
        drafts.set_tags(post, draft.tags)
        media.set_media(post, draft.media)
        _place_deliveries(post, deliveries, composed, at=at)
        _renew(post, composed.files, at=at)
        if draft.scheduled_at is None:
            unschedule(post, at=at)
        else:
            scheduling.schedule_deliveries(post, due_at=draft.scheduled_at, at=at, files=composed.files)
        return _touched(post, at=at)


@dataclass(frozen=True, slots=True)
class Standing:
    """A post as a draft, and the deliveries that it has."""

    draft: Draft
    deliveries: Sequence[Delivery]

    @property
    def platforms(self) -> set[str]:
        """Those that the post goes to, or is to go to once they have an account."""
        return {*(delivery.platform for delivery in self.deliveries), *self.draft.platforms}

    def is_changed_by(self, draft: Draft) -> bool:
        """Whether an edit to this draft would change anything."""
        same = _meaning(draft, self.deliveries) == _meaning(self.draft, self.deliveries)
        return not same or _labels(draft) != _labels(self.draft)


def standings_of(posts: Collection[Post]) -> dict[UUID, Standing]:
    """Each of these posts as it stands, by post. Three queries, however many they are."""
    ids = [post.id for post in posts]
    deliveries: dict[UUID, list[Delivery]] = defaultdict(list)
    columns = ("id", "post", "account", "platform")
    for delivery in Delivery.objects.filter(post__in=ids).only(*columns).order_by("id"):
        deliveries[delivery.post_id].append(delivery)
    tags: dict[UUID, list[str]] = defaultdict(list)
    for post_id, name in PostTag.objects.filter(post__in=ids).order_by("id").values_list("post", "name"):
        tags[post_id].append(name)
    chosen = media.read_choices(posts)
    return {
        post.id: Standing(_draft(post, deliveries[post.id], tags[post.id], chosen[post.id]), deliveries[post.id])
        for post in posts
    }


def draft_of(post: Post) -> Draft:
    """The post as a draft: what a partial edit starts from, and a copy is made of."""
    return standings_of([post])[post.id].draft


def _draft(post: Post, deliveries: Iterable[Delivery], tags: Sequence[str], chosen: Choices) -> Draft:
    return Draft(
        content="" if post.thread else post.content,
        platforms=post.wanted_platforms,
        accounts=[delivery.account_id for delivery in deliveries],
        post_type=post.post_type,
        post_options=post.post_options,
        overrides={
            key: {name: text for name, text in override.items() if name != media.NAMES_MEDIA}
            for key, override in post.overrides.items()
        },
        thread=post.thread,
        media=chosen,
        first_comment=post.first_comment,
        external_id=post.external_id or "",
        tags=tags,
        scheduled_at=post.scheduled_at,
        timezone=post.timezone,
    )


def platforms_of(post: Post) -> set[str]:
    """The platforms that the post goes to, or is to go to once they have an account."""
    return {*post.deliveries.values_list("platform", flat=True), *post.wanted_platforms}


def _meaning(draft: Draft, deliveries: Sequence[Delivery]) -> Draft:
    """The draft in one form of many, without its labels: equal for what makes no difference to the post.

    `deliveries` are those of the post: a platform beside an account of it that the post goes to adds none.
    """
    platform_of = {delivery.account_id: delivery.platform for delivery in deliveries}
    placed = {platform_of[account_id] for account_id in draft.accounts if account_id in platform_of}
    is_first_part = bool(draft.thread) and draft.content == draft.thread[0]
    is_thread = bool(draft.thread) and draft.post_type == PostType.STANDARD
    return replace(
        draft,
        content="" if is_first_part else draft.content,
        thread=tuple(draft.thread),
        platforms=sorted(set(draft.platforms) - placed),
        accounts=sorted(set(draft.accounts)),
        post_type=PostType.THREAD if is_thread else draft.post_type,
        tags=(),
        external_id="",
        named_in_thread=(),
        notes=(),
    )


def _labels(draft: Draft) -> tuple[list[str], str]:
    """What a post is called here and elsewhere; nobody sees it at a platform."""
    return drafts.tag_names(draft.tags), draft.external_id


def _relabelled(post: Post, draft: Draft, *, at: datetime) -> Post:
    held = external_ids.holders(post.workspace, [draft.external_id])
    post_content.raise_if_any(external_ids.problems_of(draft.external_id, post, held))
    drafts.set_tags(post, draft.tags)
    Post.objects.filter(id=post.id).update(external_id=draft.external_id or None)
    return _touched(post, at=at)


def _touched(post: Post, *, at: datetime) -> Post:
    Post.objects.filter(id=post.id).update(version=F("version") + 1, updated_at=at)
    post.refresh_from_db()
    return post


def _place_deliveries(post: Post, deliveries: Sequence[Delivery], composed: Composed, *, at: datetime) -> None:
    """Deliveries for exactly these accounts; others go, or are cancelled where they have a history to keep."""
    chosen = {account.id for account in composed.accounts}
    gone = [delivery for delivery in deliveries if delivery.account_id not in chosen]
    Delivery.objects.filter(id__in=[delivery.id for delivery in gone if not delivery.attempt_count]).delete()
    cancel_deliveries(
        [delivery for delivery in gone if delivery.attempt_count and delivery.state in CANCELLABLE], at=at
    )
    claims.recompute_lanes(delivery.account_id for delivery in gone)
    kept = {delivery.account_id for delivery in deliveries} & chosen
    new = [account for account in composed.accounts if account.id not in kept]
    post_content.add_deliveries(post, new, composed.files)


def _renew(post: Post, files: Files, *, at: datetime) -> None:
    """What was tried with the old text is history: a new generation, all retries, and it may be retried."""
    post_content.recompute_steps(post, files)
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
    claims.recompute_lanes(accounts)
    claims.recompute_post_status([post.id], at=at)
