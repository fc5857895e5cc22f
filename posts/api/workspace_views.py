"""A workspace, as far as posts have a say: deleting it cancels what waits to be sent."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import workspace_views
from accounts.roles import Action
from posts.api.filters import is_asked
from posts.services.workspace_deletion import delete_workspace


class OneWorkspaceViewSet(workspace_views.OneWorkspaceViewSet):
    actions_needed: ClassVar[Any] = {**workspace_views.OneWorkspaceViewSet.actions_needed, "destroy": Action.DELETE}
    needs_sign_in = frozenset({"destroy"})
    query_parameters: ClassVar[Any] = {
        "destroy": [OpenApiParameter("force", bool, description="Also while posts are scheduled: they are cancelled.")]
    }
    refusals: ClassVar[Any] = {"destroy": (409,)}

    @extend_schema(
        summary="Delete a workspace",
        description="For owners. It is gone for everybody at once, with its keys and invitations, and its accounts are "
        "disconnected; what it published stays out. 409 `in_flight` or `unconfirmed` while that is so of one of its "
        "posts, `workspace_in_use` while posts are scheduled, unless force=true cancels them.",
        responses={204: None},
    )
    def destroy(self, request: Request, id: UUID) -> Response:
        delete_workspace(self.workspace, is_forced=is_asked(request, "force"), at=timezone.now())
        return Response(status=204)
