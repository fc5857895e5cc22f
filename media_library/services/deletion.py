"""Taking files out of the library."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import transaction

from media_library.models import Asset, AssetStatus
from media_library.services import files

log = structlog.get_logger(__name__)


def remove(asset: Asset, *, at: datetime) -> None:
    """Take a file out of the library: its bytes and renditions go when the current transaction commits.

    Its row stays for the posts that had it. Whether it may go is the caller's question. Done already: does nothing.
    """
    with transaction.atomic():
        held = Asset.objects.kept().select_for_update(no_key=True).filter(pk=asset.pk).first()
        if held is None:
            return
        names = [held.stored_name, held.thumbnail_name]
        names += held.renditions.exclude(stored_name="").values_list("stored_name", flat=True)
        held.renditions.all().delete()
        held.deleted_at = asset.deleted_at = at
        if held.status == AssetStatus.PROCESSING:  # nothing is to be made of it any more
            held.status, held.status_reason, held.next_try_at = AssetStatus.FAILED, "It was deleted.", None
        held.save(update_fields=["deleted_at", "status", "status_reason", "next_try_at", "updated_at"])
        transaction.on_commit(lambda: _discard(names))


def _discard(names: list[str]) -> None:
    """What the storage does not take back now, `manage.py prune` finds."""
    try:
        files.discard(names)
    except Exception:  # a storage raises what it likes; the row says already that they are gone
        log.warning("files_not_discarded", names=names, exc_info=True)
