"""Signing in and out in a browser; DRF's pages look for these names."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import views
from mastablasta.core.api.limits import limited

app_name = "rest_framework"
urlpatterns = [
    path("login", limited(views.SignInPage.as_view()), name="login"),
    path("logout", LogoutView.as_view(next_page=views.API_ROOT), name="logout"),
    path("workspace", views.choose_workspace, name="workspace"),
]
