from __future__ import annotations

from django.urls import path

from integrations.api import platforms, views

urlpatterns = [
    path("platforms", platforms.Platforms.as_view()),
    path("accounts", views.AccountList.as_view()),
    path("accounts/<uuid:id>", views.AccountDetail.as_view()),
    path("accounts/<uuid:id>/refresh", views.AccountRefresh.as_view()),
    path("accounts/<uuid:id>/test", views.AccountTest.as_view()),
    path("accounts/<uuid:id>/activate", views.AccountActivate.as_view()),
    path("oauth/<slug:platform>/authorize", views.Authorize.as_view()),
    path("oauth/<slug:platform>/callback", views.Callback.as_view()),
    path("oauth/<slug:platform>/confirm", views.Confirm.as_view(), name="oauth-confirm"),
]
