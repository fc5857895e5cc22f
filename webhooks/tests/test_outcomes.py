"""What a try means for its delivery and for its endpoint's queue."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from webhooks.outcomes import MOST_TRIES, WAITS_S, Attempted, LaneHealth, judge, wait

AT = datetime(2030, 1, 31, 9, tzinfo=UTC)
TAKEN = Attempted(AT, AT, "https://receiver.test/", {}, http_status=204)
FAILED = replace(TAKEN, http_status=500, code="bad_status", message="The receiver answered 500.")


def seconds(moment: datetime | None) -> float:
    assert moment is not None
    return (moment - AT).total_seconds()


def test_waits_grow_for_a_day_and_part_what_failed_together() -> None:
    assert WAITS_S[:6] == (5, 30, 120, 600, 3600, 10_800)
    assert 24 <= sum(WAITS_S) / 3600 <= 26
    for failures, least in enumerate(WAITS_S, 1):
        waits = {wait(failures).total_seconds() for _ in range(50)}
        assert least <= min(waits) < max(waits) <= least * 1.1


def test_what_is_taken_makes_the_lane_well() -> None:
    verdict = judge(TAKEN, failures=3, lane=LaneHealth(7, AT - timedelta(hours=3), AT))

    assert (verdict.state, verdict.next_attempt_at, verdict.lane) == ("delivered", None, LaneHealth())


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 408, 429, 500, 503, None])
def test_whatever_else_is_tried_again_and_holds_up_what_comes_behind(status: int | None) -> None:
    verdict = judge(replace(FAILED, http_status=status), failures=0, lane=LaneHealth())

    assert (verdict.state, verdict.failures, verdict.lane.failures, verdict.disabled_reason) == ("pending", 1, 1, "")
    assert verdict.next_attempt_at == verdict.lane.blocked_until
    assert 5 <= seconds(verdict.next_attempt_at) <= 5.5
    assert verdict.lane.failing_since == AT


def test_one_event_that_is_refused_steps_aside_for_the_others() -> None:
    verdict = judge(FAILED, failures=3, lane=LaneHealth(3, AT))

    assert 600 <= seconds(verdict.next_attempt_at) <= 660
    assert verdict.lane.blocked_until == AT


def test_receiver_that_refuses_the_next_one_too_is_left_alone() -> None:
    verdict = judge(FAILED, failures=0, lane=LaneHealth(4, AT))

    assert 3600 <= seconds(verdict.next_attempt_at) <= 3960
    assert verdict.lane.blocked_until == verdict.next_attempt_at


@pytest.mark.parametrize(("asked_s", "least"), [(1, 5), (900, 900), (10**7, 86_400)])
def test_retry_after_is_obeyed_for_a_day_at_most(asked_s: int, least: int) -> None:
    verdict = judge(replace(FAILED, retry_at=AT + timedelta(seconds=asked_s)), failures=0, lane=LaneHealth())

    assert least <= seconds(verdict.lane.blocked_until) <= least * 1.1
    assert verdict.next_attempt_at == verdict.lane.blocked_until


def test_event_is_given_up_after_a_day_while_others_get_through() -> None:
    verdict = judge(FAILED, failures=MOST_TRIES - 1, lane=LaneHealth())

    assert (verdict.state, verdict.next_attempt_at, verdict.disabled_reason) == ("failed", None, "")


@pytest.mark.parametrize("since_h", [24, 100])
def test_endpoint_is_switched_off_after_a_day_without_success(since_h: int) -> None:
    verdict = judge(FAILED, failures=5, lane=LaneHealth(9, AT - timedelta(hours=since_h)))
    earlier = judge(FAILED, failures=5, lane=LaneHealth(9, AT - timedelta(hours=23.9)))

    assert verdict.state == "missed"
    assert verdict.disabled_reason == "Nothing got through for a day; the last try: The receiver answered 500."
    assert earlier.disabled_reason == ""


def test_410_switches_it_off_at_once() -> None:
    verdict = judge(replace(FAILED, http_status=410), failures=0, lane=LaneHealth())

    assert (verdict.state, verdict.disabled_reason) == ("missed", "The receiver answered 410: it is gone for good.")
