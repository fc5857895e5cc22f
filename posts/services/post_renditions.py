"""Having the renditions made that each account of a post needs.

They are asked for when a post is scheduled, so that what cannot be made is told then and not when it is due. A claim
that comes before a rendition is there waits without a call; whoever finishes one calls `on_renditions_finished`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from django.db import transaction

from integrations import registry
from integrations.contract import Target
from integrations.models import SocialAccount
from mastablasta.core.media_rules import MediaRule
from media_library.codecs.recipes import CannotFit, Original, plan
from media_library.models import Asset
from media_library.services import renditions
from posts.models import Delivery, Post, PostMedia
from posts.queue import claims
from posts.services import media, post_content
from posts.services.media import Files, RequiredRendition
from posts.states import DeliveryState


# --- when a post is scheduled ---
def require_renditions(posts: Iterable[tuple[Post, Iterable[SocialAccount], Files]], *, at: datetime) -> None:
    """Let everything be made that these accounts need of their posts' files; inside the caller's transaction."""
    forms: dict[tuple[UUID, str], RequiredRendition] = {}
    for post, accounts, files in posts:
        if any(files.values()):
            forms |= required_for(post, accounts, files)
    require_all(forms.values(), at=at)


def required_for(
    post: Post, accounts: Iterable[SocialAccount], files: Files
) -> dict[tuple[UUID, str], RequiredRendition]:
    """What has to be made of a post's files for these accounts, each once."""
    fields = {name: getattr(post, name) for name in post_content.CONTENT_FIELDS}
    wanted: dict[tuple[UUID, str], RequiredRendition] = {}
    for account in accounts:
        content = post_content.content_for(fields, platform=account.platform, account_id=account.id, files=files)
        rule = registry.connector_class(account.platform).media_rule(content.post_type, post_content.target_of(account))
        wanted |= {form.key: form for form in media.required_renditions(content, rule)[0]}
    return wanted


def require_all(forms: Iterable[RequiredRendition], *, at: datetime) -> None:
    forms = list(forms)
    if not forms:
        return
    assets = Asset.objects.kept().in_bulk({form.asset_id for form in forms})
    there = [(assets[form.asset_id], form.recipe) for form in forms if form.asset_id in assets]
    renditions.require_all(there, at=at)


def platforms_by_recipe(asset: Asset) -> dict[str, list[str]]:
    """By key of a recipe: the platforms that this file would be sent to in that form, in whatever fit and post.

    By what the workspace's accounts take, and the stock limits of platforms.
    """
    accounts = SocialAccount.objects.in_workspace(asset.workspace).connected().select_related("platform_host")
    targets: list[tuple[str, Target | None]] = [(slug, None) for slug in registry.PLATFORM_SLUGS]
    targets += [(account.platform, post_content.target_of(account)) for account in accounts]
    original = Original.of(asset)
    found: dict[str, set[str]] = {}
    for slug, target in targets:
        for rule in _rules(slug, target):
            for fit in PostMedia.Fit.values:
                with suppress(CannotFit):
                    found.setdefault(plan(original, rule, fit=fit).key, set()).add(slug)
    return {key: sorted(slugs) for key, slugs in found.items()}


def _rules(slug: str, target: Target | None) -> list[MediaRule]:
    if not registry.is_built(slug):
        return []
    connector = registry.connector_class(slug)
    rules = [connector.media_rule(post_type, target) for post_type in connector.capabilities_at(target).post_types]
    return [rule for rule in dict.fromkeys(rules) if rule is not None]


# --- when forms were made, or could not be ---
def on_renditions_finished(assets: Iterable[UUID], *, at: datetime) -> None:
    """Something was made of these files, or cannot be: what waits for it goes on at once, or waits for a person.

    Call it outside of transactions. Losing a call delays what is due by LOOK_AGAIN; what cannot be made is then told
    when it is due.
    """
    using = Delivery.objects.filter(state=DeliveryState.QUEUED, post__media_uses__asset__in=set(assets))
    for post_id in using.order_by("post").values_list("post", flat=True).distinct():
        _on_finished(post_id, at=at)


def _on_finished(post_id: UUID, *, at: datetime) -> None:
    with transaction.atomic():
        post = Post.objects.get(id=post_id)
        accounts = list(post.deliveries.values_list("account", flat=True))
        claims.lock_lanes(accounts)
        queued = post.deliveries.filter(state=DeliveryState.QUEUED, lease_token=None).select_for_update(of=("self",))
        files = media.read_files([post.id]).get(post.id, {})
        for delivery in queued.select_related("account__platform_host").order_by("id"):
            problems = post_content.content_problems(post, [delivery.account], files)
            failed = next((one for one in problems if one.code == "media_failed"), None)
            if failed is not None:
                Delivery.objects.filter(id=delivery.id).update(
                    state=DeliveryState.HELD, next_attempt_at=None, error_code=failed.code, error_kind="held",
                    error_message=failed.message[:500], error_retryable=True, updated_at=at,
                )  # fmt: skip
            elif delivery.due_at is not None and delivery.due_at <= at and not delivery.error_code:
                Delivery.objects.filter(id=delivery.id).update(next_attempt_at=at, updated_at=at)
                claims.wake_lanes({delivery.account_id: at})
        claims.recompute_lanes(accounts)
        claims.recompute_post_status([post.id], at=at)
