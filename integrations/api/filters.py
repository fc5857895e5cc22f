"""Filters of GET /accounts."""

from __future__ import annotations

import django_filters

from integrations.models import SocialAccount
from integrations.registry import PLATFORMS
from integrations.states import AccountState


class AccountFilter(django_filters.FilterSet):  # type: ignore[misc]  # untyped
    platform = django_filters.MultipleChoiceFilter(
        choices=[(slug, entry.label) for slug, entry in PLATFORMS.items()], help_text="Repeat it for several."
    )
    status = django_filters.MultipleChoiceFilter(
        field_name="state",
        choices=AccountState.choices,
        label="Status",
        help_text="Repeat it for several; left out: all but disconnected ones.",
    )

    class Meta:
        model = SocialAccount
        fields = ("platform", "status")
