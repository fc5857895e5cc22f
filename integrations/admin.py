"""Connected accounts and what stands behind them, to look at; never a token."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations.models import Credential, GlobalPause, OAuthState, PlatformHost, RateBudget, SocialAccount
from integrations.services.forecast import ENDS_SOON, forecast_of
from mastablasta.core.admin_base import ReadOnlyPage, badge


@admin.register(PlatformHost)
class PlatformHostPage(ReadOnlyPage):
    title = _("Platforms")
    empty = _("No platform is in use yet: connect an account, and its platform is listed here.")
    hidden = ("client_secret_enc",)
    list_display = ("host", "platform", "base_url", "info_at", "paused_at", "paused_reason", "circuit_opened_at")
    list_filter = (
        "platform",
        ("paused_at", admin.EmptyFieldListFilter),
        ("circuit_opened_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("host", "base_url")
    date_hierarchy = "created_at"


@admin.register(GlobalPause)
class GlobalPausePage(ReadOnlyPage):
    """Begun and ended in the triage."""

    empty = _("Nothing is paused. To publish nothing anywhere, use “Pause everything” in the triage.")
    list_display = ("reason", "paused_at", "paused_by")
    search_fields = ("reason",)
    list_select_related = ("paused_by",)


@admin.register(Credential)
class CredentialPage(ReadOnlyPage):
    empty = _("Nobody signed in at a platform yet: connect an account.")
    workspace_path = "workspace"
    hidden = ("access_enc", "refresh_enc", "refresh_lease")
    list_display = ("subject", "platform_host", "workspace", "state", "expires_at", "refreshed_at", "error")
    list_filter = ("state", "platform_host__platform")
    search_fields = ("subject", "workspace__name", "platform_host__host")
    date_hierarchy = "created_at"
    list_select_related = ("platform_host", "workspace")


class SignInFilter(admin.SimpleListFilter):
    """By whether somebody has to sign in again soon."""

    title = _("sign-in")
    parameter_name = "sign_in"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("ending", gettext("ends within %(days)s days") % {"days": ENDS_SOON.days})]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        is_asked = self.value() == "ending"
        return rows.filter(sign_in_ends_at__lt=timezone.now() + ENDS_SOON) if is_asked else rows


@admin.register(SocialAccount)
class SocialAccountPage(ReadOnlyPage):
    """Connected, paused and disconnected in the API, where the platform is told."""

    title = _("Connected accounts")
    empty = _("No account is connected yet: connect one, and posts have somewhere to go.")
    workspace_path = "workspace"
    hidden = ("target_token_enc", "facts")  # facts: as the platform gave them; what is in there is not ours to show
    list_display = (
        "handle", "platform", "workspace", "state_badge", "state_reason", "sign_in_ends", "is_default", "checked_at",
    )  # fmt: skip
    list_filter = ("platform", "state", SignInFilter, "kind", "is_default")
    search_fields = ("handle", "display_name", "remote_id", "workspace__name")
    date_hierarchy = "connected_at"
    list_select_related = ("workspace",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SocialAccount]:
        rows: Any = super().get_queryset(request)
        return rows.with_forecast()  # type: ignore[no-any-return]

    @admin.display(description=_("Sign-in ends"), ordering="sign_in_ends_at")
    def sign_in_ends(self, account: SocialAccount) -> Any:
        forecast = forecast_of(account)
        return forecast and forecast.ends_at

    @admin.display(description=_("State"), ordering="state")
    def state_badge(self, account: SocialAccount) -> SafeString:
        return badge(account.state, account.get_state_display())


@admin.register(OAuthState)
class OAuthStatePage(ReadOnlyPage):
    """Sign-ins under way."""

    title = _("Sign-ins at platforms")
    empty = _("Nobody is signing in at a platform just now: connecting an account begins here and ends there.")
    hidden = ("sha256", "verifier_enc", "held_enc", "confirm_sha256")
    list_display = ("user", "workspace", "platform_host", "created_at", "expires_at", "used_at")
    list_filter = ("platform_host__platform", ("used_at", admin.EmptyFieldListFilter))
    search_fields = ("user__email", "workspace__name", "platform_host__host")
    date_hierarchy = "created_at"
    list_select_related = ("user", "workspace", "platform_host")


@admin.register(RateBudget)
class RateBudgetPage(ReadOnlyPage):
    """What our apps have left at the platforms."""

    list_display = ("key", "limit", "remaining", "resets_at")
    search_fields = ("key",)
