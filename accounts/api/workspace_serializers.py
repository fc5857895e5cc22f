"""Shapes of workspaces, their settings, members and invitations."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from accounts.api import examples
from accounts.api.serializers import AddressField
from accounts.models import Invitation, Membership, Workspace
from accounts.roles import Role
from accounts.services.workspaces import MOST_CLASH_MINUTES, MOST_DUPLICATE_HOURS, MOST_MISSED_HOURS, SETTINGS
from mastablasta.core.api.fields import OffsetDateTimeField, ZoneNameField
from mastablasta.core.api.serializers import StrictModelSerializer, StrictSerializer

COLUMNS = ("id", "name", "is_personal", "created_at")
POLICIES = ("send", "hold")
DUPLICATE_POLICIES = ("warn", "refuse")


class WorkspaceSerializer(StrictModelSerializer):
    """`role` is the caller's there, after all caps."""

    example: ClassVar[Any] = examples.WORKSPACE
    request_example: ClassVar[Any] = examples.NEW_WORKSPACE

    role = serializers.ChoiceField(Role.choices, read_only=True)
    timezone = ZoneNameField(
        allow_null=True, required=False, help_text="Whose days a bare date means for people without a zone; null = UTC."
    )
    missed_post_policy = serializers.ChoiceField(
        POLICIES,
        allow_null=True,
        required=False,
        help_text="What was due while nothing ran; null: as the server says.",
    )
    missed_post_hours = serializers.IntegerField(
        min_value=0,
        max_value=MOST_MISSED_HOURS,
        allow_null=True,
        required=False,
        help_text="What is later waits for a person; null = as the server says.",
    )
    duplicate_policy = serializers.ChoiceField(
        DUPLICATE_POLICIES, required=False, help_text="What becomes of a post that an account has had already."
    )
    duplicate_window_hours = serializers.IntegerField(
        min_value=0, max_value=MOST_DUPLICATE_HOURS, required=False, help_text="How far back is looked; 0 = not at all."
    )
    clash_window_minutes = serializers.IntegerField(
        min_value=0,
        max_value=MOST_CLASH_MINUTES,
        required=False,
        help_text="How close two posts of an account are too close; 0 = never.",
    )

    class Meta:
        model = Workspace
        fields = (*COLUMNS, "role", *SETTINGS)
        read_only_fields = ("id", "is_personal", "created_at")


class WorkspaceChangeSerializer(WorkspaceSerializer):
    request_example = examples.WORKSPACE_CHANGE


def shown(workspace: Workspace, role: Role | None) -> dict[str, Any]:
    """The workspace as it is answered to somebody with that role; "" of a setting is null."""
    columns = {name: getattr(workspace, name) for name in ("name", *COLUMNS, *SETTINGS)}
    empty_is_null = {name: columns[name] or None for name in ("timezone", "missed_post_policy")}
    answer: dict[str, Any] = WorkspaceSerializer({**columns, **empty_is_null, "role": role}).data
    return answer


class MemberSerializer(StrictModelSerializer):
    example: ClassVar[Any] = examples.MEMBER
    request_example: ClassVar[Any] = {"role": "admin"}

    user_id = serializers.UUIDField(read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    role = serializers.ChoiceField(Role.choices)
    joined_at = OffsetDateTimeField(source="created_at", read_only=True)

    class Meta:
        model = Membership
        fields = ("user_id", "email", "name", "role", "joined_at")


class InvitationSerializer(StrictModelSerializer):
    """An invitation without its token."""

    example: ClassVar[Any] = examples.INVITATION
    request_example: ClassVar[Any] = examples.INVITED

    email = AddressField(max_length=254)
    role = serializers.ChoiceField(Role.choices, default=Role.EDITOR)
    invited_by = serializers.UUIDField(source="invited_by_id", read_only=True, allow_null=True)

    class Meta:
        model = Invitation
        fields = ("id", "email", "role", "invited_by", "created_at", "expires_at")
        read_only_fields = ("id", "created_at", "expires_at")


class NewInvitationSerializer(InvitationSerializer):
    example = examples.NEW_INVITATION

    link = serializers.CharField(
        read_only=True,
        allow_null=True,
        help_text="To hand over; shown this once. null where the invitation goes out by e-mail.",
    )

    class Meta:
        model = Invitation
        fields = (*InvitationSerializer.Meta.fields, "link")
        read_only_fields = InvitationSerializer.Meta.read_only_fields


class AcceptanceSerializer(StrictSerializer):
    request_example = examples.ACCEPTANCE

    token = serializers.CharField(max_length=100)
