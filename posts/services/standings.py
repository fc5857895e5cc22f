"""Posts as drafts again: how each stands, and whether a draft would change anything of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from posts.models import Delivery, Post, PostTag, PostType
from posts.services import drafts, media
from posts.services.drafts import Draft
from posts.services.media import Choices


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
        same = meaning_of(draft, self.deliveries) == meaning_of(self.draft, self.deliveries)
        return not same or _labels(draft) != _labels(self.draft)


def standings_of(
    posts: Collection[Post], deliveries: Mapping[UUID, Sequence[Delivery]] | None = None
) -> dict[UUID, Standing]:
    """Each of these posts as it stands, by post. Three queries, however many they are.

    `deliveries`: theirs by post, where they are at hand; None = they are read.
    """
    ids = [post.id for post in posts]
    deliveries = _deliveries_of(ids) if deliveries is None else deliveries
    tags: dict[UUID, list[str]] = defaultdict(list)
    for post_id, name in PostTag.objects.filter(post__in=ids).order_by("id").values_list("post", "name"):
        tags[post_id].append(name)
    chosen = media.read_choices(posts)
    return {
        post.id: Standing(_draft(post, deliveries[post.id], tags[post.id], chosen[post.id]), deliveries[post.id])
        for post in posts
    }


def _deliveries_of(posts: Collection[UUID]) -> dict[UUID, list[Delivery]]:
    found: dict[UUID, list[Delivery]] = {post_id: [] for post_id in posts}
    columns = ("id", "post", "account", "platform")
    for delivery in Delivery.objects.filter(post__in=posts).only(*columns).order_by("id"):
        found[delivery.post_id].append(delivery)
    return found


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


def meaning_of(draft: Draft, deliveries: Sequence[Delivery]) -> Draft:
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
        allow_duplicate=False,
    )


def _labels(draft: Draft) -> tuple[list[str], str]:
    """What a post is called here and elsewhere; nobody sees it at a platform."""
    return drafts.tag_names(draft.tags), draft.external_id
