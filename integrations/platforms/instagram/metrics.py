"""What Instagram counts of an account, its posts, reels, stories and comments.

Sources: https://developers.facebook.com/docs/instagram-platform/reference/instagram-media/insights and
…/instagram-graph-api/reference/ig-media (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from integrations.contract import AccountMetrics, Metrics
from integrations.errors import Rejected
from integrations.platforms.instagram.errors import TABLE, error_from
from integrations.protocols.graph import NOT_FOUND, SCOPE_MISSING, VERSION
from integrations.protocols.graph_batch import Read, read_each
from integrations.protocols.graph_nodes import path_of
from integrations.protocols.values import count_in, id_in, numbers_in, object_in, objects_in, text_in
from mastablasta.core.outbound import Http, Response

_ID = re.compile(r"[0-9]{1,30}")
# From all that is wanted to what even a comment has. A name that something does not have costs all of a call, as does
# a permission that was not granted: what is refused so is asked for the next. Stories are not saved.
WANTED = (
    "id,like_count,comments_count,insights.metric(views,reach,shares,saved)",
    "id,like_count,comments_count,insights.metric(views,reach,shares)",
    "id,like_count,comments_count",
    "id,like_count",
)


def fetch(http: Http, ids: Iterable[str], *, in_batches: bool) -> dict[str, Metrics]:
    """The figures of what of these Instagram shows, by id. `in_batches`: whether its host takes several in one call."""
    left = [one for one in ids if _ID.fullmatch(one)]
    found: dict[str, Metrics] = {}
    for fields in WANTED:
        answers = dict(zip(left, _read(http, left, fields, in_batches=in_batches), strict=True))
        found |= {one: _metrics(one, answer) for one, answer in answers.items() if answer.is_ok}
        left = [one for one, answer in answers.items() if not answer.is_ok and _is_refused(answer)]
        if not left:
            break
    return found


def fetch_account(http: Http, account_id: str) -> AccountMetrics:
    """The account that calls.

    Source: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user
    (read 2026-11-23).
    """
    params = {"fields": "id,followers_count,follows_count,media_count"}
    answer = http.get(path_of(account_id), params=params)
    if not answer.is_ok:
        raise error_from(answer)
    account = answer.fields()
    if not id_in(account):
        raise answer.in_doubt("is not about the account", code="unreadable")
    counts = [count_in(account, name) for name in ("followers_count", "follows_count", "media_count")]
    return AccountMetrics(answer.received_at, *counts)


def _read(http: Http, ids: Sequence[str], fields: str, *, in_batches: bool) -> list[Response]:
    params = {"fields": fields}
    if in_batches:
        return read_each(http, [Read(one, params) for one in ids], TABLE) if ids else []
    return [http.get(f"/{VERSION}/{one}", params=params) for one in ids]


def _is_refused(answer: Response) -> bool:
    """Whether it is for what is asked for; what is not shown is absent. Raises what any other refusal means."""
    failure = error_from(answer)
    if failure.code == NOT_FOUND:
        return False
    if isinstance(failure, Rejected) or failure.code == SCOPE_MISSING:
        return True
    raise failure


def _metrics(remote_id: str, answer: Response) -> Metrics:
    row = answer.fields()
    if id_in(row) != remote_id:
        raise answer.in_doubt("is not about the post", code="unreadable")
    insights = dict(_insights(row))
    return _told(row, insights, answer.received_at)


def _told(row: Mapping[str, Any], insights: Mapping[str, int], at: datetime) -> Metrics:
    return Metrics(
        at,
        views=insights.get("views"),
        likes=count_in(row, "like_count"),
        shares=insights.get("shares"),
        comments=count_in(row, "comments_count"),
        reach=insights.get("reach"),
        extra={"bookmarks": insights["saved"]} if "saved" in insights else {},
        answer=numbers_in({**row, "insights": insights}),
    )


def _insights(row: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Each metric that has a whole number, by its name: the newest of its values, or its total."""
    for insight in objects_in(object_in(row, "insights"), "data"):
        total = count_in(object_in(insight, "total_value"), "value")
        values = [count_in(value, "value") for value in objects_in(insight, "values")]
        told = [count for count in (*values, total) if count is not None]
        if told:
            yield text_in(insight, "name"), told[-1]
