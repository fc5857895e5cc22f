"""Having files made into the form that each account needs, and waiting for them.

A form is asked for when a post is scheduled, so that what cannot be made is told then and not when it is due. A claim
that comes before the form is there waits without a call; whoever finishes a form calls `settled`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.db import transaction

from integrations import registry
from integrations.contract import Content, MediaUse, Target
from integrations.models import SocialAccount
from mastablasta.core.media_rules import MediaRule
from media_library.models import Asset, AssetStatus, Rendition
from media_library.planning import Original, Unfit, plan
from media_library.services import files as storage
from media_library.services import renditions
from posts.models import Delivery, Post, PostMedia
from posts.services import claims, composing, media
from posts.services.media import Files, Form
from posts.services.obstacles import Obstacle
from posts.states import WAITING, DeliveryState

LOOK_AGAIN = timedelta(seconds=15)  # a net below `settled`, which wakes a waiting post at once


# --- when a post is scheduled ---
def ask_for_forms(post: Post, *, files: Files | None = None, at: datetime) -> None:
    """Let everything be made that its waiting deliveries need; inside the caller's transaction. `files` None = read."""
    files = media.read_files([post.id]).get(post.id, {}) if files is None else files
    if not any(files.values()):
        return
    fields = {name: getattr(post, name) for name in composing.CONTENT_FIELDS}
    wanted: dict[tuple[UUID, str], Form] = {}
    for delivery in post.deliveries.filter(state__in=[*WAITING, DeliveryState.BLOCKED]).select_related(
        "account__platform_host"
    ):
        content = composing.content_for(fields, platform=delivery.platform, account_id=delivery.account_id, files=files)
        rule = registry.connector_class(delivery.platform).media_rule(
            content.post_type, composing.target_of(delivery.account)
        )
        wanted |= {form.key: form for form in media.forms_of(content, rule)[0]}
    _have_made(wanted.values(), at=at)


def _have_made(forms: Iterable[Form], *, at: datetime) -> None:
    forms = list(forms)
    assets = Asset.objects.kept().in_bulk([form.asset_id for form in forms])
    for form in forms:
        if form.asset_id in assets:
            renditions.require(assets[form.asset_id], form.recipe, at=at)


def made_for(asset: Asset) -> dict[str, list[str]]:
    """By key of a recipe: the platforms that this file would be sent to in that form, in whatever fit and post.

    By what the workspace's accounts take, and the stock limits of platforms.
    """
    accounts = SocialAccount.objects.in_workspace(asset.workspace).connected().select_related("platform_host")
    targets: list[tuple[str, Target | None]] = [(slug, None) for slug in registry.PLATFORM_SLUGS]
    targets += [(account.platform, composing.target_of(account)) for account in accounts]
    original = Original.of(asset)
    found: dict[str, set[str]] = {}
    for slug, target in targets:
        for rule in _rules(slug, target):
            for fit in PostMedia.Fit.values:
                with suppress(Unfit):
                    found.setdefault(plan(original, rule, fit=fit).key, set()).add(slug)
    return {key: sorted(slugs) for key, slugs in found.items()}


def _rules(slug: str, target: Target | None) -> list[MediaRule]:
    if not registry.is_built(slug):
        return []
    connector = registry.connector_class(slug)
    rules = [connector.media_rule(post_type, target) for post_type in connector.capabilities.post_types]
    return [rule for rule in dict.fromkeys(rules) if rule is not None]


# --- when a delivery is claimed ---
@dataclass(frozen=True, slots=True)
class Wanted:
    """What one claimed delivery is to send, where, and what has to be made of its files."""

    content: Content
    forms: Sequence[Form]
    unfit: str


def wanted_by(platform: str, content: Content, target: Target) -> Wanted:
    """Pure."""
    forms, unfit = media.forms_of(content, registry.connector_class(platform).media_rule(content.post_type, target))
    return Wanted(content, forms, unfit[0].message if unfit else "")


