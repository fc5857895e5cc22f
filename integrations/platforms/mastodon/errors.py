"""What Mastodon's answers mean."""

from __future__ import annotations

from integrations.errors import CallFailed, NeedsReconnect, RateLimited, Rejected, Unavailable
from integrations.protocols.error_rules import ErrorRule, ErrorTable
from integrations.protocols.rate_headers import RateWindows, iso_reset
from integrations.protocols.values import text_in
from mastablasta.core.outbound import Response

MEDIA_NOT_READY = "media_not_ready"

# Texts are localised and differ between versions: the status decides, words only refine it.
# https://docs.joinmastodon.org/entities/Error/; app/controllers/concerns/api/error_handling.rb, user.rb of
# mastodon/mastodon (read 2026-11-23)
_TOKEN_REFUSED = ErrorRule(
    NeedsReconnect, "token_refused", "The server no longer accepts the account's token.", can_refresh=True
)
_SCOPE_MISSING = ErrorRule(
    NeedsReconnect, "scope_missing", "The account was connected without the permission that this needs."
)
_LOCKED = ErrorRule(NeedsReconnect, "account_locked", "The server does not let the account in: {said}")
_NOT_READY = ErrorRule(Unavailable, MEDIA_NOT_READY, "The server is still processing the media.")
_NOT_FOUND = ErrorRule(Rejected, "not_found", "{said}")
_TABLE = ErrorTable(
    label="The server",
    by_words=(
        ({400}, ("bearer token",), _TOKEN_REFUSED),  # text/html: Takahe 0.11
        ({403}, ("outside the authorized scopes", "insufficient_scope", "out_of_scope"), _SCOPE_MISSING),
        ({403}, ("login is currently disabled", "confirmed e", "pending approval", "suspended"), _LOCKED),
        ({422}, ("not finished",), _NOT_READY),
    ),
    by_status={
        401: _TOKEN_REFUSED,
        403: ErrorRule(Rejected, "not_permitted", "{said}"),
        404: _NOT_FOUND,
        410: _NOT_FOUND,
        413: ErrorRule(Rejected, "too_large", "{said}"),
        422: ErrorRule(Rejected, "validation_failed", "{said}"),
        429: ErrorRule(RateLimited, "rate_limited", "The server asks to wait."),
    },
    otherwise=ErrorRule(Rejected, "rejected", "{said}"),
    windows=RateWindows({"x-ratelimit": "account"}, iso_reset),  # https://docs.joinmastodon.org/api/rate-limits/
)
rests_until = _TABLE.windows.rests_until


def error_from(answer: Response) -> CallFailed:
    """Return what to raise for an answer other than 2xx."""
    said = error_text(answer) or f"The server refused it with status {answer.status}."
    return _TABLE.failure(answer, said=said)


def error_text(answer: Response) -> str:
    """What the server says is wrong, for people: `error_description`, `error`, or a short text that is not a page."""
    if said := text_in(answer.fields(), "error_description", "error"):
        return said[:300]
    text = answer.text.strip()
    return text if len(text) <= 200 and "<" not in text else ""
