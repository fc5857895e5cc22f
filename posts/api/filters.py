"""Filters and order of GET /posts and of the search."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from integrations.registry import PLATFORM_SLUGS
from mastablasta.core.api.filters import (
    Parameter,
    ParameterSet,
    SpanFilterSet,
    SpanForm,
    a_flag,
    an_id,
    choice,
    edge,
    one_of,
    ordering_by,
    plain_text,
    refusal,
    zone_of_edges,
)
from mastablasta.core.api.problems import fault
from mastablasta.core.errors import Invalid
from posts.models import Attempt, Post, PostType
from posts.search.matching import MOST_RANKED, matching
from posts.search.queries import Query, Unreadable, parse
from posts.states import AttemptKind, AttemptOutcome, PostStatus

ORDER_COLUMNS = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "scheduled_time": "scheduled_at",
    "published_at": "published_at",
}
NEWEST, RELEVANCE = "newest", "relevance"


def a_query(text: str) -> Query:
    try:
        return parse(plain_text(text))
    except Unreadable as error:
        raise refusal(error.code, error.sentence, **error.params) from error


class SearchParameter(Parameter):
    """Posts of the caller's workspace that a query finds."""

    def __init__(self) -> None:
        says = (
            "Words that have to be in its texts or tags, whatever their case and accents. Also "
            '"words in a row", -without, this or that, and beginning* (3 letters or more).'
        )
        super().__init__(lambda posts, _: posts, check=a_query, says=says)

    def filter(self, qs: Any, value: Any) -> Any:
        return qs if value is None else matching(qs, value, workspace=self.parent.request.auth.workspace.pk)


class PostSpans(SpanForm):
    spans = ("scheduled", "created", "published")


class PostFilter(SpanFilterSet):
    status = choice("status", PostStatus.values)
    platform = Parameter(
        lambda posts, slugs: posts.for_platforms(slugs),
        check=one_of(PLATFORM_SLUGS),
        is_list=True,
        schema={"enum": list(PLATFORM_SLUGS)},
    )
    account = Parameter(
        lambda posts, ids: posts.for_accounts(ids), check=an_id, is_list=True, schema={"format": "uuid"}
    )
    post_type = choice("post_type", PostType.values)
    author = Parameter(
        lambda posts, ids: posts.filter(author__in=ids), check=an_id, is_list=True, schema={"format": "uuid"}
    )
    tag = Parameter(lambda posts, names: posts.tagged(names), is_list=True)
    external_id = Parameter(lambda posts, ids: posts.filter(external_id__in=ids), is_list=True)
    scheduled_from = edge("scheduled_at", "from")
    scheduled_to = edge("scheduled_at", "to")
    created_from = edge("created_at", "from")
    created_to = edge("created_at", "to")
    published_from = edge("published_at", "from")
    published_to = edge("published_at", "to")
    timezone = zone_of_edges()
    has_media = Parameter(
        lambda posts, flag: posts.with_media(flag == "true"),
        check=a_flag,
        schema={"enum": ["true", "false"]},
        says="Whether any part of it has a file, for any account.",
    )
    q = SearchParameter()
    ordering = ordering_by(ORDER_COLUMNS, usual="newest first")

    class Meta:
        model = Post
        form = PostSpans
        fields: list[str] = []


class SearchSpans(SpanForm):
    spans = ("date",)


class SearchFilter(PostFilter):
    """Filters of GET /search/posts: those of lists, with one span, in which a post was made."""

    scheduled_from = scheduled_to = created_from = created_to = published_from = published_to = None  # type: ignore[assignment]  # how django-filter takes out what a base has
    date_from = edge("created_at", "from")
    date_to = edge("created_at", "to")
    ordering = Parameter(
        lambda posts, _: posts,  # the view ranks
        check=one_of((NEWEST, RELEVANCE)),
        schema={"enum": [NEWEST, RELEVANCE]},
        says=f"Left out: newest first. relevance: the best of the newest {MOST_RANKED:,} that are found come first.",
    )

    class Meta:
        model = Post
        form = SearchSpans
        fields: list[str] = []


class AttemptFilter(ParameterSet):
    kind = choice("kind", AttemptKind.values)
    outcome = choice("outcome", AttemptOutcome.values)
    account = Parameter(
        lambda attempts, ids: attempts.filter(delivery__account__in=ids),
        check=an_id,
        is_list=True,
        schema={"format": "uuid"},
    )
    ordering = ordering_by({"started_at": "started_at"}, usual="oldest first")

    class Meta:
        model = Attempt
        fields: list[str] = []


EXPAND_PARAMETER = OpenApiParameter(
    "expand", str, enum=["media"], description="media: the files of posts as GET /media shows them, not only their ids."
)


def expands_media(request: Request) -> bool:
    """Whether `expand=media` is asked for. Raises ValidationError for anything else."""
    text = request.query_params.get("expand")
    if text not in {None, "", "media"}:
        sentence = f"{str(text)[:50]!r} cannot be expanded; valid: media."
        raise ValidationError({"expand": [fault("invalid_choice", sentence, valid=["media"])]})
    return text == "media"


def is_asked(request: Request, name: str) -> bool:
    """A query parameter that is true or false. Raises Invalid for anything else."""
    value = request.query_params.get(name, "false")
    if value not in {"true", "false"}:
        raise Invalid.field(name, "invalid", f"{name} is true or false, not {value[:20]!r}.")
    return value == "true"
