"""manage.py import_media: a folder into a library."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from accounts.models import Workspace
from accounts.roles import Role
from accounts.tests.factories import make_member, make_user
from media_library.models import Asset
from media_library.tests.factories import clip, photo

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures of the same bytes, a video, what is none, and what is passed over."""
    inside = tmp_path / "folder"
    for path, data in {
        "beach.jpg": (picture := photo()),
        "2026/copy of beach.jpg": picture,
        "2026/film.mp4": clip(),
        "2026/notes.txt": b"not a picture",
        "empty.png": b"",
        ".hidden.jpg": photo(),
        ".git/x.jpg": photo(),
    }.items():
        (inside / path).parent.mkdir(parents=True, exist_ok=True)
        (inside / path).write_bytes(data)
    (inside / "link.jpg").symlink_to(inside / "beach.jpg")
    return inside


def import_media(folder: Path, workspace: Workspace, *arguments: str) -> tuple[int, Any]:
    out, person = io.StringIO(), workspace.memberships.get(role="owner").user
    given = [str(folder), "--workspace", str(workspace.id), "--user", person.email, "--json", *arguments]
    try:
        call_command("import_media", *given, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def told(shown: dict[str, Any]) -> dict[str, list[Any]]:
    return {
        "imported": [one["path"] for one in shown["imported"]],
        "known": [one["path"] for one in shown["known"]],
        "refused": [(one["path"], one["code"]) for one in shown["refused"]],
    }


REFUSED = [("empty.png", "empty"), ("2026/notes.txt", "not_media")]


def test_every_picture_and_video_below_is_taken(folder, workspace):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    status, shown = import_media(folder, workspace)

    film, beach = Asset.objects.order_by("-filename")
    assert status == 1
    assert told(shown) == {
        "imported": ["beach.jpg", "2026/film.mp4"],
        "known": ["2026/copy of beach.jpg"],
        "refused": REFUSED,
    }
    assert (beach.filename, film.filename, film.kind) == ("beach.jpg", "film.mp4", "video")
    assert beach.uploaded_by == workspace.members.get()
    with default_storage.open(beach.stored_name) as stored:
        assert hashlib.sha256(stored.read()).hexdigest() == beach.sha256
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_twice_is_once(folder, workspace):
    import_media(folder, workspace)

    _, shown = import_media(folder, workspace)

    assert told(shown)["imported"] == []
    assert sorted(told(shown)["known"]) == ["2026/copy of beach.jpg", "2026/film.mp4", "beach.jpg"]
    assert Asset.objects.count() == 2


def test_rehearsal_says_the_same_and_changes_nothing(folder, workspace):
    status, shown = import_media(folder, workspace, "--dry-run")

    assert (status, told(shown)["refused"]) == (1, REFUSED)
    assert "beach.jpg" in told(shown)["imported"]
    assert not Asset.objects.exists()


def test_all_well_is_0(tmp_path, workspace):
    (tmp_path / "one.jpg").write_bytes(photo())

    assert import_media(tmp_path, workspace)[0] == 0


def test_full_quota_is_a_refusal_of_each(folder, workspace, settings):
    settings.MEDIA_QUOTA_BYTES = 10

    status, shown = import_media(folder, workspace)

    assert (status, {one["code"] for one in shown["refused"]}) == (1, {"quota_exceeded", "empty", "not_media"})


def test_wrong_arguments_are_named(folder, workspace):
    viewer, stranger = make_member(workspace, role=Role.VIEWER), make_user()
    owner = workspace.memberships.get(role="owner").user

    for where, which, who, word in (
        (folder / "none", workspace.id, owner.email, "DIR"),
        (folder, uuid4(), owner.email, "--workspace"),
        (folder, workspace.id, "nobody@example.test", "--user"),
        (folder, workspace.id, viewer.email, "--user"),
        (folder, workspace.id, stranger.email, "--user"),
    ):
        with pytest.raises(CommandError, match=word) as refused:
            call_command("import_media", str(where), "--workspace", str(which), "--user", who)
        assert refused.value.returncode == 2
