"""What can become of an endpoint, and of one event that is to reach it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from mastablasta.core.state_words import StateChoices
from mastablasta.core.transitions import StateTable


class EndpointStatus(StateChoices):
    ACTIVE = "active", _("active"), _("Active")
    PAUSED = "paused", _("paused"), _("Paused by a person; what happens meanwhile goes out when it goes on")
    DISABLED = "disabled", _("disabled"), _("Switched off after a day of failures; what happens meanwhile is missed")


class EndpointDeliveryState(StateChoices):
    PENDING = "pending", _("pending"), _("Waits to be sent, or for another try")
    DELIVERED = "delivered", _("delivered"), _("The receiver took it")
    FAILED = "failed", _("failed"), _("Given up after a day of tries")
    MISSED = "missed", _("missed"), _("Happened while the endpoint was switched off, or was left over then")


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
