"""Filters over connected accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from accounts.querysets import WorkspaceScopedQuerySet
from integrations.states import AccountState

if TYPE_CHECKING:
    from integrations.models import SocialAccount  # noqa: F401  named below, as text


class SocialAccountQuerySet(WorkspaceScopedQuerySet["SocialAccount"]):
    def connected(self) -> Self:
        return self.exclude(state=AccountState.DISCONNECTED)

    def without_tokens(self) -> Self:
        """With the grant joined, its tokens left in the database: for all that only shows accounts."""
        return self.select_related("credential").defer("credential__access_enc", "credential__refresh_enc")

    def default_for(self, platform: str) -> Self:
        return self.connected().filter(platform=platform, is_default=True)
