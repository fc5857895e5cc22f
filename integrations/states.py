"""States of an account and of the grant behind it, and the moves that are allowed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from mastablasta.core.transitions import StateTable


class AccountState(models.TextChoices):
    PENDING = "pending", _("Waits to be activated")
    ACTIVE = "active", _("Active")
    NEEDS_REAUTH = "needs_reauth", _("Has to be connected again")
    PAUSED = "paused", _("Paused by a person")
    DISCONNECTED = "disconnected", _("Disconnected")


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
    LIVE = "live", _("Live")
    DEAD = "dead", _("Refused by the platform")
