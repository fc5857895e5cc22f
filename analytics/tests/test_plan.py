"""When figures are asked for."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from analytics.collection.plan import next_look, next_look_at_gone
from posts.tests.factories import NOON

ACCOUNT = UUID(int=7 * 60)  # its steps are at seven minutes past
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def looks(published_at: object = NOON, account: UUID = ACCOUNT) -> list[timedelta]:
    """Ages at which a post is asked for that is always asked for in time."""
    ages, after = [], published_at
    while (moment := next_look(account, published_at, after=after)) is not None:  # type: ignore[arg-type]
        ages.append(moment - published_at)  # type: ignore[operator]
        after = moment
    return ages


def test_looks_are_frequent_while_a_post_is_young_and_end() -> None:
    ages = looks()
    steps = [later - earlier for earlier, later in pairwise(ages)]

    assert ages[:4] == [10 * MINUTE, HOUR, 2 * HOUR + 7 * MINUTE, 3 * HOUR + 7 * MINUTE]
    assert {step for age, step in zip(ages[2:], steps[2:], strict=False) if age < 47 * HOUR} == {HOUR}
    assert {step for age, step in zip(ages, steps, strict=False) if 3 * DAY < age < 13 * DAY} == {6 * HOUR}
    assert {step for age, step in zip(ages, steps, strict=False) if 15 * DAY < age < 89 * DAY} == {DAY}
    assert max(steps) <= DAY + HOUR
    assert 89 * DAY < ages[-1] <= 90 * DAY


@hypothesis_settings(max_examples=10)
@given(st.uuids(), st.integers(0, 86_399), st.integers(0, 86_399))
def test_posts_of_an_account_are_due_together(account: UUID, first_s: int, second_s: int) -> None:
    first, second = NOON + timedelta(seconds=first_s), NOON + timedelta(seconds=second_s)
    later = max(first, second) + 3 * DAY

    def moments(published_at: object) -> set[object]:
        return {published_at + age for age in looks(published_at, account)}  # type: ignore[operator]

    shared = {moment for moment in moments(first) | moments(second) if later < moment < later + 9 * DAY}  # type: ignore[operator]
    assert shared <= moments(first) & moments(second)


def test_a_late_look_is_followed_by_the_next_step_not_by_all_that_were_missed() -> None:
    assert next_look(ACCOUNT, NOON, after=NOON + 5 * HOUR + 20 * MINUTE) == NOON + 6 * HOUR + 7 * MINUTE
    assert next_look(ACCOUNT, NOON, after=NOON + 91 * DAY) is None


@pytest.mark.parametrize(("gone_for", "wait"), [(0 * HOUR, HOUR + 7 * MINUTE), (3 * DAY, DAY), (8 * DAY, None)])
def test_what_is_gone_is_asked_for_for_a_week(gone_for: timedelta, wait: timedelta | None) -> None:
    after = NOON + 20 * DAY
    moment = next_look_at_gone(ACCOUNT, NOON, gone_at=after - gone_for, after=after)

    assert (moment is None) == (wait is None)
    assert wait is None or moment is None or moment - after <= wait


def test_stages_are_settings(settings: Settings) -> None:
    settings.ANALYTICS_HOURLY_HOURS = settings.ANALYTICS_SIX_HOURLY_DAYS = settings.ANALYTICS_DAILY_DAYS = 0

    assert looks() == [10 * MINUTE, HOUR]
