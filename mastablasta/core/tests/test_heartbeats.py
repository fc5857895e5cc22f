"""Signs of life: one leader at a time, one turn a period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mastablasta.core.models import Heartbeat

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WITHIN = timedelta(seconds=3)

pytestmark = pytest.mark.django_db


def lead(owner: str, second: float, *, yields: bool = False) -> bool:
    at = NOON + timedelta(seconds=second)
    return Heartbeat.objects.lead("clock", owner=owner, at=at, within=WITHIN, yields=yields)


def test_first_leads_and_others_wait() -> None:
    assert lead("a", 0)
    assert not lead("b", 1)
    assert lead("a", 1)


def test_another_leads_when_the_leader_is_silent() -> None:
    lead("a", 0)

    assert not lead("b", 2.9)
    assert lead("b", 3.1)
    assert not lead("a", 3.2)


def test_stand_by_gives_way_at_once() -> None:
    lead("stand-by", 0, yields=True)

    assert lead("a", 0.5)
    assert not lead("stand-by", 0.6, yields=True)


def test_stand_by_does_not_push_anybody_aside() -> None:
    lead("a", 0)

    assert not lead("stand-by", 1, yields=True)


def test_who_resigns_is_replaced_at_once() -> None:
    lead("a", 0)

    Heartbeat.objects.resign("clock", owner="a")

    assert lead("b", 0.1)


def test_resigning_does_not_end_another_ones_lead() -> None:
    lead("a", 0)

    Heartbeat.objects.resign("clock", owner="b")

    assert not lead("c", 0.1)


def test_turn_is_taken_once_a_period() -> None:
    def claim(second: float) -> bool:
        at = NOON + timedelta(seconds=second)
        return Heartbeat.objects.claim_turn("chore:x", at=at, period=timedelta(seconds=5))

    assert [claim(0), claim(0), claim(4.9), claim(5), claim(5.1), claim(11)] == [True, False, False, True, False, True]


def test_who_leads_keeps_the_lead_until_another_one_has_beaten_even_by_a_clock_that_is_behind() -> None:
    def keep(since: float, second: float) -> bool:
        moments = [NOON + timedelta(seconds=one) for one in (since, second)]
        return Heartbeat.objects.keep_lead("clock", since=moments[0], at=moments[1])

    assert not keep(0, 1)  # nobody leads
    lead("stand-by", 0, yields=True)
    assert keep(0, 10)
    lead("a", 9)

    assert not keep(10, 11)
    assert Heartbeat.objects.get().detail["owner"] == "a"
