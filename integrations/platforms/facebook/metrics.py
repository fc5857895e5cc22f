"""What Facebook counts of a page, its posts, videos and comments.

All that was called impressions has ended: since 2026-06-15 Facebook counts views and viewers of what is shown.
Sources: https://developers.facebook.com/docs/graph-api/reference/insights and …/docs/pages-api/changelog
(read 2026-11-23), and Meta's specifications of Graph API v26.0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from integrations.contract import AccountMetrics, Metrics
from integrations.errors import Rejected
from integrations.platforms.facebook.errors import TABLE, error_from
from integrations.protocols.graph import NOT_FOUND, SCOPE_MISSING, VERSION
from integrations.protocols.graph_batch import Read, read_each
from integrations.protocols.values import count_in, id_in, numbers_in, object_in, objects_in, text_in
from mastablasta.core.outbound import Http, Response

Kind = Literal["post", "video", "comment"]
_ID = re.compile(r"[0-9]{1,30}(_[0-9]{1,30})?")
_INSIGHT = "post_"
_COUNTED = ".summary(total_count).limit(0)"
# What is asked for, each by itself where Facebook refuses the whole: a name that it no longer knows, or a permission
# that the person did not grant, costs all of a call.
WANTED: Mapping[Kind, tuple[str, ...]] = {
    "post": (
        "shares",
        f"reactions{_COUNTED}",
        f"comments{_COUNTED}",
        "post_media_view",
        "post_total_media_view_unique",
        "post_clicks",
    ),
    "video": ("views", f"likes{_COUNTED}", f"comments{_COUNTED}"),
    "comment": ("like_count", "comment_count"),
}


def fetch(http: Http, page_id: str, ids: Iterable[str]) -> dict[str, Metrics]:
    """The figures of what of these Facebook shows, by id, 50 at most; in one call where it takes all that is wanted.

    Else in two more: one that finds out on one object of a kind what it takes, and one that asks the others for that.
    """
    kinds = {one: _kind_of(one, page_id) for one in ids if _ID.fullmatch(one)}
    found = _ask(http, kinds, WANTED)
    refused = {one: kinds[one] for one, asked in found.items() if _is_refused(asked.answer)}
    if refused:
        found |= _ask(http, refused, _what_it_takes(http, refused))
    return {one: _metrics(one, kinds[one], asked) for one, asked in found.items() if not _is_gone(asked.answer)}


def fetch_page(http: Http, page_id: str) -> AccountMetrics:
    """The page that calls. Source: https://developers.facebook.com/docs/graph-api/reference/page (read 2026-11-23)."""
    answer = http.get(f"/{VERSION}/{page_id}", params={"fields": "id,followers_count"})
    if not answer.is_ok:
        raise error_from(answer)
    page = answer.fields()
    if id_in(page) != page_id:
        raise answer.in_doubt("is not about the page", code="unreadable")
    return AccountMetrics(answer.received_at, followers=count_in(page, "followers_count"))


def _kind_of(remote_id: str, page_id: str) -> Kind:
    """Posts are named by their page and a number, comments by their post and one, videos by a number alone."""
    before, _, number = remote_id.partition("_")
    if not number:
        return "video"
    return "post" if before == page_id else "comment"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one object was asked for, and what came back."""

    names: Sequence[str]
    answer: Response


def _ask(http: Http, kinds: Mapping[str, Kind], wanted: Mapping[Kind, Sequence[str]]) -> dict[str, Asked]:
    reads = [Read(one, {"fields": _fields(wanted[kind])}) for one, kind in kinds.items()]
    answers = zip(kinds, read_each(http, reads, TABLE), strict=True)
    return {one: Asked(wanted[kinds[one]], answer) for one, answer in answers}


def _fields(names: Sequence[str]) -> str:
    insights = [name for name in names if name.startswith(_INSIGHT)]
    others = [name for name in names if not name.startswith(_INSIGHT)]
    return ",".join(["id", *others, *([f"insights.metric({','.join(insights)})"] if insights else [])])


def _what_it_takes(http: Http, refused: Mapping[str, Kind]) -> dict[Kind, list[str]]:
    """What Facebook tells of each kind, found out on one object of it. Raises the refusal where that is nothing."""
    examples = {kind: one for one, kind in refused.items()}
    tried = [(kind, name) for kind in examples for name in WANTED[kind]]
    reads = [Read(examples[kind], {"fields": _fields([name])}) for kind, name in tried]
    answers = read_each(http, reads, TABLE)
    taken: dict[Kind, list[str]] = {kind: [] for kind in examples}
    for (kind, name), answer in zip(tried, answers, strict=True):
        if not _is_refused(answer):
            taken[kind].append(name)
    for (kind, _), answer in zip(tried, answers, strict=True):
        if not taken[kind] and _is_refused(answer):
            raise error_from(answer)
    return taken


def _is_gone(answer: Response) -> bool:
    return not answer.is_ok and error_from(answer).code == NOT_FOUND


def _is_refused(answer: Response) -> bool:
    """Whether it is for what is asked for. Raises what any other refusal means: it is about the account."""
    if answer.is_ok or _is_gone(answer):
        return False
    failure = error_from(answer)
    if isinstance(failure, Rejected) or failure.code == SCOPE_MISSING:
        return True
    raise failure


def _metrics(remote_id: str, kind: Kind, asked: Asked) -> Metrics:
    answer = asked.answer
    if not answer.is_ok:
        raise error_from(answer)
    row = answer.fields()
    if id_in(row) != remote_id:
        raise answer.in_doubt("is not about the post", code="unreadable")
    in_its_words = numbers_in({**row, "insights": dict(_insights(row))})
    if kind == "post" and "shares" in asked.names:
        row.setdefault("shares", {"count": 0})  # left out where nobody has shared the post
    return _READERS[kind](row, answer.received_at)._replace(answer=in_its_words)


def _of_post(row: Mapping[str, Any], at: datetime) -> Metrics:
    insights = dict(_insights(row))
    return Metrics(
        at,
        views=insights.get("post_media_view"),
        likes=_total(row, "reactions"),
        shares=count_in(object_in(row, "shares"), "count"),
        comments=_total(row, "comments"),
        reach=insights.get("post_total_media_view_unique"),
        clicks=insights.get("post_clicks"),
    )


def _of_video(row: Mapping[str, Any], at: datetime) -> Metrics:
    return Metrics(at, views=count_in(row, "views"), likes=_total(row, "likes"), comments=_total(row, "comments"))


def _of_comment(row: Mapping[str, Any], at: datetime) -> Metrics:
    return Metrics(at, likes=count_in(row, "like_count"), comments=count_in(row, "comment_count"))


_READERS: Mapping[Kind, Callable[[Mapping[str, Any], datetime], Metrics]] = {
    "post": _of_post,
    "video": _of_video,
    "comment": _of_comment,
}


def _total(row: Mapping[str, Any], edge: str) -> int | None:
    return count_in(object_in(object_in(row, edge), "summary"), "total_count")


def _insights(row: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Each metric that has a whole number, by its name; the newest of its values."""
    for insight in objects_in(object_in(row, "insights"), "data"):
        for value in objects_in(insight, "values"):
            if (count := count_in(value, "value")) is not None:
                yield text_in(insight, "name"), count
