"""Forms of files: asked for when a post is scheduled, found when it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction

from media_library.codecs.recipes import Recipe
from media_library.models import Asset, AssetStatus, Rendition
from media_library.services import wakeups


def require_all(wanted: Iterable[tuple[Asset, Recipe]], *, at: datetime) -> None:
    """Let these forms be made from `at` on that nobody asked for before; two statements, however many.

    One may be ready, be under way, or have failed: what failed stays so until somebody asks to `reprocess`.
    """
    forms = {(asset.id, recipe.key): (asset, recipe) for asset, recipe in wanted}
    fresh = [
        Rendition(
            asset=asset, recipe_key=recipe.key, recipe=recipe.to_json(), mime_type=recipe.mime_type, next_try_at=at
        )
        for asset, recipe in (forms[key] for key in forms.keys() - find(forms).keys())
    ]
    if fresh:
        Rendition.objects.bulk_create(fresh, ignore_conflicts=True)  # somebody else may ask at the same moment
        wakeups.enqueue()


def find(wanted: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], Rendition]:
    """Return those of (asset id, recipe key) that anybody asked for, in one query; its asset is not loaded."""
    pairs = set(wanted)
    if not pairs:
        return {}
    assets, keys = {asset_id for asset_id, _ in pairs}, {key for _, key in pairs}
    rows = Rendition.objects.filter(asset_id__in=assets, recipe_key__in=keys)
    return {pair: row for row in rows if (pair := (row.asset_id, row.recipe_key)) in pairs}


def failed_of(assets: Iterable[UUID]) -> dict[tuple[UUID, str], Rendition]:
    """The forms of these assets that could not be made, by asset id and recipe key; one query, none for no assets."""
    ids = set(assets)
    rows = Rendition.objects.filter(asset_id__in=ids, status=AssetStatus.FAILED) if ids else ()
    return {(row.asset_id, row.recipe_key): row for row in rows}


def reprocess(asset: Asset, *, at: datetime) -> None:
    """Make the thumbnail and the preview of an asset again, where it has them, and those of its forms that failed."""
    fresh = {
        "status": AssetStatus.PROCESSING,
        "status_reason": "",
        "tries": 0,
        "next_try_at": at,
        "updated_at": at,
    }
    with transaction.atomic():
        kept = Asset.objects.kept().filter(id=asset.id)
        if not (kept.update(**fresh) if asset.has_picture else kept.exists()):
            return
        Rendition.objects.filter(asset=asset, status=AssetStatus.FAILED).update(**fresh)
        wakeups.enqueue()
    asset.refresh_from_db()
