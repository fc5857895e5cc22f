"""When a post's figures are asked for: often while it is young, in step with its account's other posts. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings

FIRST_LOOKS = (timedelta(minutes=10), timedelta(hours=1))
HOUR, SIX_HOURS, DAY = timedelta(hours=1), timedelta(hours=6), timedelta(days=1)
NEAR = timedelta(minutes=30)  # a step of the account that is nearer than this is left out
GONE_FOR = timedelta(days=7)  # how long a post that its platform does not show is asked for again


def asked_for() -> timedelta:
    """How long after its publication a post's figures are asked for at all."""
    return max(_stages().values())


def _stages() -> dict[timedelta, timedelta]:
    """How often figures are asked for, and until when after the publication."""
    return {
        HOUR: timedelta(hours=settings.ANALYTICS_HOURLY_HOURS),
        SIX_HOURS: timedelta(days=settings.ANALYTICS_SIX_HOURLY_DAYS),
        DAY: timedelta(days=settings.ANALYTICS_DAILY_DAYS),
    }


def next_look(account_id: UUID, published_at: datetime, *, after: datetime) -> datetime | None:
    """When to ask next for a post that was asked for at `after`, or never until then; None = never again.

    The first looks go by the post. All later ones go by its account's steps, so that its posts are due together: an
    account has its own minute of the hour, and the steps of six hours and of a day are some of those of an hour.
    """
    return next_looks(account_id, after=after)(published_at)


def next_looks(account_id: UUID, *, after: datetime) -> Callable[[datetime], datetime | None]:
    """The same for many posts of an account, by when they were published."""
    firsts = [(after - age, age) for age in FIRST_LOOKS]
    steps = [(next_step(account_id, period, after=after + NEAR), until) for period, until in _stages().items()]
    oldest = [(moment - until, moment) for moment, until in steps]

    def look(published_at: datetime) -> datetime | None:
        for since, age in firsts:
            if published_at > since:
                return published_at + age
        for since, moment in oldest:
            if published_at >= since:
                return moment
        return None

    return look


def next_look_at_gone(
    account_id: UUID, published_at: datetime, *, gone_at: datetime, after: datetime
) -> datetime | None:
    """When to ask again for a post that its platform has not shown since `gone_at`; None = it is gone.

    By the hour for a day, since it may only be late or hidden for a while, then by the day.
    """
    if after - gone_at > GONE_FOR or next_look(account_id, published_at, after=after) is None:
        return None
    return next_step(account_id, HOUR if after - gone_at < DAY else DAY, after=after + NEAR)


def next_step(account_id: UUID, period: timedelta, *, after: datetime) -> datetime:
    """The account's first step of this period that is not before `after`."""
    offset_s, period_s = account_id.int % 3600, period.total_seconds()
    steps = math.ceil((after.timestamp() - offset_s) / period_s)
    return datetime.fromtimestamp(steps * period_s + offset_s, UTC)
