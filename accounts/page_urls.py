"""Pages for people that links in e-mails lead to."""

from __future__ import annotations

from django.urls import path

from accounts import page_views

urlpatterns = [
    path("invitation", page_views.invitation, name="invitation"),
    path("password-reset", page_views.password_reset, name="password-reset"),
    path("password-reset/confirm", page_views.password_reset_confirm, name="password-reset-confirm"),
]
