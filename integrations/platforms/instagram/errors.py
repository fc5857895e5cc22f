"""What Instagram's refusals mean: those of the Graph API, and its own about containers and media.

Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes
(read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from integrations.errors import CallFailed, NeedsReconnect, OutcomeUnknown, RateLimited, Rejected
from integrations.protocols import graph
from integrations.protocols.error_rules import ErrorRule
from integrations.protocols.graph import BLOCKED, NOT_FOUND
from mastablasta.core.outbound import Response

# What another container may get right, so that one is made again, once.
GONE = "container_gone"
FAILED = "container_failed"
NOT_FETCHED = "media_not_fetched"
MADE_AGAIN = frozenset({GONE, FAILED, NOT_FETCHED, NOT_FOUND})
NOT_READY = "not_ready"


def _rejects(code: str, sentence: str) -> ErrorRule:
    return ErrorRule(Rejected, code, sentence)


_NOT_FETCHED = _rejects(NOT_FETCHED, "Instagram could not fetch a file from this server: {said}")
_FAILED = _rejects(FAILED, "Instagram could not make use of what it was sent: {said}")
_GONE = _rejects(GONE, "Instagram no longer has what it was sent: {said}")
_UNFIT = _rejects("media_refused", "Instagram does not take this file: {said}")
_INVALID = _rejects("invalid_request", "Instagram refused it: {said}")
_OWN: Mapping[str | int, ErrorRule] = {
    "2207001": ErrorRule(OutcomeUnknown, "server_error", "Instagram has trouble: {said}"),
    "2207003": _NOT_FETCHED,
    "2207052": _NOT_FETCHED,
    "2207077": _NOT_FETCHED,
    "2207020": _GONE,
    "2207006": _GONE,
    "2207008": _GONE,
    "2207032": _FAILED,
    "2207053": _FAILED,
    "2207082": _FAILED,
    "2207027": _rejects(NOT_READY, "Instagram is not ready to publish it yet: {said}"),
    "2207051": ErrorRule(RateLimited, BLOCKED, "Instagram takes this for spam and does not let it pass: {said}"),
    "2207042": ErrorRule(RateLimited, "quota_used_up", "The account has published all that Instagram allows: {said}"),
    "2207050": ErrorRule(
        NeedsReconnect, "account_limited", "Instagram has restricted the account: {said}", scope="account"
    ),
    "2207004": _UNFIT,
    "2207005": _UNFIT,
    "2207009": _UNFIT,
    "2207026": _UNFIT,
    "2207010": _INVALID,
    "2207023": _INVALID,
    "2207028": _INVALID,
    "2207035": _INVALID,
    "2207036": _INVALID,
    "2207037": _INVALID,
    "2207040": _INVALID,
    "2207057": _INVALID,
    "2207081": _INVALID,
}
_GRAPH = graph.error_table("Instagram")
TABLE = replace(_GRAPH, by_code={**_GRAPH.by_code, **_OWN})


def error_from(answer: Response) -> CallFailed:
    """What to raise for an answer other than 2xx."""
    return graph.error_from(TABLE, answer)


def failure_of(subcode: str, said: str, answer: Response) -> CallFailed:
    """What a container's own error means, which it tells by a subcode in a good answer; "" = it tells none."""
    rule = TABLE.by_code.get(subcode)
    if rule is None or not issubclass(rule.outcome, Rejected):
        rule = _FAILED
    return rule.failure(answer, said=said, until=answer.received_at)
