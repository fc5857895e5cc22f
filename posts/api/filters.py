"""Filters, order and choice of fields of GET /posts. `has_media` comes with the media library: no post has any yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import django_filters
from django import forms
from django.db.models import F
from drf_spectacular.drainage import set_override
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from integrations.registry import PLATFORM_SLUGS
from mastablasta.core.api.fields import zone_names
from mastablasta.core.api.problems import Code, fault
from posts.api.serializers import PostSerializer
from posts.api.windows import Edge, read_edge
from posts.models import Post, PostType
from posts.states import PostStatus

SHORTEST_WORD, LONGEST_QUERY, MOST_WORDS, MOST_VALUES = 2, 200, 10, 100
SPANS = {"scheduled": "scheduled_at", "created": "created_at", "published": "published_at"}
ORDER_COLUMNS = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "scheduled_time": "scheduled_at",
    "published_at": "published_at",
}
ORDERINGS = tuple(sign + name for name in ORDER_COLUMNS for sign in ("", "-"))
FIELDS = tuple(PostSerializer().fields)


def refusal(code: str, sentence: str, **params: Any) -> forms.ValidationError:
    """A fault of a query parameter that keeps its params on the way through Django's forms."""
    return forms.ValidationError(sentence.replace("%", "%%"), code=Code(code, params) if params else code)


