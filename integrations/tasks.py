"""What the clock wakes about accounts; lost, doubled or late, a wake-up changes nothing."""

from __future__ import annotations

from django.utils import timezone

from integrations.services import disconnection, tokens
from mastablasta.core import holds


def refresh_tokens() -> None:
    tokens.refresh_expiring(at=timezone.now())


def disconnect_deleted() -> None:
    if not holds.is_held():
        disconnection.disconnect_deleted(at=timezone.now())


def end_unused_grants() -> None:
    if not holds.is_held():
        disconnection.end_unused_grants()
