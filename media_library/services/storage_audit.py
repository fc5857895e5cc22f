"""What storage and rows have of each other: leftovers removed, losses found, small forms made again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.db.models import ProtectedError

from media_library.models import Asset, AssetStatus, Rendition
from media_library.services import files, wakeups
from media_library.services.files import StoredFile

GRACE = timedelta(days=1)  # an upload writes its file first and its row second
BATCH = 500
# Files that this program makes; whatever else lies in the storage is not ours to judge.
_USER, _STEM, _END = r"[0-9a-f-]{36}", r"[0-9a-f]{32}", r"(_\w+)?\.\w{2,5}"
OURS = re.compile(
    rf"{_USER}/{_STEM}{_END}|thumbnails/{_USER}/thumb_{_STEM}{_END}|renditions/{_USER}/{_STEM}_\w+{_END}"
    r"|health/[0-9a-f]{32}"
)


@dataclass(slots=True)
class Pruned:
    """What was done, or would be. `lost`: files of the library whose bytes the storage does not have any more."""

    orphans: int = 0
    orphan_bytes: int = 0
    scratch: int = 0
    rows: int = 0
    made_again: int = 0
    lost: list[dict[str, str]] = field(default_factory=list)


def prune(
    *, at: datetime, grace: timedelta = GRACE, is_rehearsal: bool = False, watch: Callable[[int], None] = lambda _: None
) -> Pruned:
    """Remove what no row names, and rows that no post needs; begin again what of a file can be made again.

    Only what is older than `grace` is removed. `watch` is told how many files were looked at. Takes about 200 bytes of
    memory for each file of the storage.
    """
    done, names = Pruned(), set[str]()
    found = files.stored()
    while batch := list(islice(found, BATCH)):
        names.update(file.name for file in batch)
        for orphan in _orphans(batch, before=at - grace):
            done.orphans += 1
            done.orphan_bytes += orphan.size
            if not is_rehearsal:
                files.discard([orphan.name])
        watch(len(names))
    for path in files.abandoned(before=at - grace):
        done.scratch += 1
        if not is_rehearsal:
            path.unlink(missing_ok=True)
    done.rows = _remove_rows(before=at - grace, is_rehearsal=is_rehearsal)
    lost = set()
    for asset in Asset.objects.kept().only("id", "filename", "stored_name", "workspace_id").iterator():
        if _is_missing(asset.stored_name, names):
            lost.add(asset.id)
            shown = {"id": str(asset.id), "workspace": str(asset.workspace_id), "filename": asset.filename}
            done.lost.append(shown)
    done.made_again = _make_again(names, lost, at=at, is_rehearsal=is_rehearsal)
    return done


def _orphans(found: Sequence[StoredFile], *, before: datetime) -> Iterator[StoredFile]:
    old = [file for file in found if file.modified_at < before and OURS.fullmatch(file.name)]
    names = [file.name for file in old]
    known = {
        *Asset.objects.kept().filter(stored_name__in=names).values_list("stored_name", flat=True),
        *Asset.objects.kept().filter(thumbnail_name__in=names).values_list("thumbnail_name", flat=True),
        *Rendition.objects.filter(asset__deleted_at=None, stored_name__in=names).values_list("stored_name", flat=True),
    }
    return (file for file in old if file.name not in known)


def _remove_rows(*, before: datetime, is_rehearsal: bool) -> int:
    """Rows of deleted files that no post has, not even a deleted one."""
    rows = Asset.objects.filter(deleted_at__lt=before, uses=None)
    if is_rehearsal:
        return rows.count()
    removed = 0
    for asset in rows.iterator():
        with suppress(ProtectedError):
            asset.delete()
            removed += 1
    return removed


def _make_again(names: set[str], lost: Iterable[UUID], *, at: datetime, is_rehearsal: bool) -> int:
    """Begin again what is ready by its row, but not there; what has lost its original cannot be made."""
    fresh = {"status": AssetStatus.PROCESSING, "status_reason": "", "tries": 0, "next_try_at": at, "updated_at": at}
    assets = Asset.objects.kept().filter(status=AssetStatus.READY)
    renditions = Rendition.objects.filter(asset__deleted_at=None, status=AssetStatus.READY)
    count = 0
    for rows, column, owner in ((assets, "thumbnail_name", "id"), (renditions, "stored_name", "asset_id")):
        for row in rows.iterator():
            name: str = getattr(row, column)
            if getattr(row, owner) in lost or not _is_missing(name, names):
                continue
            count += 1
            if not is_rehearsal:
                _begin_again(type(row), row.pk, {column: name}, {**fresh, column: ""})
    return count


def _begin_again(model: Any, pk: Any, was: dict[str, str], fresh: dict[str, Any]) -> None:
    if model.objects.filter(pk=pk, status=AssetStatus.READY, **was).update(**fresh):
        wakeups.enqueue()


def _is_missing(name: str, names: set[str]) -> bool:
    """Names were listed before the rows: what came meanwhile is asked for by itself."""
    return name not in names and not default_storage.exists(name)
