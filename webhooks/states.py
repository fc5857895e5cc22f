"""What can become of an endpoint, and of one event that is to reach it."""

from __future__ import annotations

from django.db import models

from mastablasta.core.transitions import StateTable


class EndpointStatus(models.TextChoices):
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused by a person; what happens meanwhile goes out when it goes on"
    DISABLED = "disabled", "Switched off after a day of failures; what happens meanwhile is missed"


class EndpointDeliveryState(models.TextChoices):
    PENDING = "pending", "Waits to be sent, or for another try"
    DELIVERED = "delivered", "The receiver took it"
    FAILED = "failed", "Given up after a day of tries"
    MISSED = "missed", "Happened while the endpoint was switched off, or was left over then"


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
