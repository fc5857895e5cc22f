"""Which figures are due, who reads them, and what becomes of what was read.

As with the publisher (posts/queue), an account is claimed with a lease, every later write carries its token, and what a
dead collector held is claimed again when the lease ends: to read twice does no harm, to store twice changes nothing.
Lock order: lanes by account, then what analytics.recording locks, then plans.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from analytics import recording
from analytics.collection import lanes
from analytics.collection.plan import DAY, FIRST_LOOKS, HOUR, next_look, next_look_at_gone, next_looks, next_step
from analytics.collection.reading import Post, Told
from analytics.models import CollectionLane, CollectionPlan
from analytics.recording import AccountFigures, Sample
from integrations import registry
from integrations.errors import RateLimited
from integrations.models import SocialAccount
from integrations.services import circuits
from integrations.states import AccountState
from mastablasta.core.compiled_queries import CompiledQuery, CompiledUpdate, IsOneOf, prepared_cursor
from mastablasta.core.lookups import has_any
from mastablasta.core.models import Heartbeat
from mastablasta.core.time_scale import scaled
from posts.models import Delivery
from posts.states import DeliveryState

BEATS = "collector:"  # heartbeats of collectors
BEATING = timedelta(seconds=5)
LEASE = timedelta(seconds=scaled(60))
PLANNED = 1000  # posts that get their plans in one statement
LATELY = timedelta(hours=2)
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)


# --- plans ---
def plan_published(*, at: datetime, since: datetime | None = None) -> int:
    """Give posts that are out and have no plan theirs, those published from `since` on (None = ever); how many."""
    planned = 0
    while made := _plan_some(at=at, since=since):
        planned += made
    return planned


def plan_lately_published(*, at: datetime) -> int:
    """Likewise, of those that came out in the last hours: what is cheap enough to be asked every minute."""
    return plan_published(at=at, since=at - LATELY)


def plan_accounts(*, at: datetime) -> int:
    """Have the own figures of accounts read that are connected and have published nothing yet; how many.

    Each within an hour, at a minute of its own: thousands that are connected at once are not asked for at once.
    """
    active = SocialAccount.objects.filter(state=AccountState.ACTIVE, platform__in=_counting())
    new = active.filter(~Exists(CollectionLane.objects.filter(account=OuterRef("pk")))).order_by("id")
    accounts = new.values_list("id", flat=True)
    firsts = [(one, next_step(one, HOUR, after=at)) for one in accounts]
    made = [CollectionLane(account_id=one, next_at=first, ready_at=first) for one, first in firsts]
    CollectionLane.objects.bulk_create(made, ignore_conflicts=True)
    return len(made)


def make_all_due(*, at: datetime) -> int:
    """Ask for everything that is still asked for at all now, whenever it is due; how many posts."""
    with transaction.atomic():
        lanes.wake_all_lanes(at=at)
        return CollectionPlan.objects.filter(next_at__gt=at).update(next_at=at)


def _unplanned(at: datetime, since: datetime, platforms: Any) -> QuerySet[Any, Any]:
    out = Delivery.objects.filter(IsOneOf("platform", platforms), state=DeliveryState.PUBLISHED)
    out = out.filter(~has_any(CollectionPlan.objects.filter(delivery=OuterRef("pk"))))
    out = out.filter(published_at__gte=since, published_at__lte=at)
    return out.order_by("-published_at").values_list("id", "account", "published_at")[:PLANNED]


_UNPLANNED = CompiledQuery(_unplanned, at=datetime, since=datetime, platforms=list)
_EVER = datetime(1, 1, 2, tzinfo=UTC)


def _plan_some(*, at: datetime, since: datetime | None) -> int:
    rows = _UNPLANNED.all(at=at, since=since or _EVER, platforms=_counting())
    if not rows:
        return 0
    plans = [
        CollectionPlan(delivery_id=delivery, account_id=account, next_at=_first_look(account, published_at, at=at))
        for delivery, account, published_at in sorted(rows)
        if published_at is not None
    ]
    own = at + FIRST_LOOKS[0]  # an account's own figures come with those of its first post
    due: dict[UUID, datetime] = {}
    for plan in plans:
        due[plan.account_id] = min(due.get(plan.account_id, own), plan.next_at or own)
    with transaction.atomic():
        lanes.wake_lanes(due, account_at=own)
        CollectionPlan.objects.bulk_create(plans, ignore_conflicts=True)
    return len(rows)


def _first_look(account_id: UUID, published_at: datetime, *, at: datetime) -> datetime | None:
    """A post whose first looks have been missed is asked for now, unless it is too old."""
    first = next_look(account_id, published_at, after=published_at)
    if first is not None and first > at:
        return first
    return None if next_look(account_id, published_at, after=at) is None else at


def _counting() -> list[str]:
    return [slug for slug in registry.built() if registry.capabilities(slug).metrics is not None]


# --- claims ---
def something_is_due(at: datetime) -> bool:
    return bool(_due(at=at).exists())


def needs_collector(at: datetime) -> bool:
    """Whether something is due and nobody is at it: one collector is enough."""
    is_at_work = Heartbeat.objects.alive(BEATS, at=at, within=BEATING)
    return not is_at_work and something_is_due(at)


def next_due_at(at: datetime) -> datetime | None:
    """Since when the oldest figures wait that could be read at `at`; None = none do."""
    since: datetime | None = _due(at=at).order_by("ready_at", "account").values_list("ready_at", flat=True).first()
    return since


def _due(*, at: datetime, now: datetime | None = None) -> QuerySet[CollectionLane]:
    """The lanes that could be worked on. What waits for an account, a host or a window cannot."""
    is_free = Q(lease_token=None) | Q(lease_expires_at__lte=now or timezone.now())
    is_open = Q(blocked_until=None) | Q(blocked_until__lte=at)
    return CollectionLane.objects.filter(lanes.usable(at=at), is_free, is_open, is_parked=False, ready_at__lte=at)


@cache
def _claimable(limit: int) -> CompiledQuery:
    """Up to so many lanes that are due, those that wait longest first, with all that a job needs; locked."""

    def build(at: datetime, now: datetime, busy: Any) -> QuerySet[CollectionLane]:
        due = _due(at=at, now=now).exclude(IsOneOf("account__platform_host", busy)).order_by("ready_at", "account")
        due = due.select_related("account__platform_host", "account__credential__platform_host")
        return due.select_for_update(skip_locked=True, of=("self",))[:limit]

    return CompiledQuery(build, at=datetime, now=datetime, busy=list)


_LEASE = CompiledUpdate(
    lambda accounts, token, expires_at: (
        CollectionLane.objects.filter(IsOneOf("account", accounts)),
        {"lease_token": token, "lease_expires_at": expires_at},
    ),
    accounts=list,
    token=UUID,
    expires_at=datetime,
)


def claim(*, at: datetime, limit: int, token: UUID, busy_hosts: Collection[UUID] = ()) -> list[CollectionLane]:
    """Take up to `limit` accounts with something due, those that wait longest first, none at `busy_hosts`."""
    with transaction.atomic():
        now = timezone.now()
        found: list[CollectionLane] = _claimable(limit).all(at=at, now=now, busy=list(busy_hosts))
        expires_at = now + LEASE
        if found:
            _LEASE.run(accounts=[lane.account_id for lane in found], token=token, expires_at=expires_at)
    for lane in found:
        lane.lease_token, lane.lease_expires_at = token, expires_at
    return found


# --- results ---
_WRITE_PLANS = """
UPDATE analytics_collectionplan p
   SET next_at = r.next_at, failures = r.failures, gone_at = r.gone_at,
       collected_at = coalesce(r.collected_at, p.collected_at)
  FROM jsonb_to_recordset(%s::jsonb) AS r(next_at timestamptz, failures int, gone_at timestamptz,
       collected_at timestamptz, deliveries uuid[])
 WHERE p.delivery_id = ANY(r.deliveries)
