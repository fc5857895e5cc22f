"""What X's refusals mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from integrations.errors import CallFailed, NeedsReconnect, OperatorProblem, RateLimited, Rejected, Unavailable
from integrations.protocols.error_rules import ErrorRule, common_failure
from integrations.protocols.rate_headers import bounded, epoch_reset, is_used_up, retry_at
from mastablasta.core.outbound import Response

DUPLICATE = "duplicate"
MEDIA_IDS = "media_ids_refused"
MEDIA_GONE = "media_gone"
NOT_PERMITTED = "not_permitted"


# --- the table -------------------------------------------------------------------------------------------------------
# https://docs.x.com/x-api/fundamentals/response-codes-and-errors and the Problem schemas of
# https://api.x.com/2/openapi.json, 2.166 and 2.167; words as quoted in public bug reports of 2026 (read 2026-11-23)
_TOKEN_REFUSED = ErrorRule(
    NeedsReconnect, "token_refused", "X no longer accepts the account's token.", can_refresh=True
)
_WRONG_TOKEN = ErrorRule(NeedsReconnect, "wrong_token", "X wants the account to be connected again: {said}")
_SCOPE_MISSING = ErrorRule(
    NeedsReconnect, "scope_missing", "The account was connected without the permission that this needs: {said}"
)
_LOCKED = ErrorRule(NeedsReconnect, "account_locked", "X does not let the account in: {said}")
_CLIENT_FORBIDDEN = ErrorRule(OperatorProblem, "client_forbidden", "X does not let this server's app in: {said}")
_APP_READ_ONLY = ErrorRule(OperatorProblem, "app_read_only", "This server's app at X may not write: {said}")
_NO_CREDITS = ErrorRule(OperatorProblem, "credits_depleted", "This server's credits at X are used up: {said}")
_USAGE_CAPPED = ErrorRule(OperatorProblem, "usage_capped", "This server's plan at X is used up: {said}")
_TOO_MANY = ErrorRule(RateLimited, "rate_limited", "X asks to wait.")
_DUPLICATE = ErrorRule(Rejected, DUPLICATE, "X has this text from this account already; change it. ({said})")
_CASHTAGS = ErrorRule(Rejected, "too_many_cashtags", "X takes one cashtag in a post: {said}")
_REPLY = ErrorRule(Rejected, "reply_not_allowed", "X does not allow this reply: {said}")
_PARENT_GONE = ErrorRule(Rejected, "parent_gone", "The post that this one answers is gone: {said}")
_INVALID = ErrorRule(Rejected, "invalid_request", "X refused it: {said}")
_NOT_PERMITTED = ErrorRule(Rejected, NOT_PERMITTED, "X does not permit this: {said}")
_NOT_FOUND = ErrorRule(Rejected, "not_found", "X does not have it: {said}")
_MEDIA_IDS = ErrorRule(Rejected, MEDIA_IDS, "X does not take the media of this post: {said}")
_MEDIA_GONE = ErrorRule(Rejected, MEDIA_GONE, "X does not have the file that was being uploaded: {said}")
_VIDEO_TOO_LONG = ErrorRule(Rejected, "media_too_long", "X does not take so long a video from this account: {said}")
_TOO_LARGE = ErrorRule(Rejected, "too_large", "It is too large for X.")

# The last part of a problem's `type`; its host has been api.twitter.com and api.x.com.
_BY_TYPE: Mapping[str, ErrorRule] = {
    "client-forbidden": _CLIENT_FORBIDDEN,  # client-not-enrolled, official-client-forbidden
    "credits": _NO_CREDITS,
    "credits-depleted": _NO_CREDITS,
    "disallowed-resource": _NOT_PERMITTED,
    "invalid-request": _INVALID,
    "not-authorized-for-resource": _NOT_PERMITTED,
    "oauth1-permissions": _APP_READ_ONLY,
    "resource-not-found": _NOT_FOUND,
    "resource-unavailable": _NOT_FOUND,
    "unsupported-authentication": _WRONG_TOKEN,
    "usage-capped": _USAGE_CAPPED,
    "user-suspended": _LOCKED,
}
# Words in what a 401 or 403 says, the first that fit; of a 400, which is about the content, only what rejects it.
_BY_WORDS: tuple[tuple[str, ErrorRule], ...] = (
    ("duplicate content", _DUPLICATE),
    ("cashtag", _CASHTAGS),
    ("media ids are invalid", _MEDIA_IDS),
    ("invalid media id", _MEDIA_IDS),
    ("badrequest: not found", _MEDIA_GONE),
    ("segments do not add up", _MEDIA_GONE),
    ("video longer than", _VIDEO_TOO_LONG),
    ("deleted or not visible", _PARENT_GONE),
    ("reply to", _REPLY),
    ("mentioned or otherwise engaged", _REPLY),
    ("suspended", _LOCKED),
    ("account is locked", _LOCKED),
    ("temporarily locked", _LOCKED),
    ("required scope", _SCOPE_MISSING),
)
# Codes of version 1.1, which some gateways still give: https://docs.x.com/x-api/fundamentals/response-codes-and-errors
_BY_CODE: Mapping[int, ErrorRule] = {
    32: _TOKEN_REFUSED,
    64: _LOCKED,
    88: _TOO_MANY,
    89: _TOKEN_REFUSED,
    185: _TOO_MANY,  # the account's own limit, in portions of half an hour
    186: _INVALID,  # too long
    187: _DUPLICATE,
    261: _APP_READ_ONLY,
    324: _MEDIA_IDS,
    326: _LOCKED,
}
_BY_STATUS: Mapping[int, ErrorRule] = {
    401: _TOKEN_REFUSED,
    402: _NO_CREDITS,
    403: _NOT_PERMITTED,
    404: _NOT_FOUND,
    413: _TOO_LARGE,
    429: _TOO_MANY,
}
# Statuses that mean the same whoever gives them; the others only as a problem, since gateways give pages of their own.
_PLAIN = frozenset({401, 402, 413, 429})
# What in a 2xx without a result says that nothing was done; and what may also mean that a new post cannot be shown.
_REFUSES = frozenset(
    {_CASHTAGS, _CLIENT_FORBIDDEN, _APP_READ_ONLY, _DUPLICATE, _INVALID, _LOCKED, _NO_CREDITS, _REPLY, _PARENT_GONE}
    | {_SCOPE_MISSING, _USAGE_CAPPED, _WRONG_TOKEN, _MEDIA_IDS, _MEDIA_GONE, _VIDEO_TOO_LONG}
)
_NOT_SHOWN = frozenset({_NOT_FOUND, _NOT_PERMITTED})


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that X says is wrong, in any of its shapes. `type` is the last part of it, "" for about:blank."""

    type: str = ""
    said: str = ""
    code: int = 0

    def meaning(self, status: int) -> ErrorRule | None:
        """What it means by its own words; None = its status has to say."""
        words = self.said.lower()
        for hint, meaning in _BY_WORDS:
            if hint in words and (status in {401, 403} or (status == 400 and meaning.outcome is Rejected)):
                return meaning
        return _BY_TYPE.get(self.type) or _BY_CODE.get(self.code)