def outfit(wanted: Mapping[UUID, Wanted], *, at: datetime) -> dict[UUID, Content | Obstacle]:
    """The content of each with its files in form, or what stands in the way; a few queries for all.

    What nobody asked for yet, as a host's limits may have changed since, is asked for now.
    """
    keys = {form.key for one in wanted.values() for form in one.forms}
    found = renditions.find(keys)
    missing = {form.key: form for one in wanted.values() for form in one.forms if form.key not in found}
    _have_made(missing.values(), at=at)
    gone = set(
        Asset.objects.filter(id__in={key[0] for key in keys}, deleted_at__isnull=False).values_list("id", flat=True)
    )
    return {delivery: _outfitted(one, found, gone, at=at) for delivery, one in wanted.items()}


def _outfitted(
    one: Wanted, found: Mapping[tuple[UUID, str], Rendition], gone: set[UUID], *, at: datetime
) -> Content | Obstacle:
    if one.unfit:
        return Obstacle("unfit", one.unfit)
    if any(form.asset_id in gone for form in one.forms):
        return Obstacle("unfit", "A file of this post was deleted; choose another.")
    failed = media.failed_among(one.content, one.forms, found)
    if failed:
        return Obstacle("unfit", failed[0].message)
    made = {}
    for form in one.forms:
        rendition = found.get(form.key)
        if rendition is None or rendition.status != AssetStatus.READY:
            return Obstacle("media", "Its files are being made into the form that is needed.", at + LOOK_AGAIN)
        use = one.content.parts[form.part].media[form.position]
        made[form.part, form.position] = _as_made(use, rendition)
    return media.in_form(one.content, made)


def _as_made(use: MediaUse, rendition: Rendition) -> MediaUse:
    return replace(
        use, mime_type=rendition.mime_type, size=rendition.size, width=rendition.width, height=rendition.height,
        duration_s=rendition.duration_s, stored_name=rendition.stored_name,
    )  # fmt: skip


# --- when it is sent; no database ---
def at_hand(content: Content, held: ExitStack) -> Content:
    """The content with its files as local paths, good until `held` ends. Raises whatever the storage raises."""
    made = {}
    for number, part in enumerate(content.parts):
        for position, use in enumerate(part.media):
            if use.stored_name:
                path = held.enter_context(storage.local(use.stored_name))
                made[number, position] = replace(use, path=_readable(path))
    return media.in_form(content, made) if made else content


def _readable(path: Path) -> str:
    with path.open("rb"):
        return str(path)


# --- when forms were made, or could not be ---
def settled(assets: Iterable[UUID], *, at: datetime) -> None:
    """Something was made of these files, or cannot be: what waits for it goes on at once, or waits for a person.

    Call it outside of transactions. Losing a call delays what is due by LOOK_AGAIN; what cannot be made is then told
    when it is due.
    """
    using = Delivery.objects.filter(state=DeliveryState.QUEUED, post__media_uses__asset__in=set(assets))
    for post_id in using.order_by("post").values_list("post", flat=True).distinct():
        _settle(post_id, at=at)


def _settle(post_id: UUID, *, at: datetime) -> None:
    with transaction.atomic():
        post = Post.objects.get(id=post_id)
        accounts = list(post.deliveries.values_list("account", flat=True))
        claims.lock_lanes(accounts)
        queued = post.deliveries.filter(state=DeliveryState.QUEUED, lease_token=None).select_for_update(of=("self",))
        files = media.read_files([post.id]).get(post.id, {})
        for delivery in queued.select_related("account__platform_host").order_by("id"):
            problems = composing.content_problems(post, [delivery.account], files)
            failed = next((one for one in problems if one.code == "media_failed"), None)
            if failed is not None:
                Delivery.objects.filter(id=delivery.id).update(
                    state=DeliveryState.HELD, next_attempt_at=None, error_code=failed.code, error_kind="held",
                    error_message=failed.message[:500], error_retryable=True, updated_at=at,
                )  # fmt: skip
            elif delivery.due_at is not None and delivery.due_at <= at and not delivery.error_code:
                Delivery.objects.filter(id=delivery.id).update(next_attempt_at=at, updated_at=at)
                claims.hint({delivery.account_id: at})
        claims.settle_lanes(accounts)
        claims.settle_posts([post.id], at=at)
