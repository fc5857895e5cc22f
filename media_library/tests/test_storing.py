"""File and row: both or neither, whatever fails in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError, transaction
from django.utils import timezone

from accounts.models import Workspace
from accounts.tests.factories import make_workspace
from mastablasta.core.errors import NoRoom
from media_library.inspection import inspect
from media_library.models import Asset
from media_library.services import files, intake
from media_library.services.incoming import Incoming
from media_library.tests.factories import photo
from media_library.tests.test_hostile import everything

pytestmark = pytest.mark.django_db


def store(path: Path, workspace: Workspace, data: bytes) -> Asset:
    path.write_bytes(data)
    return intake.store(
        path,
        workspace=workspace,
        by=workspace.members.get(),
        filename="beach.jpg",
        sha256="0" * 64,
        size=len(data),
        inspected=inspect(path, "beach.jpg"),
        at=timezone.now(),
    )


@pytest.fixture
def path() -> Any:
    with files.scratch() as found:
        yield found


def raising(error: BaseException) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


def test_file_is_gone_when_the_row_cannot_be_written(path, monkeypatch):
    workspace, before = make_workspace(), everything() - {path}
    monkeypatch.setattr(Asset, "save", raising(RuntimeError("a bug")))

    with pytest.raises(RuntimeError):
        store(path, workspace, photo())

    assert (everything() - {path}, Asset.objects.count()) == (before, 0)


@pytest.mark.parametrize(("error", "raised"), [(OSError(28, "full"), NoRoom), (OSError(5, "broken"), OSError)])
def test_row_is_not_written_when_the_file_cannot_be_kept(path, monkeypatch, error, raised):
    workspace, before = make_workspace(), everything()
    monkeypatch.setattr(default_storage, "save", raising(error))

    with pytest.raises(raised):
        store(path, workspace, photo())

    assert (everything(), Asset.objects.count()) == (before, 0)


def test_lost_answer_to_a_commit_is_looked_up(path, monkeypatch):
    workspace = make_workspace()
    real = intake._write

    def loses_the_answer(asset: Asset) -> Asset:
        real(asset)
        raise OperationalError("the connection is gone")

    monkeypatch.setattr(intake, "_write", loses_the_answer)

    asset = store(path, workspace, photo())

    assert Asset.objects.get() == asset
    assert default_storage.exists(asset.stored_name)


def test_file_stays_when_nobody_can_say_whether_the_row_is_there(path, monkeypatch):
    workspace, before = make_workspace(), everything() - {path}
    monkeypatch.setattr(intake, "_write", raising(OperationalError("the connection is gone")))
    monkeypatch.setattr(type(Asset.objects.all()), "exists", raising(OperationalError("still gone")))

    with pytest.raises(OperationalError):
        store(path, workspace, photo())

    assert len(everything() - {path} - before) == 1  # prune finds it


def test_store_is_safe_within_a_transaction(path):
    with transaction.atomic():
        asset = store(path, make_workspace(), photo())

    assert (asset.status, asset.kind) == ("processing", "image")
    assert asset.next_try_at is not None
    assert not path.exists()


def test_incoming_file_is_gone_unless_it_was_moved():
    before = everything()

    with Incoming() as arriving:
        arriving.write(photo())
        assert everything() == before | {arriving.path}

    assert everything() == before
