"""What each reason that YouTube gives means, and how long it lasts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
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
from integrations.platforms.youtube.errors import TABLE, error_from
from mastablasta.core.outbound import Response

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HTML: dict[str, Any] = {}

# https://developers.google.com/youtube/v3/docs/errors (read 2026-11-23)
MEANINGS: tuple[tuple[int, str, type[CallFailed], str], ...] = (
    (401, "authError", NeedsReconnect, "token_refused"),
    (400, "required", Rejected, "invalid_request"),
    (401, "youtubeSignupRequired", NeedsReconnect, "no_channel"),
    (404, "channelNotFound", NeedsReconnect, "no_channel"),
    (403, "authenticatedUserAccountSuspended", NeedsReconnect, "account_suspended"),
    (403, "channelSuspended", NeedsReconnect, "account_suspended"),
    (403, "authenticatedUserAccountClosed", NeedsReconnect, "account_deactivated"),
    (403, "channelClosed", NeedsReconnect, "account_deactivated"),
    (403, "insufficientPermissions", NeedsReconnect, "scope_missing"),
    (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", NeedsReconnect, "scope_missing"),
    (403, "accountDelegationForbidden", NeedsReconnect, "scope_missing"),
    (403, "accessNotConfigured", OperatorProblem, "capability_missing"),
    (403, "SERVICE_DISABLED", OperatorProblem, "capability_missing"),
    (403, "quotaExceeded", RateLimited, "quota_used_up"),
    (403, "dailyLimitExceeded", RateLimited, "quota_used_up"),
    (400, "uploadLimitExceeded", RateLimited, "upload_limit"),
    (429, "uploadRateLimitExceeded", RateLimited, "rate_limited"),
    (403, "rateLimitExceeded", RateLimited, "rate_limited"),
    (403, "userRateLimitExceeded", RateLimited, "rate_limited"),
    (429, "RATE_LIMIT_EXCEEDED", RateLimited, "rate_limited"),
    (403, "forbidden", Rejected, "not_permitted"),
    (403, "forbiddenPrivacySetting", Rejected, "not_permitted"),
    (403, "forbiddenLicenseSetting", Rejected, "not_permitted"),
    (403, "forbiddenEmbedSetting", Rejected, "not_permitted"),
    (404, "videoNotFound", Rejected, "not_found"),
    (404, "notFound", Rejected, "not_found"),
    (400, "invalidCategoryId", Rejected, "invalid_request"),
    (400, "invalidDescription", Rejected, "invalid_request"),
    (400, "invalidPublishAt", Rejected, "invalid_request"),
    (400, "invalidRecordingDetails", Rejected, "invalid_request"),
    (400, "invalidTags", Rejected, "invalid_request"),
    (400, "invalidTitle", Rejected, "invalid_request"),
    (400, "invalidVideoMetadata", Rejected, "invalid_request"),
    (400, "defaultLanguageNotSet", Rejected, "invalid_request"),
    (400, "invalidFilename", Rejected, "media_failed"),
    (400, "mediaBodyRequired", Rejected, "media_failed"),
    (400, "badContent", Rejected, "media_failed"),
    (400, "invalidImage", Rejected, "cover_refused"),
    (400, "imageFormatUnsupported", Rejected, "cover_refused"),
    (400, "imageTooTall", Rejected, "cover_refused"),
    (400, "imageTooWide", Rejected, "cover_refused"),
    (404, "playlistNotFound", Rejected, "playlist_refused"),
    (403, "playlistForbidden", Rejected, "playlist_refused"),
    (403, "playlistItemsNotAccessible", Rejected, "playlist_refused"),
    (403, "playlistContainsMaximumNumberOfVideos", Rejected, "playlist_refused"),
    (409, "captionExists", Rejected, "captions_there"),
    (400, "contentRequired", Rejected, "captions_refused"),
    (400, "nameTooLong", Rejected, "captions_refused"),
    (400, "invalidMetadata", Rejected, "captions_refused"),
    (403, "commentsDisabled", Rejected, "reply_not_allowed"),
    (403, "ineligibleAccount", Rejected, "reply_not_allowed"),
    (400, "commentTextRequired", Rejected, "invalid_request"),
    (400, "commentTextTooLong", Rejected, "invalid_request"),
    (400, "invalidCommentMetadata", Rejected, "invalid_request"),
    (400, "invalidCommentThreadMetadata", Rejected, "invalid_request"),
    (404, "commentNotFound", Rejected, "not_found"),
    (404, "commentThreadNotFound", Rejected, "not_found"),
    (400, "processingFailure", Unavailable, "server_error"),
    (400, "somethingNew", Rejected, "invalid_request"),
    (401, "", NeedsReconnect, "token_refused"),
    (403, "", Rejected, "not_permitted"),
    (404, "", Rejected, "not_found"),
    (429, "", RateLimited, "rate_limited"),
    (500, "backendError", OutcomeUnknown, "server_error"),
    (503, "quotaExceeded", OutcomeUnknown, "server_error"),
)


def answer(status: int, error: dict[str, Any], at: datetime = NOON) -> Response:
    body = json.dumps({"error": error}).encode() if error else b"<html>"
    return Response(status, {}, body, "https://www.googleapis.com/youtube/v3/videos", True, at)


def because(status: int, reason: str, where: str = "errors", at: datetime = NOON) -> CallFailed:
    one = {"reason": reason, "domain": "youtube", "message": "No."}
    return error_from(answer(status, {"code": status, "message": "No.", where: [one]} if reason else HTML, at))


@pytest.mark.parametrize(("status", "reason", "outcome", "code"), MEANINGS)
@pytest.mark.parametrize("where", ["errors", "details"])
def test_reason_counts_wherever_it_stands(
    status: int, reason: str, outcome: type[CallFailed], code: str, where: str
) -> None:
    failure = because(status, reason, where)

    assert (type(failure), failure.code) == (outcome, code)
    assert "No." in failure.message or status >= 500 or not reason


def test_every_reason_of_the_table_has_a_case() -> None:
    assert set(TABLE.by_code) - {reason for _, reason, _, _ in MEANINGS} == set()


@pytest.mark.parametrize(
    ("reason", "at", "until", "scope"),
    [
        # Midnight in California is 8:00 in winter, 7:00 in summer; the day of the change has 25 hours.
        ("quotaExceeded", datetime(2026, 11, 24, 12, tzinfo=UTC), datetime(2026, 11, 25, 8, tzinfo=UTC), "host"),
        ("quotaExceeded", datetime(2026, 11, 24, 7, 59, tzinfo=UTC), datetime(2026, 11, 24, 8, tzinfo=UTC), "host"),
        ("quotaExceeded", datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2026, 7, 2, 7, tzinfo=UTC), "host"),
        ("dailyLimitExceeded", datetime(2026, 11, 1, 7, tzinfo=UTC), datetime(2026, 11, 2, 8, tzinfo=UTC), "host"),
        ("uploadLimitExceeded", NOON, datetime(2026, 11, 25, 12, tzinfo=UTC), "account"),
        ("rateLimitExceeded", NOON, datetime(2026, 11, 24, 12, 1, tzinfo=UTC), "account"),
    ],
)
def test_limit_ends_when_its_day_does(reason: str, at: datetime, until: datetime, scope: str) -> None:
    failure = because(403, reason, at=at)

    assert isinstance(failure, RateLimited)
    assert (failure.until, failure.scope) == (until, scope)
