"""What results say of a host: by kind of call, in the order in which they came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrations.contract import Absent, Content, Part, Pending, Published
from integrations.errors import CallFailed, NeedsReconnect, OutcomeUnknown, RateLimited, Unavailable
from integrations.models import PlatformHost
from posts.engine import outcomes
from posts.engine.host_health import HostReport, assess_hosts
from posts.engine.mailbox import JobDone
from posts.engine.outcomes import Visible
from posts.queue.types import Claimed
from posts.states import DeliveryState
from posts.tests.factories import NOON
from posts.tests.test_outcomes import ROOT, make_job

S = DeliveryState
HOST = uuid4()
ONE = Visible(1, NOON, NOON)
BROKEN_OFF = OutcomeUnknown("it broke the connection", code="connection_reset")
SILENCES: list[CallFailed] = [
    BROKEN_OFF,
    OutcomeUnknown("no answer", code="timed_out"),
    OutcomeUnknown("bad gateway", code="server_error", http_status=502),
    OutcomeUnknown("not now", code="server_error", http_status=503),
    OutcomeUnknown("too late", code="server_error", http_status=504),
]


def host(**overrides: Any) -> PlatformHost:
    return PlatformHost(id=HOST, platform="bluesky", host="b.test", base_url="https://b.test", **overrides)


def sends_shut(**overrides: Any) -> PlatformHost:
    return host(**{"circuit_opened_at": NOON, "failed_sends": 3, **overrides})


def job(state: str, **overrides: Any) -> Any:
    claimed = Claimed(uuid4(), overrides.pop("account", uuid4()), uuid4(), state, 1, uuid4())
    return make_job(state, claimed=claimed, host_id=HOST, **overrides)


def send(answer: Any, *, visible: Visible = ONE, **overrides: Any) -> JobDone:
    one = job(S.SENDING, **overrides)
    result = outcomes.after_send(one, answer, at=NOON, visible=visible)
    return JobDone(one, result, answer if isinstance(answer, CallFailed) else None)


def look_up(answer: Any, *, doubted_s: float = 60, settle_s: float = 0, **overrides: Any) -> JobDone:
    since = NOON - timedelta(seconds=doubted_s)
    one = job(S.UNKNOWN, doubted_at=since, sent_at=since, claimed_at=NOON, **overrides)
    result = outcomes.after_reconcile(one, answer, at=NOON, settle_s=settle_s)
    return JobDone(one, result, answer if isinstance(answer, CallFailed) else None)


def poll(answer: Any, *, visible: Visible, **overrides: Any) -> JobDone:
    one = job(S.PROCESSING, **overrides)
    result = outcomes.after_poll(one, answer, at=NOON, visible=visible)
    return JobDone(one, result, answer if isinstance(answer, CallFailed) else None)


def assessed(*ends: JobDone, known: PlatformHost | None = None) -> tuple[list[Any], HostReport]:
    done, reports = assess_hosts(ends, {HOST: known or host()})
    return [end.result for end in done], reports[HOST]


@pytest.mark.parametrize("silence", SILENCES, ids=lambda one: f"{one.code} {one.http_status}")
def test_answered_look_ups_between_them_do_not_end_a_row_of_silent_sends(silence: CallFailed) -> None:
    results, report = assessed(send(silence), look_up(Absent()), send(silence), look_up(Absent()), send(silence))

    assert (report.silences, report.failed_sends, report.answered, report.took_send) == (1, 3, True, False)
    assert [result.tries for result in results] == [0] * 5  # the third send shows that the host is in trouble
    assert [result.park for result in results] == [False, True, False, True, False]  # what is in doubt is looked up


@pytest.mark.parametrize(
    "answer",
    [
        Published("7", "u"),
        RateLimited("slow down", until=NOON + timedelta(seconds=8)),
        NeedsReconnect("revoked"),
        OutcomeUnknown("its own fault", code="server_error", http_status=500),
    ],
)
def test_any_answer_to_a_visible_call_ends_the_row(answer: Any) -> None:
    _, report = assessed(send(BROKEN_OFF), send(answer, parts=[ROOT]), send(BROKEN_OFF), known=host(failed_sends=2))

    assert (report.failed_sends, report.took_send) == (1, True)


def test_an_answer_to_an_upload_does_not() -> None:
    _, report = assessed(poll(Pending(NOON), visible=Visible()), known=host(failed_sends=2, failures=1))

    assert (report.answered, report.took_send) == (True, False)


def test_a_silent_upload_is_one_of_the_row() -> None:
    down = Unavailable("not now", code="server_error", http_status=503)

    [result], report = assessed(poll(down, visible=Visible(), tries=3), known=host(failed_sends=2))

    assert report.failed_sends == 1
    assert (result.state, result.tries, result.park, result.error_code) == (S.PROCESSING, 3, True, "host_silent")


def test_a_thread_whose_first_part_got_out_begins_the_row_anew() -> None:
    content = Content((Part("One"), Part("Two", kind="reply")))
    two = Visible(2, NOON, NOON)

    _, report = assessed(send(BROKEN_OFF, visible=two, parts=[ROOT], content=content), known=host(failed_sends=2))

    assert (report.failed_sends, report.silences, report.took_send) == (1, 1, True)


@pytest.mark.parametrize("tries", [0, 2, 3])
def test_absent_at_a_host_that_takes_no_sends_uses_no_retry(tries: int) -> None:
    [result], _ = assessed(look_up(Absent(), tries=tries), known=sends_shut())

    assert (result.state, result.tries, result.park, result.error_code) == (S.QUEUED, tries, True, "host_silent")
    assert (result.sent_at, result.doubted_at, result.error_retryable) == (None, None, False)
    assert result.error_message == "m.test takes no posts at the moment; this goes out when it does."


@pytest.mark.parametrize("kind", ["reply", "comment"])
def test_absent_part_there_is_neither_incomplete_nor_left_out(kind: Any) -> None:
    content = Content((Part("One"), Part("Two", kind=kind)))

    [result], _ = assessed(look_up(Absent(), tries=3, parts=[ROOT], content=content), known=sends_shut())

    assert (result.state, result.tries, result.parts, result.warnings) == (S.QUEUED, 3, [ROOT], ())
    assert (result.remote_id, result.published_at) == ("", None)


def test_absent_that_cannot_be_believed_yet_stays_in_doubt() -> None:
    [result], _ = assessed(look_up(Absent(), doubted_s=3, settle_s=5), known=sends_shut())

    assert (result.state, result.park, result.tries) == (S.UNKNOWN, False, 0)


def test_the_probe_itself_goes_on_from_its_look_up_to_its_send() -> None:
    account: UUID = uuid4()

    [result], _ = assessed(look_up(Absent(), account=account), known=sends_shut(failures=9, probe_account=account))

    assert (result.state, result.tries, result.park) == (S.QUEUED, 0, False)


def test_a_look_up_that_finds_nobody_there_keeps_its_plan_until_nobody_answers_at_all() -> None:
    silence = Unavailable("no answer", code="timed_out")

    [one], _ = assessed(look_up(silence), known=sends_shut())
    [third], _ = assessed(look_up(silence), known=sends_shut(failures=2))

    assert (one.state, one.park, one.next_attempt_at) == (S.UNKNOWN, False, NOON + timedelta(seconds=20))
    assert (third.state, third.park, third.next_attempt_at) == (S.UNKNOWN, True, NOON)


def test_absent_at_a_host_that_takes_sends_is_a_retry() -> None:
    [result], _ = assessed(look_up(Absent()), known=host(failed_sends=2))

    assert (result.state, result.tries, result.park) == (S.QUEUED, 1, False)