def error_from(answer: Response) -> CallFailed:
    """Return what to raise for an answer other than 2xx."""
    status = answer.status
    if common := common_failure(answer, label="X"):
        return common
    problem = next(problems_in(answer.fields()), None)
    if problem is None and status not in _PLAIN:
        sentence = "Something in front of X refused the call with a page of its own."
        return Unavailable(sentence, code="gateway", http_status=status)
    problem = problem or Problem()
    return _raised(problem.meaning(status) or _BY_STATUS.get(status, _INVALID), problem, answer)


def error_in(answer: Response) -> CallFailed:
    """Return what to raise for a 2xx that holds no result: its errors may say that nothing was done."""
    for problem in problems_in(answer.fields()):
        meaning = problem.meaning(403)
        if meaning in _REFUSES or (meaning in _NOT_SHOWN and not answer.visible):
            return _raised(meaning, problem, answer)
    return answer.in_doubt("does not hold what was asked for", code="no_result")


def problems_in(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """The problem that a body is, and those in its `errors`."""
    errors = fields.get("errors")
    inner = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    if isinstance(fields.get("title"), str) or isinstance(fields.get("detail"), str):
        messages = " ".join(str(error["message"]) for error in inner if isinstance(error.get("message"), str))
        yield _problem(fields, said=messages)
    for error in inner:
        yield _problem(error)


def rests_until(answer: Response) -> datetime | None:
    """When the account may post again, where this was its last post in a window; None = it may go on."""
    resets = [
        epoch_reset(answer, f"{name}-reset")
        for name, scope in _WINDOWS
        if scope == "account" and is_used_up(answer, f"{name}-remaining")
    ]
    return max((moment for moment in resets if moment is not None), default=None)


def open_again(answer: Response) -> tuple[datetime, Literal["account", "host"]]:
    """When the window opens that is used up, and whose it was; within a day.

    Source: https://docs.x.com/x-api/fundamentals/rate-limits (read 2026-11-23); the windows of 24 h as seen in answers.
    """
    windows: list[tuple[datetime, Literal["account", "host"]]] = []
    for name, scope in _WINDOWS:
        moment = epoch_reset(answer, f"{name}-reset")
        if moment is not None and answer.headers.get(f"{name}-remaining", "0") == "0":
            windows.append((moment, scope))
    until, scope = max(windows, default=(retry_at(answer), "account"))
    return bounded(answer, until), scope


_WINDOWS: tuple[tuple[str, Literal["account", "host"]], ...] = (
    ("x-rate-limit", "account"),
    ("x-user-limit-24hour", "account"),
    ("x-app-limit-24hour", "host"),
)


def _problem(fields: Mapping[str, Any], *, said: str = "") -> Problem:
    kind, code = fields.get("type"), fields.get("code")
    for name in ("detail", "message", "title"):
        if isinstance(fields.get(name), str) and fields[name]:
            said = f"{fields[name]} {said}".strip()
            break
    return Problem(
        type=kind.rpartition("/")[2] if isinstance(kind, str) and "/" in kind else "",
        said=said[:300],
        code=code if isinstance(code, int) else 0,
    )


def _raised(meaning: ErrorRule, problem: Problem, answer: Response) -> CallFailed:
    until, scope = open_again(answer)
    return meaning.failure(answer, said=problem.said, until=until, limited=scope)
