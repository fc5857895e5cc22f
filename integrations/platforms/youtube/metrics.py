"""What YouTube counts of videos and channels. It writes large numbers as texts, and leaves out what is hidden.

Sources: https://developers.google.com/youtube/v3/docs/videos/batchGetStats and …/docs/channels (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from integrations.contract import AccountMetrics, Metrics
from integrations.platforms.youtube.errors import error_from
from integrations.protocols.values import count_in, id_in, object_in, objects_in
from mastablasta.core.outbound import Http, Response

VIDEO_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_DIGITS = re.compile(r"[0-9]{1,19}")


def fetch(http: Http, refs: Sequence[str]) -> dict[str, Metrics]:
    """The figures of these videos, by id, in one call, which has a quota of its own."""
    asked = [ref for ref in dict.fromkeys(refs) if VIDEO_ID.fullmatch(ref)]
    if not asked:
        return {}
    answer = http.get("/youtube/v3/videos:batchGetStats", params={"part": "statistics", "id": ",".join(asked)})
    videos = _items(answer)
    return {
        id_in(video): _metrics(_counts(object_in(video, "statistics")), answer)
        for video in videos
        if id_in(video) in asked
    }


def fetch_channel(http: Http) -> AccountMetrics:
    """The channel of the token: subscribers (three digits of their number are true) and public videos."""
    answer = http.get("/youtube/v3/channels", params={"part": "statistics", "mine": "true"})
    channels = _items(answer)
    if not channels:
        raise answer.in_doubt("names no channel", code="no_result")
    statistics = object_in(channels[0], "statistics")
    counts = _counts(statistics)
    followers = None if statistics.get("hiddenSubscriberCount") is True else counts.get("subscriberCount")
    return AccountMetrics(answer.received_at, followers=followers, posts=counts.get("videoCount"))


def _items(answer: Response) -> list[Mapping[str, Any]]:
    if not answer.is_ok:
        raise error_from(answer)
    fields = answer.fields()
    if not isinstance(fields.get("items"), list):
        raise answer.in_doubt("is not a list", code="unreadable")
    return objects_in(fields, "items")


def _counts(statistics: Mapping[str, Any]) -> dict[str, int]:
    """The numbers of an answer under YouTube's own names, without what is none."""
    numbers = {
        name: int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value
        for name, value in statistics.items()
        if name.endswith("Count")
    }
    return {name: count for name in numbers if (count := count_in(numbers, name)) is not None}


def _metrics(counts: Mapping[str, int], answer: Response) -> Metrics:
    return Metrics(
        answer.received_at,
        views=counts.get("viewCount"),
        likes=counts.get("likeCount"),
        comments=counts.get("commentCount"),
        answer={"statistics": dict(counts)} if counts else {},
    )
