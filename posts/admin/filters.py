"""By what people look for posts in Django admin, beside what is in their own columns."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from integrations import registry
from mastablasta.core.admin_base import MOST_CHOICES
from posts.models import Delivery, Post


class PlatformFilter(admin.SimpleListFilter):
    """By a platform that the post goes to, or is to go to once it has an account there."""

    title = _("platform")
    parameter_name = "platform"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(slug, entry.label) for slug, entry in registry.PLATFORMS.items()]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        slug = self.value()
        if slug is None:
            return rows
        goes_there = Exists(Delivery.objects.filter(post=OuterRef("pk"), platform=slug))
        return rows.filter(goes_there | Q(wanted_platforms__icontains=f'"{slug}"'))


class AuthorFilter(admin.SimpleListFilter):
    """By who wrote it, of those whose posts one sees; others are found by searching for their e-mail address."""

    title = _("author")
    parameter_name = "author"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        seen: QuerySet[Post] = model_admin.get_queryset(request)
        authors = User.objects.filter(Exists(seen.filter(author=OuterRef("pk")))).order_by("email")
        return [(str(key), email) for key, email in authors.values_list("pk", "email")[:MOST_CHOICES]]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return rows
        is_known = self.value() in dict(self.lookup_choices)
        return rows.filter(author=self.value()) if is_known else rows.none()
