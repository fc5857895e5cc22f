"""The people of a workspace: its members, whom it has invited, and accepting an invitation."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import NamedWorkspaceViewSet, PersonalViewSet
from accounts.api.filters import InvitationFilter, MemberFilter
from accounts.api.permissions import require
from accounts.api.workspace_serializers import (
    AcceptanceSerializer,
    InvitationSerializer,
    MemberSerializer,
    NewInvitationSerializer,
    WorkspaceSerializer,
    shown,
)
from accounts.models import Invitation, Membership
from accounts.roles import Action, Role
from accounts.services import invitations, members
from mastablasta.core.api.limits import SIGN_IN

SECRET = {"Cache-Control": "no-store"}


class MemberViewSet(NamedWorkspaceViewSet):
    """Who is in a workspace."""

    queryset = Membership.objects.all()
    rows_name = "members"
    serializer_class = MemberSerializer
    filterset_class = MemberFilter
    lookup_field, lookup_url_kwarg = "user", "user_id"
    actions_needed = {"partial_update": Action.MANAGE, "destroy": Action.READ}  # everybody may leave
    needs_sign_in = frozenset({"partial_update", "destroy"})
    refusals = {"partial_update": (409,), "destroy": (409,)}

    def narrow(self, rows: Any) -> Any:
        return rows.select_related("user").order_by("created_at", "id")

    @extend_schema(summary="Members of a workspace, the longest there first")
    def list(self, request: Request, id: UUID) -> Response:
        return self.list_rows()

    @extend_schema(
        summary="Change a member's role",
        description="For owners and admins; it counts at once. Nobody gives a role above their own, or changes a "
        "member above themself. 409 `last_owner` where nobody would own the workspace.",
        request=MemberSerializer,
        responses=MemberSerializer,
    )
    def partial_update(self, request: Request, id: UUID, user_id: UUID) -> Response:
        changes = self.body(MemberSerializer, partial=True)
        member = self.get_object()
        role = Role(changes.get("role", member.role))
        changed = members.change_role(member, role=role, own_role=self._own_role, at=timezone.now())
        return Response(MemberSerializer(changed).data)

    @extend_schema(
        summary="Remove a member, or leave",
        description="Owners and admins remove, everybody may leave. The person's API keys for this workspace and the "
        "invitations that they sent end; what they wrote stays. 409 `last_owner` where nobody would own the workspace.",
        responses={204: None},
    )
    def destroy(self, request: Request, id: UUID, user_id: UUID) -> Response:
        leaves = user_id == self.caller.user.pk
        if not leaves:
            require(self.caller, Action.MANAGE)
        members.remove_member(self.get_object(), own_role=None if leaves else self._own_role, at=timezone.now())
        return Response(status=204)

    @property
    def _own_role(self) -> Role:
        return self.caller.role or Role.VIEWER


class InvitationViewSet(NamedWorkspaceViewSet):
    """Whom a workspace has invited; for owners and admins."""

    queryset = Invitation.objects.all()
    rows_name = "invitations"
    serializer_class = InvitationSerializer
    filterset_class = InvitationFilter
    lookup_url_kwarg = "invitation_id"
    actions_needed = {"list": Action.MANAGE, "create": Action.MANAGE, "destroy": Action.MANAGE}
    needs_sign_in = frozenset({"create", "destroy"})
    refusals = {"create": (409,), "destroy": (409,)}
    answers_with_secret = True

    def narrow(self, rows: Any) -> Any:
        found = rows.pending(timezone.now()) if self.action == "list" else rows
        return found.order_by("-created_at", "-id")

    @extend_schema(summary="Invitations that can still be accepted, newest first")
    def list(self, request: Request, id: UUID) -> Response:
        return self.list_rows()

    @extend_schema(
        summary="Invite somebody",
        description="Whoever has the link is let in, once, within 7 days. It goes out by e-mail; where the server "
        "sends none, `link` is to be handed over. An earlier invitation of the same address ends. 409 "
        "`already_member`.",
        request=InvitationSerializer,
        responses={201: NewInvitationSerializer},
    )
    def create(self, request: Request, id: UUID) -> Response:
        offered = invitations.invite(
            self.workspace,
            **self.body(InvitationSerializer),
            by=self.caller.user,
            own_role=self.caller.role or Role.VIEWER,
            at=timezone.now(),
        )
        answer = {**InvitationSerializer(offered.invitation).data, "link": offered.link}
        return Response(answer, status=201, headers=SECRET)

    @extend_schema(summary="Withdraw an invitation, at once", responses={204: None})
    def destroy(self, request: Request, id: UUID, invitation_id: UUID) -> Response:
        invitations.withdraw(self.get_object(), at=timezone.now())
        return Response(status=204)


class AcceptanceViewSet(PersonalViewSet):
    """Invitations as they are for who holds one."""

    needs_sign_in = frozenset({"accept"})
    limits = {"accept": SIGN_IN}
    refusals = {"accept": (409,)}

    @extend_schema(
        summary="Accept an invitation",
        description="Joins its workspace; the token is the proof, whoever it was sent to. Sent again by the same "
        "person, it answers the same. 400 `invitation_invalid`, `invitation_used`, `invitation_expired` or "
        "`invitation_withdrawn`; 409 `already_member`.",
        request=AcceptanceSerializer,
        responses={200: WorkspaceSerializer},
    )
    @action(detail=False, methods=["post"])
    def accept(self, request: Request) -> Response:
        token = self.body(AcceptanceSerializer)["token"]
        membership = invitations.accept(self.caller.user, token, at=timezone.now())
        return Response(shown(membership.workspace, self.caller.role_given(membership.role)))
