"""Searching posts."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.base import WorkspaceScopedViewSet
from mastablasta.core.api.first_pages import ListOf
from mastablasta.core.api.problems import fault
from mastablasta.core.api.serializers import StrictSerializer
from posts.api.answers import PostSerializer
from posts.api.filters import RELEVANCE, SearchFilter, is_asked
from posts.api.found_pages import FILTERS, pages_of
from posts.api.presenting import POST_COLUMNS, present_posts
from posts.models import Post
from posts.search.highlights import highlights, texts_of
from posts.search.matching import best_first
from posts.search.queries import Query, parse


class HighlightSerializer(StrictSerializer):
    """A passage of a post that shows what was found."""

    field = serializers.CharField(help_text="As `content`, `thread.1`, `overrides.mastodon.content`, `tags.0`.")
    text = serializers.CharField()
    marks = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        help_text="Beginning and end of what was found in `text`, in characters (code points).",
    )


class FoundPostSerializer(PostSerializer):
    """A post that was found."""

    highlights = HighlightSerializer(many=True, required=False, help_text="With `highlight=true`.")


class PostSearchViewSet(WorkspaceScopedViewSet):
    """Posts by what they say."""

    queryset = Post.objects.all()
    rows_name = "posts"
    serializer_class = FoundPostSerializer
    filterset_class = SearchFilter
    always_shown = frozenset({"highlights"})
    query_parameters: ClassVar[Any] = {
        "list": [
            OpenApiParameter("highlight", bool, description="Whether to show the passages that were found."),
        ]
    }

    def narrow(self, rows: Any) -> Any:
        return rows.kept().order_by("-created_at", "-id").values_list(*POST_COLUMNS, named=True)

    @extend_schema(summary="Search posts by their texts and tags, newest first")
    def list(self, request: Request) -> Response:
        is_highlighted = is_asked(request, "highlight")
        found: Any = self._newest(request)
        if found is None:
            rows = self.filter_queryset(self.get_queryset())  # which refuses what cannot be read
            found = self._in_order(rows, parse(request.query_params.get("q", "")))
        page = self.paginate_queryset(found) or []
        shown = present_posts(page)
        if is_highlighted:
            query = parse(request.query_params.get("q", ""))
            shown = [{**post, "highlights": highlights(texts_of(post), query)} for post in shown]
        return self.get_paginated_response(shown)

    def _newest(self, request: Request) -> ListOf | None:
        """What a query finds alone or beside the usual filters, by statements that are made once; None = otherwise."""
        given = SearchFilter.read_of(request.query_params)
        if not {"q"} <= given <= {"q", "timezone", *FILTERS}:
            return None
        read = SearchFilter.read(request)
        if read is None or (query := read.pop("q")) is None:
            return None
        is_counted = "cursor" not in request.query_params
        return pages_of(query, workspace=self.workspace.pk, is_counted=is_counted, filters=read)

    def _in_order(self, posts: Any, query: Query) -> Any:
        if self.request.query_params.get("ordering") != RELEVANCE:
            return posts
        if "cursor" in self.request.query_params:
            sentence = "What is ranked has no cursor; send offset, or leave out ordering=relevance."
            raise ValidationError({"cursor": [fault("not_with_ordering", sentence)]})
        return best_first(posts, query)
