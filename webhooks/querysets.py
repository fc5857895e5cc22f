"""Filters over what was sent to endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accounts.querysets import WorkspaceScopedQuerySet

if TYPE_CHECKING:
    from accounts.models import Workspace
    from webhooks.models import EndpointDelivery  # noqa: F401  named in a base's type


class EndpointDeliveryQuerySet(WorkspaceScopedQuerySet["EndpointDelivery"]):
    def scope(self, workspace: Workspace) -> dict[str, Any]:
        return {"endpoint__workspace": workspace}
