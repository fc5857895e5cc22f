"""What a service's refusals mean: the name in `error` counts, the status only where there is none.

Sources: https://atproto.com/specs/xrpc#error-responses, https://docs.bsky.app/docs/advanced-guides/rate-limits and
answers of the reference server (read 2026-11-23).
"""

from __future__ import annotations

from datetime import datetime

from integrations.errors import CallFailed, NeedsReconnect, RateLimited, Rejected
from integrations.protocols.rate_headers import epoch_reset, is_used_up, retry_at
from mastablasta.core.outbound import Response

RESET = "ratelimit-reset"

# A fresh token may help: https://docs.bsky.app/docs/api/com-atproto-server-refresh-session
TOKEN_REFUSED = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired", "BadJwt"})
# Only the person can help.
_ACCOUNT: dict[str, tuple[str, str]] = {
    "AccountTakedown": ("account_taken_down", "The service has taken the account down."),
    "AccountDeactivated": ("account_deactivated", "The account is deactivated; activate it in its app."),
    "AccountSuspended": ("account_suspended", "The service has suspended the account."),
    "AccountNotFound": ("account_moved", "The account is no longer at this service; connect it at its new one."),
}

BLOB_GONE = "blob_gone"  # a file that was uploaded is there no more
_REJECTED = {"PayloadTooLarge": "too_large", "BlobNotFound": BLOB_GONE, "InvalidSwap": "key_taken"}


def error_name(answer: Response) -> str:
    name = answer.fields().get("error")
    return name if isinstance(name, str) else ""


def said(answer: Response) -> str:
    """What the service says, for people."""
    message = answer.fields().get("message")
    return message[:300] if isinstance(message, str) and message else f"status {answer.status}"


def error_from(answer: Response) -> CallFailed:
    """Return what to raise for an answer other than 2xx."""
    name, status = error_name(answer), answer.status
    if answer.server_trouble or status == 408:
        return answer.in_doubt("is a fault of the service", code="server_error")
    if status == 429 or name == "RateLimitExceeded":
        return RateLimited(
            "The service asks to wait.", until=retry_at(answer, epoch_reset(answer, RESET)), http_status=status
        )
    if name in _ACCOUNT:
        code, sentence = _ACCOUNT[name]
        return NeedsReconnect(sentence, code=code, http_status=status, can_refresh=False)
    if name in TOKEN_REFUSED or (status == 401 and not name):
        return NeedsReconnect(
            "The service no longer accepts the account's session.", code="token_refused", http_status=status
        )
    if name == "ScopeMissingError":
        sentence = f"The session lacks a permission: {said(answer)}"
        return NeedsReconnect(sentence, code="scope_missing", http_status=status, can_refresh=False)
    if not name:
        return answer.in_doubt("does not come from a Bluesky service", code="unreadable")
    return Rejected(f"Bluesky refused it: {said(answer)}", code=_REJECTED.get(name, "rejected"), http_status=status)


def rests_until(answer: Response) -> datetime | None:
    """When the account may call again, where this call was its last one in the window; None = it may go on."""
    return epoch_reset(answer, RESET) if is_used_up(answer, "ratelimit-remaining") else None
