"""`manage.py backup` and `manage.py restore`: nothing is lost, nothing damaged is taken, nothing goes out twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import User
from integrations.models import Credential
from mastablasta.core import holds
from mastablasta.core.models import Heartbeat, InstanceRecord
from mastablasta.environment import fernet_key
from mastablasta.ops import backups, dump
from media_library.tests.factories import make_asset, still
from posts.engine import publisher
from posts.models import Delivery, Post
from posts.tests.conftest import Connect
from posts.tests.conftest import connected as connected
from posts.tests.factories import make_delivery
from tests.world import Sandbox

PICTURE = still("JPEG", (32, 24))
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _real(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(publisher, "LINGER_S", 0.05)
    monkeypatch.setattr(backups, "DIGEST_ROUNDS", 1)
    monkeypatch.setattr(dump, "bring_up_to_date", lambda: None)  # it is; tests/more restores into an empty one
    settings.BACKUP_DIR = tmp_path / "backups"
    holds.forget()
    yield
    holds.forget()


def command(name: str, *arguments: str) -> dict[str, Any]:
    holds.forget()  # each is a process of its own
    out = StringIO()
    with suppress(SystemExit):
        call_command(name, "--json", *arguments, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_old_backup_brings_everything_back_and_publishes_nothing_again(sandbox: Sandbox, connected: Connect) -> None:
    """A post that went out after the backup, one that had begun, one for later; a file that was lost."""
    now, anna = timezone.now(), connected()
    asset = make_asset(workspace=anna.workspace, data=PICTURE)
    make_delivery(anna, due_at=now + timedelta(hours=1), content="Later \\ with\ttab, \n line and 🙂")
    make_delivery(anna, due_at=now - timedelta(seconds=1), content="Out since the backup")
    was = (set(Post.objects.values_list("id", "content")), Credential.objects.get().access_enc)
    made = command("backup", "--keep", "1")
    command("publish_due")
    default_storage.delete(asset.stored_name)
    Post.objects.filter(content__startswith="Later").update(content="changed")

    refused = command("restore", made["path"])
    restored = command("restore", made["path"], "--replace")

    assert refused["error"].startswith("The database is not empty (accounts_")
    assert (restored["restored"], restored["rows"], restored["missing_keys"]) == (True, made["rows"], [])
    is_same = (set(Post.objects.values_list("id", "content")), Credential.objects.get().access_enc)
    assert is_same == was
    with default_storage.open(asset.stored_name) as file:
        assert file.read() == PICTURE
    assert command("publish_due")["claimed"] == 0
    assert command("release") == {"was_held": True, "held": 1, "unconfirmed": 0}
    command("publish_due")
    assert [post["text"] for post in sandbox.posts()] == ["Out since the backup"]
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["held", "queued"]
    User.objects.create(email="new@example.org")
    Heartbeat.objects.beat("q2", at=timezone.now())
    assert command("restore", made["path"], "--replace")["error"].startswith("An instance works on this database (q2")


def test_damaged_archive_and_missing_keys_are_told_and_nothing_is_changed(settings: Settings) -> None:
    user = User.objects.create(email="ada@example.org")
    path = Path(command("backup")["path"])
    whole = path.read_bytes()
    user.delete()

    settings.ENCRYPTION_KEYS = [fernet_key()]
    verified, refused = command("restore", str(path), "--verify"), command("restore", str(path))
    at = whole.rindex(b"\x1f\x8b\x08") + 12
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    damaged = command("restore", str(path))
    path.write_bytes(whole[: len(whole) // 2])
    cut = command("restore", str(path))

    assert (verified["restored"], verified["missing_keys"]) == (False, ["ENCRYPTION_KEY"])
    assert refused["error"].startswith("ENCRYPTION_KEY lacks a key of the backup")
    assert "is damaged: database/" in damaged["error"]
    assert str(path) in cut["error"]
    assert not User.objects.exists()
    assert not InstanceRecord.objects.filter(restored_at__isnull=False).exists()


def test_backup_is_private_whole_or_absent_and_old_ones_go(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = settings.BACKUP_DIR
    asset = make_asset()
    default_storage.delete(asset.stored_name)
    first, second = command("backup"), command("backup", "--keep", "1")
    half = folder / "mastablasta-20200101T000000000000Z.tar.partial"
    half.touch()

    monkeypatch.setattr(backups.ArchiveWriter, "close", broken)
    failed = command("backup", "--keep", "1")
    monkeypatch.setattr(backups.ArchiveWriter, "close", away)
    unreachable = command("backup", "--keep", "1")

    assert asset.stored_name in first["missing"]
    assert second["removed"] == [first["path"]]
    assert failed["error"].endswith("(No space left on device); make room, or name another folder")
    assert unreachable["error"] == "DATABASE_URL: the database cannot be used (no server); start it, or correct it"
    assert [path for path in folder.iterdir() if path.name != ".lock"] == [Path(second["path"])]
    assert Path(second["path"]).stat().st_mode & 0o777 == 0o600
    assert settings.ENCRYPTION_KEYS[0].encode() not in Path(second["path"]).read_bytes()


def away(*_: object) -> None:
    raise OperationalError("no server\nIs it running?")


def broken(*_: object) -> None:
    raise OSError(28, "No space left on device")
