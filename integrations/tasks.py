"""What the clock rings about accounts; lost, doubled or late, a bell changes nothing."""

from __future__ import annotations

from django.utils import timezone

from integrations import services


def refresh_tokens() -> None:
    services.refresh_expiring(at=timezone.now())
