"""Shapes of people, workspaces and keys."""

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from rest_framework import serializers

from accounts.api import examples
from accounts.emails import one_form
from accounts.models import ApiKey, User, Workspace
from accounts.passwords import LEAST, MOST, LeastPrepared, MostPrepared
from accounts.roles import Role, SiteRole
from mastablasta.core.api.fields import OffsetDateTimeField, ZoneNameField
from mastablasta.core.api.serializers import StrictModelSerializer, StrictSerializer


class PasswordField(serializers.CharField):
    """A password as it was typed; blanks at its ends belong to it. It is measured in its one form."""

    def __init__(self, *, min_length: int = 0, **options: Any) -> None:
        super().__init__(trim_whitespace=False, write_only=True, **options)
        self.min_length, self.max_length = min_length, MOST
        self.validators += [MostPrepared(MOST), *([LeastPrepared(min_length)] if min_length else [])]


class AddressField(serializers.EmailField):
    """An e-mail address, read into its one form."""

    def to_internal_value(self, data: Any) -> str:
        try:
            return one_form(super().to_internal_value(data))
        except ValidationError as error:
            raise serializers.ValidationError(error.messages, code="invalid") from error


class UserSerializer(serializers.ModelSerializer[User]):
    example = examples.USER

    role = serializers.ChoiceField(SiteRole.choices, source="site_role", help_text="The role on this site.")

    class Meta:
        model = User
        fields = ("id", "email", "name", "role")
        read_only_fields = fields


class SignedInSerializer(serializers.Serializer[Any]):
    example: ClassVar[Any] = examples.SIGNED_IN

    user = UserSerializer()
    access_token = serializers.CharField(help_text="For `Authorization: Bearer`; 15 minutes.")
    refresh_token = serializers.CharField(help_text="For POST /auth/refresh, once; 30 days.")


class RegisteredSerializer(SignedInSerializer):
    example = examples.REGISTERED

    api_key = serializers.CharField(help_text="For `X-API-Key`; shown this once.")


class TokensSerializer(serializers.Serializer[Any]):
    example = examples.TOKENS

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()


class RegistrationSerializer(StrictSerializer):
    email = AddressField(max_length=254)
    password = PasswordField(min_length=LEAST)
    name = serializers.CharField(max_length=150, allow_blank=True, default="")
    invitation = serializers.CharField(
        max_length=100, required=False, help_text="The token of an invitation: joins its workspace."
    )


class CredentialsSerializer(StrictSerializer):
    email = serializers.CharField(max_length=254)
    password = PasswordField()


class RefreshSerializer(StrictSerializer):
    request_example = examples.REFRESH

    refresh_token = serializers.CharField(max_length=2_000)


class SignOutSerializer(StrictSerializer):
    request_example = examples.SIGN_OUT

    everywhere = serializers.BooleanField(default=False, help_text="End all sign-ins, not only this one.")


class PasswordChangeSerializer(StrictSerializer):
    request_example = examples.PASSWORDS

    current_password = PasswordField()
    new_password = PasswordField(min_length=LEAST)


class ResetRequestSerializer(StrictSerializer):
    request_example = examples.RESET_REQUEST

    email = serializers.CharField(max_length=254)


class ResetAnswerSerializer(serializers.Serializer[Any]):
    example: ClassVar[Any] = examples.RESET_ANSWER

    message = serializers.CharField(help_text="The same whether or not somebody has the address.")


class ResetSerializer(StrictSerializer):
    request_example = examples.RESET

    token = serializers.CharField(max_length=200, help_text="That of the link in the e-mail.")
    new_password = PasswordField(min_length=LEAST)


class OwnWorkspaceSerializer(serializers.ModelSerializer[Workspace]):
    """`role` is the caller's there, after all caps."""

    example = examples.OWN_WORKSPACE

    role = serializers.ChoiceField(Role.choices, read_only=True)

    class Meta:
        model = Workspace
        fields = ("id", "name", "role", "is_personal", "created_at")
        read_only_fields = fields


class ProfileSerializer(StrictModelSerializer):
    """Oneself: what others see, the own zone, and the workspaces with the role in each."""

    example, request_example = examples.PROFILE, examples.PROFILE_CHANGE

    role = serializers.ChoiceField(SiteRole.choices, source="site_role", read_only=True)
    timezone = ZoneNameField(allow_null=True, help_text="null = that of the workspace.")
    default_workspace = serializers.UUIDField(source="default_workspace_id", allow_null=True)
    workspaces = OwnWorkspaceSerializer(many=True, read_only=True)

    class Meta:
        model = User
        fields = ("id", "email", "name", "role", "timezone", "default_workspace", "workspaces")
        read_only_fields = ("id", "email")


class ApiKeySerializer(StrictModelSerializer):
    """A key without its secret; `prefix` is how it begins."""

    example: ClassVar[Any] = examples.API_KEY

    role = serializers.ChoiceField(Role.choices, allow_null=True, default=None, help_text="Narrower than one's own.")
    expires_at = OffsetDateTimeField(allow_null=True, default=None, zone_field=None)
    workspace = serializers.UUIDField(source="workspace_id", read_only=True)

    class Meta:
        model = ApiKey
        fields = ("id", "name", "prefix", "workspace", "role", "expires_at", "last_used_at", "created_at")
        read_only_fields = ("id", "prefix", "last_used_at", "created_at")


class NewApiKeySerializer(ApiKeySerializer):
    example = examples.NEW_API_KEY

    api_key = serializers.CharField(read_only=True, help_text="The key itself; shown this once.")

    class Meta:
        model = ApiKey
        fields = (*ApiKeySerializer.Meta.fields, "api_key")
        read_only_fields = ApiKeySerializer.Meta.read_only_fields
