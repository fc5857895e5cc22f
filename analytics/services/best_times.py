"""At which hours of the week posts did best: what those published then have got until now."""

from __future__ import annotations

import zoneinfo
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, Sum
from django.db.models.functions import ExtractHour, ExtractIsoWeekDay

from analytics.figures import FIGURES
from analytics.models import LatestMetrics
from analytics.services.spans import Chosen, Days
from analytics.services.sums import Sums


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of the week in the zone of the days: `weekday` from 1 (Monday), with what was published in it."""

    weekday: int
    hour: int
    sums: Sums


def best_times_of(chosen: Chosen, days: Days) -> list[Cell]:
    """The hours in which anything was published in these days, in the order of the week; one query."""
    zone = zoneinfo.ZoneInfo(days.zone)
    wanted = chosen.of_deliveries() & Q(part=0, collected_at__isnull=False)
    rows: Any = LatestMetrics.objects.filter(
        wanted, published_at__gte=days.begin, published_at__lt=days.end, delivery__post__deleted_at=None
    ).annotate(weekday=ExtractIsoWeekDay("published_at", tzinfo=zone), hour=ExtractHour("published_at", tzinfo=zone))
    cells: dict[tuple[int, int], Sums] = defaultdict(Sums)
    grouped = rows.values("weekday", "hour", "account").order_by()
    for row in grouped.annotate(number=Count("id"), **{f"{name}_sum": Sum(name) for name in FIGURES}):
        told = {name: None if (one := row[f"{name}_sum"]) is None else int(one) for name in FIGURES}
        cells[row["weekday"], row["hour"]].add(told, posts=row["number"])
    return [Cell(weekday, hour, sums) for (weekday, hour), sums in sorted(cells.items())]
