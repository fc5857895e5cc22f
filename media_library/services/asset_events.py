"""What webhooks are told of files."""

from __future__ import annotations

from datetime import datetime

from media_library.models import Asset
from webhooks import outbox


def emit_ready(asset: Asset, *, at: datetime) -> None:
    """`media.ready`: what people see of the file is there; inside the caller's transaction."""
    told = {"media_id": asset.id, "filename": asset.filename, "mime_type": asset.mime_type}
    outbox.emit("media.ready", asset.workspace_id, lambda: [told], at=at)
