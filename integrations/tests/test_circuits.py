"""One circuit a host: opened by silence, of everything or of sends alone, and closed by what can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrations.models import PlatformHost
from integrations.services import circuits
from integrations.tests.factories import make_host

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=7)


def silent(host: PlatformHost, *, calls: int = 1, sends: int = 0, accounts: tuple[UUID, ...] = ()) -> bool:
    opened = circuits.note_silence(host.id, calls=calls, sends=sends, accounts=accounts, at=NOON)
    host.refresh_from_db()
    return opened


def answers(host: PlatformHost, *, took_send: bool) -> bool:
    closed = circuits.note_answer(host.id, took_send=took_send, at=LATER)
    host.refresh_from_db()
    return closed


def opened(**overrides: Any) -> PlatformHost:
    return make_host(circuit_opened_at=NOON, probe_at=NOON + timedelta(minutes=8), **overrides)


def test_sends_are_counted_by_themselves() -> None:
    host = make_host()

    opens = []
    for _ in range(3):
        opens.append(silent(host, sends=1))
        answers(host, took_send=False)

    assert opens == [False, False, True]
    assert (host.failures, host.failed_sends, host.circuit_opened_at) == (0, 3, NOON)
    assert circuits.takes_look_ups(host)
    assert circuits.only_looked_up() == [host.id]


def test_the_answer_to_a_send_ends_both_rows() -> None:
    host = make_host(failures=2, failed_sends=2)

    assert answers(host, took_send=True) is False

    assert (host.failures, host.failed_sends, host.answers_again_at) == (0, 0, None)


def test_silence_of_everything_opens_it_for_everything() -> None:
    host = make_host()

    assert silent(host, calls=3, sends=1)

    assert (host.circuit_opened_at, circuits.takes_look_ups(host), circuits.only_looked_up()) == (NOON, False, [])


@pytest.mark.parametrize(("failures", "failed_sends"), [(9, 0), (9, 2), (9, 9), (0, 9)])
def test_the_answer_to_a_send_closes_it_whatever_opened_it(failures: int, failed_sends: int) -> None:
    host = opened(failures=failures, failed_sends=failed_sends, probe_account=uuid4())

    assert answers(host, took_send=True)

    assert (host.failures, host.failed_sends, host.circuit_opened_at, host.probe_account) == (0, 0, None, None)
    assert circuits.answering_again() == {host.id: LATER}


def test_the_answer_to_a_look_up_closes_what_no_sends_have_opened() -> None:
    host = opened(failures=9, failed_sends=2)

    assert answers(host, took_send=False)

    assert (host.failures, host.failed_sends, host.circuit_opened_at) == (0, 2, None)
    assert circuits.answering_again() == {host.id: LATER}


def test_the_answer_to_a_look_up_lets_look_ups_through_and_a_send_be_tried_at_once() -> None:
    probe = uuid4()
    host = opened(failures=9, failed_sends=3, probe_account=probe)

    assert answers(host, took_send=False) is False

    assert (host.circuit_opened_at, circuits.takes_look_ups(host)) == (NOON, True)
    assert (host.probe_at, host.probe_account) == (LATER, probe)
    assert circuits.answering_again() == {host.id: LATER}


def test_further_answers_to_look_ups_change_nothing() -> None:
    host = opened(failures=1, failed_sends=3)

    assert answers(host, took_send=False) is False

    assert (host.failures, host.probe_at, host.answers_again_at) == (0, NOON + timedelta(minutes=8), None)


def test_a_probe_without_answer_has_had_its_turn() -> None:
    probe, other = uuid4(), uuid4()
    host = opened(failures=0, failed_sends=3, probe_account=probe)

    silent(host, sends=1, accounts=(other,))
    assert host.probe_account == probe
    silent(host, sends=1, accounts=(other, probe))
    assert host.probe_account is None


def test_hosts_that_are_silent_again_wake_nobody() -> None:
    host = make_host(answers_again_at=LATER)
    silent(host, calls=3)

    assert circuits.answering_again() == {}


def test_what_answered_once_more_meanwhile_is_woken_again() -> None:
    host = make_host(answers_again_at=NOON)
    woken = circuits.answering_again()
    PlatformHost.objects.filter(id=host.id).update(answers_again_at=LATER)

    circuits.have_woken(woken)
    assert circuits.answering_again() == {host.id: LATER}
    circuits.have_woken(circuits.answering_again())
    assert circuits.answering_again() == {}
