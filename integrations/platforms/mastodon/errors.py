"""What Mastodon's answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from integrations.errors import CallFailed, NeedsReconnect, RateLimited, Rejected, Unavailable
from integrations.protocols.error_rules import common_failure
from integrations.protocols.rate_headers import is_used_up, retry_at
from mastablasta.core.outbound import Response

# Texts are localised and differ between versions: the status decides, words only refine it.
# app/controllers/concerns/api/error_handling.rb, user.rb of mastodon/mastodon (read 2026-11-23)
LOCKED_OUT = (
    "login is currently disabled",
    "confirmed e-mail",
    "confirmed email",
    "pending approval",
    "suspended",
)
SCOPE_MISSING = ("outside the authorized scopes", "insufficient_scope")
MEDIA_NOT_READY = "media_not_ready"
NOT_READY = ("not finished processing", "have not finished")


def error_from(answer: Response) -> CallFailed:
    """Return what to raise for an answer other than 2xx.

    Source: https://docs.joinmastodon.org/entities/Error/ and https://docs.joinmastodon.org/api/rate-limits/
    (read 2026-11-23).
    """
    status, said = answer.status, error_text(answer)
    words = said.lower()
    if common := common_failure(answer, label="The server"):
        return common
    if status == 429:
        return RateLimited("The server asks to wait.", until=retry_at(answer, _reset(answer)), http_status=status)
    if status == 401 or (status == 400 and "bearer token" in words):  # 400 text/html: Takahe 0.11
        return NeedsReconnect(
            "The server no longer accepts the account's token.", code="token_refused", http_status=status
        )
    if status == 403 and any(hint in words for hint in SCOPE_MISSING):
        return NeedsReconnect(
            "The account was connected without the permission that this needs.",
            code="scope_missing",
            http_status=status,
            can_refresh=False,
        )
    if status == 403 and any(hint in words for hint in LOCKED_OUT):
        return NeedsReconnect(
            f"The server does not let the account in: {said}",
            code="account_locked",
            http_status=status,
            can_refresh=False,
        )
    if status == 403 and _is_challenge(answer):
        return Unavailable(
            "A proxy in front of the server asked for a browser check.", code="challenged", http_status=status
        )
    if status == 422 and any(hint in words for hint in NOT_READY):
        return Unavailable("The server is still processing the media.", code=MEDIA_NOT_READY, http_status=status)
    return Rejected(
        said or f"The server refused it with status {status}.",
        code=_REJECTED.get(status, "rejected"),
        http_status=status,
    )


_REJECTED = {
    403: "not_permitted",
    404: "not_found",
    410: "not_found",
    413: "too_large",
    422: "validation_failed",
}


def error_text(answer: Response) -> str:
    """What the server says is wrong, for people: `error_description`, `error`, or a short text that is no page."""
    fields = answer.fields()
    for name in ("error_description", "error"):
        if isinstance(fields.get(name), str) and fields[name]:
            return str(fields[name])[:300]
    text = answer.text.strip()
    return text if 0 < len(text) <= 200 and "<" not in text else ""


def rests_until(answer: Response) -> datetime | None:
    """When the account may call again, where this call was its last one in the window; None = it may go on.

    Source: https://docs.joinmastodon.org/api/rate-limits/ (read 2026-11-23).
    """
    return _reset(answer) if is_used_up(answer, "x-ratelimit-remaining") else None


def _reset(answer: Response) -> datetime | None:
    """X-RateLimit-Reset (ISO 8601), on our clock."""
    reset = time_of(answer.headers.get("x-ratelimit-reset"))
    return None if reset is None else answer.on_our_clock(reset)


def status_of(read: Any) -> dict[str, str] | None:
    """The id and address of a Status; None when it is none. `url` may be null at odd servers, then `uri` serves."""
    if not isinstance(read, Mapping) or not isinstance(read.get("id"), str | int) or not str(read["id"]):
        return None
    url = read.get("url") or read.get("uri") or ""
    return {"remote_id": str(read["id"]), "url": url if isinstance(url, str) else ""}


def time_of(value: Any) -> datetime | None:
    """An ISO 8601 time with zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _is_challenge(answer: Response) -> bool:
    return "cf-mitigated" in answer.headers or (
        "html" in answer.headers.get("content-type", "") and "cloudflare" in answer.headers.get("server", "").lower()
    )
