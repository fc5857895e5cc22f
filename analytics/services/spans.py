"""Days of a time zone as moments, which sums in the database are cut by, and whose figures are meant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unicodedata import normalize
from uuid import UUID

from django.db.models import F, Func, IntegerField, OuterRef, Q

from accounts.models import Workspace
from mastablasta.core.api.date_ranges import start_of
from mastablasta.core.lookups import has_any
from posts.models import PostTag


@dataclass(frozen=True, slots=True)
class Days:
    """Local days of a zone, both ends included."""

    first: date
    last: date
    zone: str

    @property
    def count(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def begin(self) -> datetime:
        """When the first begins, in UTC."""
        return start_of(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """When the day after the last begins, in UTC."""
        return start_of(self.last + timedelta(days=1), self.zone)

    def dates(self) -> list[date]:
        return [self.first + timedelta(days=number) for number in range(self.count)]

    def starts(self) -> list[datetime]:
        """When each begins, in UTC."""
        return [start_of(day, self.zone) for day in self.dates()]

    def before(self) -> Days:
        """As many days just before."""
        return Days(self.first - timedelta(days=self.count), self.first - timedelta(days=1), self.zone)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whose figures are meant: those of a workspace, of these platforms, accounts and tags; none = of all."""

    workspace: Workspace
    platforms: Sequence[str] = ()
    accounts: Sequence[UUID] = ()
    tags: Sequence[str] = ()

    def of_accounts(self) -> Q:
        """For rows with `account`."""
        wanted = Q(account__workspace=self.workspace)
        if self.platforms:
            wanted &= Q(account__platform__in=self.platforms)
        if self.accounts:
            wanted &= Q(account__in=self.accounts)
        return wanted

    def of_deliveries(self) -> Q:
        """For rows with `delivery`; with tags only of posts that are kept."""
        wanted = Q(delivery__account__workspace=self.workspace)
        if self.platforms:
            wanted &= Q(delivery__account__platform__in=self.platforms)
        if self.accounts:
            wanted &= Q(delivery__account__in=self.accounts)
        if self.tags:
            names = [normalize("NFC", name) for name in self.tags]
            tagged = PostTag.objects.filter(post=OuterRef("delivery__post"), name__in=names)
            # Looked up: as a join it may begin with whoever else uses the tag, in all workspaces.
            wanted &= Q(has_any(tagged), delivery__post__deleted_at=None)
        return wanted


class SpanNumber(Func):
    """Which of the spans that begin at these moments, in order, a time belongs to: from 1, 0 = before the first."""

    output_field = IntegerField()

    def __init__(self, column: str, starts: Sequence[datetime]) -> None:
        super().__init__(F(column))
        self.starts = list(starts)

    def as_postgresql(self, compiler: Any, *_: Any, **__: Any) -> tuple[str, list[Any]]:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"width_bucket({sql}, %s::timestamptz[])", [*params, self.starts]

    def as_sqlite(self, compiler: Any, connection: Any, **extra_context: Any) -> tuple[str, tuple[Any, ...]]:  # noqa: ARG002
        sql, params = compiler.compile(self.source_expressions[0])
        starts = [moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ") for moment in self.starts]
        counted = f"(SELECT COUNT(*) FROM json_each(%s) AS start WHERE start.value <= {sql})"  # noqa: S608  a column
        return counted, (json.dumps(starts), *params)
