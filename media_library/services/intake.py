"""From a file that has arrived to an asset: known already, or inspected and kept. The file first, the row second."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from unicodedata import normalize

import structlog
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Sum

from accounts.models import User, Workspace
from mastablasta.core.audit.recording import record, subject_of
from mastablasta.core.errors import FieldProblem, NoRoom, Unreachable
from mastablasta.core.ids import new_id
from media_library import filenames
from media_library.formats import HAVE_PICTURES
from media_library.inspection import Inspected, inspect
from media_library.models import Asset, AssetStatus
from media_library.services import asset_events, files, wakeups
from media_library.services.edits import edit_asset
from media_library.services.incoming import AROUND, Incoming, no_room, refuse_what_is_announced

LONGEST_QUOTED = 100

log = structlog.get_logger(__name__)


def expect(workspace: Workspace, announced: int) -> None:
    """Refuse before the first byte what cannot be taken: too large, no room on the disk, no quota left.

    `announced`: bytes of the request; 0 = not known. Holds no database connection when it returns.
    Raises TooLarge, NoRoom.
    """
    refuse_what_is_announced(announced)
    _refuse_beyond_quota(workspace, max(1, announced - AROUND))
    let_go()


def take(
    arrived: Incoming, *, workspace: Workspace, by: User, filename: str, alt_text: str = "", at: datetime
) -> Asset:
    """Return the asset of a file that has arrived whole: the one with the same bytes, or a new one.

    Raises NotMedia when it is none that can be used, NoRoom, Unreachable. The scratch file stays the caller's.
    """
    known = _with_same_bytes(workspace, arrived.sha256, alt_text=alt_text)
    if known is not None:
        return known
    let_go()
    inspected = inspect(arrived.path, filename)
    return store(
        arrived.path,
        workspace=workspace,
        by=by,
        filename=filename,
        sha256=arrived.sha256,
        size=arrived.size,
        inspected=inspected,
        alt_text=alt_text,
        at=at,
    )


def store(
    path: Path,
    *,
    workspace: Workspace,
    by: User,
    filename: str,
    sha256: str,
    size: int,
    inspected: Inspected,
    alt_text: str = "",
    at: datetime,
) -> Asset:
    """Move an inspected file into the storage and write its row; the same bytes in a workspace are the same asset.

    Of one that is there already only an empty alt text is filled in. `path` is gone afterwards when it was taken.
    Raises NoRoom when the workspace's quota or the disk is full; then nothing is left on either side. Raises
    Unreachable when the storage does not answer; what it may have kept all the same, `manage.py prune` finds.
    """
    _refuse_beyond_quota(workspace, size)
    asset = Asset(
        id=new_id(),
        workspace=workspace,
        uploaded_by=by,
        kind=inspected.kind,
        mime_type=inspected.mime_type,
        filename=filenames.clean(filename) or f"{inspected.kind}.{inspected.extension}",
        sha256=sha256,
        size=size,
        width=inspected.width,
        height=inspected.height,
        duration_s=inspected.duration_s,
        is_animated=inspected.is_animated,
        facts=dict(inspected.facts),
        alt_text=alt_text,
        **({"next_try_at": at} if inspected.kind in HAVE_PICTURES else {"status": AssetStatus.READY}),
    )
    asset.stored_name = f"{by.pk}/{asset.id.hex}.{inspected.extension}"
    let_go()  # sending it to another host takes its time
    try:
        asset.stored_name = files.keep(path, asset.stored_name)
        kept = _write(asset)
    except BaseException as error:
        match _is_written(asset):
            case True:  # the commit's answer was lost, not the commit
                return asset
            case False if not isinstance(error, Unreachable):  # else it would be waited for once more, in vain
                files.discard([asset.stored_name])
        if isinstance(error, OSError):
            raise no_room(error) from error
        raise
    if kept.id != asset.id:
        files.discard([asset.stored_name])
    return kept


def dropped_words(asset: Asset, *, alt_text: str = "", filename: str = "") -> list[FieldProblem]:
    """Which of the words that came with a file its asset does not have, since the same bytes were there before.

    "" = nothing was said.
    """
    given = {"alt_text": normalize("NFC", alt_text), "filename": filenames.clean(filename)}
    return [
        FieldProblem(
            name,
            "already_there",
            f"This file is in the library already and keeps its {name} “{_shortened(kept)}”; "
            f"PATCH /api/v2/media/{asset.id} changes it.",
            {"kept": kept},
        )
        for name, words in given.items()
        if words and normalize("NFC", kept := getattr(asset, name)) != words
    ]


def _shortened(words: str) -> str:
    return words if len(words) <= LONGEST_QUOTED else f"{words[:LONGEST_QUOTED]}…"


def let_go() -> None:
    """Give the database connection back to the pool while something slow goes on; the next query takes another."""
    if not connection.in_atomic_block:
        connection.close()


def _write(asset: Asset) -> Asset:
    """Write the row, or return the one that came first. One upload of a workspace at a time: quotas are exact."""
    try:
        with transaction.atomic():
            Workspace.objects.select_for_update(no_key=True).only("id").get(pk=asset.workspace_id)
            known = _with_same_bytes(asset.workspace, asset.sha256, alt_text=asset.alt_text)
            if known is not None:
                return known
            _refuse_beyond_quota(asset.workspace, asset.size)
            asset.save(force_insert=True)
            came = {"mime_type": (None, asset.mime_type), "size": (None, asset.size)}
            record("uploaded", [subject_of(asset, name=asset.filename, changes=came)], at=asset.created_at)
            if asset.status == AssetStatus.READY:
                asset_events.emit_ready(asset, at=asset.created_at)
            else:
                wakeups.enqueue()
    except IntegrityError:
        known = _with_same_bytes(asset.workspace, asset.sha256, alt_text=asset.alt_text)
        if known is None:
            raise
        return known
    return asset


def _is_written(asset: Asset) -> bool | None:
    """Whether the row is there after all; None = nobody can say, and the file stays for `manage.py prune` to judge."""
    try:
        return Asset.objects.filter(pk=asset.pk).exists()
    except DatabaseError:
        log.warning("upload_in_doubt", stored_name=asset.stored_name)
        return None


def _with_same_bytes(workspace: Workspace, sha256: str, *, alt_text: str) -> Asset | None:
    found = Asset.objects.in_workspace(workspace).kept().filter(sha256=sha256).first()
    if found is not None and alt_text and not found.alt_text:
        edit_asset(found, alt_text=alt_text)
    return found


def _refuse_beyond_quota(workspace: Workspace, more: int) -> None:
    quota = settings.MEDIA_QUOTA_BYTES
    if not quota:
        return
    used = Asset.objects.in_workspace(workspace).kept().aggregate(sum=Sum("size"))["sum"] or 0
    if used + more > quota:
        sentence = (
            f"The workspace may keep {quota:,} bytes of media and has {used:,}; this one has no room in it: "
            "delete files that are no longer needed."
        )
        params = {"limit": quota, "actual": used + more}
        raise NoRoom("quota_exceeded", sentence, [FieldProblem("file", "quota_exceeded", sentence, params)])
