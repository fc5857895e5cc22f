"""Several reads in one call of the Graph API, as Facebook and Instagram share it.

Source: https://developers.facebook.com/docs/graph-api/batch-requests (read 2026-11-23).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from integrations.errors import Unavailable
from integrations.protocols.error_rules import ErrorTable
from integrations.protocols.graph import VERSION, error_from
from mastablasta.core.outbound import Http, Response

MOST_READS = 50
_TRIES = 2


@dataclass(frozen=True, slots=True)
class Read:
    """One GET: `path` is an object's id, or any path behind the version."""

    path: str
    params: Mapping[str, str]


def read_each(http: Http, reads: Sequence[Read], table: ErrorTable) -> list[Response]:
    """What Meta answers to each of these reads, in their order; MOST_READS of them at most.

    Each counts as a call. What Meta leaves unanswered is asked for once more. An answer of its own may be a refusal,
    which `error_from` reads. Raises what a refusal of the whole means, and Unavailable where one stays unanswered.
    """
    found: dict[int, Response] = {}
    for _ in range(_TRIES):
        left = [number for number in range(len(reads)) if number not in found]
        if left:
            answers = _answers(http, [reads[number] for number in left], table)
            found |= {number: answer for number, answer in zip(left, answers, strict=True) if answer is not None}
    if len(found) < len(reads):
        raise Unavailable(f"{table.label} did not answer to all that was asked for.", code="timed_out")
    return [found[number] for number in range(len(reads))]


def _answers(http: Http, reads: Sequence[Read], table: ErrorTable) -> list[Response | None]:
    batch = [{"method": "GET", "relative_url": f"{VERSION}/{read.path}?{urlencode(read.params)}"} for read in reads]
    whole = http.post(f"/{VERSION}/", data={"batch": json.dumps(batch), "include_headers": "false"})
    if not whole.is_ok:
        raise error_from(table, whole)
    listed = whole.json()
    if not isinstance(listed, list) or len(listed) != len(reads):
        raise whole.in_doubt("does not answer each read", code="unreadable")
    return [None if one is None else _answer(whole, one) for one in listed]


def _answer(whole: Response, one: Any) -> Response:
    status, body = (one.get("code"), one.get("body")) if isinstance(one, Mapping) else (None, None)
    if type(status) is not int or not isinstance(body, str):
        raise whole.in_doubt("does not answer each read", code="unreadable")
    return replace(whole, status=status, body=body.encode())
