"""Connected accounts as the API shows them; never a token."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from integrations.api.examples import ACCOUNT
from integrations.models import SocialAccount
from integrations.registry import PLATFORMS
from integrations.services.forecast import forecast_of
from integrations.services.operator_apps import BY_PASSWORD
from integrations.services.scopes import missing_scopes_of
from integrations.states import AccountState
from mastablasta.core.api.fields import OffsetDateTimeField
from mastablasta.core.api.serializers import StrictModelSerializer, StrictSerializer


class MissingScopeSerializer(StrictSerializer):
    scope = serializers.CharField(help_text="By the platform's name.")
    cost = serializers.CharField(help_text="What cannot be done without it, for people.")


class ForecastSerializer(StrictSerializer):
    ends_at = OffsetDateTimeField(help_text="When the sign-in ends.")
    posts = serializers.IntegerField(help_text="Posts that are scheduled for later than that.")
    message = serializers.CharField(help_text="For people, with the remedy.")


class AccountSerializer(StrictModelSerializer):
    """A connected account."""  # rows come with `credential`, its tokens left in the database

    example: ClassVar[Any] = ACCOUNT

    platform = serializers.CharField(read_only=True)  # there will be more of them
    name = serializers.CharField(source="display_name", read_only=True)
    status = serializers.ChoiceField(AccountState.choices, source="state", read_only=True)
    scopes = serializers.ListField(
        child=serializers.CharField(), source="credential.scopes", default=list, read_only=True
    )
    token_expires_at = OffsetDateTimeField(
        source="credential.expires_at", default=None, read_only=True, allow_null=True
    )
    checked_at = OffsetDateTimeField(read_only=True, allow_null=True)
    error = serializers.SerializerMethodField(help_text="Why it cannot be used, for people; null = it can.")

    missing_scopes = serializers.SerializerMethodField(
        help_text="What the person did not grant, and what that costs; connecting it again can add it."
    )
    forecast = serializers.SerializerMethodField(
        help_text="When its sign-in ends, and how many scheduled posts that meets; null = no end is known."
    )

    class Meta:
        model = SocialAccount
        fields = (
            "id",
            "platform",
            "handle",
            "name",
            "avatar_url",
            "kind",
            "status",
            "is_default",
            "scopes",
            "token_expires_at",
            "checked_at",
            "error",
            "missing_scopes",
            "forecast",
        )
        read_only_fields = fields

    def get_error(self, account: SocialAccount) -> str | None:
        return account.state_reason or None

    @extend_schema_field(MissingScopeSerializer(many=True))
    def get_missing_scopes(self, account: SocialAccount) -> list[dict[str, Any]]:
        return [dict(MissingScopeSerializer(missing).data) for missing in missing_scopes_of(account)]

    @extend_schema_field(ForecastSerializer(allow_null=True))
    def get_forecast(self, account: SocialAccount) -> dict[str, Any] | None:
        forecast = forecast_of(account)
        return None if forecast is None else dict(ForecastSerializer(forecast).data)


class AccountChangeSerializer(AccountSerializer):
    """What may be changed; the rest of what GET gave may come with it and is ignored."""

    is_default = serializers.BooleanField(help_text="Whether `platforms` in a post means this account.")
    status = serializers.ChoiceField(
        [(state.value, state.label) for state in (AccountState.ACTIVE, AccountState.PAUSED)],
        help_text="`paused`: what is due waits. `active`: it goes on.",
    )


class AccountSignInSerializer(StrictSerializer):
    """A connection without a redirect."""

    platform = serializers.ChoiceField([(slug, PLATFORMS[slug].label) for slug in BY_PASSWORD])
    handle = serializers.CharField(max_length=253, help_text="The account's, with or without @.")
    app_password = serializers.CharField(
        max_length=200,
        help_text="Made for this in the platform's settings; never the account's own. It is not kept; a token given as "
        "one is, encrypted.",
    )
    service = serializers.CharField(
        max_length=300,
        required=False,
        help_text="Where the account signs in; left out: the platform's own server, where it has one for everybody.",
    )


class AccountWarningSerializer(StrictSerializer):
    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="For people, with the remedy.")


class DisconnectedSerializer(StrictSerializer):
    account = AccountSerializer()
    warnings = AccountWarningSerializer(many=True)


class StartedSerializer(StrictSerializer):
    url = serializers.URLField(help_text="Where the person's browser has to go.")
    state = serializers.CharField()
    expires_at = OffsetDateTimeField()


class ConnectedSerializer(StrictSerializer):
    success = serializers.BooleanField()
    account_id = serializers.UUIDField(help_text="The first of `accounts`.")
    accounts = AccountSerializer(many=True)


class ConfirmSerializer(StrictSerializer):
    token = serializers.CharField(max_length=200)
