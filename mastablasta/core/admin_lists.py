"""Lists of Django admin over tables that grow: they look through the newest rows, however many there are.

Django counts every row of a list, and reads each for what is searched, filtered, or offered to filter by. A page that
says how its rows follow one another (`newest_by`) looks through MOST_SEARCHED of them: the newest that who asks may
see, in the workspace and the period that are chosen. What an index finds, as a row by its id, is found however old.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib.admin.filters import FieldListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import formats, timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from mastablasta.core.ids import first_id_at, new_id

MOST_SEARCHED = 10_000
MOST_SORTED = 1_000
MOST_CHOICES = 50  # of a filter
Parts = dict[str, int]  # of a period: year, month, day
SLACK = timedelta(days=1)  # at most, between the time of a row's id and the one that it is told to be of


class GrowingList(ChangeList):
    """Of a page with `newest_by`. `is_cut`: there are more rows than it looks through."""

    is_cut = False
    model_admin: Any  # a Page (core/admin_base.py)

    @property
    def reaches_back(self) -> bool:
        """Whether a period brings the newest rows of that period, by index: by the column itself, or by UUIDv7."""
        by = self.model_admin.newest_by
        has_time_in_key = by == "pk" and self.lookup_opts.pk.default is new_id
        return bool(self.date_hierarchy) and (has_time_in_key or by == self.date_hierarchy)

    def get_filters(self, request: HttpRequest) -> Any:
        found = super().get_filters(request)
        rows: Any = self.root_queryset
        for spec in found[0]:
            if getattr(spec, "comes_first", False):
                rows = spec.queryset(request, rows)
        rows = self.model_admin.looked_up(rows, self.params)
        if (with_key := self.model_admin.with_key(rows, self.query)) is not None:
            rows, self.query = with_key, ""
        self.root_queryset = self._newest(rows, found[2])
        return found

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        words = self.query
        try:
            return super().get_queryset(request, exclude_parameters)
        finally:
            self.query = words  # what was found by its id was not to be searched as well

    def _newest(self, rows: QuerySet[Any], asked: Mapping[str, Any]) -> QuerySet[Any]:
        by = self.model_admin.newest_by
        if self.reaches_back:
            rows = rows.filter(**{
                f"{by}__{edge}": _key(by, moment, slack)
                for edge, slack in (("gte", -SLACK), ("lt", SLACK))
                if (moment := _moment(asked.get(f"{self.date_hierarchy}__{edge}")))
            })  # fmt: skip
        last = list(rows.order_by(f"-{by}").values_list(by, flat=True)[MOST_SEARCHED - 1 : MOST_SEARCHED + 1])
        if len(last) < 2:
            return rows
        self.is_cut = True
        return rows.filter(**{f"{by}__gte": last[0]})

    def get_results(self, request: HttpRequest) -> None:
        """First which rows are on the page, then they with what they refer to: sorted together, PostgreSQL would join
        every row that is sorted. Of few rows all are sorted: told to find the first of them, it may look for them
        through all others."""
        super().get_results(request)
        if self.multi_page and self.result_count <= MOST_SORTED and not (self.show_all and self.can_show_all):
            first = (self.page_num - 1) * self.list_per_page
            keys = list(self.queryset.values_list("pk", flat=True))[first : first + self.list_per_page]
        else:
            keys = list(self.result_list.values_list("pk", flat=True))
        rows = self.apply_select_related(self.model_admin.get_queryset(request).filter(pk__in=keys))
        self.result_list = rows.order_by(*self.queryset.query.order_by)

    @cached_property
    def periods(self) -> dict[str, Any] | None:
        """What Django's date hierarchy shows, by the calendar: nobody looks which days have rows. None = its own."""
        if not self.reaches_back:
            return None
        rows, by = self.model._default_manager.all(), self.model_admin.newest_by
        ends = [rows.order_by(edge).values_list(self.date_hierarchy, flat=True).first() for edge in (by, f"-{by}")]
        if ends[0] is None or ends[1] is None:
            return {"back": None, "choices": []}
        first, last = (timezone.localdate(edge) for edge in ends)
        year, month, day = (self._asked(part) for part in ("year", "month", "day"))
        if not year and first.year == last.year:
            year, month = first.year, first.month if first.month == last.month else None
        back, shown = _periods_in(first, last, year, month, day)
        choices = [{"title": title} if parts is None else self._link(parts, title) for parts, title in shown]
        return {"back": back and self._link(*back), "choices": choices}

    def _asked(self, part: str) -> int | None:
        text = self.params.get(f"{self.date_hierarchy}__{part}")
        return int(text) if text else None

    def _link(self, parts: Parts, title: str) -> dict[str, str]:
        named = {f"{self.date_hierarchy}__{part}": value for part, value in parts.items()}
        return {"link": self.get_query_string(named, [f"{self.date_hierarchy}__"]), "title": title}


