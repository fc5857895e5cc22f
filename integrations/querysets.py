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
        """With the grant joined, all tokens left in the database: for all that only shows accounts."""
        tokens = ("target_token_enc", "credential__access_enc", "credential__refresh_enc")
        return self.select_related("credential").defer(*tokens)

    def default_for(self, platform: str) -> Self:
        return self.connected().filter(platform=platform, is_default=True)
