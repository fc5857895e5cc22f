"""The one place where a connector or a sign-in is put together: its class, its HTTP with the token, its target.

Plain values in, no database: threads that only do HTTP call it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from integrations import registry
from integrations.contract import Connector, Target
from integrations.services.operator_apps import operators_scopes
from integrations.sign_in import ClientApp, SignIn
from mastablasta.core.outbound import Http


def connector_for(
    platform: str, target: Target, *, token: str, app: ClientApp, on_visible: Callable[[], None] | None = None
) -> Connector:
    """A connector that calls in the name of `token`, the account's own or its grant's.

    Without `on_visible` it can make nothing visible.

    `app`: our registration at the target's host, as `hosts.app_of` gives it. Raises NotBuilt.
    """
    connector = registry.connector_class(platform)
    http = Http(target.base_url, auth=connector.auth_at(target, token, app), on_visible=on_visible)
    return connector(target, http)


def sign_in_for(platform: str, base_url: str, info: Mapping[str, Any], *, name: str) -> SignIn:
    """How people sign in at this host. `info` is what the host said of itself, `name` which of the platform's sign-ins
    its row names. Where the operator says what our app may ask for, that stands in `info` as "scopes". Raises NotBuilt.
    """
    scopes = operators_scopes(platform, name)
    return registry.sign_in(platform, name)(Http(base_url), {**info, "scopes": scopes} if scopes else info)
