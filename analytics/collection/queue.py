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
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from analytics import recording
from analytics.collection import lanes
from analytics.collection.plan import DAY, FIRST_LOOKS, HOUR, next_look, next_look_at_gone, next_looks, next_step
from analytics.collection.reading import Job, Post, Told
from analytics.models import CollectionLane, CollectionPlan
from analytics.recording import AccountFigures, Sample
from integrations import registry
from integrations.capabilities import MetricsRule, RateRule
from integrations.errors import RateLimited
from integrations.models import SocialAccount
from integrations.services import budgets, circuits
from integrations.services.hosts import app_of
from integrations.states import AccountState
from mastablasta.core.models import Counted, Heartbeat, Tally
from mastablasta.core.time_scale import scaled
from posts.models import Delivery
from posts.services.post_content import target_of
from posts.states import DeliveryState

BEATS = "collector:"  # heartbeats of collectors
BEATING = timedelta(seconds=5)
LEASE = timedelta(seconds=scaled(60))
MOST_POSTS = 1000  # of one account in one go
PLANNED = 1000  # posts that get their plans in one statement
LATELY = timedelta(hours=2)
SHORTEST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
TALLY = "collected_posts"
PROFILE_READS = 2  # X charges for a profile as for two posts: https://docs.x.com/x-api/getting-started/pricing


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


def _plan_some(*, at: datetime, since: datetime | None) -> int:
    out = Delivery.objects.filter(state=DeliveryState.PUBLISHED, published_at__lte=at, platform__in=_counting())
    out = out.filter(~Exists(CollectionPlan.objects.filter(delivery=OuterRef("pk"))))
    if since is not None:
        out = out.filter(published_at__gte=since)
    rows = list(out.order_by("-published_at").values_list("id", "account", "published_at")[:PLANNED])
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


def _due(*, at: datetime) -> QuerySet[CollectionLane]:
    """The lanes that could be worked on. What waits for an account, a host or a window cannot."""
    is_free = Q(lease_token=None) | Q(lease_expires_at__lte=timezone.now())
    is_open = Q(blocked_until=None) | Q(blocked_until__lte=at)
    return CollectionLane.objects.filter(lanes.usable(at=at), is_free, is_open, is_parked=False, ready_at__lte=at)


def claim(*, at: datetime, limit: int, token: UUID, busy_hosts: Collection[UUID] = ()) -> list[CollectionLane]:
    """Take up to `limit` accounts with something due, those that wait longest first, none at `busy_hosts`."""
    with transaction.atomic():
        due = _due(at=at).exclude(account__platform_host__in=list(busy_hosts)).order_by("ready_at", "account")
        found = list(due.select_for_update(skip_locked=True, of=("self",)).values_list("account", flat=True)[:limit])
        mine = CollectionLane.objects.filter(account__in=found)
        mine.update(lease_token=token, lease_expires_at=timezone.now() + LEASE)
        return list(mine.select_related("account__platform_host", "account__credential__platform_host"))


def job_of(lane: CollectionLane, *, at: datetime) -> Job:
    """What a claimed account is to be asked for, within the budgets; what is beyond waits for the next window.

    What is out no more, or whose post is deleted here, is asked for never again. An account with nothing left to ask
    for has a job without posts.
    """
    account = lane.account
    assert account.credential is not None  # noqa: S101  _due gives no others
    target = target_of(account)
    batch = registry.connector_class(account.platform).metrics_batch(target)
    wants_account = lane.next_at is not None and lane.next_at <= at
    posts = _due_posts(lane.account_id, at=at, counts=batch > 0)
    posts, wants_account = _within_calls(account, posts, wants_account=wants_account, batch=batch, at=at)
    posts, wants_account = _within_cost(account, posts, wants_account=wants_account, at=at)
    return Job(
        account_id=account.id,
        workspace_id=account.workspace_id,
        token=lane.lease_token or UUID(int=0),
        platform=account.platform,
        host_id=account.platform_host_id,
        target=target,
        app=app_of(account.platform_host),
        credential=account.credential,
        target_token=str(account.target_token_enc or ""),
        batch=batch,
        posts=[post for post, _ in posts],
        wants_account=wants_account,
        failures=lane.failures,
    )


class DueRow(NamedTuple):
    """A plan that is due, with what has to be known of its delivery."""

    delivery_id: UUID
    state: str
    deleted_at: datetime | None
    remote_id: str
    parts: list[dict[str, Any]] | None
    published_at: datetime | None
    gone_at: datetime | None
    failures: int
    collected_at: datetime | None


