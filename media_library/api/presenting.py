"""Files of the library as the API shows them, in a fixed number of queries however many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rest_framework.response import Response

from mastablasta.core.api.fields import utc_text
from mastablasta.core.errors import FieldProblem
from media_library.codecs.recipes import WEB, Original, Recipe, losses
from media_library.models import Asset, AssetStatus, Rendition
from media_library.services import links

MOST_USES = 100


def present_assets(assets: Sequence[Asset]) -> list[dict[str, Any]]:
    """The assets in their order, as MediaSerializer describes them; one query."""
    used = Asset.objects.used_among(asset.id for asset in assets)
    return [_asset(asset, is_used=asset.id in used) for asset in assets]


def present_asset(asset: Asset) -> dict[str, Any]:
    return present_assets([asset])[0]


def created(asset: Asset, *, warnings: Iterable[FieldProblem] = ()) -> Response:
    """The answer to whoever brought a file: 201 and where it is, and what of their words was dropped; one query."""
    said = _as_rows(warnings)
    headers = {"Location": f"/api/v2/media/{asset.id}"}
    return Response({**present_asset(asset), "warnings": said}, status=201, headers=headers)


def present_with_uses(asset: Asset) -> dict[str, Any]:
    """As UsedMediaSerializer describes it; one query."""
    uses = asset.uses.filter(post__deleted_at=None).order_by("-post_id").distinct()
    used_by = [
        {"post_id": str(post_id), "status": status, "scheduled_time": _time(scheduled_at)}
        for post_id, status, scheduled_at in uses.values_list("post_id", "post__status", "post__scheduled_at")[
            :MOST_USES
        ]
    ]
    return {**_asset(asset, is_used=bool(used_by)), "used_by": used_by}


def _asset(asset: Asset, *, is_used: bool) -> dict[str, Any]:
    return {
        "id": str(asset.id),
        "filename": asset.filename,
        "url": f"/api/v2/media/{asset.id}/file",
        "thumbnail_url": f"/api/v2/media/{asset.id}/thumbnail" if asset.has_picture else None,
        "kind": asset.form,
        "mime_type": asset.mime_type,
        "size": asset.size,
        "dimensions": _dimensions(asset, asset),
        "duration": asset.duration_s,
        "pages": asset.facts.get("pages"),
        "sha256": asset.sha256,
        "alt_text": asset.alt_text,
        "status": asset.status,
        "status_reason": asset.status_reason,
        "used": is_used,
        "created_at": _time(asset.created_at),
        "updated_at": _time(asset.updated_at),
    }


def present_rendition(
    rendition: Rendition, asset: Asset, *, platforms: Sequence[str] = (), at: datetime
) -> dict[str, Any]:
    """As RenditionSerializer describes it; no query. `platforms`: where it is sent, which the library does not know."""
    link = None
    if rendition.status == AssetStatus.READY:
        made = links.link_to_rendition(rendition, at=at)
        link = {"url": made.url, "expires_at": _time(made.expires_at)}
    return {
        "key": rendition.recipe_key,
        "platforms": list(platforms),
        "status": rendition.status,
        "status_reason": rendition.status_reason,
        "url": f"/api/v2/media/{rendition.asset_id}/file?rendition={rendition.recipe_key}",
        "link": link,
        "mime_type": rendition.mime_type,
        "size": rendition.size,
        "dimensions": _dimensions(rendition, asset),
        "duration": rendition.duration_s,
        "sha256": rendition.sha256,
        "warnings": _lost(rendition, asset),
        "created_at": _time(rendition.created_at),
    }


def _dimensions(row: Asset | Rendition, asset: Asset) -> dict[str, int] | None:
    return {"width": row.width, "height": row.height} if asset.has_picture else None


def _lost(rendition: Rendition, asset: Asset) -> list[dict[str, Any]]:
    """What the file lost in this form; of the preview nothing is told, since nobody else gets it."""
    if rendition.recipe_key == WEB or not rendition.recipe:
        return []
    return _as_rows(losses(Original.of(asset), Recipe.from_json(rendition.recipe)))


def _as_rows(problems: Iterable[FieldProblem]) -> list[dict[str, Any]]:
    return [{"field": p.field, "code": p.code, "message": p.message, "params": dict(p.params)} for p in problems]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else utc_text(moment)
