"""Storing what platforms counted: the one way in, for the collector and for tests.

One transaction writes the samples, the newest figures, the rollups and what webhooks tell, with as many statements for
hundreds of samples as for one. Lock order: newest figures by delivery and part, rollups by account and time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from analytics import events
from analytics.alerts import Rise
from analytics.figures import FIGURES, credible
from analytics.in_order import record_in_order
from analytics.models import GRAIN, AccountSample, LatestMetrics, MetricSample, Rollup
from integrations.contract import NOTHING
from posts.models import Delivery

AT_ONCE = 500  # rows that one statement names: SQLite takes no more than 1,000 conditions
Key = tuple[UUID, int]  # delivery, part
Gains = dict[str, int | None]


class Sample(NamedTuple):
    """What a platform said of one part of a delivery (0 = the root) at `collected_at`. None = it does not tell.

    A figure below 0, or one that no column takes, counts as not told. `answer`: what the platform said in its own
    words; only that of the newest sample is kept.

    A tuple: a hundred are told at once, and are stored by their columns.
    """

    delivery_id: UUID
    collected_at: datetime
    part: int = 0
    views: int | None = None
    likes: int | None = None
    shares: int | None = None
    comments: int | None = None
    reach: int | None = None
    clicks: int | None = None
    extra: Mapping[str, int] = NOTHING
    answer: Mapping[str, Any] = NOTHING

    def figures(self) -> dict[str, int | None]:
        return {name: credible(getattr(self, name)) for name in FIGURES}


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """What a platform said of an account as a whole. None = it does not tell."""

    account_id: UUID
    collected_at: datetime
    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    extra: Mapping[str, int] = field(default_factory=dict)


def record(samples: Sequence[Sample], *, at: datetime) -> int:
    """Store these samples, of any deliveries and in any order, and return how many are new.

    In a transaction of its own, or the caller's: for the caller to write its plans in the same. A sample of a moment
    that is stored already changes nothing, so to record twice does no harm; nor does one of a delivery that was never
    published, or that is gone. Late samples change the gains of those after them, and the rollups. A total that has
    fallen is kept as told, with a gain below 0 and `has_fallen`. Of samples in a row that say the same only the first
    and the last are kept. Where a root's figures differ from the ones before, `analytics.updated` is written for the
    post, and `analytics.threshold` where an alert is hit, at `at`.
    """
    if not samples:
        return 0
    with transaction.atomic(savepoint=False):
        if connection.vendor == "postgresql" and (done := record_in_order(samples)) is not None:
            events.record_updates(done[1], at=at)
            return done[0]
        incoming = _by_key(samples)
        latest = _lock_latest(incoming)
        changes = Changes()
        late = {
            key: rows
            for key, rows in incoming.items()
            if key in latest and (newest := latest[key].collected_at) is not None and rows[0].collected_at <= newest
        }
        stored = _stored(late)
        changed = []
        for key, row in latest.items():
            before, totals = _shown(row), {name: getattr(row, name) for name in FIGURES}
            if key in late:
                _take_late(row, stored[key], late[key], changes)
            else:
                _take_in_order(row, incoming[key], changes)
            if row.collected_at == incoming[key][-1].collected_at:
                row.answer = dict(incoming[key][-1].answer)
            if row.part == 0 and _shown(row) != before:
                changed.append(Rise(row, totals))
        changes.write(latest.values())
        events.record_updates(changed, at=at)
    return changes.taken


def record_accounts(samples: Sequence[AccountFigures]) -> None:
    """Store what platforms said of accounts; one of a moment that is stored already changes nothing."""
    AccountSample.objects.bulk_create(
        [
            AccountSample(
                account_id=one.account_id,
                collected_at=one.collected_at,
                followers=credible(one.followers),
                following=credible(one.following),
                posts=credible(one.posts),
                extra=dict(one.extra),
            )
            for one in samples
        ],
        ignore_conflicts=True,
    )


def quarter_of(moment: datetime) -> datetime:
    """When the quarter of an hour began that `moment` belongs to, in UTC."""
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


assert GRAIN.total_seconds() == 15 * 60  # noqa: S101  what quarter_of cuts by


# --- what is written ---
@dataclass(slots=True)
class Changes:
    """What a call of `record` writes."""

    new: list[MetricSample] = field(default_factory=list)
    regained: list[MetricSample] = field(default_factory=list)
    replaced: list[tuple[UUID, int, datetime]] = field(default_factory=list)
    rollups: dict[tuple[UUID, datetime], Gains] = field(
        default_factory=lambda: defaultdict(lambda: dict.fromkeys(FIGURES))
    )
    taken: int = 0

    def replace(self, delivery_id: UUID, part: int, collected_at: datetime) -> None:
        """Take out a sample that says what its neighbours say."""
        if self.new and (self.new[-1].delivery_id, self.new[-1].part, self.new[-1].collected_at) == (
            delivery_id,
            part,
            collected_at,
        ):
            self.new.pop()
        else:
            self.replaced.append((delivery_id, part, collected_at))

    def add(self, account_id: UUID, sample: MetricSample, *, without: Gains | None = None) -> None:
        """Add a sample's gains to its rollup, less those that were added before."""
        gains = {name: gain for name in FIGURES if (gain := getattr(sample, f"{name}_gain")) is not None}
        if sample.part == 0 and gains:
            rollup = self.rollups[account_id, quarter_of(sample.collected_at)]
            for name, gain in gains.items():
                rollup[name] = (rollup[name] or 0) + gain - ((without or {}).get(name) or 0)

    def write(self, latest: Iterable[LatestMetrics]) -> None:
        for first in range(0, len(self.replaced), AT_ONCE):
            gone = Q()
            for delivery_id, part, collected_at in self.replaced[first : first + AT_ONCE]:
                gone |= Q(delivery=delivery_id, part=part, collected_at=collected_at)
            MetricSample.objects.filter(gone).delete()
        MetricSample.objects.bulk_create(self.new)
        if self.regained:
            MetricSample.objects.bulk_update(self.regained, [*(f"{name}_gain" for name in FIGURES), "has_fallen"])
        LatestMetrics.objects.bulk_create(
            latest,
            update_conflicts=True,
            unique_fields=["delivery", "part"],
            update_fields=[*FIGURES, "extra", "collected_at", "untold", "is_repeat", "answer"],
        )
        add_to_rollups(self.rollups)


