"""What the built platforms need of the set-up."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, register

from integrations import registry
from integrations.services.operator_apps import is_configured
from mastablasta.checks import SETUP

WARNED_AHEAD = timedelta(days=60)


@register(SETUP, deploy=True)
def files_can_be_fetched(**_: Any) -> list[CheckMessage]:
    """W006: platforms that fetch what they publish call this server, and only over https; of those that are set up."""
    if settings.IS_DEVELOPMENT or settings.IS_HTTPS:
        return []
    slugs = [slug for slug in registry.built() if registry.fetches_media(slug) and is_configured(slug)]
    fetching = [registry.PLATFORMS[slug].label for slug in slugs]
    if not fetching:
        return []
    sentence = (
        f"PUBLIC_URL: media for {' and '.join(fetching)} is fetched from this server, and over https only; set "
        "PUBLIC_URL to an https address that the world can reach"
    )
    return [checks.Warning(sentence, id="mastablasta.W006")]


@register(SETUP, deploy=True)
def api_versions_live(**_: Any) -> list[CheckMessage]:
    """W005: a platform ends the version of its API that this program is written for."""
    today = datetime.now(UTC).date()
    return [
        checks.Warning(
            f"{registry.PLATFORMS[slug].label} takes version {version.name} of its API until {version.last_day} only; "
            "update this program before, nothing can be published there afterwards",
            id="mastablasta.W005",
        )
        for slug in registry.built()
        if (version := registry.capabilities(slug).api_version) is not None
        and date.fromisoformat(version.last_day) - today <= WARNED_AHEAD
    ]
