"""Filters over connected accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db.models import Case, Count, DateTimeField, F, IntegerField, OuterRef, Q, Subquery, When
from django.db.models.functions import Coalesce

from accounts.querysets import WorkspaceScopedQuerySet
from integrations.states import AccountState, CredentialState

if TYPE_CHECKING:
    from integrations.models import SocialAccount  # noqa: F401  named below, as text


# States of a delivery; posts/tests/test_reconnecting.py holds them to posts/states.py, which lies above this app.
PROMISED = ("queued", "blocked", "held")

_IS_LIVE = Q(credential__state=CredentialState.LIVE)
_IS_RENEWED = ~Q(credential__refresh_enc=None) & ~Q(credential__refresh_enc="")
_ENDS_FOR_GOOD = Q(credential__refresh_expires_at__isnull=False)
_OUTLIVES_TOKEN = Q(credential__expires_at=None) | Q(credential__refresh_expires_at__gt=F("credential__expires_at"))
_SIGN_IN_ENDS_AT = Case(
    When(_IS_LIVE & _IS_RENEWED & _ENDS_FOR_GOOD & _OUTLIVES_TOKEN, then=F("credential__refresh_expires_at")),
    When(_IS_LIVE & (~_IS_RENEWED | _ENDS_FOR_GOOD), then=F("credential__expires_at")),
    default=None,
    output_field=DateTimeField(),
)


class SocialAccountQuerySet(WorkspaceScopedQuerySet["SocialAccount"]):
    def connected(self) -> Self:
        return self.exclude(state=AccountState.DISCONNECTED)

    def without_tokens(self) -> Self:
        """With grant and host joined, all secrets left in the database: for all that only shows accounts."""
        grant = ("credential__access_enc", "credential__refresh_enc")
        host = ("platform_host__client_secret_enc", "platform_host__info")
        return self.select_related("credential", "platform_host").defer("target_token_enc", *grant, *host)

    def with_forecast(self) -> Self:
        """With `sign_in_ends_at`, when somebody has to connect the account again at the latest (None = never that is
        known, or now), and `posts_after_it`, how many posts are scheduled for later than that (None = it has no end).
        """
        deliveries: Any = self.model._meta.get_field("deliveries").related_model._default_manager
        later = deliveries.filter(
            account=OuterRef("pk"), due_at__gte=OuterRef("sign_in_ends_at"), state__in=PROMISED
        ).of_kept_posts()
        count = later.order_by().values("account").annotate(count=Count("pk")).values("count")
        has_end = When(sign_in_ends_at__isnull=False, then=Coalesce(Subquery(count), 0))
        return self.annotate(sign_in_ends_at=_SIGN_IN_ENDS_AT).annotate(
            posts_after_it=Case(has_end, default=None, output_field=IntegerField())
        )

    def default_for(self, platform: str) -> Self:
        return self.connected().filter(platform=platform, is_default=True)
