"""Signing in and out in a browser; DRF's pages look for these names."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from accounts import pages

app_name = "rest_framework"
urlpatterns = [
    path("login", pages.SignInPage.as_view(), name="login"),
    path("logout", LogoutView.as_view(next_page=pages.API_ROOT), name="logout"),
    path("workspace", pages.choose_workspace, name="workspace"),
]
