"""What each documented code and subcode means, and what the headers say of limits."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.errors import (
    CallFailed,
    NeedsReconnect,
    OperatorProblem,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unavailable,
)
from integrations.platforms.facebook.errors import TABLE, error_from
from integrations.protocols.graph import rests_until
from mastablasta.core.outbound import Response

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def answer(error: dict[str, Any] | None, status: int = 400, *, visible: bool = True, **headers: Any) -> Response:
    named = {name.replace("_", "-"): json.dumps(value) for name, value in headers.items()}
    body = b"<html>" if error is None else json.dumps({"error": error}).encode()
    return Response(status, named, body, "https://graph.facebook.com/v26.0/1/feed", visible, NOON)


# https://developers.facebook.com/docs/graph-api/guides/error-handling (read 2026-11-23); subcodes of seven digits as
# production code of several vendors reads them.
MEANINGS: tuple[tuple[int, int, type[CallFailed], str], ...] = (
    (1, 0, OutcomeUnknown, "server_error"),
    (2, 0, OutcomeUnknown, "server_error"),
    (100, 1363047, OutcomeUnknown, "server_error"),
    (100, 1609010, OutcomeUnknown, "server_error"),
    (4, 0, RateLimited, "rate_limited"),
    (17, 0, RateLimited, "rate_limited"),
    (32, 0, RateLimited, "rate_limited"),
    (341, 0, RateLimited, "rate_limited"),
    (613, 0, RateLimited, "rate_limited"),
    (80000, 0, RateLimited, "rate_limited"),
    (80001, 0, RateLimited, "rate_limited"),
    (80002, 0, RateLimited, "rate_limited"),
    (80014, 0, RateLimited, "rate_limited"),
    (100, 1390008, RateLimited, "rate_limited"),
    (368, 0, RateLimited, "blocked_for_policy"),
    (102, 0, NeedsReconnect, "token_refused"),
    (190, 0, NeedsReconnect, "token_refused"),
    (190, 458, NeedsReconnect, "app_removed"),
    (190, 459, NeedsReconnect, "checkpoint"),
    (190, 460, NeedsReconnect, "password_changed"),
    (190, 463, NeedsReconnect, "token_expired"),
    (190, 464, NeedsReconnect, "unconfirmed"),
    (190, 467, NeedsReconnect, "token_refused"),
    (190, 492, NeedsReconnect, "role_lost"),
    (10, 0, NeedsReconnect, "scope_missing"),
    (200, 0, NeedsReconnect, "scope_missing"),
    (299, 0, NeedsReconnect, "scope_missing"),
    (200, 1404078, NeedsReconnect, "authorisation_needed"),
    (200, 4854002, NeedsReconnect, "identity_unconfirmed"),
    (368, 1404006, NeedsReconnect, "checkpoint"),
    (368, 1404112, NeedsReconnect, "account_limited"),
    (3, 0, OperatorProblem, "capability_missing"),
    (101, 0, OperatorProblem, "app_unknown"),
    (100, 0, Rejected, "invalid_request"),
    (100, 33, Rejected, "not_found"),
    (803, 0, Rejected, "not_found"),
    (506, 0, Rejected, "duplicate"),
    (368, 1346003, Rejected, "abusive"),
    (100, 1404102, Rejected, "against_standards"),
    (6000, 0, Rejected, "media_failed"),
    (100, 2069019, Rejected, "media_failed"),
    (100, 1366046, Rejected, "media_refused"),
    (100, 1366051, Rejected, "media_used"),
    (100, 1609005, Rejected, "link_refused"),
    (100, 1609008, Rejected, "link_refused"),
    (100, 2061006, Rejected, "link_refused"),
    (987_654, 0, Rejected, "rejected"),
)


@pytest.mark.parametrize(("code", "subcode", "outcome", "name"), MEANINGS)
@pytest.mark.parametrize("status", [400, 403, 500])
def test_code_counts_and_not_the_status(
    code: int, subcode: int, outcome: type[CallFailed], name: str, status: int
) -> None:
    if name == "rejected" and status == 500:  # a code that nobody knows does not tell what a fault of theirs did
        outcome, name = OutcomeUnknown, "server_error"
    error = {"code": code, "error_subcode": subcode, "message": "No.", "fbtrace_id": "AbC"}

    failure = error_from(answer(error, status))

    assert (type(failure), failure.code, "No. [AbC]" in failure.message or status == 500) == (outcome, name, True)


def test_every_code_of_the_table_has_a_case() -> None:
    tried = {key for code, subcode, _, _ in MEANINGS for key in (f"{code}/{subcode}", str(subcode), code)}
    ranges = {*range(200, 300), *range(80_000, 80_015)}

    assert [code for code in TABLE.by_code if code not in tried | ranges] == []


@pytest.mark.parametrize(("visible", "outcome"), [(True, OutcomeUnknown), (False, Unavailable)])
@pytest.mark.parametrize(
    ("error", "status"), [(None, 502), (None, 503), ({"code": 1}, 400), ({"code": 9, "is_transient": True}, 400)]
)
def test_fault_of_theirs_says_nothing_of_a_visible_call(
    error: dict[str, Any] | None, status: int, visible: bool, outcome: type[CallFailed]
) -> None:
    assert type(error_from(answer(error, status, visible=visible))) is outcome


def test_secret_of_our_app_that_is_wrong_is_the_operators_matter() -> None:
    failure = error_from(answer({"code": 100, "message": "Invalid appsecret_proof provided in the API argument"}))

    assert (type(failure), failure.code) == (OperatorProblem, "proof_refused")


@pytest.mark.parametrize(
    ("code", "header", "minutes", "whose"),
    [
        (80001, {"1": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 21}]}, 21, "account"),
        (4, {}, 15, "host"),
        (341, {}, 15, "host"),
        (32, {"1": "odd"}, 15, "account"),
        (368, {}, 24 * 60, "account"),
    ],
)
def test_limit_ends_when_facebook_says_so(code: int, header: dict[str, Any], minutes: int, whose: str) -> None:
    failure = error_from(answer({"code": code, "message": "Slow down."}, x_business_use_case_usage=header))

    assert isinstance(failure, RateLimited)
    assert (failure.until - NOON, failure.scope) == (timedelta(minutes=minutes), whose)


@pytest.mark.parametrize(
    ("headers", "minutes"),
    [
        ({"x_app_usage": {"call_count": 94, "total_time": 12}}, None),
        ({"x_app_usage": {"call_count": 28, "total_cputime": 95}}, 5),
        ({"x_business_use_case_usage": {"1": [{"call_count": 96, "estimated_time_to_regain_access": 9}]}}, 9),
        ({"x_business_use_case_usage": {"1": [{"call_count": 96, "estimated_time_to_regain_access": 10**15}]}}, 1440),
        ({"x_business_use_case_usage": [1], "x_app_usage": "odd"}, None),
        ({}, None),
    ],
)
def test_account_rests_when_a_limit_is_all_but_used_up(headers: dict[str, Any], minutes: int | None) -> None:
    rests = rests_until(answer({}, 200, **headers))

    assert rests == (None if minutes is None else NOON + timedelta(minutes=minutes))


def test_limit_that_is_told_nested_too_deeply_is_none() -> None:
    headers = {"x-app-usage": '{"call_count":' + "[" * 60_000, "x-business-use-case-usage": "{"}

    assert rests_until(Response(200, headers, b"{}", "https://graph.facebook.com/v26.0/1/feed", True, NOON)) is None
