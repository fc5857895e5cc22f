"""Meta's Graph API, as Facebook and Instagram share it: its version, signed calls, refusals, how much has been used.

Sources: https://developers.facebook.com/docs/graph-api/changelog, …/docs/graph-api/guides/error-handling and
…/docs/graph-api/overview/rate-limiting (read 2026-11-23).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from integrations.errors import CallFailed, NeedsReconnect, OperatorProblem, OutcomeUnknown, RateLimited, Rejected
from integrations.protocols.error_rules import ErrorRule, ErrorTable
from integrations.protocols.rate_headers import DEFAULT_BLOCK, LONGEST_BLOCK, Whose, retry_at
from integrations.protocols.values import object_in, objects_in, text_in
from integrations.sign_in import ClientApp
from mastablasta.core.outbound import Auth, Response

# What the calls are written for; it lives at least two years from 2026-07-29 on. A dead one is answered by the oldest
# living version, which may mean something else by the same call.
VERSION = "v26.0"
HOST = "https://graph.facebook.com"
UPLOAD_ORIGIN = "https://rupload.facebook.com"

DUPLICATE = "duplicate"
MEDIA_USED = "media_used"
BLOCKED = "blocked_for_policy"
NOT_FOUND = "not_found"
SCOPE_MISSING = "scope_missing"
TOKEN_EXPIRED = "token_expired"  # noqa: S105  a word
TOO_MUCH_PERCENT = 95
LIMITED_WITHOUT_A_TIME = timedelta(minutes=15)
BLOCKED_FOR_POLICY = timedelta(hours=24)
_LONGEST_MIN = LONGEST_BLOCK // timedelta(minutes=1)  # nobody waits for longer than that without asking
_APP_LIMITS = frozenset({4, 341})


def auth_of(token: str, app: ClientApp) -> Auth:
    """How a token is shown: with the proof that our app makes the call, and to the upload host without it.

    Source: https://developers.facebook.com/docs/graph-api/guides/secure-requests (read 2026-11-23).
    """

    def sign(token: str) -> dict[str, str]:
        proof = hmac.new(app.client_secret.encode(), token.encode(), hashlib.sha256).hexdigest()
        return {"appsecret_proof": proof}

    return Auth(token, origins=(UPLOAD_ORIGIN,), sign=sign)


# --- refusals --------------------------------------------------------------------------------------------------------
def _of_grant(code: str, sentence: str) -> ErrorRule:
    return ErrorRule(NeedsReconnect, code, sentence)


def _of_account(code: str, sentence: str) -> ErrorRule:
    return ErrorRule(NeedsReconnect, code, sentence, scope="account")


def _rejects(code: str, sentence: str) -> ErrorRule:
    return ErrorRule(Rejected, code, sentence)


_LIMITED = ErrorRule(RateLimited, "rate_limited", "{label} asks to wait: {said}")
_TRANSIENT = ErrorRule(OutcomeUnknown, "server_error", "{label} has trouble: {said}")
_MISSING_PERMISSION = _of_account(SCOPE_MISSING, "{label} misses a permission for this: {said}")
_BY_CODE: Mapping[str | int, ErrorRule] = {
    1: _TRANSIENT,
    2: _TRANSIENT,
    "1363047": _TRANSIENT,
    "1609010": _TRANSIENT,
    # --- too often ---
    4: _LIMITED,
    17: _LIMITED,
    32: _LIMITED,
    341: _LIMITED,
    613: _LIMITED,
    **dict.fromkeys(range(80_000, 80_015), _LIMITED),
    "1390008": _LIMITED,
    368: ErrorRule(RateLimited, BLOCKED, "{label} keeps the account from posting for now: {said}"),
    # --- who is calling ---
    102: _of_account("token_refused", "{label} ended the session: {said}"),
    190: _of_account("token_refused", "{label} no longer accepts the token: {said}"),
    "190/458": _of_grant("app_removed", "The person removed this app at {label}: {said}"),
    "190/459": _of_grant("checkpoint", "{label} wants the person to log in there first: {said}"),
    "190/460": _of_grant("password_changed", "The person's password at {label} changed: {said}"),
    "190/463": _of_account(TOKEN_EXPIRED, "The sign-in at {label} has ended: {said}"),
    "190/464": _of_grant("unconfirmed", "{label} wants the person to confirm the account there first: {said}"),
    "190/467": _of_account("token_refused", "{label} no longer accepts the token: {said}"),
    "190/492": _of_account("role_lost", "The person who connected this has no role there any more: {said}"),
    10: _MISSING_PERMISSION,
    **dict.fromkeys(range(200, 300), _MISSING_PERMISSION),
    "1404078": _of_account("authorisation_needed", "{label} wants an authorisation for publishing first: {said}"),
    "4854002": _of_account("identity_unconfirmed", "{label} wants the person's identity confirmed first: {said}"),
    "1346003": _rejects("abusive", "{label} takes this for abuse: {said}"),
    "1404006": _of_account("checkpoint", "{label} wants a security check first: {said}"),
    "1404102": _rejects("against_standards", "{label} says that this is against its standards: {said}"),
    "1404112": _of_account("account_limited", "{label} has limited the account: {said}"),
    # --- our app ---
    3: ErrorRule(OperatorProblem, "capability_missing", "This server's app at {label} may not do this: {said}"),
    101: ErrorRule(OperatorProblem, "app_unknown", "{label} does not know this server's app: {said}"),
    # --- the content ---
    100: _rejects("invalid_request", "{label} refused it: {said}"),
    "100/33": _rejects(NOT_FOUND, "{label} does not have it, or not for this account: {said}"),
    803: _rejects(NOT_FOUND, "{label} does not have it: {said}"),
    506: _rejects(DUPLICATE, "{label} has this text from this account already; change it. ({said})"),
    6000: _rejects("media_failed", "{label} cannot use this file: {said}"),
    "1366046": _rejects("media_refused", "{label} does not take this picture: {said}"),
    "1366051": _rejects(MEDIA_USED, "{label} has this picture in a post already: {said}"),
    "1609005": _rejects("link_refused", "{label} cannot read the linked page: {said}"),
    "1609008": _rejects("link_refused", "{label} takes no link to itself: {said}"),
    "2061006": _rejects("link_refused", "{label} does not take this web address: {said}"),
    "2069019": _rejects("media_failed", "{label} cannot use this file: {said}"),
}
_PROOF = ErrorRule(OperatorProblem, "proof_refused", "{label} does not take this server's app secret: {said}")


def error_table(label: str) -> ErrorTable:
    """The refusals of a platform of Meta's, by code and subcode ("190/463", or "1609005" where the code is any)."""

    def named(rule: ErrorRule) -> ErrorRule:
        sentence = rule.sentence.replace("{label}", label)
        return ErrorRule(rule.outcome, rule.code, sentence, can_refresh=False, scope=rule.scope)

    return ErrorTable(
        label=label,
        by_words=((range(400, 500), ("appsecret_proof",), named(_PROOF)),),
        by_code={code: named(rule) for code, rule in _BY_CODE.items()},
        by_status={429: named(_LIMITED)},
        otherwise=named(_rejects("rejected", "{label} refused it: {said}")),
    )


