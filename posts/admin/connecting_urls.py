"""The addresses where accounts are connected, below /admin/connect/."""

from __future__ import annotations

from django.urls import path

from posts.admin import connecting

app_name = "connecting"
urlpatterns = [
    path("", connecting.overview, name="overview"),
    path("<slug:slug>/", connecting.platform, name="platform"),
]
