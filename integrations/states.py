"""States of an account and of the grant behind it, and the moves that are allowed."""

from __future__ import annotations

from django.db import models

from mastablasta.core.transitions import StateTable


class AccountState(models.TextChoices):
    PENDING = "pending", "Waits to be activated"
    ACTIVE = "active", "Active"
    NEEDS_REAUTH = "needs_reauth", "Has to be connected again"
    PAUSED = "paused", "Paused by a person"
    DISCONNECTED = "disconnected", "Disconnected"


ACCOUNT_MOVES = StateTable(
    {
        AccountState.PENDING: {AccountState.ACTIVE, AccountState.DISCONNECTED},
        AccountState.ACTIVE: {AccountState.NEEDS_REAUTH, AccountState.PAUSED, AccountState.DISCONNECTED},
        AccountState.NEEDS_REAUTH: {AccountState.ACTIVE, AccountState.PAUSED, AccountState.DISCONNECTED},
        AccountState.PAUSED: {AccountState.ACTIVE, AccountState.NEEDS_REAUTH, AccountState.DISCONNECTED},
        AccountState.DISCONNECTED: {AccountState.PENDING, AccountState.ACTIVE},
    }
)


class CredentialState(models.TextChoices):
    LIVE = "live", "Live"
    DEAD = "dead", "Refused by the platform"