def _periods_in(
    first: date, last: date, year: int | None, month: int | None, day: int | None
) -> tuple[tuple[Parts, str] | None, list[tuple[Parts | None, str]]]:
    """From `first` to `last`: the way back from the period that is chosen, and the shorter ones in it."""
    if not year:
        return None, [({"year": one}, str(one)) for one in range(first.year, last.year + 1)]
    if not month:
        begins = [date(year, one, 1) for one in range(1, 13)]
        months = [one for one in begins if first.replace(day=1) <= one <= last]
        return ({}, _("All dates")), [({"year": year, "month": one.month}, _month(one)) for one in months]
    of_month: Parts = {"year": year, "month": month}
    if not day:
        days = [date(year, month, one) for one in range(1, calendar.monthrange(year, month)[1] + 1)]
        shown = [({**of_month, "day": one.day}, _day(one)) for one in days if first <= one <= last]
        return ({"year": year}, str(year)), [*shown]
    chosen = date(year, month, day)
    return (of_month, _month(chosen)), [(None, _day(chosen))]


class SeenValuesFilter(FieldListFilter):
    """By the values that the rows have which the list looks through; Django's offers those of the whole table."""

    def __init__(self, field: Any, request: Any, params: Any, model: Any, model_admin: Any, field_path: str) -> None:
        self.null_path = f"{field_path}__isnull"
        self.chosen = params.get(field_path) or ()
        self.is_null_chosen = bool(params.get(self.null_path))
        super().__init__(field, request, params, model, model_admin, field_path)

    def expected_parameters(self) -> list[str | None]:
        return [self.field_path, self.null_path]

    def offered(self, rows: QuerySet[Any]) -> list[tuple[Any, str]]:
        """The values of these rows, each with what it is called."""
        values = rows.order_by(self.field_path).values_list(self.field_path, flat=True).distinct()[:MOST_CHOICES]
        return [(value, str(value)) for value in values]

    def choices(self, changelist: Any) -> Iterator[Any]:
        yield {
            "selected": not self.chosen and not self.is_null_chosen,
            "query_string": changelist.get_query_string(remove=self.expected_parameters()),
            "display": _("All"),
        }
        for value, name in self.offered(changelist.root_queryset):
            is_null = value is None
            chosen = {self.null_path: "True"} if is_null else {self.field_path: str(value)}
            yield {
                "selected": self.is_null_chosen if is_null else str(value) in self.chosen,
                "query_string": changelist.get_query_string(chosen, self.expected_parameters()),
                "display": "-" if is_null else name,
            }


def filter_of(model: type[models.Model], named: Any) -> Any:
    """The filter of a list as a page names it: of a column whose values nobody has listed, SeenValuesFilter."""
    if not isinstance(named, str):
        return named
    field = get_fields_from_path(model, named)[-1]
    has_its_own = field.remote_field or getattr(field, "choices", None)
    is_other = isinstance(field, models.BooleanField | models.DateField)
    return named if has_its_own or is_other else (named, SeenValuesFilter)


def key_in(words: str) -> UUID | None:
    """The id that somebody searches for; None = it is none."""
    try:
        return UUID(words.strip())
    except ValueError:
        return None


def _key(by: str, moment: datetime, slack: timedelta) -> UUID | datetime:
    if by != "pk":
        return moment
    try:
        return first_id_at(moment + slack)
    except OverflowError:  # no year has that day
        return first_id_at(moment)


def _moment(asked: Any) -> datetime | None:
    """The edge of a period, as Django's lists hold it."""
    one = asked[-1] if isinstance(asked, list) and asked else asked
    return one if isinstance(one, datetime) else None


def _month(one: date) -> str:
    return capfirst(formats.date_format(one, "YEAR_MONTH_FORMAT"))


def _day(one: date) -> str:
    return capfirst(formats.date_format(one, "MONTH_DAY_FORMAT"))
