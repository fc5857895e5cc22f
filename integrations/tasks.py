"""What the clock rings about accounts; lost, doubled or late, a bell changes nothing."""

from __future__ import annotations

from django.utils import timezone

from integrations.services import disconnection, tokens


def refresh_tokens() -> None:
    tokens.refresh_expiring(at=timezone.now())


def disconnect_deleted() -> None:
    disconnection.disconnect_deleted(at=timezone.now())


def end_unused_grants() -> None:
    disconnection.end_unused_grants()
