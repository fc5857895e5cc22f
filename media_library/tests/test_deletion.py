"""A file that is taken out of the library: gone with its bytes, kept as a row."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from media_library.models import Asset, Rendition
from media_library.services import deletion, files
from media_library.tests.factories import make_asset, make_rendition

pytestmark = pytest.mark.django_db(transaction=True)


def names(asset: Asset) -> list[str]:
    return [asset.stored_name, asset.thumbnail_name, *asset.renditions.values_list("stored_name", flat=True)]


def there(stored: list[str]) -> list[bool]:
    return [default_storage.exists(name) for name in stored]


def test_bytes_and_renditions_go_and_the_row_stays():
    asset, other, at = make_asset(), make_asset(), timezone.now()
    make_rendition(asset)
    stored = names(asset)

    deletion.remove(asset, at=at)

    asset.refresh_from_db()
    assert (asset.deleted_at, asset.status) == (at, "ready")
    assert Rendition.objects.count() == 0
    assert there(stored) == [False] * 3
    assert there(names(other)) == [True] * 2


def test_nothing_is_gone_when_the_transaction_comes_to_nothing():
    asset = make_asset()
    stored = names(asset)

    with transaction.atomic():
        deletion.remove(asset, at=timezone.now())
        transaction.set_rollback(True)

    assert Asset.objects.kept().get() == asset
    assert there(stored) == [True] * 2


def test_twice_is_once():
    asset, at = make_asset(), timezone.now()

    deletion.remove(asset, at=at)
    deletion.remove(asset, at=timezone.now())

    assert Asset.objects.get().deleted_at == at


def test_nothing_more_is_made_of_it():
    at = timezone.now()
    asset = make_asset(status="processing", next_try_at=at, thumbnail_name="")

    deletion.remove(asset, at=at)

    assert Asset.objects.values_list("status", "next_try_at").get() == ("failed", None)


def test_storage_that_does_not_answer_is_left_to_prune(monkeypatch: pytest.MonkeyPatch):
    def broken(_: Any) -> None:
        raise OSError("no route to host")

    asset = make_asset()
    monkeypatch.setattr(files, "discard", broken)

    deletion.remove(asset, at=timezone.now())

    assert not Asset.objects.kept().exists()


def test_same_bytes_may_come_again_afterwards():
    asset = make_asset()
    deletion.remove(asset, at=timezone.now())

    again = make_asset(workspace=asset.workspace, sha256=asset.sha256)

    assert Asset.objects.kept().get() == again
