"""`manage.py doctor`."""

from __future__ import annotations

import io
import json
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.utils import timezone
from pytest_django.fixtures import Settings

from mastablasta.core import jobs
from mastablasta.core.models import Heartbeat, InstanceRecord
from mastablasta.ops import diagnosis, health

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    for probe in {**health.READY, **health.STATUS}.values():
        probe._last = None


def test_healthy_instance_is_told_so() -> None:
    jobs.beat()
    Heartbeat.objects.beat("clock", at=timezone.now())
    out = io.StringIO()

    call_command("doctor", "--json", stdout=out)

    answer = json.loads(out.getvalue())
    assert answer["ok"]
    assert {row["level"] for row in answer["findings"]} == {"ok"}


def test_each_fault_has_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    out = io.StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=out, no_color=True)

    assert ended.value.code == 1
    faults = [line for line in out.getvalue().splitlines() if line.startswith("fault")]
    assert faults == [
        "fault  worker: No heartbeat has come through the queue yet. "
        "To mend it: start `manage.py run_worker`, or `manage.py up`.",
        "fault  clock: No clock has run yet. To mend it: start `manage.py run_clock`, or `manage.py up`.",
    ]


def lines_about(*subjects: str) -> list[str]:
    out = io.StringIO()
    with suppress(SystemExit):
        call_command("doctor", stdout=out, no_color=True)
    return [line for line in out.getvalue().splitlines() if line[7:].partition(":")[0] in subjects]


def test_everything_that_an_operator_can_mend_is_looked_at(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk, a folder of somebody else's, half an app, no backup, a held instance, a queue that is away."""
    settings.IS_DEVELOPMENT = False
    settings.BACKUP_DIR = Path("/dev/null")
    settings.META_APP_SECRET = ""
    settings.TWITTER_CLIENT_ID = settings.TWITTER_CLIENT_SECRET = ""
    settings.PUBLIC_URL = "https://social.example.org"
    InstanceRecord.objects.create(identities=["another"])
    monkeypatch.setattr(diagnosis.shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    monkeypatch.setattr(diagnosis.os, "access", lambda path, _: path != Path("/dev/null"))
    monkeypatch.setattr(diagnosis.jobs, "waiting", lambda: 1 / 0)

    found = lines_about(
        "instance",
        "broker",
        "disk of MASTABLASTA_HOME",
        "BACKUP_DIR",
        "facebook",
        "twitter",
        "linkedin",
        "newest backup",
    )

    assert [re.sub(r"\d+%", "N%", line) for line in found] == [
        "fault  instance: The database belongs to another instance: it was copied or moved, or this host is new to it. "
        "Nothing is sent. To mend it: run `manage.py release` when no other instance works on the same accounts.",
        "fault  broker: The database does not take tasks (ZeroDivisionError). To mend it: start Redis, or correct "
        "REDIS_URL; without REDIS_URL the queue is in the database.",
        "fault  disk of MASTABLASTA_HOME: 0.0 GB and N% of the inodes are free. "
        f"To mend it: make room on the disk of {settings.HOME}, or move MASTABLASTA_HOME to a larger one.",
        "fault  BACKUP_DIR: /dev/null cannot be written. To mend it: chown it to this user, or set BACKUP_DIR.",
        "ok     twitter: X is not set up (TWITTER_CLIENT_ID).",
        "fault  facebook: Facebook cannot be connected: META_APP_SECRET is not set. To mend it: set META_APP_SECRET.",
        "ok     linkedin: Set up; redirect URI to be registered there: "
        f"https://social.example.org/api/v2/oauth/linkedin/callback{diagnosis._end('linkedin')}",
        "doubt  newest backup: There is none in /dev/null. To mend it: run `manage.py backup --keep 14` each night "
        "(deploy/systemd/mastablasta-backup.timer).",
    ]
