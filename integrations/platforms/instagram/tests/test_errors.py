"""What each of Instagram's own codes and subcodes means; those of the Graph API are held in Facebook's tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from integrations.errors import CallFailed, NeedsReconnect, OutcomeUnknown, RateLimited, Rejected, Unavailable
from integrations.platforms.facebook.errors import TABLE as GRAPH
from integrations.platforms.instagram.errors import MADE_AGAIN, TABLE, error_from, failure_of
from mastablasta.core.outbound import Response

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def answer(code: int, subcode: int, *, visible: bool = True) -> Response:
    body = {"error": {"code": code, "error_subcode": subcode, "message": "No."}}
    return Response(400, {}, json.dumps(body).encode(), "https://graph.facebook.com/v26.0/1/media", visible, NOON)


# https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes (read 2026-11-23)
MEANINGS: tuple[tuple[int, int, type[CallFailed], str], ...] = (
    (-1, 2207001, OutcomeUnknown, "server_error"),
    (-2, 2207003, Rejected, "media_not_fetched"),
    (9004, 2207052, Rejected, "media_not_fetched"),
    (9004, 2207077, Rejected, "media_not_fetched"),
    (-2, 2207020, Rejected, "container_gone"),
    (24, 2207006, Rejected, "container_gone"),
    (24, 2207008, Rejected, "container_gone"),
    (-1, 2207032, Rejected, "container_failed"),
    (-1, 2207053, Rejected, "container_failed"),
    (100, 2207082, Rejected, "container_failed"),
    (9007, 2207027, Rejected, "not_ready"),
    (4, 2207051, RateLimited, "blocked_for_policy"),
    (9, 2207042, RateLimited, "quota_used_up"),
    (25, 2207050, NeedsReconnect, "account_limited"),
    (36000, 2207004, Rejected, "media_refused"),
    (36001, 2207005, Rejected, "media_refused"),
    (36003, 2207009, Rejected, "media_refused"),
    (352, 2207026, Rejected, "media_refused"),
    (100, 2207010, Rejected, "invalid_request"),
    (100, 2207023, Rejected, "invalid_request"),
    (100, 2207028, Rejected, "invalid_request"),
    (100, 2207035, Rejected, "invalid_request"),
    (100, 2207036, Rejected, "invalid_request"),
    (100, 2207037, Rejected, "invalid_request"),
    (100, 2207040, Rejected, "invalid_request"),
    (1, 2207057, Rejected, "invalid_request"),
    (100, 2207081, Rejected, "invalid_request"),
    (80002, 0, RateLimited, "rate_limited"),
    (190, 463, NeedsReconnect, "token_expired"),
    (10, 0, NeedsReconnect, "scope_missing"),
)


@pytest.mark.parametrize(("code", "subcode", "outcome", "name"), MEANINGS)
def test_subcode_counts_before_the_code(code: int, subcode: int, outcome: type[CallFailed], name: str) -> None:
    failure = error_from(answer(code, subcode))

    assert (type(failure), failure.code) == (outcome, name)
    if isinstance(failure, NeedsReconnect):
        assert (failure.scope, failure.can_refresh) == ("account", False)


def test_every_code_of_its_own_has_a_case() -> None:
    own = {code for code in TABLE.by_code if code not in GRAPH.by_code}

    assert own == {str(subcode) for _, subcode, _, _ in MEANINGS if str(subcode) in own}


@pytest.mark.parametrize(("subcode", "hours"), [(2207051, 24), (2207042, 0.25)])
def test_limit_concerns_the_account_and_not_the_app(subcode: int, hours: float) -> None:
    """Spam has the code of the app's limit, 4."""
    failure = error_from(answer(4 if hours == 24 else 9, subcode))

    assert isinstance(failure, RateLimited)
    assert (failure.until - NOON, failure.scope) == (timedelta(hours=hours), "account")


def test_its_trouble_is_no_doubt_where_nothing_could_be_seen() -> None:
    assert type(error_from(answer(-1, 2207001, visible=False))) is Unavailable


@pytest.mark.parametrize(
    ("subcode", "name"), [("2207026", "media_refused"), ("2207053", "container_failed"), ("", "container_failed")]
)
def test_container_that_ends_in_an_error_is_made_again_unless_the_file_is_to_blame(subcode: str, name: str) -> None:
    failure = failure_of(subcode, "Error: it has failed", answer(0, 0))

    assert (type(failure), failure.code, name in MADE_AGAIN) == (Rejected, name, name == "container_failed")
