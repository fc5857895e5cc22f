"""Answers are the JSON that DRF writes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ErrorDetail
from rest_framework.renderers import JSONRenderer

from mastablasta.core.api.problems import fault
from mastablasta.core.api.renderers import JsonRenderer

BERLIN = timezone(timedelta(hours=1))


class Kind(TextChoices):
    DRAFT = "draft"


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"text": 'Grüße, "日本" \\ \x07 🏴󠁧󠁢󠁳󠁣󠁴󠁿 \u2028 and \u2029', "none": None, "flags": [True, False], "number": -3},
        {"id": UUID(int=7), "at": datetime(2026, 11, 29, 9, 0, 0, 120_000, tzinfo=UTC), "day": date(2026, 11, 29)},
        {"there": datetime(2026, 11, 29, 9, tzinfo=BERLIN), "price": Decimal("1.50"), "took": timedelta(minutes=1)},
        {"status": Kind.DRAFT, "by": {Kind.DRAFT: 1}, "detail": ErrorDetail("No.", "no")},
        {"fault": fault("too_long", "Too long.", limit=3), "lazy": gettext_lazy("Yes"), "rows": (1, {2})},
        {"large": 2**80, "other": "é"},
        {1: "one", None: "none"},
    ],
)
@pytest.mark.parametrize("accepted", [None, "application/json", "application/json; indent=4"])
def test_an_answer_is_what_drf_writes(data: Any, accepted: str | None) -> None:
    assert JsonRenderer().render(data, accepted) == JSONRenderer().render(data, accepted)


@pytest.mark.parametrize("data", [object(), {"half": "\ud800"}, {(1, 2): 3}])
def test_what_drf_cannot_write_is_refused_too(data: Any) -> None:
    with pytest.raises((TypeError, UnicodeEncodeError)):
        JSONRenderer().render(data)
    with pytest.raises((TypeError, UnicodeEncodeError)):
        JsonRenderer().render(data)