def _due_rows(account_id: UUID, *, at: datetime) -> list[DueRow]:
    plans = CollectionPlan.objects.filter(account=account_id, next_at__lte=at).order_by("next_at", "delivery")
    rows = plans.values_list(
        "delivery",
        "delivery__state",
        "delivery__post__deleted_at",
        "delivery__remote_id",
        "delivery__parts",
        "delivery__published_at",
        "gone_at",
        "failures",
        "collected_at",
    )[:MOST_POSTS]
    return [DueRow(*row) for row in rows] if connection.vendor != "postgresql" else _as_one_value(rows)


def _as_one_value(rows: QuerySet[Any, Any]) -> list[DueRow]:
    """The same with a third of the work: one text is read in C, while each cell of a row is read in Python."""
    sql, values = rows.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT coalesce(json_agg(row), '[]')::text FROM ({sql}) row", values)  # noqa: S608  Django's
        [text] = cursor.fetchone()
    return [_due_row(*row.values()) for row in orjson.loads(text)]


def _due_row(delivery_id: str, state: str, deleted_at: str | None, *rest: Any) -> DueRow:
    remote_id, parts, published_at, gone_at, failures, collected_at = rest
    moments = _moment(published_at), _moment(gone_at), failures, _moment(collected_at)
    return DueRow(UUID(delivery_id), state, _moment(deleted_at), remote_id, parts, *moments)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


DuePost = tuple[Post, datetime | None]  # and when it was last collected


def _due_posts(account_id: UUID, *, at: datetime, counts: bool) -> list[DuePost]:
    """The posts of an account that are due, the youngest first: they change most. `counts`: if its platform does."""
    posts: list[DuePost] = []
    ended = []
    for row in _due_rows(account_id, at=at):
        refs = tuple(part["remote_id"] for part in row.parts or ()) or (row.remote_id,)
        is_out = row.state == DeliveryState.PUBLISHED and row.deleted_at is None and all(refs)
        if not counts or not is_out or row.published_at is None:
            ended.append(row.delivery_id)
        else:
            post = Post(row.delivery_id, refs, row.published_at, row.gone_at, row.failures)
            posts.append((post, row.collected_at))
    if ended:
        CollectionPlan.objects.filter(delivery__in=ended).update(next_at=None)
    return sorted(posts, key=lambda post: post[0].published_at, reverse=True)


