"""The browsable API's pages with a workspace chooser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework.request import Request

from accounts.api.authentication import chosen_workspace
from accounts.caller import Caller
from accounts.models import User, Workspace
from mastablasta.core.api.pages import BrowsablePage

MOST_WORKSPACES = 500


class WorkspacePage(BrowsablePage):
    """A page of somebody signed in; they choose there which of their workspaces the pages are about."""

    def get_context(self, data: Any, accepted_media_type: str | None, renderer_context: Mapping[str, Any]) -> Any:
        context = super().get_context(data, accepted_media_type, renderer_context)
        user, request = context["user"], renderer_context["request"]
        if not isinstance(user, User):
            return context
        rows = Workspace.objects.visible_to(user).order_by("name", "id")
        return {
            **context,
            "workspaces": list(rows.values("id", "name")[:MOST_WORKSPACES]),
            "current_workspace_id": _current(request, user),
        }


def _current(request: Request, user: User) -> UUID | None:
    """The workspace that the page is about; where it is about none, the one that the next page will be about."""
    if isinstance(request.auth, Caller):
        return request.auth.workspace.pk if request.auth.workspace else None
    return chosen_workspace(request) or user.default_workspace_id
