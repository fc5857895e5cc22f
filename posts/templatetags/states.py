"""States of deliveries as pages show them."""

from __future__ import annotations

from django import template

from posts.states import DeliveryState

register = template.Library()


@register.filter
def state_word(state: str) -> str:
    """The state of a delivery in one word."""
    return DeliveryState(state).word