# --- how each value is read ---
def one_of(valid: Sequence[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in valid:
            raise refusal("invalid_choice", f"{text[:50]!r} is not one of: {', '.join(valid)}.", valid=list(valid))
        return text

    return check


def an_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise refusal("invalid", f"{text[:50]!r} is no id; ids are UUIDs.") from error


def plain_text(text: str) -> str:
    if "\x00" in text:
        raise refusal("nul_character", "NUL characters are in no post.")
    return text


def a_zone(text: str) -> str:
    if text not in zone_names():
        raise refusal("unknown_zone", f"{text[:64]!r} is no IANA time zone; write for example Europe/Berlin.")
    return text


def words(text: str) -> list[str]:
    found = plain_text(text).split()
    if len(text) > LONGEST_QUERY:
        raise refusal("max_length", f"At most {LONGEST_QUERY} characters.", limit=LONGEST_QUERY, actual=len(text))
    if len(found) > MOST_WORDS:
        raise refusal("max_length", f"At most {MOST_WORDS} words.", limit=MOST_WORDS, actual=len(found))
    for word in found:
        if len(word) < SHORTEST_WORD:
            sentence = f"{word!r} is too short; a word has at least {SHORTEST_WORD} characters."
            raise refusal("min_length", sentence, limit=SHORTEST_WORD, actual=len(word))
    return found


class ParameterField(forms.Field):
    """A parameter given once or, as `is_list`, any number of times; "" counts as left out."""

    widget = forms.MultipleHiddenInput

    def __init__(self, *, check: Callable[[str], Any], is_list: bool, **kwargs: Any) -> None:
        self.check, self.is_list = check, is_list
        super().__init__(**kwargs)

    def clean(self, value: Any) -> Any:
        texts = [text for text in value or [] if text]
        most = MOST_VALUES if self.is_list else 1
        if len(texts) > most:
            raise refusal("max_length", f"At most {most} at once.", limit=most, actual=len(texts))
        read = [self.check(text) for text in texts]
        return read if self.is_list else next(iter(read), None)


class Parameter(django_filters.Filter):
    """Narrows the posts by `apply(posts, value)`; `schema` is the type of one value in the API's description."""

    field_class = ParameterField

    def __init__(
        self,
        apply: Callable[[Any, Any], Any],
        *,
        check: Callable[[str], Any] = plain_text,
        is_list: bool = False,
        schema: dict[str, Any] | None = None,
        says: str = "Repeat it for several.",
    ) -> None:
        super().__init__(check=check, is_list=is_list)
        self.apply = apply
        one = {"type": "string", **(schema or {})}
        set_override(self, "field", {**({"type": "array", "items": one} if is_list else one), "description": says})

    def filter(self, qs: Any, value: Any) -> Any:
        return self.apply(qs, value) if value else qs


def _choice(column: str, valid: Sequence[str]) -> Parameter:
    return Parameter(
        lambda posts, value: posts.filter(**{f"{column}__in": value}),
        check=one_of(valid),
        is_list=True,
        schema={"enum": list(valid)},
    )


def _edge(span: str, side: str) -> Parameter:
    """The form has made an Edge of the value."""
    lookup = f"{SPANS[span]}__{'gte' if side == 'from' else 'lt'}"
    return Parameter(
        lambda posts, edge: posts.filter(**{lookup: edge.at}) if isinstance(edge, Edge) else posts,
        says=f"{'From' if side == 'from' else 'Up to and with'} this time, or this day with `timezone` beside it.",
    )


def _ordered(posts: Any, ordering: str) -> Any:
    """What has no such time comes last, either way."""
    column, sign = ORDER_COLUMNS[ordering.removeprefix("-")], "-" if ordering.startswith("-") else ""
    if not Post._meta.get_field(column).null:
        return posts.order_by(f"{sign}{column}", f"{sign}id")
    order = F(column).desc(nulls_last=True) if sign else F(column).asc(nulls_last=True)
    return posts.order_by(order, f"{sign}id")


class SpanForm(forms.Form):
    """Reads the ends of spans, with the zone beside them."""

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = self.cleaned_data
        for span in SPANS:
            begin, end = f"{span}_from", f"{span}_to"
            for name in (begin, end):
                self._read(name, values, is_end=name == end)
            if values.get(begin) and values.get(end) and values[end].at <= values[begin].at:
                self.add_error(end, refusal("before_from", f"This lies before {begin}; swap the two."))
        return values

    def _read(self, name: str, values: dict[str, Any], *, is_end: bool) -> None:
        text = values.get(name)
        if not text:
            return
        try:
            values[name] = read_edge(text, is_end=is_end, zone=values.get("timezone") or "")
        except ValidationError as error:
            detail: Any = error.detail
            self.add_error(name, refusal(str(detail[0].code), str(detail[0])))


class PostFilter(django_filters.FilterSet):
    status = _choice("status", PostStatus.values)
    platform = Parameter(
        lambda posts, slugs: posts.for_platforms(slugs),
        check=one_of(PLATFORM_SLUGS),
        is_list=True,
        schema={"enum": list(PLATFORM_SLUGS)},
    )
    account = Parameter(
        lambda posts, ids: posts.for_accounts(ids), check=an_id, is_list=True, schema={"format": "uuid"}
    )
    post_type = _choice("post_type", PostType.values)
    author = Parameter(
        lambda posts, ids: posts.filter(author__in=ids), check=an_id, is_list=True, schema={"format": "uuid"}
    )
    tag = Parameter(lambda posts, names: posts.tagged(names), is_list=True)
    scheduled_from = _edge("scheduled", "from")
    scheduled_to = _edge("scheduled", "to")
    created_from = _edge("created", "from")
    created_to = _edge("created", "to")
    published_from = _edge("published", "from")
    published_to = _edge("published", "to")
    timezone = Parameter(
        lambda posts, _: posts, check=a_zone, says="IANA name, for days and for times without an offset."
    )
    q = Parameter(
        lambda posts, found: posts.with_words(found),
        check=words,
        says="Words that the content holds, all of them, whatever their case; each of 2 characters or more.",
    )
    ordering = Parameter(
        _ordered,
        check=one_of(ORDERINGS),
        schema={"enum": list(ORDERINGS)},
        says="Left out: newest first. What has no such time comes last.",
    )

    class Meta:
        model = Post
        form = SpanForm
        fields: list[str] = []


FIELDS_PARAMETER = OpenApiParameter(
    "fields", str, description=f"Only these, separated by commas, of: {', '.join(FIELDS)}."
)


def chosen_fields(request: Request) -> list[str] | None:
    """The fields that `fields=` names, each once; None = all. Raises ValidationError."""
    text = request.query_params.get("fields")
    if text is None:
        return None
    names = [name.strip() for name in text.split(",")]
    unknown = [name[:50] for name in names if name not in FIELDS]
    if unknown:
        sentence = f"There is no field {unknown[0]!r}; valid ones: {', '.join(FIELDS)}."
        raise ValidationError({"fields": [fault("unknown_field", sentence, valid=list(FIELDS))]})
    return list(dict.fromkeys(names))


def with_fields(shown: list[dict[str, Any]], names: list[str] | None) -> list[dict[str, Any]]:
    """The rows with these fields only."""
    return shown if names is None else [{name: row[name] for name in names} for row in shown]