def _within_calls(
    account: SocialAccount, posts: list[DuePost], *, wants_account: bool, batch: int, at: datetime
) -> tuple[list[DuePost], bool]:
    """As much as the account's window has calls for; the lane waits for the next one where that is less than all."""
    rule = registry.capabilities(account.platform).metrics
    refs = sum(len(post.refs) for post, _ in posts)
    wanted = (-(-refs // batch) if refs else 0) + int(wants_account)
    if rule is None or not wanted:
        return posts, wants_account
    granted, until = budgets.reserve(f"account:{account.id}:metrics", [rule.budget], calls=wanted, at=at)
    if granted == wanted:
        return posts, wants_account
    CollectionLane.objects.filter(account=account.id).update(blocked_until=until)
    return _first(posts, granted * batch), False


def _within_cost(
    account: SocialAccount, posts: list[DuePost], *, wants_account: bool, at: datetime
) -> tuple[list[DuePost], bool]:
    """As much as the workspace may still pay for today, where the platform charges. A post costs once a day.

    Of more than that those have their turn that were told longest ago, so that none is left out for good.
    """
    rule = registry.capabilities(account.platform).metrics
    if rule is None or not rule.is_paid:
        return posts, wants_account
    today = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    paid = [post for post in posts if post[1] is not None and post[1] >= today]
    unpaid = sorted((post for post in posts if post[1] is None or post[1] < today), key=_has_waited)
    wanted = sum(len(post.refs) for post, _ in unpaid) + (PROFILE_READS if wants_account else 0)
    granted, until = _pay(account, rule, wanted, at=at)
    if granted == wanted:
        return posts, wants_account
    bought = _first(unpaid, granted)
    taken = {post.delivery_id for post, _ in bought}
    waiting = [post.delivery_id for post, _ in unpaid if post.delivery_id not in taken]
    CollectionPlan.objects.filter(delivery__in=waiting).update(next_at=until)
    if wants_account:
        CollectionLane.objects.filter(account=account.id).update(next_at=until)
    return [*paid, *bought], False


def _has_waited(post: DuePost) -> tuple[bool, datetime]:
    return post[1] is not None, post[1] or post[0].published_at


def _pay(account: SocialAccount, rule: MetricsRule, reads: int, *, at: datetime) -> tuple[int, datetime]:
    if not reads:
        return 0, at
    day = RateRule("reads", settings.ANALYTICS_PAID_READS, 86_400, "account", rule.source, resets_in="UTC")
    return budgets.reserve(f"workspace:{account.workspace_id}:{account.platform}:reads", [day], calls=reads, at=at)


def _first(posts: Sequence[DuePost], refs: int) -> list[DuePost]:
    """As many whole posts, from the first on, as have no more parts than this together.

    A thread that is too long for what is left keeps no others back.
    """
    found: list[DuePost] = []
    for post in posts:
        if len(post[0].refs) <= refs:
            refs -= len(post[0].refs)
            found.append(post)
    return found


# --- results ---
# One value, as Python quotes each of many.
_WRITE_PLANS = """
UPDATE analytics_collectionplan p
   SET next_at = r.next_at, failures = r.failures, gone_at = r.gone_at,
       collected_at = coalesce(r.collected_at, p.collected_at)
  FROM jsonb_to_recordset(%s) AS r(next_at timestamptz, failures int, gone_at timestamptz, collected_at timestamptz,
       deliveries uuid[])
 WHERE p.delivery_id = ANY(r.deliveries)
"""


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
        lane = CollectionLane.objects.filter(account=job.account_id, lease_token=job.token)
        held = lane.select_for_update().values("next_at", "blocked_until").first()
        if held is None:
            return None
        recording.record(changes.samples, at=at)
        _write_plans(changes.plans)
        _record_account(told, moment=moment)
        after = {**held, **_lane_after(told, at=at)}
        due_at = lanes.ready_at(job.account_id, next_at=after["next_at"], blocked_until=after["blocked_until"])
        lane.update(**after, ready_at=due_at)
    _note_host(told, at=at)  # by itself: who holds a lane never waits for others
    Tally.objects.add({Counted(TALLY, job.platform, "", name): count for name, count in changes.outcomes.items()})
    return dict(changes.outcomes)


def _changes_of(told: Told, *, at: datetime, moment: datetime | None) -> Changes:
    job = told.job
    changes, look = Changes(), next_looks(job.account_id, after=at)
    for post in job.posts:
        root = post.refs[0]
        for part, ref in enumerate(post.refs):
            if ref in told.metrics:
                changes.samples.append(_sample(post, part, told.metrics[ref], moment=moment))
        if root in told.metrics:
            outcome, becomes = "collected", Becomes(look(post.published_at), 0, None, at)
        elif root in told.answered:
            gone_at = post.gone_at or at
            following = next_look_at_gone(job.account_id, post.published_at, gone_at=gone_at, after=at)
            outcome, becomes = "gone", Becomes(following, 0, gone_at)
        elif root in told.refused:
            failures = post.failures + 1
            outcome, becomes = "refused", Becomes(at + _wait(failures + 3), failures, post.gone_at)
        else:
            if told.failure is not None:
                changes.outcomes["failed"] += 1
            continue
        changes.outcomes[outcome] += 1
        changes.plans[becomes].append(post.delivery_id)
    return changes


def _write_plans(plans: Mapping[Becomes, Sequence[UUID]]) -> None:
    if connection.vendor == "postgresql" and plans:
        rows = [{**becomes._asdict(), "deliveries": deliveries} for becomes, deliveries in plans.items()]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_PLANS, [orjson.dumps(rows).decode()])
        return
    for becomes, deliveries in plans.items():
        values = {name: value for name, value in becomes._asdict().items() if name != "collected_at" or value}
        CollectionPlan.objects.filter(delivery__in=deliveries).update(**values)


def _sample(post: Post, part: int, metrics: Any, *, moment: datetime | None) -> Sample:
    return Sample(
        post.delivery_id,
        moment or metrics.counted_at,
        part,
        metrics.views,
        metrics.likes,
        metrics.shares,
        metrics.comments,
        metrics.reach,
        metrics.clicks,
        metrics.extra,
        metrics.answer,
    )


def _record_account(told: Told, *, moment: datetime | None) -> None:
    if (account := told.account) is not None:
        counted_at = moment or account.counted_at
        recording.record_accounts(
            [AccountFigures(told.job.account_id, counted_at, account.followers, account.following, account.posts)]
        )


def _lane_after(told: Told, *, at: datetime) -> dict[str, Any]:
    """The lane is free. After a failure it rests, twice as long each time, or as long as the platform wants."""
    job, failure = told.job, told.failure
    freed: dict[str, Any] = {"lease_token": None, "lease_expires_at": None}
    if told.is_account_told:
        freed["next_at"] = next_step(job.account_id, DAY, after=at + DAY / 2)
    if failure is None:
        return {**freed, "failures": 0}
    if isinstance(failure, RateLimited):
        return {**freed, "blocked_until": max(failure.until, at + timedelta(seconds=1))}
    failures = job.failures + 1
    return {**freed, "failures": failures, "blocked_until": at + _wait(failures)}


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