def add_to_rollups(gains: Mapping[tuple[UUID, datetime], Gains]) -> None:
    """Add these gains, by account and quarter of an hour; rows are locked in an order that all share."""
    rows = sorted(gains.items())
    for first in range(0, len(rows), AT_ONCE):
        _add_to_rollups(rows[first : first + AT_ONCE])


def _add_to_rollups(rows: Sequence[tuple[tuple[UUID, datetime], Gains]]) -> None:
    table = Rollup._meta.db_table
    fields = {field.name: field for field in Rollup._meta.concrete_fields if not field.primary_key}
    values = [
        fields[name].get_db_prep_save(value, connection)
        for (account_id, starts_at), row in rows
        for name, value in {"account": account_id, "starts_at": starts_at, **row}.items()
    ]
    sums = ", ".join(
        f"{name} = CASE WHEN excluded.{name} IS NULL THEN r.{name} ELSE COALESCE(r.{name}, 0) + excluded.{name} END"
        for name in FIGURES
    )
    row_sql = f"({', '.join(['%s'] * len(fields))})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} AS r (account_id, starts_at, {', '.join(FIGURES)}) "  # noqa: S608  constants
            f"VALUES {', '.join([row_sql] * len(rows))} ON CONFLICT (account_id, starts_at) DO UPDATE SET {sums}",
            values,
        )


# --- what is there ---
def _by_key(samples: Sequence[Sample]) -> dict[Key, list[Sample]]:
    """By delivery and part, in order of time, one a moment."""
    found: dict[Key, dict[datetime, Sample]] = defaultdict(dict)
    for one in samples:
        found[one.delivery_id, one.part].setdefault(one.collected_at, one)
    return {key: [rows[moment] for moment in sorted(rows)] for key, rows in sorted(found.items())}


def _lock_latest(wanted: Mapping[Key, Any]) -> dict[Key, LatestMetrics]:
    """The newest figures of each, locked; rows that were not there are made. Without what is not published."""
    found = _locked(wanted)
    missing = wanted.keys() - found.keys()
    if not missing:
        return found
    deliveries = Delivery.objects.filter(id__in={delivery for delivery, _ in missing}, published_at__isnull=False)
    known = {row.id: row for row in deliveries.order_by().only("id", "account", "published_at")}
    made = [
        LatestMetrics(delivery_id=row.id, part=part, account_id=row.account_id, published_at=row.published_at)
        for delivery, part in sorted(missing)
        if (row := known.get(delivery)) is not None and row.published_at is not None
    ]
    LatestMetrics.objects.bulk_create(made, ignore_conflicts=True)  # whoever was first with one is waited for
    return {**found, **_locked({(row.delivery_id, row.part): None for row in made})}


def _locked(wanted: Mapping[Key, Any]) -> dict[Key, LatestMetrics]:
    if not wanted:
        return {}
    rows = LatestMetrics.objects.filter(delivery__in={delivery for delivery, _ in wanted})
    locked = rows.order_by("delivery", "part").select_for_update(of=("self",))
    return {key: row for row in locked if (key := (row.delivery_id, row.part)) in wanted}


