"""What accounts gained in a span of days: in all, by platform, account, day and tag, with the best posts of that time.

Totals are gains: what the posts got in these days, whenever they were published, so that a span and the one before
it are alike. A take-back counts against the day on which it was seen; all days together are the totals of now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Max, Q, Sum, Value
from django.db.models.functions import Coalesce, Left

from analytics.figures import ENGAGING, FIGURES
from analytics.models import LatestMetrics, MetricSample, Rollup
from analytics.services.spans import Chosen, Days, SpanNumber
from analytics.services.sums import Sums
from integrations.models import SocialAccount
from posts.models import Post

MOST_TOP = 10
MOST_TAGS = 50
EXCERPT = 80
Gains = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class TopPost:
    """A post that was published in the span, with its figures as they stand now."""

    post_id: UUID
    content: str
    published_at: datetime | None
    platforms: list[str]
    sums: Sums


@dataclass(slots=True)
class Overview:
    """`collected_at`: the newest answer of a platform that is in it; None = there is none."""

    totals: Sums
    by_platform: dict[str, Sums] = field(default_factory=dict)
    by_account: dict[UUID, Sums] = field(default_factory=dict)
    platform_of: dict[UUID, str] = field(default_factory=dict)
    by_day: dict[date, Sums] = field(default_factory=dict)
    by_tag: dict[str, Sums] = field(default_factory=dict)
    top_posts: list[TopPost] = field(default_factory=list)
    collected_at: datetime | None = None


def overview_of(chosen: Chosen, days: Days) -> Overview:
    """What is chosen gained in these days."""
    gains = _gains(chosen, days, SpanNumber(_moment(chosen), days.starts()))
    published, collected_at = _published(chosen, days)
    per_day: dict[int, Sums] = defaultdict(Sums)
    for (_, number), one in gains.items():
        per_day[number].add(one)
    found = _by_account(gains, published)
    found.by_day = {day: _filled(per_day[number], found.totals) for number, day in enumerate(days.dates(), 1)}
    found.by_tag = _by_tag(chosen, days)
    found.top_posts = _top_posts(chosen, days)
    found.collected_at = collected_at
    return found


def totals_of(chosen: Chosen, days: Days) -> Sums:
    """As the totals of `overview_of`."""
    return _by_account(_gains(chosen, days, Value(1)), _published(chosen, days)[0]).totals


def _by_account(gains_by_day: Mapping[tuple[UUID, int], Gains], published: Mapping[UUID, int]) -> Overview:
    """Totals, by platform and by account, also of accounts whose posts got nothing yet."""
    found = Overview(Sums())
    accounts: dict[UUID, Gains] = {account: dict.fromkeys(FIGURES) for account in published}
    for (account, _), one in gains_by_day.items():
        _add(accounts.setdefault(account, dict.fromkeys(FIGURES)), one)
    rows = SocialAccount.objects.filter(id__in=accounts).order_by("platform", "handle", "id")
    for account, platform in rows.values_list("id", "platform"):
        gains, posts = accounts[account], published.get(account, 0)
        found.platform_of[account] = platform
        for sums in (
            found.totals,
            found.by_platform.setdefault(platform, Sums()),
            found.by_account.setdefault(account, Sums()),
        ):
            sums.add(gains, posts=posts)
    return found


def _add(to: Gains, gains: Mapping[str, int | None]) -> None:
    for name in FIGURES:
        if gains[name] is not None:
            to[name] = (to[name] or 0) + (gains[name] or 0)


def _filled(sums: Sums, totals: Sums) -> Sums:
    """A day on which nothing came of what the platforms tell has 0 of it."""
    for name in FIGURES:
        if sums.figures[name] is None and totals.figures[name] is not None:
            sums.figures[name] = 0
    return sums


# --- questions to the database ---
def _moment(chosen: Chosen) -> str:
    return "collected_at" if chosen.tags else "starts_at"


def _gains(chosen: Chosen, days: Days, span: Any) -> dict[tuple[UUID, int], Gains]:
    """By account and number of the span; one query. Of tagged posts from samples, else from rollups."""
    rows: Any
    if chosen.tags:
        rows, account, suffix = (
            MetricSample.objects.filter(chosen.of_deliveries(), part=0),
            "delivery__account",
            "_gain",
        )
    else:
        rows, account, suffix = Rollup.objects.filter(chosen.of_accounts()), "account", ""
    rows = rows.filter(**{f"{_moment(chosen)}__gte": days.begin, f"{_moment(chosen)}__lt": days.end})
    sums = rows.annotate(span=span).values(account, "span").order_by()
    return {(row[account], row["span"]): _told(row) for row in sums.annotate(**_sums(suffix))}


def _sums(suffix: str = "") -> dict[str, Sum]:
    return {f"{name}_sum": Sum(f"{name}{suffix}") for name in FIGURES}


def _told(row: Mapping[str, Any]) -> Gains:
    return {name: _whole(row[f"{name}_sum"]) for name in FIGURES}


def _whole(value: Any) -> int | None:
    """PostgreSQL's sums are decimals."""
    return None if value is None else int(value)


