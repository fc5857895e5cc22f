"""Paths that climb: whatever is asked for, no file is served but those that are meant to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.test import Client

CLIMBS = (
    "../manage.py", "..%2fmanage.py", "..%2f..%2f..%2fetc/passwd", "%2e%2e/manage.py", "..\\manage.py",
    "..%5cmanage.py",
    "....//manage.py", "%252e%252e%252fmanage.py", "./../manage.py", "admin/../../manage.py", "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd", "..%c0%afmanage.py", "..%00/manage.py", "manage.py%00.css", "~/.ssh/id_rsa", "file:///etc/passwd",
    "admin/css/base.css/../../../../manage.py", "..;/manage.py",
)  # fmt: skip
PREFIXES = (
    "/static/", "/", "/api/v2/media/", "/api/v2/media/links/renditions/", "/api/v2/media/links/thumbnails/",
    "/protected-media/", "/media/", "/admin/", "/api/platforms/",
)  # fmt: skip
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("prefix", PREFIXES)
def test_nothing_is_served_from_elsewhere(prefix: str) -> None:
    secrets = [path.read_text() for path in (Path("/etc/passwd"), settings.BASE_DIR / "manage.py")]
    client = Client(raise_request_exception=False)

    for climb in CLIMBS:
        for end in ("", "/file", "/details"):
            answer = client.get(f"{prefix}{climb}{end}")
            served = answer.getvalue().decode(errors="replace")

            assert answer.status_code in {301, 302, 400, 401, 403, 404}, f"{prefix}{climb}{end}"
            assert not any(secret[:200] in served for secret in secrets)
            assert str(settings.BASE_DIR) not in served
            assert str(settings.HOME) not in served


def test_what_an_instance_keeps_is_not_below_what_it_serves() -> None:
    kept = [settings.HOME, settings.MEDIA_ROOT, settings.BACKUP_DIR, settings.BASE_DIR]

    served = [Path(storage.location) for finder in get_finders() for storage in finder.storages.values()]  # type: ignore[attr-defined]  # which each of Django's has
    assert served
    assert not settings.STATIC_ROOT
    assert not any(folder == path or folder in path.parents for path in kept for folder in served)
