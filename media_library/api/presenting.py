"""Files of the library as the API shows them."""

from __future__ import annotations

from typing import Any

from media_library.models import Asset


def present_asset(asset: Asset) -> dict[str, Any]:
    return {
        "id": str(asset.id),
        "filename": asset.filename,
        "url": f"/api/v2/media/{asset.id}/file",
        "thumbnail_url": f"/api/v2/media/{asset.id}/thumbnail",
        "mime_type": asset.mime_type,
        "size": asset.size,
        "dimensions": {"width": asset.width, "height": asset.height},
        "duration": asset.duration_s,
        "sha256": asset.sha256,
        "alt_text": asset.alt_text,
        "status": asset.status,
    }
