"""What the pages of posts show beside their fields: how far each has come, and the form it takes at each platform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from integrations import registry
from mastablasta.core.admin_lists import GrowingList
from posts.models import Delivery, Post
from posts.services.standings import draft_of
from posts.services.validation import Preview, validate_draft
from posts.states import API_STATUS

STATUS_WORDS = {
    "pending": _("pending"),
    "publishing": _("publishing"),
    "published": _("published"),
    "unconfirmed": _("unconfirmed"),
    "failed": _("failed"),
    "cancelled": _("cancelled"),
}


class PostList(GrowingList):
    """With the deliveries of the posts on the page, in one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        columns = Delivery.objects.only("id", "post_id", "platform", "state").order_by("platform", "id")
        self.result_list = self.result_list.prefetch_related(Prefetch("deliveries", columns))


@dataclass(frozen=True, slots=True)
class ShownPreview:
    """What one account would get. `handle` "" = none is connected there yet."""

    platform: str
    handle: str
    preview: Preview


def platforms_of(post: Post) -> str:
    """Where it goes, in words."""
    slugs = sorted({*post.wanted_platforms, *(delivery.platform for delivery in post.deliveries.all())})
    return ", ".join(registry.label_of(slug) for slug in slugs)


def outcome_of(post: Post) -> str:
    """How many of its deliveries are how far: "2 published, 1 failed"."""
    counts = Counter(API_STATUS[delivery.state] for delivery in post.deliveries.all())
    return ", ".join(f"{count} {STATUS_WORDS[status]}" for status, count in sorted(counts.items()))


def previews_of(post: Post) -> list[ShownPreview]:
    """The form that it takes at each account as it is written now, as POST /posts/validate says it; stores nothing."""
    if post.deleted_at is not None:
        return []
    draft = replace(draft_of(post), scheduled_at=None)
    verdict = validate_draft(post.workspace, draft=draft, publish=True, exclude_post=post.id, at=timezone.now())
    handles: Mapping[UUID, Any] = dict(post.deliveries.values_list("account", "account__handle"))
    return [
        ShownPreview(registry.PLATFORMS[one.platform].label, handles.get(one.account_id, ""), one)  # type: ignore[arg-type]
        for one in verdict.previews
    ]
