"""What Bluesky counts of posts and accounts: no views, no reach, no clicks.

The account's own server hands these calls on to the app's, which sees a new post within seconds.
Sources: https://docs.bsky.app/docs/api/app-bsky-feed-get-posts and …/app-bsky-actor-get-profile (read 2026-11-23).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from integrations.contract import AccountMetrics, Metrics
from integrations.platforms.bluesky.errors import error_from
from integrations.protocols.values import count_in, counts_in, numbers_in, objects_in, sum_of, text_in
from mastablasta.core.outbound import Http

POSTS = "/xrpc/app.bsky.feed.getPosts"
PROFILE = "/xrpc/app.bsky.actor.getProfile"
_URI = re.compile(r"at://did:[a-z]+:[A-Za-z0-9._:%-]+/[A-Za-z0-9.-]+/[A-Za-z0-9._:~-]+")


def fetch(http: Http, uris: Sequence[str]) -> dict[str, Metrics]:
    """The figures of these posts, by URI, in one call. One that is no URI would have all refused, and is not asked."""
    asked = [one for one in dict.fromkeys(uris) if _URI.fullmatch(one)]
    if not asked:
        return {}
    answer = http.get(POSTS, params={"uris": asked})
    if not answer.is_ok:
        raise error_from(answer)
    if not isinstance(answer.fields().get("posts"), list):
        raise answer.in_doubt("is not a list of posts", code="unreadable")
    return {
        text_in(post, "uri"): Metrics(
            answer.received_at,
            likes=count_in(post, "likeCount"),
            shares=sum_of(count_in(post, "repostCount"), count_in(post, "quoteCount")),
            comments=count_in(post, "replyCount"),
            extra=counts_in(post, {"quoteCount": "quotes", "bookmarkCount": "bookmarks"}),
            answer=numbers_in(post, depth=1),
        )
        for post in objects_in(answer.fields(), "posts")
        if text_in(post, "uri")
    }


def fetch_account(http: Http, did: str) -> AccountMetrics:
    answer = http.get(PROFILE, params={"actor": did})
    if not answer.is_ok:
        raise error_from(answer)
    profile = answer.fields()
    if text_in(profile, "did") != did:
        raise answer.in_doubt("is not the account's profile", code="unreadable")
    counts = [count_in(profile, f"{name}Count") for name in ("followers", "follows", "posts")]
    return AccountMetrics(answer.received_at, *counts)