"""


def _held(account: UUID, token: UUID) -> QuerySet[Any, Any]:
    lane = CollectionLane.objects.filter(account=account, lease_token=token)
    return lane.select_for_update().values_list("next_at", "blocked_until")


_HELD = CompiledQuery(_held, account=UUID, token=UUID)


def _let_go(account: UUID, **becomes: Any) -> tuple[QuerySet[CollectionLane], dict[str, Any]]:
    return CollectionLane.objects.filter(account=account), {**becomes, "lease_token": None, "lease_expires_at": None}


_LET_GO = CompiledUpdate(
    _let_go, account=UUID, next_at=datetime, blocked_until=datetime, ready_at=datetime, failures=int
)


class Becomes(NamedTuple):
    """What becomes of a plan. `collected_at` None = as it was."""

    next_at: datetime | None
    failures: int
    gone_at: datetime | None
    collected_at: datetime | None = None


@dataclass(slots=True)
class Changes:
    """What becomes of a job's posts: deliveries by what is written in their plans, since most are alike."""

    plans: dict[Becomes, list[UUID]] = field(default_factory=lambda: defaultdict(list))
    samples: list[Sample] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


def finish(told: Told, *, at: datetime, moment: datetime | None = None) -> dict[str, int] | None:
    """Store what was told, and let go of the account; returns posts by what came of them, None = it was taken over.

    Figures are of the moment at which the platform answered, or of `moment`.
    """
    job = told.job
    changes = _changes_of(told, at=at, moment=moment)
    with transaction.atomic():
        held = _HELD.first(account=job.account_id, token=job.token)
        if held is None:
            return None
        recording.record(changes.samples, at=at)
        _write_plans(changes.plans)
        _record_account(told, moment=moment)
        after = {"next_at": held[0], "blocked_until": held[1], **_lane_after(told, at=at)}
        due_at = lanes.ready_at(job.account_id, next_at=after["next_at"], blocked_until=after["blocked_until"])
        _LET_GO.run(account=job.account_id, ready_at=due_at, **after)
    _note_host(told, at=at)  # by itself: who holds a lane never waits for others
    return dict(changes.outcomes)


