from __future__ import annotations

from django.urls import path

from integrations.api import platforms, views, withdrawals
from mastablasta.core.api.routers import ApiRouter

router = ApiRouter()
router.register("platforms", platforms.PlatformViewSet, basename="platform")
router.register("accounts", views.AccountViewSet)

urlpatterns = [
    *router.urls,
    path("oauth/<slug:platform>/authorize", views.Authorize.as_view()),
    path("oauth/<slug:platform>/callback", views.Callback.as_view()),
    path("oauth/<slug:platform>/deauthorize", withdrawals.Deauthorize.as_view()),
    path("oauth/<slug:platform>/data-deletion", withdrawals.DataDeletion.as_view()),
    path("oauth/<slug:platform>/data-deletion/<slug:code>", withdrawals.DataDeletionStatus.as_view()),
    path("oauth/<slug:platform>/confirm", views.Confirm.as_view(), name="oauth-confirm"),
]
