"""The addresses of the triage, below /admin/triage/."""

from __future__ import annotations

from django.urls import path

from posts.admin import acting, triage

app_name = "triage"
urlpatterns = [
    path("", triage.overview, name="overview"),
    path("group/", triage.group, name="group"),
    path("act/", acting.act, name="act"),
]
