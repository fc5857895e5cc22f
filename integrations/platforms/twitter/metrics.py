"""What X counts of posts and accounts.

Sources: https://docs.x.com/x-api/fundamentals/metrics, https://docs.x.com/x-api/posts/get-posts-by-ids and
https://docs.x.com/x-api/getting-started/pricing (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode

from integrations.contract import AccountMetrics, Metrics
from integrations.platforms.twitter.addresses import POST_ID
from integrations.platforms.twitter.errors import error_from, error_in, problems_in
from integrations.platforms.twitter.reading import made_at
from integrations.protocols.values import count_in, numbers_in, object_in, objects_in, sum_of, text_in
from mastablasta.core.outbound import Http, Response

PRIVATE_FOR = timedelta(days=30)
_PRIVATE = ",non_public_metrics"
# By the old names first, and by the new ones of a server that refuses those.
_FIELDS = ("tweet.fields", "post.fields")
_MEDIA = {"expansions": "attachments.media_keys", "media.fields": "public_metrics"}
_EXTRA = (("quote_count", "quotes"), ("bookmark_count", "bookmarks"))
_PRIVATE_EXTRA = (("user_profile_clicks", "profile_clicks"), ("engagements", "engagements"))
_HIDDEN = "not-authorized-for-field"


def fetch(http: Http, ids: Sequence[str]) -> dict[str, Metrics]:
    """The figures of these posts, by id, in one call, and in a second one for those that X leaves out whole where it
    refuses their private figures: those it tells to their owner for 30 days.
    """
    asked = [one for one in dict.fromkeys(ids) if POST_ID.fullmatch(one)]
    if not asked:
        return {}
    answer = _posts(http, asked, private=True)
    fields = answer.fields()
    found = _read(answer, fields, may_have_private=True)
    hidden = {text_in(error, "resource_id", "value") for error in _hidden_in(fields)}
    left = [one for one in asked if one in hidden and one not in found]
    if not left:
        return found
    answer = _posts(http, left, private=False)
    return {**found, **_read(answer, answer.fields(), may_have_private=False)}


def fetch_account(http: Http) -> AccountMetrics:
    """The account that calls. Source: https://docs.x.com/x-api/users/get-my-user (read 2026-11-23)."""
    answer = http.get("/2/users/me", params={"user.fields": "public_metrics"})
    if not answer.is_ok:
        raise error_from(answer)
    counts = object_in(object_in(answer.fields(), "data"), "public_metrics")
    if not counts:
        raise error_in(answer)
    posts = counts.get("post_count", counts.get("tweet_count"))
    return AccountMetrics(
        answer.received_at,
        count_in(counts, "followers_count"),
        count_in(counts, "following_count"),
        count_in({"posts": posts}, "posts"),
    )


def _posts(http: Http, ids: Sequence[str], *, private: bool) -> Response:
    is_private = private and any(_is_young(one) for one in ids)
    for name in _FIELDS:
        # Digits and commas stand in a query as they are; to quote two thousand of them takes as long as a call.
        answer = http.get(f"/2/tweets?ids={','.join(ids)}&{_what(name, is_private=is_private)}")
        if answer.status != 400:
            break
    if not answer.is_ok:
        raise error_from(answer)
    return answer


@cache
def _what(name: str, *, is_private: bool) -> str:
    """The rest of the query: the same in all calls."""
    return urlencode({name: f"attachments,public_metrics{_PRIVATE if is_private else ''}", **_MEDIA})


def _is_young(remote_id: str) -> bool:
    """X counts a post's 30 days by its id; a day more costs nothing, what it refuses is asked for without."""
    moment = made_at(remote_id)
    return datetime.now(moment.tzinfo) - moment < PRIVATE_FOR + timedelta(days=1)


def _read(answer: Response, fields: Mapping[str, Any], *, may_have_private: bool) -> dict[str, Metrics]:
    if not isinstance(fields.get("data"), list) and next(problems_in(fields), None) is None:
        raise error_in(answer)
    views = {
        text_in(item, "media_key"): count_in(object_in(item, "public_metrics"), "view_count")
        for item in objects_in(object_in(fields, "includes"), "media")
    }
    at = answer.received_at
    return {
        remote_id: _metrics(post, views, at, may_have_private)
        for post in objects_in(fields, "data")
        if type(remote_id := post.get("id")) is str
    }


def _metrics(post: Mapping[str, Any], views: Mapping[str, int | None], at: datetime, may_have_private: bool) -> Metrics:
    # What is taken for an answer's numbers is sound: nothing is looked at twice.
    public, private = (
        numbers_in(post.get("public_metrics"), depth=1),
        numbers_in(post.get("non_public_metrics"), depth=1),
    )
    answer = {"public_metrics": public} if public else {}
    if private:
        answer["non_public_metrics"] = private
    if not may_have_private:
        private = {}
    extra = {}
    for theirs, ours in _EXTRA:
        if theirs in public:
            extra[ours] = public[theirs]
    for theirs, ours in _PRIVATE_EXTRA if private else ():
        if theirs in private:
            extra[ours] = private[theirs]
    if "attachments" in post and (seen := _seen(post, views)) is not None:
        extra["video_views"] = seen
    reposts, quotes = public.get("repost_count", public.get("retweet_count")), public.get("quote_count")
    return Metrics(
        at,
        public.get("impression_count"),
        public.get("like_count"),
        reposts if quotes is None else quotes + (reposts or 0),
        public.get("reply_count"),
        None,  # X tells no reach
        private.get("url_link_clicks"),
        extra,
        answer,
    )


def _seen(post: Mapping[str, Any], views: Mapping[str, int | None]) -> int | None:
    """How often the videos of a post were seen; None = it has none, or X does not tell."""
    keys = object_in(post, "attachments").get("media_keys")
    return sum_of(*(views.get(key) for key in keys if isinstance(key, str))) if isinstance(keys, list) else None


def _hidden_in(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    errors = objects_in(fields, "errors")
    return [error for error in errors if text_in(error, "type").rpartition("/")[2] == _HIDDEN]
