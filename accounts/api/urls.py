from __future__ import annotations

from django.urls import URLPattern, path

from accounts.api import endpoints

urlpatterns: list[URLPattern] = [
    path("auth/register", endpoints.Register.as_view()),
    path("auth/login", endpoints.SignIn.as_view()),
    path("auth/refresh", endpoints.Refresh.as_view()),
    path("auth/logout", endpoints.SignOut.as_view()),
    path("auth/password", endpoints.Password.as_view()),
    path("auth/me", endpoints.Me.as_view()),
    path("auth/api-keys", endpoints.ApiKeys.as_view()),
    path("auth/api-keys/<uuid:id>", endpoints.ApiKeyDetail.as_view()),
    path("workspaces", endpoints.Workspaces.as_view()),
]
