"""What can become of an endpoint, and of one event that is to reach it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from mastablasta.core.transitions import StateTable


class EndpointStatus(models.TextChoices):
    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused by a person; what happens meanwhile goes out when it goes on")
    DISABLED = "disabled", _("Switched off after a day of failures; what happens meanwhile is missed")

    @property
    def word(self) -> str:
        """The status in one word."""
        return str(WORDS[self.value])


class EndpointDeliveryState(models.TextChoices):
    PENDING = "pending", _("Waits to be sent, or for another try")
    DELIVERED = "delivered", _("The receiver took it")
    FAILED = "failed", _("Given up after a day of tries")
    MISSED = "missed", _("Happened while the endpoint was switched off, or was left over then")

    @property
    def word(self) -> str:
        """The state in one word."""
        return str(WORDS[self.value])


WORDS = {
    "active": _("active"),
    "paused": _("paused"),
    "disabled": _("disabled"),
    "pending": _("pending"),
    "delivered": _("delivered"),
    "failed": _("failed"),
    "missed": _("missed"),
}


S = EndpointDeliveryState

ENDPOINT_DELIVERY_MOVES = StateTable(
    {
        S.PENDING: {S.DELIVERED, S.FAILED, S.MISSED},
        # a person has it sent again
        S.DELIVERED: {S.PENDING},
        S.FAILED: {S.PENDING},
        S.MISSED: {S.PENDING},
    }
)
