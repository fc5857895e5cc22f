"""By what people look for posts in Django admin, beside what is in their own columns."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from integrations import registry
from mastablasta.core.admin_lists import MOST_CHOICES, SeenValuesFilter
from mastablasta.core.lookups import has_any
from posts.models import Delivery


class PlatformFilter(admin.SimpleListFilter):
    """By a platform that the post goes to, or is to go to once it has an account there."""

    title = _("platform")
    parameter_name = "platform"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return registry.choices()

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        slug = self.value()
        return rows if slug is None else self.among(rows, slug)

    def among(self, rows: Any, slug: str) -> QuerySet[Any]:
        return rows.for_platforms([slug])  # type: ignore[no-any-return]


class AttemptPlatformFilter(PlatformFilter):
    """By the platform of the delivery that was tried."""

    def among(self, rows: Any, slug: str) -> QuerySet[Any]:
        return rows.filter(has_any(Delivery.objects.filter(pk=OuterRef("delivery"), platform=slug)))  # type: ignore[no-any-return]


class AuthorFilter(SeenValuesFilter):
    """By who wrote it, of those whose posts the list looks through; others are found by searching for their address."""

    def offered(self, rows: QuerySet[Any]) -> list[tuple[Any, str]]:
        authors = rows.exclude(author=None).order_by("author__email").values_list("author", "author__email")
        return list(authors.distinct()[:MOST_CHOICES])
