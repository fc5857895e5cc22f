"""Workspaces: one's own, and each with its settings. Deleting one is registered with posts, which have a say in it."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import NamedWorkspaceViewSet, PersonalViewSet
from accounts.api.filters import WorkspaceFilter
from accounts.api.workspace_serializers import WorkspaceChangeSerializer, WorkspaceSerializer, shown
from accounts.models import Workspace
from accounts.roles import Action, Role
from accounts.services.workspaces import change_workspace, create_workspace


class WorkspaceViewSet(PersonalViewSet):
    """The workspaces that one is in; a site admin is in all."""

    queryset = Workspace.objects.all()
    rows_name = "workspaces"
    serializer_class = WorkspaceSerializer
    filterset_class = WorkspaceFilter
    needs_sign_in = frozenset({"create"})

    def get_queryset(self) -> QuerySet[Workspace]:
        visible = Workspace.objects.visible_to(self.caller.user)
        return self.caller.workspaces(visible).order_by("created_at", "id")

    @extend_schema(summary="One's workspaces; for a site admin all", responses=WorkspaceSerializer(many=True))
    def list(self, request: Request) -> Response:
        rows: list[Any] = list(self.paginate_queryset(self.filter_queryset(self.get_queryset())) or [])
        return self.get_paginated_response([shown(row, self.caller.role_given(row.member_role)) for row in rows])

    @extend_schema(summary="Make a workspace", request=WorkspaceSerializer, responses={201: WorkspaceSerializer})
    def create(self, request: Request) -> Response:
        workspace = create_workspace(self.caller.user, **self.body(WorkspaceSerializer))
        return Response(shown(workspace, Role.OWNER), status=201)


class OneWorkspaceViewSet(NamedWorkspaceViewSet):
    """A workspace and its settings."""

    serializer_class = WorkspaceSerializer
    actions_needed: ClassVar[Any] = {"partial_update": Action.MANAGE}

    @extend_schema(summary="One workspace with its settings", responses=WorkspaceSerializer)
    def retrieve(self, request: Request, id: UUID) -> Response:
        return Response(shown(self.workspace, self.caller.role))

    @extend_schema(
        summary="Change a workspace's name and settings",
        description="For owners and admins. null leaves a setting to the server.",
        request=WorkspaceChangeSerializer,
        responses=WorkspaceSerializer,
    )
    def partial_update(self, request: Request, id: UUID) -> Response:
        changes = self.body(WorkspaceChangeSerializer, partial=True)
        return Response(shown(change_workspace(self.workspace, changes), self.caller.role))
