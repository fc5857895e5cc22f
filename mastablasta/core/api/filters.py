"""Filters of lists that refuse by name what they cannot read: words, choices, ids, and spans of time.

A list's filters are a ParameterSet of Parameters, or a SpanFilterSet with a SpanForm when it has spans (`created_from`,
`created_to`):

    class MediaFilter(SpanFilterSet):
        status = choice("status", AssetStatus.values)
        created_from, created_to = edge("created_at", "from"), edge("created_at", "to")
        timezone = zone_of_edges()
        q = Parameter(lambda assets, found: assets.with_words(found), check=words)

        class Meta:
            model, form, fields = Asset, Spans, []  # a SpanForm with spans = ("created",)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, Self
from uuid import UUID

import django_filters
import regex
from django import forms
from django.db.models import F
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.drainage import set_override
from rest_framework.exceptions import ValidationError

from mastablasta.core.api.date_ranges import Edge, is_day, read_edge
from mastablasta.core.api.problems import Code
from mastablasta.core.zones import zone_names

_WORD_BY_ITSELF = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
SHORTEST_WORD, LONGEST_QUERY, MOST_WORDS, MOST_VALUES = 2, 200, 10, 100


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
        raise refusal("invalid", f"{text[:50]!r} is not a valid id; ids are UUIDs.") from error


def plain_text(text: str) -> str:
    if "\x00" in text:
        raise refusal("nul_character", "NUL characters are in no text.")
    return text


def a_flag(text: str) -> str:
    return one_of(("true", "false"))(text)


def a_zone(text: str) -> str:
    if text not in zone_names():
        raise refusal("unknown_zone", f"{text[:64]!r} is not an IANA time zone; write for example Europe/Berlin.")
    return text


def words(text: str) -> list[str]:
    found = plain_text(text).split()
    if len(text) > LONGEST_QUERY:
        raise refusal("max_length", f"At most {LONGEST_QUERY} characters.", limit=LONGEST_QUERY, actual=len(text))
    if len(found) > MOST_WORDS:
        raise refusal("max_length", f"At most {MOST_WORDS} words.", limit=MOST_WORDS, actual=len(found))
    for word in found:
        if len(word) < SHORTEST_WORD and not _WORD_BY_ITSELF.match(word):
            sentence = f"{word!r} is too short; a word has at least {SHORTEST_WORD} letters, or one character of CJK."
            raise refusal("min_length", sentence, limit=SHORTEST_WORD, actual=len(word))
    return found


class ParameterInput(forms.TextInput):
    """A line of text; every value that came is read, so that one too many is refused and not dropped."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.getlist(name) if hasattr(data, "getlist") else data.get(name)

    def format_value(self, value: Any) -> Any:
        return next(iter(value or ()), None)


class ParameterSelect(forms.SelectMultiple):
    """A list of choices; every value that came is read, also where one at most is taken."""

    def __init__(self, *, is_list: bool, **options: Any) -> None:
        super().__init__(**options)
        self.allow_multiple_selected = is_list


class ParameterField(forms.Field):
    """A parameter given once or, as `is_list`, any number of times; "" counts as left out.

    `offered`: what the browsable API lets people choose from; what counts is `check`.
    """

    def __init__(
        self, *, check: Callable[[str], Any], is_list: bool, offered: Sequence[str] = (), **kwargs: Any
    ) -> None:
        self.check, self.is_list = check, is_list
        options = [*([] if is_list else [("", "")]), *((one, one) for one in offered)]
        widget = ParameterSelect(is_list=is_list, choices=options) if offered else ParameterInput()
        super().__init__(widget=widget, **{**kwargs, "label": None})  # a form calls it by the parameter's name

    def clean(self, value: Any) -> Any:
        texts = [text for text in value or [] if text]
        most = MOST_VALUES if self.is_list else 1
        if len(texts) > most:
            raise refusal("max_length", f"At most {most} at once.", limit=most, actual=len(texts))
        read = [self.check(text) for text in texts]
        return read if self.is_list else next(iter(read), None)


class Parameter(django_filters.Filter):  # type: ignore[misc]  # untyped
    """Narrows the rows by `apply(rows, value)`; `schema` is the type of one value in the API's description."""

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
        one = {"type": "string", **(schema or {})}
        super().__init__(check=check, is_list=is_list, offered=one.get("enum", ()), help_text=says)
        self.apply = apply
        self._field = self.field_class(**self.extra)  # once; a form copies those that it has
        set_override(self, "field", {**({"type": "array", "items": one} if is_list else one), "description": says})

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """What django-filter copies for each request: nothing of it changes but whose it is."""
        return copy(self)

    def filter(self, qs: Any, value: Any) -> Any:
        return self.apply(qs, value) if value else qs


def choice(column: str, valid: Sequence[str], *, says: str = "Repeat it for several.") -> Parameter:
    """Rows whose `column` is one of those that are asked for."""
    return Parameter(
        lambda rows, values: rows.filter(**{f"{column}__in": values}),
        check=one_of(valid),
        is_list=True,
        schema={"enum": list(valid)},
        says=says,
    )


def edge(column: str, side: str) -> Parameter:
    """One end of a span of `column`; `side` is from or to. The form has made an Edge of the value."""
    lookup = f"{column}__{'gte' if side == 'from' else 'lt'}"
    return Parameter(
        lambda rows, edge: rows.filter(**{lookup: edge.at}) if isinstance(edge, Edge) else rows,
        says=f"{'From' if side == 'from' else 'Up to and with'} this time, or this whole day.",
    )


