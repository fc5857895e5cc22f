"""What a service's refusals mean: the name in `error` counts, the status only where there is none.

Sources: https://atproto.com/specs/xrpc#error-responses, https://docs.bsky.app/docs/advanced-guides/rate-limits and
answers of the reference server (read 2026-11-23).
"""

from __future__ import annotations

from integrations.errors import CallFailed, NeedsReconnect, RateLimited, Rejected
from integrations.protocols.error_rules import ErrorRule, ErrorTable
from integrations.protocols.rate_headers import RateWindows
from integrations.protocols.values import text_in
from mastablasta.core.outbound import Response

BLOB_GONE = "blob_gone"  # a file that was uploaded is there no more
# A fresh token may help: https://docs.bsky.app/docs/api/com-atproto-server-refresh-session
TOKEN_REFUSED = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired", "BadJwt"})

_TOKEN_REFUSED = ErrorRule(
    NeedsReconnect, "token_refused", "The service no longer accepts the account's session.", can_refresh=True
)
_TOO_MANY = ErrorRule(RateLimited, "rate_limited", "The service asks to wait.")
_TABLE = ErrorTable(
    label="The service",
    by_code={
        **dict.fromkeys(TOKEN_REFUSED, _TOKEN_REFUSED),
        "RateLimitExceeded": _TOO_MANY,
        # Only the person can help. The session lives on, for when the account may be used again.
        "AccountTakedown": ErrorRule(
            NeedsReconnect, "account_taken_down", "The service has taken the account down.", scope="account"
        ),
        "AccountDeactivated": ErrorRule(
            NeedsReconnect,
            "account_deactivated",
            "The account is deactivated; activate it in its app.",
            scope="account",
        ),
        "AccountSuspended": ErrorRule(
            NeedsReconnect, "account_suspended", "The service has suspended the account.", scope="account"
        ),
        "AccountNotFound": ErrorRule(
            NeedsReconnect, "account_moved", "The account is no longer at this service; connect it at its new one."
        ),
        "ScopeMissingError": ErrorRule(NeedsReconnect, "scope_missing", "The session lacks a permission: {said}"),
        "PayloadTooLarge": ErrorRule(Rejected, "too_large", "Bluesky refused it: {said}"),
        "BlobNotFound": ErrorRule(Rejected, BLOB_GONE, "Bluesky refused it: {said}"),
        "InvalidSwap": ErrorRule(Rejected, "key_taken", "Bluesky refused it: {said}"),
    },
    by_status={429: _TOO_MANY},
    otherwise=ErrorRule(Rejected, "rejected", "Bluesky refused it: {said}"),
    windows=RateWindows({"ratelimit": "account"}),
)
rests_until = _TABLE.windows.rests_until


def error_name(answer: Response) -> str:
    return text_in(answer.fields(), "error")


def said(answer: Response) -> str:
    """What the service says, for people."""
    return text_in(answer.fields(), "message")[:300] or f"status {answer.status}"


def error_from(answer: Response) -> CallFailed:
    """Return what to raise for an answer other than 2xx."""
    name = error_name(answer) or ("AuthMissing" if answer.status == 401 else "")
    failure = _TABLE.failure(answer, codes=[name], said=said(answer))
    if not name and isinstance(failure, Rejected):
        return answer.in_doubt("does not come from a Bluesky service", code="unreadable")
    return failure