def _published(chosen: Chosen, days: Days) -> tuple[dict[UUID, int], datetime | None]:
    """How many posts with figures each account published in these days, and when they were last told."""
    rows = LatestMetrics.objects.filter(_newest(chosen), published_at__gte=days.begin, published_at__lt=days.end)
    counted = rows.values("account").order_by().annotate(number=Count("id"), newest=Max("collected_at"))
    found = list(counted)
    newest = max((row["newest"] for row in found if row["newest"]), default=None)
    return {row["account"]: row["number"] for row in found}, newest


def _newest(chosen: Chosen) -> Q:
    wanted = Q(part=0, collected_at__isnull=False) & chosen.of_accounts()
    return wanted & chosen.of_deliveries() if chosen.tags else wanted


def _by_tag(chosen: Chosen, days: Days) -> dict[str, Sums]:
    """The gains of each tag, the most engaging first.

    What was published and last asked for within the span has gained all that it has; of the rest the samples are asked.
    """
    tag = "delivery__post__tag_rows__name"
    begin, end = days.begin, days.end
    kept = chosen.of_deliveries() & Q(part=0, delivery__post__deleted_at=None, **{f"{tag}__isnull": False})
    whole = Q(published_at__gte=begin, collected_at__lt=end)
    newest = LatestMetrics.objects.filter(kept, whole)
    samples = MetricSample.objects.filter(  # one call: what it says of `latest_metrics` is of one row
        kept,
        _not_whole(begin, end),
        collected_at__gte=begin,
        collected_at__lt=end,
        delivery__latest_metrics__part=0,
    )
    gains: dict[tuple[str, UUID], Gains] = defaultdict(lambda: dict.fromkeys(FIGURES))
    for rows, suffix in ((newest, ""), (samples, "_gain")):
        sums = rows.values(tag, "delivery__account").order_by()
        for row in sums.annotate(**_sums(suffix)):
            _add(gains[row[tag], row["delivery__account"]], _told(row))
    found: dict[str, Sums] = defaultdict(Sums)
    for (name, _), one in sorted(gains.items()):
        found[name].add(one)
    first = sorted(found.items(), key=lambda item: (-_weight(item[1].figures), item[0]))
    return dict(first[:MOST_TAGS])


def _not_whole(begin: datetime, end: datetime) -> Q:
    newest = "delivery__latest_metrics"
    return Q(**{f"{newest}__published_at__lt": begin}) | Q(**{f"{newest}__collected_at__gte": end})


def _weight(figures: Mapping[str, int | None]) -> int:
    return sum(figures[name] or 0 for name in ENGAGING)


def _top_posts(chosen: Chosen, days: Days) -> list[TopPost]:
    """Of the posts that were published in these days those with the most likes, shares and comments, then views."""
    rows: Any = LatestMetrics.objects.filter(
        _newest(chosen), published_at__gte=days.begin, published_at__lt=days.end, delivery__post__deleted_at=None
    )
    engaged = sum((Coalesce(Sum(name), Value(0)) for name in ENGAGING), Value(0))
    best = (
        rows.values("delivery__post")
        .annotate(engaged=engaged, seen=Coalesce(Sum("views"), Value(0)), published=Max("published_at"))
        .order_by("-engaged", "-seen", "-published", "delivery__post")[:MOST_TOP]
    )
    ids = [row["delivery__post"] for row in best]
    newest = rows.filter(delivery__post__in=ids).order_by("account__platform", "id").annotate(
        post_id=F("delivery__post"), platform=F("account__platform")
    )  # fmt: skip
    posts = dict(Post.objects.filter(id__in=ids).values_list("id", Left("content", EXCERPT)))
    return [_top_post(post_id, posts[post_id], [row for row in newest if row.post_id == post_id]) for post_id in ids]


def _top_post(post_id: UUID, content: str, rows: Iterable[Any]) -> TopPost:
    sums, platforms, published = Sums(), [], []
    for row in rows:
        sums.add(row.figures(), posts=1)
        platforms.append(row.platform)
        published.append(row.published_at)
    return TopPost(post_id, content, min(published, default=None), list(dict.fromkeys(platforms)), sums)