def ordering_by(columns: Mapping[str, str], *, usual: str) -> Parameter:
    """`ordering=`: names of the API for columns, ascending, or descending with `-`. `usual`: the order without it."""
    valid = [sign + name for name in columns for sign in ("", "-")]
    return Parameter(
        lambda rows, ordering: _ordered(rows, columns[ordering.removeprefix("-")], is_reverse=ordering.startswith("-")),
        check=one_of(valid),
        schema={"enum": valid},
        says=f"Left out: {usual}. What has no such value comes last.",
    )


def _ordered(rows: Any, column: str, *, is_reverse: bool) -> Any:
    """What has no value comes last, either way."""
    sign = "-" if is_reverse else ""
    if not rows.model._meta.get_field(column).null:
        return rows.order_by(f"{sign}{column}", f"{sign}pk")
    order = F(column).desc(nulls_last=True) if is_reverse else F(column).asc(nulls_last=True)
    return rows.order_by(order, f"{sign}pk")


def zone_of_edges() -> Parameter:
    says = (
        "IANA name, for days and for times without an offset; left out, days are those of your own time zone, else of "
        "the workspace's."
    )
    return Parameter(lambda rows, _: rows, check=a_zone, says=says)


class ParameterForm(forms.Form):
    """A form of only the fields `names` of its class; None = all."""

    def __init__(self, *args: Any, names: Collection[str] | None = None, **kwargs: Any) -> None:
        if names is not None:
            fields = {name: field for name, field in self.base_fields.items() if name in names}
            self.base_fields = fields  # type: ignore[misc]  # what the form is about to copy
        super().__init__(*args, **kwargs)


class ParameterSet(django_filters.FilterSet):  # type: ignore[misc]  # untyped
    """Filters that read only the parameters that were given, or have to be.

    `shows_all`: its form is shown to people, with every parameter.
    """

    shows_all = False
    forms_made: ClassVar[dict[type, type[ParameterForm]]] = {}

    def get_form_class(self) -> type[ParameterForm]:
        """django-filter makes one for each request."""
        if type(self) not in self.forms_made:
            fields = {name: one.field for name, one in self.base_filters.items()}
            bases = (ParameterForm, self._meta.form)
            self.forms_made[type(self)] = type(f"{type(self).__name__}Form", bases, fields)
        return self.forms_made[type(self)]

    @property
    def form(self) -> Any:
        if not hasattr(self, "_form"):
            data = self.data if self.is_bound else None
            names = None if self.shows_all else self._given()
            self._form = self.get_form_class()(data, prefix=self.form_prefix, names=names)
        return self._form

    def _given(self) -> set[str]:
        return self.read_of(self.data)

    @classmethod
    def read(cls, request: Any) -> dict[str, Any] | None:
        """The parameters of a request as they are read; None where one is refused, and the form says why.

        To make a form takes longer than to read them.
        """
        data = request.query_params
        fields = {name: cls.base_filters[name].field for name in cls.read_of(data)}
        try:
            return {name: field.clean(data.getlist(name)) for name, field in fields.items()}
        except forms.ValidationError:
            return None

    @classmethod
    def read_of(cls, data: Mapping[str, Any]) -> set[str]:
        """The parameters that are read of these: those that are given, or have to be."""
        return {name for name, one in cls.base_filters.items() if name in data or one.extra["required"]}


class ParameterBackend(DjangoFilterBackend):  # type: ignore[misc]  # untyped
    """django-filter's; the form of the browsable API offers every parameter, requests are read by those they have."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        filters = self.get_filterset_class(view, queryset)
        if filters is None or not filters.read_of(request.query_params):
            return queryset
        return super().filter_queryset(request, queryset, view)

    def to_html(self, request: Any, queryset: Any, view: Any) -> Any:
        return _FormBackend().to_html(request, queryset, view)


class _FormBackend(DjangoFilterBackend):  # type: ignore[misc]  # untyped
    def get_filterset(self, request: Any, queryset: Any, view: Any) -> Any:
        filterset = super().get_filterset(request, queryset, view)
        if filterset is not None:
            filterset.shows_all = True
        return filterset


class SpanFilterSet(ParameterSet):
    """Filters with spans of time, whose days are those of who asks."""

    @property
    def form(self) -> Any:
        form = super().form
        form.day_zone = lambda: getattr(getattr(self.request, "auth", None), "zone", "UTC")
        return form

    @classmethod
    def read(cls, request: Any) -> dict[str, Any] | None:
        if not any(name.endswith(("_from", "_to")) for name in cls.read_of(request.query_params)):
            return super().read(request)
        form = cls(request.query_params, request=request).form
        return form.cleaned_data if form.is_valid() else None


class SpanForm(forms.Form):
    """Reads the ends of `spans` with the zone beside them; "created" has the ends created_from and created_to.

    A day without `timezone` is one of `day_zone()`, that of who asks; it is asked for only then.
    """

    spans: ClassVar[Sequence[str]] = ()

    @staticmethod
    def day_zone() -> str:
        return "UTC"

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = self.cleaned_data
        for span in self.spans:
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
            zone = values.get("timezone") or ""
            day_zone = zone or (self.day_zone() if is_day(text) else "")
            values[name] = read_edge(text, is_end=is_end, zone=zone, day_zone=day_zone)
        except ValidationError as error:
            detail: Any = error.detail
            self.add_error(name, refusal(str(detail[0].code), str(detail[0])))
