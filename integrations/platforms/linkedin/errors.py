"""What LinkedIn's refusals mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from integrations.errors import CallFailed, NeedsReconnect, OperatorProblem, RateLimited, Rejected, Unavailable
from integrations.platforms.linkedin.addresses import POST_URN
from integrations.protocols.error_rules import ErrorRule, ErrorTable
from integrations.protocols.rate_headers import RateWindows, Whose, retry_at
from integrations.protocols.values import object_in, objects_in, text_in
from mastablasta.core.outbound import Response

DUPLICATE = "duplicate"
MEDIA_GONE = "media_gone"
NOT_FOUND = "not_found"
SCOPE_MISSING = "scope_missing"
NOT_SHOWN_YET = "not_shown_yet"
PAUSE = timedelta(minutes=15)  # LinkedIn says 429 to protect itself, too

_ENDED = frozenset({401})
_CONTENT = frozenset({400, 422})
_PLAIN = frozenset({401, 413, 426, 429})  # which mean the same whoever gives them


class DayLimits(RateWindows):
    """LinkedIn counts by the day of UTC and tells nothing in headers; in its words, whether the day's calls are used up
    and whose they are.

    Source: https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/rate-limits (read 2026-11-23).
    """

    def opens_at(self, answer: Response) -> tuple[datetime, Whose]:
        words = said_in(answer.fields()).lower()
        whose: Whose = "host" if "throttle application day" in words else "account"
        if "day limit" not in words:
            return retry_at(answer, answer.received_at + PAUSE), whose
        tomorrow = answer.received_at.astimezone(UTC).date() + timedelta(days=1)
        return retry_at(answer, answer.on_our_clock(datetime.combine(tomorrow, time.min, UTC))), whose


# --- the table -------------------------------------------------------------------------------------------------------
# https://learn.microsoft.com/en-us/linkedin/shared/api-guide/concepts/error-handling and
# …/shared/authentication/client-credentials-flow#error-codes; 422 and 426 as quoted in public bug reports of 2026
# (read 2026-11-23)
_TOKEN_REFUSED = ErrorRule(
    NeedsReconnect, "token_refused", "LinkedIn no longer accepts the account's token: {said}", can_refresh=True
)
_TOKEN_EXPIRED = ErrorRule(
    NeedsReconnect, "token_expired", "The sign-in at LinkedIn has run out: {said}", can_refresh=True
)
_REVOKED = ErrorRule(NeedsReconnect, "app_removed", "The person removed this server's app at LinkedIn: {said}")
_DENIED = ErrorRule(
    NeedsReconnect, SCOPE_MISSING, "The account was connected without the permission that this needs: {said}"
)
_VERSION_ENDED = ErrorRule(
    OperatorProblem,
    "version_ended",
    "LinkedIn ended the version of its API that this program uses; update it. ({said})",
)
_DUPLICATE = ErrorRule(Rejected, DUPLICATE, "LinkedIn has this text from this account already; change it. ({said})")
_MEDIA_GONE = ErrorRule(Rejected, MEDIA_GONE, "LinkedIn does not take the uploaded files of this post: {said}")
_NOT_FOUND = ErrorRule(Rejected, NOT_FOUND, "LinkedIn does not have it, or not for this account: {said}")
_INVALID = ErrorRule(Rejected, "invalid_request", "LinkedIn refused it: {said}")
_TOO_LARGE = ErrorRule(Rejected, "too_large", "It is too large for LinkedIn.")
_TOO_MANY = ErrorRule(RateLimited, "rate_limited", "LinkedIn asks to wait: {said}")

TABLE = ErrorTable(
    label="LinkedIn",
    by_words=(
        (_CONTENT, ("content is a duplicate of",), _DUPLICATE),
        (_CONTENT, ("urn:li:image:", "urn:li:video:"), _MEDIA_GONE),
        (_ENDED, ("revoked",), _REVOKED),
        (_ENDED, ("expired",), _TOKEN_EXPIRED),
    ),
    by_code={
        "DUPLICATE_POST": _DUPLICATE,
        "EXPIRED_ACCESS_TOKEN": _TOKEN_EXPIRED,
        "INVALID_ACCESS_TOKEN": _TOKEN_REFUSED,
        "REVOKED_ACCESS_TOKEN": _REVOKED,
        "NONEXISTENT_VERSION": _VERSION_ENDED,
        "VERSION_MISSING": _VERSION_ENDED,
        65600: _TOKEN_REFUSED,
        65601: _REVOKED,
        65602: _TOKEN_EXPIRED,
    },
    by_status={
        401: _TOKEN_REFUSED,
        403: _DENIED,
        404: _NOT_FOUND,
        413: _TOO_LARGE,
        426: _VERSION_ENDED,
        429: _TOO_MANY,
    },
    otherwise=_INVALID,
    windows=DayLimits(),
)


def error_from(answer: Response, *, of_organisation: bool = False) -> CallFailed:
    """Return what to raise for an answer other than 2xx.

    `of_organisation`: it was called for one, whose roles end by themselves. LinkedIn says the same of a role that has
    ended and of a permission that is missing.
    """
    fields = answer.fields()
    failure = TABLE.failure(answer, codes=tuple(_codes_in(fields)), said=_quoted(answer, fields))
    if not fields and isinstance(failure, Rejected | NeedsReconnect) and answer.status not in _PLAIN:
        sentence = "Something in front of LinkedIn refused the call with a page of its own."
        return Unavailable(sentence, code="gateway", http_status=answer.status)
    if of_organisation and failure.code == SCOPE_MISSING:
        sentence = f"The person who connected this organisation may not act for it at LinkedIn: {failure.message}"
        return NeedsReconnect(sentence, code="role_lost", http_status=answer.status, can_refresh=False, scope="account")
    return failure


def duplicate_in(failure: CallFailed) -> str:
    """The URN of the post that a refused one is a duplicate of; "" where LinkedIn does not name it."""
    found = POST_URN.search(failure.message) if failure.code == DUPLICATE else None
    return found[0] if found else ""


def said_in(fields: Mapping[str, Any]) -> str:
    """What LinkedIn says itself: its sentence, and what it says of single fields."""
    inputs = objects_in(object_in(fields, "errorDetails"), "inputErrors")
    words = [text_in(fields, "message"), *(text_in(one, "description") for one in inputs)]
    return re.sub(r"\s+", " ", " ".join(filter(None, dict.fromkeys(words))))[:300]


def _quoted(answer: Response, fields: Mapping[str, Any]) -> str:
    """With the number that LinkedIn's support asks for."""
    said, trace = said_in(fields), answer.headers.get("x-li-uuid", "")[:40]
    return f"{said} [{trace}]" if said and trace else said


def _codes_in(fields: Mapping[str, Any]) -> Iterator[str | int]:
    for one in objects_in(object_in(fields, "errorDetails"), "inputErrors"):
        yield text_in(one, "code")
    yield text_in(fields, "code")
    number = fields.get("serviceErrorCode")
    if type(number) is int:
        yield number
