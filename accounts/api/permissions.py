"""Who may call a view: read off the view's declaration and the caller's role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.caller import Caller
from accounts.roles import Action
from mastablasta.core.api.operations import operation_of
from mastablasta.core.errors import Invalid, NotThere

if TYPE_CHECKING:  # DRF imports this module while it imports its views
    from rest_framework.views import APIView


class HasWorkspaceRole(BasePermission):
    """The caller's role in the workspace allows what the request does.

    Reads need Action.READ and all else Action.WRITE, unless the view declares `actions_needed = {"POST":
    Action.MANAGE}` (a viewset: by action). `is_personal = True` on a view: it is about the caller, no workspace needed.
    `needs_sign_in = {"POST"}`: these refuse API keys. Anonymous callers get 401, an unknown or foreign X-Workspace 404.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller: Any = request.auth
        if not isinstance(caller, Caller):
            return False  # DRF answers 401
        if caller.is_refused:
            raise NotThere(
                "workspace_not_found", "X-Workspace: there is no such workspace; GET /workspaces lists yours."
            )
        method = request.method or ""
        if operation_of(view, method) in getattr(view, "needs_sign_in", ()) and not caller.is_signed_in:
            raise PermissionDenied("An API key cannot do this; sign in and use the access token.", "sign_in_required")
        if getattr(view, "is_personal", False):
            return True
        if caller.workspace is None:
            raise Invalid("workspace_required", "X-Workspace: name a workspace; you have no default one.")
        require(caller, action_of(view, method))
        return True


def action_of(view: object, method: str) -> Action:
    """What a request with this method does to the workspace."""
    declared: dict[str, Action] = getattr(view, "actions_needed", {})
    return declared.get(operation_of(view, method)) or (Action.READ if method in SAFE_METHODS else Action.WRITE)


def require(caller: Caller, action: Action) -> None:
    """Raise PermissionDenied unless the caller's role in their workspace allows that."""
    if not caller.may(action):
        raise PermissionDenied(_sentence(caller, action), "role_too_low")


def _sentence(caller: Caller, action: Action) -> str:
    role = caller.role.label.lower() if caller.role else "none"
    who = "an owner" if action == Action.DELETE else "an owner or admin"
    return f"Your role in this workspace ({role}) may not {action.label}; ask {who} of it."
