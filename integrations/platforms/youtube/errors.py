"""What YouTube's refusals mean.

Source: https://developers.google.com/youtube/v3/docs/errors (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from integrations.errors import CallFailed, NeedsReconnect, OperatorProblem, RateLimited, Rejected, Unavailable
from integrations.platforms.youtube.capabilities import DAY
from integrations.protocols.error_rules import ErrorRule, ErrorTable
from integrations.protocols.values import object_in, objects_in, text_in
from mastablasta.core.outbound import Response

NOT_FOUND = "not_found"
UPLOAD_GONE = "upload_gone"
MEDIA_FAILED = "media_failed"
CAPTIONS_THERE = "captions_there"
CHANNEL_LIMIT = timedelta(hours=24)

_TOKEN_REFUSED = ErrorRule(
    NeedsReconnect, "token_refused", "YouTube no longer accepts the channel's token: {said}", can_refresh=True
)
_NO_CHANNEL = ErrorRule(
    NeedsReconnect, "no_channel", "This Google account has no channel; create one at YouTube, then connect it. ({said})"
)
_SUSPENDED = ErrorRule(NeedsReconnect, "account_suspended", "YouTube has suspended the account: {said}")
_CLOSED = ErrorRule(NeedsReconnect, "account_deactivated", "The account at YouTube is closed: {said}")
_SCOPE_MISSING = ErrorRule(
    NeedsReconnect, "scope_missing", "The channel was connected without the permission that this needs: {said}"
)
_API_OFF = ErrorRule(
    OperatorProblem, "capability_missing", "This server's project at Google may not use the YouTube API: {said}"
)
_QUOTA = ErrorRule(
    RateLimited, "quota_used_up", "This server's quota at YouTube is used up until midnight in California: {said}"
)
_TOO_MANY_UPLOADS = ErrorRule(
    RateLimited, "upload_limit", "YouTube takes no more videos from this channel for a day: {said}"
)
_TOO_OFTEN = ErrorRule(RateLimited, "rate_limited", "YouTube asks to wait: {said}")
_BUSY = ErrorRule(Unavailable, "server_error", "YouTube could not do it just now: {said}")
_INVALID = ErrorRule(Rejected, "invalid_request", "YouTube refused it: {said}")
_NOT_PERMITTED = ErrorRule(Rejected, "not_permitted", "YouTube does not permit this: {said}")
_NOT_FOUND = ErrorRule(Rejected, NOT_FOUND, "YouTube does not have it: {said}")
_NO_PLAYLIST = ErrorRule(Rejected, "playlist_refused", "YouTube does not add the video to this playlist: {said}")
_COVER = ErrorRule(Rejected, "cover_refused", "YouTube does not take this thumbnail: {said}")
_CAPTIONS = ErrorRule(Rejected, "captions_refused", "YouTube does not take these captions: {said}")
_CAPTIONS_THERE = ErrorRule(
    Rejected, CAPTIONS_THERE, "The video has captions of this language and name already: {said}"
)
_FILE = ErrorRule(Rejected, MEDIA_FAILED, "YouTube cannot use this file: {said}")
_NO_COMMENTS = ErrorRule(Rejected, "reply_not_allowed", "YouTube takes no comment there: {said}")
_COMMENT = ErrorRule(Rejected, "invalid_request", "YouTube refused the comment: {said}")

TABLE = ErrorTable(
    label="YouTube",
    by_code={
        # --- who is calling ---
        "authError": _TOKEN_REFUSED,
        "required": _INVALID,
        "youtubeSignupRequired": _NO_CHANNEL,
        "channelNotFound": _NO_CHANNEL,
        "authenticatedUserAccountSuspended": _SUSPENDED,
        "channelSuspended": _SUSPENDED,
        "authenticatedUserAccountClosed": _CLOSED,
        "channelClosed": _CLOSED,
        "insufficientPermissions": _SCOPE_MISSING,
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT": _SCOPE_MISSING,
        "accountDelegationForbidden": _SCOPE_MISSING,
        "accessNotConfigured": _API_OFF,
        "SERVICE_DISABLED": _API_OFF,
        # --- too often ---
        "quotaExceeded": _QUOTA,
        "dailyLimitExceeded": _QUOTA,
        "uploadLimitExceeded": _TOO_MANY_UPLOADS,
        "uploadRateLimitExceeded": _TOO_OFTEN,
        "rateLimitExceeded": _TOO_OFTEN,
        "userRateLimitExceeded": _TOO_OFTEN,
        "RATE_LIMIT_EXCEEDED": _TOO_OFTEN,
        # --- the video ---
        "forbidden": _NOT_PERMITTED,
        "forbiddenPrivacySetting": _NOT_PERMITTED,
        "forbiddenLicenseSetting": _NOT_PERMITTED,
        "forbiddenEmbedSetting": _NOT_PERMITTED,
        "videoNotFound": _NOT_FOUND,
        "notFound": _NOT_FOUND,
        "invalidCategoryId": _INVALID,
        "invalidDescription": _INVALID,
        "invalidPublishAt": _INVALID,
        "invalidRecordingDetails": _INVALID,
        "invalidTags": _INVALID,
        "invalidTitle": _INVALID,
        "invalidVideoMetadata": _INVALID,
        "defaultLanguageNotSet": _INVALID,
        "invalidFilename": _FILE,
        "mediaBodyRequired": _FILE,
        "badContent": _FILE,
        # --- its thumbnail, its playlist ---
        "invalidImage": _COVER,
        "imageFormatUnsupported": _COVER,
        "imageTooTall": _COVER,
        "imageTooWide": _COVER,
        "playlistNotFound": _NO_PLAYLIST,
        "playlistForbidden": _NO_PLAYLIST,
        "playlistItemsNotAccessible": _NO_PLAYLIST,
        "playlistContainsMaximumNumberOfVideos": _NO_PLAYLIST,
        # --- its captions ---
        "captionExists": _CAPTIONS_THERE,
        "contentRequired": _CAPTIONS,
        "nameTooLong": _CAPTIONS,
        "invalidMetadata": _CAPTIONS,
        # --- a comment ---
        "commentsDisabled": _NO_COMMENTS,
        "ineligibleAccount": _NO_COMMENTS,
        "commentTextRequired": _COMMENT,
        "commentTextTooLong": _COMMENT,
        "invalidCommentMetadata": _COMMENT,
        "invalidCommentThreadMetadata": _COMMENT,
        "commentNotFound": _NOT_FOUND,
        "commentThreadNotFound": _NOT_FOUND,
        "processingFailure": _BUSY,
    },
    by_status={401: _TOKEN_REFUSED, 403: _NOT_PERMITTED, 404: _NOT_FOUND, 429: _TOO_OFTEN},
    otherwise=_INVALID,
)


def error_from(answer: Response) -> CallFailed:
    """Return what to raise for an answer other than 2xx: by the reasons that YouTube gives, then by the status.

    A quota that is used up concerns all channels of this server, until midnight in California.
    """
    error = object_in(answer.fields(), "error")
    reasons, said = tuple(_reasons_in(error)), text_in(error, "message")[:300]
    rule = TABLE.rule_of(answer.status, codes=reasons)
    if rule is _QUOTA and not answer.server_trouble:
        return rule.failure(answer, said=said, until=DAY.window_end(answer.received_at), limited="host")
    if rule is _TOO_MANY_UPLOADS and not answer.server_trouble:
        return rule.failure(answer, said=said, until=answer.received_at + CHANNEL_LIMIT)
    return TABLE.failure(answer, codes=reasons, said=said)


def _reasons_in(error: Mapping[str, Any]) -> Iterator[str]:
    """The reason of each thing that is wrong, the plainest first; some stand in `details` only."""
    for name in ("errors", "details"):
        for one in objects_in(error, name):
            if reason := text_in(one, "reason"):
                yield reason
