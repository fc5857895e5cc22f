"""What people may say about a file."""

from __future__ import annotations

from mastablasta.core.errors import Invalid
from media_library import filenames
from media_library.models import Asset


def edit_asset(asset: Asset, *, filename: str | None = None, alt_text: str | None = None) -> Asset:
    """Write another name or alt text; None = as it was. Raises Invalid when nothing is left of the name."""
    if filename is not None:
        asset.filename = filenames.clean(filename)
        if not asset.filename:
            raise Invalid.field("filename", "no_name", "No character of this name can be shown; choose another name.")
    if alt_text is not None:
        asset.alt_text = alt_text
    asset.save(update_fields=["filename", "alt_text", "updated_at"])
    return asset
