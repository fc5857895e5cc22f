from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from integrations.contract import Absent, CannotTell, Content, Found, Part, Pending, Published, Target
from integrations.errors import (
    CallFailed,
    NeedsReconnect,
    OperatorProblem,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from posts.engine.outcomes import Visible, after_poll, after_reconcile, after_send, next_look
from posts.engine.send_jobs import SendJob
from posts.queue.types import Claimed, Result
from posts.states import DeliveryState
from posts.tests.factories import NOON

S = DeliveryState
SETTLE_S = 5
ROOT = {"index": 0, "kind": "post", "remote_id": "7", "url": "https://m.test/7"}
THREAD = Content((Part("One"), Part("Two", kind="reply")))


def make_job(state: str, **overrides: Any) -> SendJob:
    defaults: dict[str, Any] = {
        "claimed": Claimed(uuid4(), uuid4(), uuid4(), state, 1, uuid4()),
        "claimed_at": NOON,
        "platform": "mastodon",
        "content": Content((Part("Hello"),)),
        "target": Target("https://m.test", "m.test", "1", "@a@m.test"),
        "grant": None,
        "generation": 1,
        "tries": 0,
        "visible_calls": 0,
        "sent_at": None,
        "doubted_at": None,
        "progress": {},
        "parts": (),
        "is_one_step": True,
        "host_id": uuid4(),
    }
    return SendJob(**{**defaults, **overrides})


def send(answer: Any, **job: Any) -> Result:
    return after_send(make_job(S.SENDING, **job), answer, at=NOON, visible=Visible(1, NOON, NOON))


def reconcile(answer: Any, *, doubted_s: float, asked_s: float, **job: Any) -> Result:
    """`doubted_s`, `asked_s`: how long before noon the doubt began and the question was asked."""
    asked_at = NOON - timedelta(seconds=asked_s)
    doubted_at = NOON - timedelta(seconds=doubted_s)
    unknown = make_job(S.UNKNOWN, claimed_at=asked_at, doubted_at=doubted_at, sent_at=doubted_at, **job)
    return after_reconcile(unknown, answer, at=NOON, settle_s=SETTLE_S)


def test_published_is_out_under_its_id() -> None:
    result = send(Published("7", "https://m.test/7"), parts=[ROOT])

    assert (result.state, result.remote_id, result.url, result.published_at) == (
        S.PUBLISHED,
        "7",
        "https://m.test/7",
        NOON,
    )
    assert (result.sent_at, result.visible_calls, result.error_code) == (None, 1, "")


@pytest.mark.parametrize(
    ("failure", "state", "waits_s", "tries"),
    [
        (Unavailable("down", code="connection_refused"), S.QUEUED, 1, 1),
        (OutcomeUnknown("gone", code="timed_out"), S.UNKNOWN, 0, 0),
        (Rejected("too long"), S.REJECTED, None, 0),
        (NeedsReconnect("revoked"), S.BLOCKED, None, 0),
        (OperatorProblem("no credits"), S.BLOCKED, None, 0),
        (RateLimited("slow down", until=NOON + timedelta(seconds=8)), S.QUEUED, 8, 0),
    ],
)
def test_a_failed_send_says_what_is_next(failure: CallFailed, state: str, waits_s: int | None, tries: int) -> None:
    result = send(failure)

    waits_until = None if waits_s is None else NOON + timedelta(seconds=waits_s)
    assert (result.state, result.next_attempt_at, result.tries) == (state, waits_until, tries)
    assert (result.error_kind, result.error_message) == (failure.kind, failure.message)
    assert (result.sent_at is None) is (state != S.UNKNOWN)
    assert result.park is (state == S.BLOCKED)


@pytest.mark.parametrize(
    ("tries", "state", "waits_s"), [(0, S.QUEUED, 1), (1, S.QUEUED, 2), (2, S.QUEUED, 4), (3, S.FAILED, None)]
)
def test_retries_wait_longer_each_time_and_end(tries: int, state: str, waits_s: int | None) -> None:
    result = send(Unavailable("down"), tries=tries)

    assert result.state == state
    assert result.next_attempt_at == (None if waits_s is None else NOON + timedelta(seconds=waits_s))
    assert result.error_retryable is (state == S.FAILED)


def test_a_rate_limit_uses_no_retry_and_closes_the_lane() -> None:
    until = NOON + timedelta(seconds=8)

    result = send(RateLimited("slow down", until=until), tries=3)

    assert (result.state, result.tries, result.blocked_until, result.retry_at) == (S.QUEUED, 3, until, until)


def test_a_rate_limit_that_has_passed_already_still_waits_a_moment() -> None:
    result = send(RateLimited("slow down", until=NOON - timedelta(seconds=8)))

    assert result.blocked_until == NOON + timedelta(seconds=1)


def test_a_part_that_is_found_leads_to_the_next_one_at_once_and_uses_no_retry() -> None:
    result = reconcile(Found("9", "u"), doubted_s=0, asked_s=0, parts=[ROOT], content=THREAD)

    assert (result.state, result.next_attempt_at, result.tries) == (S.QUEUED, NOON, 0)
    assert (result.sent_at, result.doubted_at, result.parts) == (None, None, [ROOT])


@pytest.mark.parametrize(("tries", "failure"), [(0, Rejected("too long")), (3, Unavailable("down"))])
def test_a_thread_whose_reply_cannot_be_made_is_failed_and_may_go_on(tries: int, failure: CallFailed) -> None:
    result = send(failure, tries=tries, parts=[ROOT], content=THREAD)

    assert (result.state, result.error_code, result.error_retryable) == (S.FAILED, "thread_incomplete", True)
    assert result.parts == [ROOT]
    assert "Part 2 of 2" in result.error_message


@pytest.mark.parametrize(("tries", "failure"), [(0, Rejected("too long")), (3, Unavailable("down"))])
def test_a_first_comment_that_cannot_be_made_is_a_warning(tries: int, failure: CallFailed) -> None:
    content = Content((Part("One"), Part("Link", kind="comment")))

    result = send(failure, tries=tries, parts=[ROOT], content=content)

    assert (result.state, result.remote_id, result.error_code) == (S.PUBLISHED, "7", "")
    assert len(result.warnings) == 1
    assert failure.message in result.warnings[0]


def test_absent_is_not_believed_before_it_can_have_settled() -> None:
    result = reconcile(Absent(), doubted_s=SETTLE_S + 1, asked_s=1.5)

    assert (result.state, result.tries) == (S.UNKNOWN, 0)
    assert result.next_attempt_at is not None
    assert result.next_attempt_at > NOON


def test_absent_once_settled_is_sent_again_and_counts_as_a_retry() -> None:
    result = reconcile(Absent(), doubted_s=SETTLE_S, asked_s=0)

    assert (result.state, result.tries, result.next_attempt_at) == (S.QUEUED, 1, NOON)
    assert (result.sent_at, result.doubted_at) == (None, None)


@pytest.mark.parametrize("settle_s", [0, 5, 30])
@pytest.mark.parametrize(("tries", "waits_s"), [(0, 1), (1, 2), (2, 4)])
def test_absent_is_sent_again_at_the_pace_of_retries_from_when_the_doubt_began(
    tries: int, waits_s: int, settle_s: int
) -> None:
    """However soon absence can be believed; what has waited so long for it waits no longer."""
    doubted_at = NOON - timedelta(seconds=settle_s)
    job = make_job(S.UNKNOWN, claimed_at=NOON, doubted_at=doubted_at, sent_at=doubted_at, tries=tries)

    result = after_reconcile(job, Absent(), at=NOON, settle_s=settle_s)

    again_at = max(NOON, doubted_at + timedelta(seconds=waits_s))
    assert (result.state, result.tries) == (S.QUEUED, tries + 1)
    assert (result.next_attempt_at, result.retry_at) == (again_at, again_at)


def test_absent_part_of_a_thread_is_sent_again_at_the_same_pace() -> None:
    job = make_job(S.UNKNOWN, claimed_at=NOON, doubted_at=NOON, sent_at=NOON, tries=1, parts=[ROOT], content=THREAD)

    result = after_reconcile(job, Absent(), at=NOON, settle_s=0)

    assert (result.state, result.next_attempt_at) == (S.QUEUED, NOON + timedelta(seconds=2))


def test_absent_with_no_retry_left_is_failed_and_may_be_retried() -> None:
    result = reconcile(Absent(), doubted_s=SETTLE_S, asked_s=0, tries=3)

    assert (result.state, result.error_code, result.error_retryable) == (S.FAILED, "not_sent", True)


@pytest.mark.parametrize("answer", [CannotTell("the list is private"), Rejected("no such endpoint")])
def test_what_cannot_be_told_waits_for_a_person_and_is_never_sent_again(answer: Any) -> None:
    result = reconcile(answer, doubted_s=600, asked_s=0)

    assert (result.state, result.next_attempt_at, result.error_code) == (S.UNCONFIRMED, None, "unconfirmed")
    assert result.sent_at is not None


@pytest.mark.parametrize(
    "answer", [Unavailable("down"), OutcomeUnknown("?"), NeedsReconnect("revoked"), OperatorProblem("no app")]
)
def test_a_question_without_an_answer_is_asked_again_and_nothing_is_sent(answer: CallFailed) -> None:
    result = reconcile(answer, doubted_s=3, asked_s=0)

    assert (result.state, result.tries) == (S.UNKNOWN, 0)
    assert result.next_attempt_at == NOON + timedelta(seconds=2)
    assert result.park is isinstance(answer, NeedsReconnect | OperatorProblem)


def test_after_an_hour_without_any_answer_a_person_is_asked() -> None:
    result = reconcile(Unavailable("down"), doubted_s=3601, asked_s=0)

    assert result.state == S.UNCONFIRMED


MARKED = NOON - timedelta(minutes=1)
NOTHING, ONE_CALL = Visible(), Visible(1, NOON, NOON)


def poll(answer: Any, visible: Visible = NOTHING, **job: Any) -> Result:
    return after_poll(make_job(S.PROCESSING, progress={"container": "1"}, **job), answer, at=NOON, visible=visible)


@pytest.mark.parametrize("visible", [NOTHING, ONE_CALL])
@pytest.mark.parametrize(
    ("tries", "state", "waits_s"),
    [(0, S.PROCESSING, 1), (1, S.PROCESSING, 2), (2, S.PROCESSING, 4), (3, S.FAILED, None)],
)
def test_a_poll_that_finds_nobody_is_a_retry(tries: int, state: str, waits_s: int | None, visible: Visible) -> None:
    result = poll(Unavailable("down", code="server_error"), visible, tries=tries)

    assert (result.state, result.outcome, result.progress) == (state, "unavailable", {"container": "1"})
    assert result.next_attempt_at == (None if waits_s is None else NOON + timedelta(seconds=waits_s))
    assert result.retry_at == result.next_attempt_at
    assert (result.tries, result.error_retryable) == ((tries + 1, False) if waits_s else (tries, True))
    assert (result.sent_at, result.visible_calls, result.code) == (None, visible.calls, "server_error")


def test_a_poll_that_finds_nobody_to_the_end_is_in_doubt_where_it_may_be_out() -> None:
    """Platforms that begin with the visible call and work on it then."""
    again = poll(Unavailable("down"), tries=2, sent_at=MARKED)
    last = poll(Unavailable("down"), tries=3, sent_at=MARKED)

    assert (again.state, again.sent_at, again.doubted_at) == (S.PROCESSING, MARKED, None)
    assert (last.state, last.sent_at, last.doubted_at) == (S.UNKNOWN, MARKED, NOON)
    assert (last.next_attempt_at, last.error_message) == (NOON, "down")


def test_a_thread_whose_poll_finds_nobody_to_the_end_is_incomplete() -> None:
    result = poll(Unavailable("down"), tries=3, content=THREAD, parts=[ROOT])

    assert (result.state, result.error_code, result.error_retryable) == (S.FAILED, "thread_incomplete", True)


@pytest.mark.parametrize("marked_before", [None, MARKED])
@pytest.mark.parametrize(
    "answer", [RateLimited("slow", until=NOON + timedelta(seconds=8)), NeedsReconnect("x"), OperatorProblem("x")]
)
def test_a_poll_that_is_put_off_uses_no_retry(answer: CallFailed, marked_before: Any) -> None:
    result = poll(answer, ONE_CALL, sent_at=marked_before)

    assert (result.state, result.tries, result.progress) == (S.PROCESSING, 0, {"container": "1"})
    assert (result.sent_at, result.park) == (marked_before, not isinstance(answer, RateLimited))


@pytest.mark.parametrize("answer", [OutcomeUnknown("gone"), Pending(NOON)])
def test_a_visible_call_of_a_poll_leaves_its_mark(answer: Any) -> None:
    assert poll(answer, ONE_CALL).sent_at == NOON


def test_pending_keeps_its_progress() -> None:
    result = send(Pending(NOON + timedelta(seconds=5), {"b": 2}), progress={"a": 1})

    assert (result.state, result.progress) == (S.PROCESSING, {"a": 1, "b": 2})
    assert result.next_attempt_at == NOON + timedelta(seconds=5)


def test_looks_are_planned_and_one_is_exactly_when_absence_can_be_believed() -> None:
    at, looks = NOON, []
    while len(looks) < 6:
        at = next_look(NOON, SETTLE_S, at=at)
        looks.append((at - NOON).total_seconds())

    assert looks == [2, 5, 10, 20, 40, 80]
    assert next_look(NOON, 30, at=NOON + timedelta(seconds=20)) == NOON + timedelta(seconds=30)


@pytest.mark.parametrize("settle_s", [0, 5, 30])
@pytest.mark.parametrize("asked", [0.3, 0.0])
def test_looks_are_never_more_than_a_minute_apart(settle_s: int, asked: float) -> None:
    """`asked`: how many seconds each answer takes."""
    looks = [NOON]
    while looks[-1] < NOON + timedelta(hours=1):
        looks.append(next_look(NOON, settle_s, at=looks[-1] + timedelta(seconds=asked)))

    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(looks)]
    assert max(gaps) <= 60 + asked
    assert len(looks) <= 70