def error_from(table: ErrorTable, answer: Response) -> CallFailed:
    """What to raise for an answer other than 2xx: by code and subcode, not by the status.

    A fault of Meta's own says nothing of a visible call: OutcomeUnknown then, else Unavailable.
    """
    error = object_in(answer.fields(), "error")
    code, subcode = _whole_in(error, "code"), _whole_in(error, "error_subcode")
    said = _said(error)
    rule = table.rule_of(answer.status, codes=(f"{code}/{subcode}", str(subcode), code), said=said) if error else None
    if rule is None and error.get("is_transient") is not True:
        return table.failure(answer, said=said)
    if rule is None or issubclass(rule.outcome, OutcomeUnknown) or error.get("is_transient") is True:
        if rule is not None and issubclass(rule.outcome, RateLimited):
            return _limited(rule, answer, code, said)
        return _in_doubt(table.label, answer, said)
    if issubclass(rule.outcome, RateLimited):
        return _limited(rule, answer, code, said)
    return rule.failure(answer, said=said, until=answer.received_at)


def _limited(rule: ErrorRule, answer: Response, code: int, said: str) -> CallFailed:
    is_blocked = rule.code == BLOCKED
    whose: Whose = "host" if code in _APP_LIMITS and not is_blocked else "account"
    block = BLOCKED_FOR_POLICY if is_blocked else LIMITED_WITHOUT_A_TIME
    until = retry_at(answer, regained_at(answer), answer.received_at + block)
    return rule.failure(answer, said=said, until=until, limited=whose)


def _in_doubt(label: str, answer: Response, said: str) -> CallFailed:
    """What Meta's own trouble means: by its code also in an answer whose status says that the call is refused."""
    if answer.server_trouble or not answer.visible:
        return answer.in_doubt("is a fault of the server", code="server_error")
    sentence = f"{label} has trouble: {said or f'status {answer.status}'}"
    return OutcomeUnknown(sentence, code="server_error", http_status=answer.status)


def _said(error: Mapping[str, Any]) -> str:
    """What people can use best, and the number that Meta's support asks for."""
    words = text_in(error, "error_user_msg", "message")[:300]
    trace = text_in(error, "fbtrace_id")[:40]
    return f"{words} [{trace}]" if trace else words


def _whole_in(holder: Mapping[str, Any], name: str) -> int:
    value = holder.get(name)
    return value if type(value) is int else 0


# --- how much has been used ------------------------------------------------------------------------------------------
def used_percent(answer: Response) -> float:
    """The highest share of any limit that an answer says is used up, in percent; 0 where it says nothing."""
    shares = [
        share
        for usage in _usages(answer)
        for name in ("call_count", "total_cputime", "total_time")
        if isinstance(share := usage.get(name), int | float) and not isinstance(share, bool)
    ]
    return max(shares, default=0)


def regained_at(answer: Response) -> datetime | None:
    """When Meta says that it takes calls again; None where it does not."""
    minutes = [_whole_in(usage, "estimated_time_to_regain_access") for usage in _usages(answer)]
    longest = max(minutes, default=0)
    return answer.received_at + timedelta(minutes=min(longest, _LONGEST_MIN)) if longest > 0 else None


def rests_until(answer: Response) -> datetime | None:
    """When the account may go on, where a good answer says that a limit is all but used up; None = at once."""
    if used_percent(answer) < TOO_MUCH_PERCENT:
        return None
    return regained_at(answer) or answer.received_at + 5 * DEFAULT_BLOCK


def _usages(answer: Response) -> Iterator[Mapping[str, Any]]:
    app = _json_header(answer, "x-app-usage")
    if app:
        yield app
    by_case = _json_header(answer, "x-business-use-case-usage")
    for name in by_case:
        yield from objects_in(by_case, name)


def _json_header(answer: Response, name: str) -> Mapping[str, Any]:
    try:
        read = json.loads(answer.headers.get(name, "{}"))
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, Mapping) else {}
