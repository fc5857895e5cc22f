"""Start-up checks: faults of the set-up, each with an id, the setting's name and what to do."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register

SETUP = "setup"  # the tag by which long-running commands ask for these alone: the others import every view


@register(SETUP)
def setup_is_right(**_: Any) -> list[CheckMessage]:
    """E001-E014: what settings.py found wrong with the environment."""
    return [checks.Error(f"{fault.name}: {fault.sentence}", id=fault.id) for fault in settings.SETUP_FAULTS]


@register(SETUP, deploy=True)
def setup_is_public(**_: Any) -> list[CheckMessage]:
    """W001-W004: what an operator should know before opening the doors."""
    found: list[CheckMessage] = []
    if settings.REGISTRATION_OPEN and not settings.IS_DEVELOPMENT:
        found.append(
            checks.Warning(
                "REGISTRATION_OPEN: anybody who finds this server can register; set REGISTRATION_OPEN=false",
                id="mastablasta.W001",
            )
        )
    if not settings.IS_DEVELOPMENT and settings.PUBLIC_HOST in {"127.0.0.1", "localhost"}:
        found.append(
            checks.Warning(
                "PUBLIC_URL: is not set, so links and redirects work on this machine only; set PUBLIC_URL",
                id="mastablasta.W002",
            )
        )
    is_in_s3 = bool(settings.AWS_STORAGE_BUCKET_NAME)
    if ("accel" if is_in_s3 else "redirect") == settings.MEDIA_SERVING:
        found.append(
            checks.Warning(
                f"MEDIA_SERVING: {settings.MEDIA_SERVING} does not go with files {'in S3' if is_in_s3 else 'on disk'}, "
                "so this server sends them itself; set MEDIA_SERVING=stream, or move the files",
                id="mastablasta.W003",
            )
        )
    if settings.V1_ENABLED and not settings.IS_DEVELOPMENT:
        found.append(
            checks.Warning(
                "V1_ENABLED: the demo API is open to anybody who finds this server; set V1_ENABLED=false",
                id="mastablasta.W004",
            )
        )
    return found
