"""What platforms share: windows by headers, tables of errors, bounded uploads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from integrations.contract import MediaUse
from integrations.errors import CallFailed, NeedsReconnect, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.protocols import uploads
from integrations.protocols.error_rules import ErrorRule, common_failure
from integrations.protocols.rate_headers import epoch_reset, is_used_up, retry_at
from mastablasta.core.outbound import Response

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def answer(status: int = 429, *, visible: bool = True, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, named, b"{}", "https://example.org/", visible=visible, received_at=NOON)


# --- windows ---


@pytest.mark.parametrize(
    ("headers", "resets", "until"),
    [
        ({}, (), NOON + MINUTE),
        ({"retry_after": "30"}, (NOON + 5 * MINUTE,), NOON + MINUTE / 2),
        ({}, (None, NOON + 5 * MINUTE, NOON + 9 * MINUTE), NOON + 5 * MINUTE),
        ({"retry_after": "0"}, (), NOON + timedelta(seconds=1)),
        ({}, (NOON - DAY,), NOON + timedelta(seconds=1)),
        ({"retry_after": "9999999"}, (), NOON + DAY),
    ],
)
def test_call_is_made_again_when_it_is_said_to_and_within_a_day(
    headers: dict[str, str], resets: tuple[datetime | None, ...], until: datetime
) -> None:
    assert retry_at(answer(**headers), *resets) == until


@pytest.mark.parametrize("value", ["", "soon", "-5", "99999999999999", "\u0663"])
def test_header_that_names_no_moment_is_none(value: str) -> None:
    assert epoch_reset(answer(x_reset=value), "x-reset") is None


def test_moment_of_another_clock_is_told_on_ours() -> None:
    slow = NOON - 10 * MINUTE
    reset = str(int((slow + MINUTE).timestamp()))

    assert epoch_reset(answer(x_reset=reset, date=format_datetime(slow, usegmt=True)), "x-reset") == NOON + MINUTE


def test_window_is_used_up_when_nothing_is_left() -> None:
    assert is_used_up(answer(x_left=" 0 "), "x-left")
    assert not any(is_used_up(answer(x_left=value), "x-left") for value in ("", "1", "00", "none"))


# --- errors ---


@pytest.mark.parametrize(
    ("status", "visible", "outcome"),
    [
        (500, True, OutcomeUnknown), (503, False, Unavailable), (408, True, OutcomeUnknown),
        (302, True, Unavailable), (400, True, None), (429, True, None),
    ],
)  # fmt: skip
def test_what_every_platform_means(status: int, visible: bool, outcome: type[CallFailed] | None) -> None:
    failure = common_failure(answer(status, visible=visible), label="Chirp")

    assert type(failure) is (outcome or type(None))


def test_rule_says_what_to_raise() -> None:
    rule = ErrorRule(NeedsReconnect, "page_gone", "The page is gone: {said}", scope="account")
    limit = ErrorRule(RateLimited, "too_many", "Wait.")
    until = NOON + MINUTE

    failure = rule.failure(answer(400), said="role removed", until=until)
    limited = limit.failure(answer(400), said="", until=until, limited="host")
    refused = ErrorRule(Rejected, "bad", "No: {said}").failure(answer(422), said="", until=until)

    assert isinstance(failure, NeedsReconnect)
    assert (failure.message, failure.code, failure.scope, failure.can_refresh) == (
        "The page is gone: role removed", "page_gone", "account", False,
    )  # fmt: skip
    assert isinstance(limited, RateLimited)
    assert (limited.until, limited.scope, limited.http_status) == (until, "host", 400)
    assert (type(refused), refused.message) == (Rejected, "No: status 422")


# --- uploads ---


def use_of(size: int) -> MediaUse:
    return MediaUse("17", "/nowhere", "image/png", size)


def test_one_call_takes_one_file_however_large_and_then_so_many_bytes() -> None:
    assert not uploads.is_enough(0, use_of(100 << 20))
    assert not uploads.is_enough(1 << 20, use_of(7 << 20))
    assert uploads.is_enough(1 << 20, use_of((7 << 20) + 1))


def test_large_file_has_longer_but_not_for_ever() -> None:
    assert [uploads.timeout_s(use_of(size)) for size in (0, 2_500_000, 1 << 30)] == [10.0, 20.0, 55.0]


def test_name_of_a_file_tells_its_type_only() -> None:
    assert uploads.file_of(use_of(1)).filename == "17.png"
