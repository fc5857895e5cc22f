"""The files of a claimed delivery: what has to be made of them, what is there, and where it lies when it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from integrations import registry
from integrations.contract import Content, MediaUse, Target
from media_library.models import Asset, AssetStatus, Rendition
from media_library.services import files as storage
from media_library.services import renditions
from media_library.services.links import link_to_rendition
from posts.engine.blockers import Blocker
from posts.services import media
from posts.services.media import RequiredRendition
from posts.services.post_renditions import require_all

FETCHED_WITHIN = timedelta(hours=25)  # a platform that fetches gives up on a container after a day
LOOK_AGAIN = timedelta(seconds=15)  # a net below `on_renditions_finished`, which wakes a waiting post at once


@dataclass(frozen=True, slots=True)
class RequiredMedia:
    """What one claimed delivery is to send, where, and what has to be made of its files."""

    content: Content
    forms: Sequence[RequiredRendition]
    unfit: str
    by_url: tuple[str, ...] = ()


def required_media(platform: str, content: Content, target: Target) -> RequiredMedia:
    """Pure."""
    rule = registry.connector_class(platform).media_rule(content.post_type, target)
    forms, unfit = media.required_renditions(content, rule)
    return RequiredMedia(content, forms, unfit[0].message if unfit else "", rule.by_url if rule else ())


def attach_renditions(wanted: Mapping[UUID, RequiredMedia], *, at: datetime) -> dict[UUID, Content | Blocker]:
    """The content of each with its files in form, or what stands in the way; a few queries for all.

    What nobody asked for yet, as a host's limits may have changed since, is asked for now.
    """
    keys = {form.key for one in wanted.values() for form in one.forms}
    found = renditions.find(keys)
    missing = {form.key: form for one in wanted.values() for form in one.forms if form.key not in found}
    require_all(missing.values(), at=at)
    gone = set(
        Asset.objects.filter(id__in={key[0] for key in keys}, deleted_at__isnull=False).values_list("id", flat=True)
    )
    return {delivery: _attached(one, found, gone, at=at) for delivery, one in wanted.items()}


def _attached(
    one: RequiredMedia, found: Mapping[tuple[UUID, str], Rendition], gone: set[UUID], *, at: datetime
) -> Content | Blocker:
    if one.unfit:
        return Blocker("unfit", one.unfit)
    if any(form.asset_id in gone for form in one.forms):
        return Blocker("unfit", "A file of this post was deleted; choose another.")
    failed = media.failed_among(one.content, one.forms, found)
    if failed:
        return Blocker("unfit", failed[0].message)
    made = {}
    for form in one.forms:
        rendition = found.get(form.key)
        if rendition is None or rendition.status != AssetStatus.READY:
            return Blocker("media", "Its files are being made into the form that is needed.", at + LOOK_AGAIN)
        use = one.content.parts[form.part].media[form.position]
        url = link_to_rendition(rendition, at=at, lasts=FETCHED_WITHIN).url if use.kind in one.by_url else ""
        made[form.part, form.position] = _as_made(use, rendition, url=url)
    return media.with_files(one.content, made)


def _as_made(use: MediaUse, rendition: Rendition, *, url: str) -> MediaUse:
    return replace(
        use, mime_type=rendition.mime_type, size=rendition.size, width=rendition.width, height=rendition.height,
        duration_s=rendition.duration_s, stored_name=rendition.stored_name, url=url,
    )  # fmt: skip


def localised(content: Content, held: ExitStack) -> Content:
    """The content with its files as local paths, good until `held` ends; without those that the platform fetches.

    Raises whatever the storage raises.
    """
    made = {}
    for number, part in enumerate(content.parts):
        for position, use in enumerate(part.media):
            if use.stored_name and not use.url:
                path = held.enter_context(storage.local(use.stored_name))
                made[number, position] = replace(use, path=_readable(path))
    return media.with_files(content, made) if made else content


def _readable(path: Path) -> str:
    with path.open("rb"):
        return str(path)
