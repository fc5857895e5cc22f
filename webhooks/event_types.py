"""Every type of event: what it tells, and an example of its data. The docs and the API's description are made of it.

The body of a webhook is `{"event": <name>, "data": {…}, "timestamp": "…Z"}` and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from mastablasta.core.api.fields import utc_text

TEST = "webhook.test"


@dataclass(frozen=True, slots=True)
class EventType:
    """`example`: the data of one such event; every event of the type has exactly its names."""

    name: str
    summary: str
    example: Mapping[str, Any]


_POST_ID = "0193a5f0-7c1e-7d4b-9f52-2b1d6c0a9e11"
_OUT = {
    "id": "0193a5f0-7c1f-7a10-8d3e-5f6a7b8c9d01",
    "account_id": "0193a5f0-0001-7bcd-8e21-3c4d5e6f7081",
    "platform": "mastodon",
    "url": "https://mastodon.social/@ada/115630000000000001",
    "platform_post_id": "115630000000000001",
}
_NOT_OUT = {
    "id": "0193a5f0-7c1f-7a10-8d3e-5f6a7b8c9d02",
    "account_id": "0193a5f0-0002-7bcd-8e21-3c4d5e6f7082",
    "platform": "twitter",
    "url": None,
    "platform_post_id": None,
}
_ERROR = {
    "code": "duplicate",
    "kind": "rejected",
    "message": "X refuses a text that the account has just posted.",
    "retryable": False,
}

CATALOGUE: Mapping[str, EventType] = {
    one.name: one
    for one in (
        EventType(
            "post.published",
            "A post has settled and is out on an account at least: `platforms` and `deliveries` are where it is out. "
            "When a retry has settled it is sent again, with all that is out by then.",
            {
                "post_id": _POST_ID,
                "platforms": ["mastodon"],
                "published_at": "2030-01-31T09:00:01.250000Z",
                "deliveries": [_OUT],
            },
        ),
        EventType(
            "post.failed",
            "A post has settled and is not out on at least one account: `platforms` and `deliveries` are those where "
            "it failed. A post that is out on some accounts only sends `post.published` too.",
            {
                "post_id": _POST_ID,
                "platforms": ["twitter"],
                "failed_at": "2030-01-31T09:00:02.500000Z",
                "deliveries": [{**_NOT_OUT, "error": _ERROR}],
            },
        ),
        EventType(
            "post.scheduled",
            "A post was given a time in the future, or another one.",
            {"post_id": _POST_ID, "platforms": ["mastodon", "twitter"], "scheduled_time": "2030-01-31T09:00:00Z"},
        ),
        EventType(
            "post.unconfirmed",
            "Nobody can say whether a post is out on the accounts in `deliveries`; a person has to look, and to say so "
            "by `POST /deliveries/{id}/resolve`.",
            {
                "post_id": _POST_ID,
                "platforms": ["twitter"],
                "deliveries": [_NOT_OUT],
            },
        ),
        EventType(
            "account.needs_reauth",
            "A platform no longer accepts our access to an account: it has to be connected again.",
            {
                "account_id": "0193a5f0-0002-7bcd-8e21-3c4d5e6f7082",
                "platform": "twitter",
                "handle": "@ada",
                "reason": "X does not accept the refresh token any more.",
            },
        ),
        EventType(
            "media.ready",
            "The thumbnail and the preview of an uploaded file are there.",
            {
                "media_id": "0193a5f0-9a00-7cde-8f31-4d5e6f708192",
                "filename": "harbour.jpg",
                "mime_type": "image/jpeg",
            },
        ),
        EventType(
            "analytics.updated",
            "Fresh figures of a post's deliveries were collected.",
            {
                "post_id": _POST_ID,
                "analytics": [
                    {
                        "platform": "mastodon",
                        "account_id": _OUT["account_id"],
                        "views": None,
                        "likes": 12,
                        "shares": 3,
                        "comments": 1,
                        "reach": None,
                        "clicks": None,
                        "engagement_rate": None,
                        "collected_at": "2030-01-31T10:00:00Z",
                    }
                ],
            },
        ),
        EventType(
            "analytics.threshold",
            "A figure of a post has risen above the threshold of an alert (`POST /analytics/alerts`): once for each "
            "alert and account of the post.",
            {
                "alert_id": "0193a5f0-c000-7e01-8b52-6f708192a314",
                "post_id": _POST_ID,
                "account_id": _OUT["account_id"],
                "figure": "likes",
                "threshold": 10,
                "value": 12,
                "collected_at": "2030-01-31T10:00:00Z",
            },
        ),
        EventType(
            "bulk.finished",
            "A job over many posts has ended.",
            {
                "job_id": "0193a5f0-b000-7def-8a41-5e6f70819203",
                "kind": "create",
                "status": "done",
                "total": 5000,
                "successful": 4990,
                "failed": 10,
            },
        ),
    )
}
NAMES = tuple(CATALOGUE)
TEST_EVENT = EventType(TEST, "Sent by `POST /webhooks/{id}/test`, to that endpoint alone.", {"message": "It works."})


def body_of(event_type: str, data: Mapping[str, Any], *, at: datetime) -> str:
    """The body of an event as it is stored, signed and sent: JSON, times in UTC with `Z`."""
    told = {"event": event_type, "data": data, "timestamp": utc_text(at)}
    return orjson.dumps(told, default=_plain, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return utc_text(value)
    raise TypeError(type(value).__name__)
