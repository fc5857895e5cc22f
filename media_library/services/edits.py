"""What people may say about a file."""

from __future__ import annotations

from django.db import transaction

from mastablasta.core.audit.recording import difference, record, subject_of
from mastablasta.core.errors import Invalid
from media_library import filenames
from media_library.models import Asset


def edit_asset(asset: Asset, *, filename: str | None = None, alt_text: str | None = None) -> Asset:
    """Write another name or alt text; None = as it was. Raises Invalid when nothing is left of the name."""
    before = {"filename": asset.filename, "alt_text": asset.alt_text}
    if filename is not None:
        asset.filename = filenames.clean(filename)
        if not asset.filename:
            raise Invalid.field("filename", "no_name", "No character of this name can be shown; choose another name.")
    if alt_text is not None:
        asset.alt_text = alt_text
    changes = difference(before, {"filename": asset.filename, "alt_text": asset.alt_text})
    with transaction.atomic():
        asset.save(update_fields=["filename", "alt_text", "updated_at"])
        told = [subject_of(asset, name=asset.filename, changes=changes)] if changes else []
        record("changed", told, at=asset.updated_at)
    return asset
