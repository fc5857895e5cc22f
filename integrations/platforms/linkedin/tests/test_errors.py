"""What each documented refusal means, and when LinkedIn takes calls again."""

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
from integrations.platforms.linkedin.errors import duplicate_in, error_from
from mastablasta.core.outbound import Response

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DUPLICATE = "Duplicate post is detected. Content is a duplicate of urn:li:share:7012345678901234567"


def answer(status: int, fields: dict[str, Any] | None, *, visible: bool = True, **headers: str) -> Response:
    body = b"<html>" if fields is None else json.dumps(fields).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, named, body, "https://api.linkedin.com/rest/posts", visible, NOON)


def said(message: str, code: str = "", number: int = 0) -> dict[str, Any]:
    return {"message": message, **({"code": code} if code else {}), **({"serviceErrorCode": number} if number else {})}


def of_input(code: str, description: str) -> dict[str, Any]:
    inputs = [{"code": code, "description": description, "input": {"inputPath": {"fieldPath": "commentary"}}}]
    return {"status": 422, "message": "Validation failed", "errorDetails": {"inputErrors": inputs}}


# https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/error-handling; 422 and 426 as in public bug
# reports of 2026 (read 2026-11-23).
MEANINGS: tuple[tuple[int, dict[str, Any] | None, type[CallFailed], str], ...] = (
    (
        401,
        said("The token used in the request has expired", "EXPIRED_ACCESS_TOKEN", 65602),
        NeedsReconnect,
        "token_expired",
    ),
    (401, said("Expired access token", "", 65602), NeedsReconnect, "token_expired"),
    (401, said("The token has been revoked by the user", "REVOKED_ACCESS_TOKEN", 65601), NeedsReconnect, "app_removed"),
    (401, said("The token has been revoked", ""), NeedsReconnect, "app_removed"),
    (401, said("Invalid access token", "INVALID_ACCESS_TOKEN", 65600), NeedsReconnect, "token_refused"),
    (401, said("Empty oauth2 access token", "", 65604), NeedsReconnect, "token_refused"),
    (401, None, NeedsReconnect, "token_refused"),
    (
        403,
        said("Not enough permissions to access: posts.CREATE", "ACCESS_DENIED", 100),
        NeedsReconnect,
        "scope_missing",
    ),
    (403, None, Unavailable, "gateway"),
    (404, said("Could not find entity", "NOT_FOUND"), Rejected, "not_found"),
    (404, None, Unavailable, "gateway"),
    (400, said("A version must be present", "VERSION_MISSING"), OperatorProblem, "version_ended"),
    (426, said("Requested version 20250401 is not active", "NONEXISTENT_VERSION"), OperatorProblem, "version_ended"),
    (422, of_input("DUPLICATE_POST", DUPLICATE), Rejected, "duplicate"),
    (422, said(DUPLICATE), Rejected, "duplicate"),
    (422, of_input("INVALID_VALUE", "urn:li:image:C4E is not available"), Rejected, "media_gone"),
    (400, said("urn:li:video:C4E is not owned by the author"), Rejected, "media_gone"),
    (422, of_input("FIELD_LENGTH_TOO_LONG", "commentary is too long"), Rejected, "invalid_request"),
    (400, said("Cannot parse request entity", "BAD_REQUEST"), Rejected, "invalid_request"),
    (413, None, Rejected, "too_large"),
    (418, said("Something that nobody knows"), Rejected, "invalid_request"),
    (429, said("Resource level throttle APPLICATION DAY limit is reached.", "", 101), RateLimited, "rate_limited"),
    (408, None, OutcomeUnknown, "server_error"),
    (500, said("Internal Server Error"), OutcomeUnknown, "server_error"),
    (503, None, OutcomeUnknown, "server_error"),
    (302, None, Unavailable, "redirected"),
)


@pytest.mark.parametrize(("status", "fields", "outcome", "code"), MEANINGS)
def test_refusal_says_what_to_do(
    status: int, fields: dict[str, Any] | None, outcome: type[CallFailed], code: str
) -> None:
    failure = error_from(answer(status, fields, x_li_uuid="AAZ"))

    assert (type(failure), failure.code) == (outcome, code)
    if fields and outcome in {Rejected, NeedsReconnect, OperatorProblem} and status != 413:
        assert "[AAZ]" in failure.message


@pytest.mark.parametrize(
    ("fields", "can_refresh"),
    [(said("", "EXPIRED_ACCESS_TOKEN"), True), (said("", "INVALID_ACCESS_TOKEN"), True), (said("revoked"), False)],
)
def test_fresh_token_helps_unless_the_person_took_it_back(fields: dict[str, Any], can_refresh: bool) -> None:
    failure = error_from(answer(401, fields))

    assert isinstance(failure, NeedsReconnect)
    assert (failure.can_refresh, failure.scope) == (can_refresh, "grant")


def test_role_that_ended_signs_out_one_organisation() -> None:
    denied = answer(403, said("Not enough permissions to access: author", "ACCESS_DENIED", 100))

    failure = error_from(denied, of_organisation=True)

    assert isinstance(failure, NeedsReconnect)
    assert (failure.code, failure.scope, failure.can_refresh) == ("role_lost", "account", False)


@pytest.mark.parametrize("fields", [of_input("DUPLICATE_POST", DUPLICATE), said(DUPLICATE)])
def test_duplicate_names_the_post(fields: dict[str, Any]) -> None:
    assert duplicate_in(error_from(answer(422, fields))) == "urn:li:share:7012345678901234567"
    assert duplicate_in(error_from(answer(422, said("Content is a duplicate of something")))) == ""
    assert duplicate_in(error_from(answer(404, said("No urn:li:share:1")))) == ""


@pytest.mark.parametrize(
    ("words", "headers", "waits", "whose"),
    [
        ("throttle APPLICATION_AND_MEMBER DAY limit", {}, timedelta(hours=12), "account"),
        ("throttle APPLICATION DAY limit", {}, timedelta(hours=12), "host"),
        (
            "throttle MEMBER DAY limit",
            {"date": "Tue, 24 Nov 2026 11:50:00 GMT"},
            timedelta(hours=12, minutes=10),
            "account",
        ),
        ("throttle MEMBER DAY limit", {"retry_after": "30"}, timedelta(seconds=30), "account"),
        ("Too many requests", {}, timedelta(minutes=15), "account"),
    ],
)
def test_limit_ends_with_the_day_of_utc(words: str, headers: dict[str, str], waits: timedelta, whose: str) -> None:
    failure = error_from(answer(429, said(words), **headers))

    assert isinstance(failure, RateLimited)
    assert (failure.until - NOON, failure.scope) == (waits, whose)
