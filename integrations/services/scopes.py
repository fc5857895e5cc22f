"""What a person left out when they allowed us to act for them, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass

from integrations import registry
from integrations.models import SocialAccount


@dataclass(frozen=True, slots=True)
class MissingScope:
    """A scope that was asked for and not granted; `cost`: what cannot be done without it, as a sentence."""

    scope: str
    cost: str


def missing_scopes_of(account: SocialAccount) -> list[MissingScope]:
    """What the grant of this account lacks; [] where the platform does not say what was granted."""
    granted = account.credential.scopes if account.credential else []
    if not granted or not registry.is_built(account.platform):
        return []
    has_several = len(registry.PLATFORMS[account.platform].sign_ins) > 1
    flow = registry.sign_in(account.platform, account.platform_host.sign_in if has_several else "")
    return [MissingScope(scope, cost) for scope, cost in flow.scope_costs.items() if scope not in granted]