def _stored(late: Mapping[Key, Any]) -> dict[Key, list[MetricSample]]:
    """All samples that are stored of these, in order of time."""
    found: dict[Key, list[MetricSample]] = defaultdict(list)
    if late:
        rows = MetricSample.objects.filter(delivery__in={delivery for delivery, _ in late})
        for row in rows.order_by("delivery", "part", "collected_at"):
            found[row.delivery_id, row.part].append(row)
    return found


def _shown(row: LatestMetrics) -> tuple[Any, ...]:
    return (*(row.figures().values()), row.extra, row.collected_at is None)


# --- what becomes of it ---
def _take_in_order(row: LatestMetrics, samples: Sequence[Sample], changes: Changes) -> None:
    """Take samples that are later than all that is stored."""
    for one in samples:
        figures, extra = one.figures(), dict(one.extra)
        is_same = row.collected_at is not None and figures == row.figures() and extra == row.extra
        if is_same and row.is_repeat and row.collected_at is not None:
            changes.replace(row.delivery_id, row.part, row.collected_at)
        sample = MetricSample(
            delivery_id=row.delivery_id, part=row.part, collected_at=one.collected_at, extra=extra, **figures
        )
        _set_gains(sample, {name: getattr(row, name) for name in FIGURES})
        changes.new.append(sample)
        changes.add(row.account_id, sample)
        changes.taken += 1
        _move(row, sample, is_repeat=is_same)


def _take_late(row: LatestMetrics, stored: Sequence[MetricSample], samples: Sequence[Sample], changes: Changes) -> None:
    """Take samples of which one at least is not later than all that is stored: every gain is computed anew."""
    base = _base(stored)
    known = {one.collected_at for one in stored}
    fresh = [
        MetricSample(
            delivery_id=row.delivery_id,
            part=row.part,
            collected_at=one.collected_at,
            extra=dict(one.extra),
            **one.figures(),
        )
        for one in samples
        if one.collected_at not in known
    ]
    if not fresh:
        return
    changes.taken += len(fresh)
    series = _without_repeats(sorted([*stored, *fresh], key=lambda one: one.collected_at), fresh)
    told = dict(base)
    for one in series:
        before = {name: getattr(one, f"{name}_gain") for name in FIGURES}
        fell = one.has_fallen
        _set_gains(one, told)
        told |= {name: value for name, value in one.figures().items() if value is not None}
        is_new = one.pk is None
        if is_new:
            changes.new.append(one)
        elif before != {name: getattr(one, f"{name}_gain") for name in FIGURES} or fell != one.has_fallen:
            changes.regained.append(one)
        changes.add(row.account_id, one, without=None if is_new else before)
    for name in FIGURES:
        setattr(row, name, None)
    for name, value in told.items():
        setattr(row, name, value)
    last = series[-1]
    _move(row, last, is_repeat=len(series) > 1 and _says_the_same(series[-2], last))


def _base(stored: Sequence[MetricSample]) -> dict[str, int | None]:
    """What was told before the samples that are stored: older ones may have been removed."""
    base: dict[str, int | None] = {}
    for name in FIGURES:
        first = next((one for one in stored if getattr(one, name) is not None), None)
        rest = 0 if first is None else getattr(first, name) - getattr(first, f"{name}_gain")
        base[name] = rest or None
    return base


def _without_repeats(series: Sequence[MetricSample], fresh: Sequence[MetricSample]) -> list[MetricSample]:
    """Without the fresh ones that say what both their neighbours say."""
    are_fresh = {id(one) for one in fresh}
    kept: list[MetricSample] = []
    for place, one in enumerate(series):
        is_between = bool(kept) and place + 1 < len(series)
        is_repeat = is_between and _says_the_same(kept[-1], one) and _says_the_same(one, series[place + 1])
        if not (is_repeat and id(one) in are_fresh):
            kept.append(one)
    return kept


def _says_the_same(one: MetricSample, other: MetricSample) -> bool:
    return one.figures() == other.figures() and one.extra == other.extra


def _set_gains(sample: MetricSample, told: Mapping[str, int | None]) -> None:
    sample.has_fallen = False
    for name, value in sample.figures().items():
        gain = None if value is None else value - (told[name] or 0)
        setattr(sample, f"{name}_gain", gain)
        sample.has_fallen |= gain is not None and gain < 0


def _move(row: LatestMetrics, sample: MetricSample, *, is_repeat: bool) -> None:
    """Make a sample the newest one."""
    for name, value in sample.figures().items():
        if value is not None:
            setattr(row, name, value)
    row.untold = [name for name, value in sample.figures().items() if value is None and getattr(row, name) is not None]
    row.collected_at, row.extra, row.is_repeat = sample.collected_at, sample.extra, is_repeat
