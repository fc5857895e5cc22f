"""The addresses of the calendar, below /admin/calendar/."""

from __future__ import annotations

from django.urls import path

from posts.admin import calendar_pages

app_name = "calendar"
urlpatterns = [
    path("", calendar_pages.overview, name="month"),
    path("week/", calendar_pages.overview, {"kind": "week"}, name="week"),
    path("list/", calendar_pages.overview, {"kind": "list"}, name="list"),
    path("<uuid:post_id>/move/", calendar_pages.move, name="move"),
]
