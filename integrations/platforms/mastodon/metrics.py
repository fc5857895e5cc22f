"""What a Mastodon server counts of statuses and accounts: no views, no reach, no clicks.

Of a post that others see at their own servers it knows what these have told it.
Sources: https://docs.joinmastodon.org/entities/Status/ and …/methods/statuses/#index (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from integrations.contract import AccountMetrics, Metrics
from integrations.platforms.mastodon.errors import error_from
from integrations.protocols.values import count_in, counts_in, id_in, numbers_in, sum_of
from mastablasta.core.outbound import Http, Response

MANY_SINCE = (4, 3, 0)  # https://docs.joinmastodon.org/methods/statuses/#index (read 2026-11-23)


def fetch_many(http: Http, ids: Sequence[str]) -> dict[str, Metrics]:
    """The figures of these statuses, by id, in one call."""
    answer = http.get("/api/v1/statuses", params={"id[]": list(ids)})
    if not answer.is_ok:
        raise error_from(answer)
    listed = answer.json()
    if not isinstance(listed, list):
        raise answer.in_doubt("is not a list of statuses", code="unreadable")
    return {id_in(status): _metrics(status, answer) for status in listed if id_in(status)}


def fetch_one(http: Http, remote_id: str) -> dict[str, Metrics]:
    """The figures of this status; {} = the server does not show it."""
    answer = http.get(f"/api/v1/statuses/{quote(remote_id, safe='')}")
    if answer.status in {404, 410}:
        return {}
    if not answer.is_ok:
        raise error_from(answer)
    status = answer.json()
    if not id_in(status):
        raise answer.in_doubt("is not a status", code="unreadable")
    return {remote_id: _metrics(status, answer)}


def fetch_account(http: Http) -> AccountMetrics:
    """The account that calls; what any token may ask.

    Source: https://docs.joinmastodon.org/methods/accounts/#verify_credentials (read 2026-11-23).
    """
    answer = http.get("/api/v1/accounts/verify_credentials")
    if not answer.is_ok:
        raise error_from(answer)
    account = answer.fields()
    if not id_in(account):
        raise answer.in_doubt("is not an account", code="unreadable")
    counts = [count_in(account, f"{name}_count") for name in ("followers", "following", "statuses")]
    return AccountMetrics(answer.received_at, *counts)


def _metrics(status: Mapping[str, Any], answer: Response) -> Metrics:
    return Metrics(
        answer.received_at,
        likes=count_in(status, "favourites_count"),
        shares=sum_of(count_in(status, "reblogs_count"), count_in(status, "quotes_count")),
        comments=count_in(status, "replies_count"),
        extra=counts_in(status, {"quotes_count": "quotes"}),
        answer=numbers_in(status, depth=1),
    )
