"""manage.py prune: what lies in the storage and what rows say of it are brought together."""

from __future__ import annotations

import io
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.tests.factories import make_workspace
from media_library.models import Asset, Rendition
from media_library.tests.factories import make_asset, make_rendition
from media_library.tests.test_library import use

pytestmark = pytest.mark.django_db

PERSON = "01a206dc-28b9-7431-bf43-c8f15169286e"
NOTHING: dict[str, Any] = {
    "orphans": 0, "orphan_bytes": 0, "scratch": 0, "rows": 0, "made_again": 0, "lost": [], "samples": 0, "attempts": 0,
    "audit_entries": 0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_storage(tmp_path: Path, settings: Settings) -> None:
    """A storage with nothing in it but what the test puts there."""
    settings.MEDIA_ROOT, settings.MEDIA_INCOMING = tmp_path, tmp_path / ".incoming"
    local = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**django_settings.STORAGES, "default": local}


def put(name: str, *, hours: float = 25) -> str:
    """A file of 10 bytes that was written so many hours ago."""
    name = default_storage.save(name, ContentFile(b"0123456789"))
    age(name, hours=hours)
    return name


def age(*names: str, hours: float = 25) -> None:
    then = (timezone.now() - timedelta(hours=hours)).timestamp()
    for name in names:
        os.utime(default_storage.path(name), (then, then))


def original(person: str = PERSON) -> str:
    return f"{person}/{uuid4().hex}.jpg"


def kept_asset(**overrides: Any) -> Asset:
    """An asset with a preview, stored under names as the program makes them, a day ago."""
    stem = uuid4().hex
    names = {"stored_name": put(f"{PERSON}/{stem}.jpg"), "thumbnail_name": put(f"thumbnails/{PERSON}/thumb_{stem}.jpg")}
    asset = make_asset(**{**names, **overrides})
    make_rendition(asset, stored_name=put(f"renditions/{PERSON}/{stem}_web.jpg"))
    return asset


def everything() -> set[str]:
    root = Path(django_settings.MEDIA_ROOT)
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def prune(*arguments: str) -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    try:
        call_command("prune", "--json", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_what_rows_name_stays_and_nothing_is_said():
    kept_asset()
    before = everything()

    assert prune() == (0, NOTHING)
    assert everything() == before


def test_files_that_no_row_names_are_removed():
    asset = kept_asset()
    orphans = [
        put(original()),
        put(f"{PERSON}/{uuid4().hex}_Ab12cdE.mp4"),
        put(f"thumbnails/{PERSON}/thumb_{uuid4().hex}.jpg"),
        put(f"renditions/{PERSON}/{uuid4().hex}_0123456789ab.mp4"),
        put(f"health/{uuid4().hex}"),
    ]

    rehearsed = prune("--dry-run")
    assert all(default_storage.exists(name) for name in orphans)

    assert prune() == rehearsed == (0, {**NOTHING, "orphans": 5, "orphan_bytes": 50})
    assert not any(default_storage.exists(name) for name in orphans)
    assert default_storage.exists(asset.stored_name)
    assert prune() == (0, NOTHING)


@pytest.mark.parametrize("name", [f"{PERSON}/holiday.jpg", "README.txt", f"backup/{PERSON}/{PERSON}.jpg"])
def test_what_this_program_did_not_make_is_not_its_to_remove(name):
    put(name, hours=10_000)

    assert prune() == (0, NOTHING)
    assert default_storage.exists(name)


def test_young_files_stay_since_their_row_may_be_on_its_way():
    young = put(original(), hours=23)

    assert prune() == (0, NOTHING)
    assert prune("--older-than", "22h")[1]["orphans"] == 1
    assert not default_storage.exists(young)


def test_files_of_deleted_assets_are_leftovers():
    asset = kept_asset(deleted_at=timezone.now())
    use(asset, content="x")
    Rendition.objects.all().delete()

    assert prune()[1]["orphans"] == 3
    assert Asset.objects.get().stored_name == asset.stored_name


def test_scratch_files_of_broken_uploads_are_removed():
    django_settings.MEDIA_INCOMING.mkdir()
    old, young = put(".incoming/old"), put(".incoming/young", hours=1)

    assert prune() == (0, {**NOTHING, "scratch": 1})
    assert (default_storage.exists(old), default_storage.exists(young)) == (False, True)


def test_rows_of_deleted_files_go_when_no_post_has_them():
    long_ago, workspace = timezone.now() - timedelta(days=2), make_workspace()
    unused = make_asset(workspace=workspace, deleted_at=long_ago)
    make_asset(workspace=workspace, filename="just now", deleted_at=timezone.now())
    use(make_asset(workspace=workspace, filename="in a post", deleted_at=long_ago), content="x")

    assert prune("--dry-run")[1]["rows"] == prune()[1]["rows"] == 1
    assert not Asset.objects.filter(pk=unused.pk).exists()
    assert sorted(Asset.objects.values_list("filename", flat=True)) == ["in a post", "just now"]


def test_lost_originals_are_told_and_kept():
    asset = kept_asset(filename="beach.jpg")
    default_storage.delete(asset.stored_name)

    lost = [{"id": str(asset.id), "workspace": str(asset.workspace_id), "filename": "beach.jpg"}]
    assert prune() == (1, {**NOTHING, "lost": lost})
    assert Asset.objects.kept().get().status == "ready"


def test_lost_thumbnails_and_renditions_are_made_again():
    asset = kept_asset()
    rendition = asset.renditions.get()
    default_storage.delete(asset.thumbnail_name)
    default_storage.delete(rendition.stored_name)

    assert prune("--dry-run")[1]["made_again"] == 2
    assert Asset.objects.get().status == "ready"

    assert prune() == (0, {**NOTHING, "made_again": 2})
    assert Asset.objects.values_list("status", "thumbnail_name", "tries").get() == ("processing", "", 0)
    assert Rendition.objects.values_list("status", "stored_name", "tries").get() == ("processing", "", 0)


def test_people_are_told_in_sentences():
    put(original())
    out = io.StringIO()

    call_command("prune", "--dry-run", stdout=out)

    assert out.getvalue() == (
        "1 files without a row (10 bytes), 0 leftovers of uploads and 0 rows would be removed; "
        "0 would be made again; 0 lost\n0 old samples of figures, 0 old attempts and "
        "0 old entries of the audit log would be removed\n"
    )