def _changes_of(told: Told, *, at: datetime, moment: datetime | None) -> Changes:
    changes, look = Changes(), next_looks(told.job.account_id, after=at)
    collected: dict[datetime | None, list[UUID]] = defaultdict(list)
    metrics_of, add = told.metrics.get, changes.samples.append
    for post in told.job.posts:
        delivery_id, refs = post.delivery_id, post.refs
        for part, ref in enumerate(refs):
            if (metrics := metrics_of(ref)) is not None:  # after the moment they have a sample's fields in their order
                add(Sample(delivery_id, moment or metrics[0], part, *metrics[1:]))
        if refs[0] in told.metrics:
            collected[look(post.published_at)].append(delivery_id)
        else:
            _add_untold(changes, post, told, at=at)
    for next_at, deliveries in collected.items():
        changes.outcomes["collected"] += len(deliveries)
        changes.plans[Becomes(next_at, 0, None, at)] += deliveries
    return changes


def _add_untold(changes: Changes, post: Post, told: Told, *, at: datetime) -> None:
    """What becomes of a post of which nothing was told."""
    account_id, root = told.job.account_id, post.refs[0]
    if root in told.answered:
        gone_at = post.gone_at or at
        following = next_look_at_gone(account_id, post.published_at, gone_at=gone_at, after=at)
        outcome, becomes = "gone", Becomes(following, 0, gone_at)
    elif root in told.refused:
        failures = post.failures + 1
        outcome, becomes = "refused", Becomes(at + _wait(failures + 3), failures, post.gone_at)
    else:
        if told.failure is not None:
            changes.outcomes["failed"] += 1
        return
    changes.outcomes[outcome] += 1
    changes.plans[becomes].append(post.delivery_id)


def _write_plans(plans: Mapping[Becomes, Sequence[UUID]]) -> None:
    if connection.vendor == "postgresql" and plans:
        rows = [{**becomes._asdict(), "deliveries": deliveries} for becomes, deliveries in plans.items()]
        with prepared_cursor() as cursor:
            cursor.execute(_WRITE_PLANS, [orjson.dumps(rows).decode()])
        return
    for becomes, deliveries in plans.items():
        values = {name: value for name, value in becomes._asdict().items() if name != "collected_at" or value}
        CollectionPlan.objects.filter(delivery__in=deliveries).update(**values)


def _record_account(told: Told, *, moment: datetime | None) -> None:
    if (account := told.account) is not None:
        counted_at = moment or account.counted_at
        recording.record_accounts(
            [AccountFigures(told.job.account_id, counted_at, account.followers, account.following, account.posts)]
        )


def _lane_after(told: Told, *, at: datetime) -> dict[str, Any]:
    """After a failure the lane rests, twice as long each time, or as long as the platform wants."""
    job, failure = told.job, told.failure
    after: dict[str, Any] = {"failures": 0}
    if told.is_account_told:
        after["next_at"] = next_step(job.account_id, DAY, after=at + DAY / 2)
    if isinstance(failure, RateLimited):
        after |= {"failures": job.failures, "blocked_until": max(failure.until, at + timedelta(seconds=1))}
    elif failure is not None:
        after |= {"failures": job.failures + 1, "blocked_until": at + _wait(job.failures + 1)}
    return after


def _note_host(told: Told, *, at: datetime) -> None:
    """A host that answers nobody, or that wants no calls, is left alone by its other accounts too.

    Its circuit and its limit are the publisher's: what is only read never keeps a post from going out.
    """
    job, failure = told.job, told.failure
    if isinstance(failure, RateLimited) and failure.scope == "host":
        until = failure.until
    elif circuits.is_silence(failure):
        until = at + SHORTEST_WAIT
    else:
        return
    lanes.block_lanes(CollectionLane.objects.filter(account__platform_host=job.host_id), until=until)


def _wait(failures: int) -> timedelta:
    return min(SHORTEST_WAIT * (1 << min(failures - 1, 10)), LONGEST_WAIT)


def rest(lane: CollectionLane, *, at: datetime) -> None:
    """Let go of an account of which something here goes wrong, for as long as after any failure."""
    failures, until = lane.failures + 1, at + _wait(lane.failures + 1)
    CollectionLane.objects.filter(account=lane.account_id, lease_token=lane.lease_token).update(
        lease_token=None, lease_expires_at=None, failures=failures, blocked_until=until, ready_at=until
    )


def renew(tokens: Collection[UUID]) -> None:
    """Keep what these tokens hold."""
    CollectionLane.objects.filter(lease_token__in=list(tokens)).update(lease_expires_at=timezone.now() + LEASE)
