"""What X's refusals mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.errors import CallFailed, NeedsReconnect, OperatorProblem, RateLimited, Rejected, Unavailable
from integrations.protocols.error_rules import ErrorRule, ErrorTable
from integrations.protocols.rate_headers import RateWindows
from integrations.protocols.values import objects_in, text_in
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

_DENIED = frozenset({401, 403})
_ANY = _DENIED | {400}  # which is about the content: only what rejects it counts
_TABLE = ErrorTable(
    label="X",
    by_words=(
        (_ANY, ("duplicate content",), _DUPLICATE),
        (_ANY, ("cashtag",), _CASHTAGS),
        (_ANY, ("media ids are invalid", "invalid media id"), _MEDIA_IDS),
        (_ANY, ("badrequest: not found", "segments do not add up"), _MEDIA_GONE),
        (_ANY, ("video longer than",), _VIDEO_TOO_LONG),
        (_ANY, ("deleted or not visible",), _PARENT_GONE),
        (_ANY, ("reply to", "mentioned or otherwise engaged"), _REPLY),
        (_DENIED, ("suspended", "account is locked", "temporarily locked"), _LOCKED),
        (_DENIED, ("required scope",), _SCOPE_MISSING),
    ),
    by_code={
        # The last part of a problem's `type`; its host has been api.twitter.com and api.x.com.
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
        # Codes of version 1.1, which some gateways still give:
        # https://docs.x.com/x-api/fundamentals/response-codes-and-errors
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
    },
    by_status={
        401: _TOKEN_REFUSED,
        402: _NO_CREDITS,
        403: _NOT_PERMITTED,
        404: _NOT_FOUND,
        413: _TOO_LARGE,
        429: _TOO_MANY,
    },
    otherwise=_INVALID,
    # https://docs.x.com/x-api/fundamentals/rate-limits (read 2026-11-23); the windows of 24 h as seen in answers
    windows=RateWindows({"x-rate-limit": "account", "x-user-limit-24hour": "account", "x-app-limit-24hour": "host"}),
)
rests_until = _TABLE.windows.rests_until
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
    """One thing that X says is wrong, in any of its shapes. `codes`: the last part of its type, and its number."""

    codes: tuple[str | int, ...] = ()
    said: str = ""


def error_from(answer: Response) -> CallFailed:
    """Return what to raise for an answer other than 2xx."""
    problem = next(problems_in(answer.fields()), Problem())
    failure = _TABLE.failure(answer, codes=problem.codes, said=problem.said)
    if not problem.codes and isinstance(failure, Rejected) and answer.status not in _PLAIN:
        sentence = "Something in front of X refused the call with a page of its own."
        return Unavailable(sentence, code="gateway", http_status=answer.status)
    return failure


def error_in(answer: Response) -> CallFailed:
    """Return what to raise for a 2xx that holds no result: its errors may say that nothing was done."""
    for problem in problems_in(answer.fields()):
        rule = _TABLE.rule_of(403, codes=problem.codes, said=problem.said)
        if rule in _REFUSES or (rule in _NOT_SHOWN and not answer.visible):
            return rule.failure(answer, said=problem.said, until=answer.received_at)
    return answer.in_doubt("does not hold what was asked for", code="no_result")


def problems_in(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """The problem that a body is, and those in its `errors`."""
    inner = objects_in(fields, "errors")
    if isinstance(fields.get("title"), str) or isinstance(fields.get("detail"), str):
        yield _problem(fields, said=" ".join(filter(None, (text_in(error, "message") for error in inner))))
    yield from map(_problem, inner)


def _problem(fields: Mapping[str, Any], *, said: str = "") -> Problem:
    kind, code = text_in(fields, "type"), fields.get("code")
    codes = kind.rpartition("/")[2], code if isinstance(code, int) else 0
    return Problem(codes, f"{text_in(fields, 'detail', 'message', 'title')} {said}".strip()[:300])
