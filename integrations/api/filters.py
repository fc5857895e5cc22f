"""Filters of GET /accounts."""

from __future__ import annotations

from integrations.models import SocialAccount
from integrations.registry import PLATFORM_SLUGS
from integrations.states import AccountState
from mastablasta.core.api.filters import ParameterSet, choice, ordering_by


class AccountFilter(ParameterSet):
    platform = choice("platform", PLATFORM_SLUGS)
    status = choice("state", AccountState.values, says="Repeat it for several; left out: all but disconnected ones.")
    ordering = ordering_by(
        {"created_at": "created_at", "handle": "handle", "platform": "platform"}, usual="oldest first"
    )

    class Meta:
        model = SocialAccount
        fields: list[str] = []
