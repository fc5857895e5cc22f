"""Figures as a CSV file, block by block, so that a million rows take as much memory as a thousand."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from django.db import close_old_connections, connection

from analytics.figures import FIGURES, engagement_rate
from analytics.models import LatestMetrics
from analytics.services.spans import Chosen, Days
from mastablasta.core.api.fields import utc_text
from mastablasta.core.api.keyset import Keyset
from posts.import_export.account_names import name_of

BLOCK = 500
MEDIA_TYPE = "text/csv; charset=utf-8"
BOM = "\ufeff"  # with it Excel takes the file for UTF-8
COLUMNS = (
    "post_id", "delivery_id", "platform", "account", "url", "published_at", *FIGURES, "engagement_rate", "collected_at",
)  # fmt: skip


def export_figures(chosen: Chosen, days: Days) -> Iterator[bytes]:
    """The newest figures of all posts published in these days, oldest first, a row for each account; not told = "".

    Between blocks no connection to the database is held, however slowly the file is taken.
    """
    rows = LatestMetrics.objects.filter(
        chosen.of_deliveries(),
        part=0,
        collected_at__isnull=False,
        published_at__gte=days.begin,
        published_at__lt=days.end,
        delivery__post__deleted_at=None,
    )
    keyset, cursor = Keyset.of(rows.select_related("delivery", "account").order_by("published_at", "id")), ""
    yield (BOM + _text([COLUMNS])).encode()
    while True:
        page = keyset.page(cursor, limit=BLOCK)
        block = _text(_cells(row) for row in page.rows).encode()
        if not connection.in_atomic_block:
            close_old_connections()
        yield block
        if not (cursor := page.next):
            return


def _cells(row: LatestMetrics) -> list[Any]:
    figures = row.figures()
    return [
        row.delivery.post_id,
        row.delivery_id,
        row.account.platform,
        name_of(row.account.platform, row.account.handle),
        row.delivery.url,
        utc_text(row.published_at),
        *figures.values(),
        engagement_rate(figures),
        utc_text(row.collected_at) if row.collected_at else "",
    ]


def _text(records: Iterable[Iterable[Any]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows(records)  # None is an empty cell
    return out.getvalue()
