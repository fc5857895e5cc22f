"""Filters of workspaces, their members and invitations, and of keys."""

from __future__ import annotations

from accounts.models import ApiKey, Invitation, Membership, Workspace
from accounts.roles import Role
from mastablasta.core.api.filters import ParameterSet, choice, ordering_by


class WorkspaceFilter(ParameterSet):
    ordering = ordering_by({"created_at": "created_at", "name": "name"}, usual="oldest first")

    class Meta:
        model = Workspace
        fields: list[str] = []


class MemberFilter(ParameterSet):
    role = choice("role", Role.values)
    ordering = ordering_by({"joined_at": "created_at"}, usual="the longest there first")

    class Meta:
        model = Membership
        fields: list[str] = []


class InvitationFilter(ParameterSet):
    role = choice("role", Role.values)
    ordering = ordering_by(
        {"created_at": "created_at", "email": "email", "expires_at": "expires_at"}, usual="newest first"
    )

    class Meta:
        model = Invitation
        fields: list[str] = []


class ApiKeyFilter(ParameterSet):
    ordering = ordering_by(
        {"created_at": "created_at", "name": "name", "last_used_at": "last_used_at"}, usual="newest first"
    )

    class Meta:
        model = ApiKey
        fields: list[str] = []