def test_what_is_handed_back_is_as_it_was() -> None:
    back = make_job(S.SENDING, tries=2, visible_calls=2).handed_back(at=NOON)
    asked = make_job(S.UNKNOWN, sent_at=NOON, doubted_at=NOON).handed_back(at=NOON)

    assert (back.state, back.next_attempt_at, back.tries, back.visible_calls, back.sent_at) == (
        S.QUEUED,
        NOON,
        2,
        2,
        None,
    )
    assert (asked.state, asked.sent_at, asked.doubted_at) == (S.UNKNOWN, NOON, NOON)


def test_an_account_whose_window_is_used_up_rests() -> None:
    rests_until = NOON + timedelta(minutes=7)

    result = send(Published("7", "https://m.test/7", rests_until=rests_until), parts=[ROOT])

    assert (result.state, result.blocked_until) == (S.PUBLISHED, rests_until)


def test_an_account_rests_after_a_late_post_and_for_the_longer_of_two_reasons() -> None:
    soon = Published("7", "https://m.test/7", rests_until=NOON + timedelta(seconds=2))

    assert send(Published("7"), parts=[ROOT], spacing_s=9.0).blocked_until == NOON + timedelta(seconds=9)
    assert send(soon, parts=[ROOT], spacing_s=9.0).blocked_until == NOON + timedelta(seconds=9)
    assert send(Published("7"), parts=[ROOT]).blocked_until is None
