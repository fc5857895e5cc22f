"""Figures on pages of other apps."""

from __future__ import annotations

from typing import Any

from django import template

from analytics.admin_pages import figures_of
from posts.models import Post

register = template.Library()


@register.inclusion_tag("admin/analytics/charts.html")
def charts_of_post(post: Post) -> dict[str, Any]:
    """The charts of a post, by account; nothing where nothing was collected."""
    return {"accounts": figures_of(post)}
