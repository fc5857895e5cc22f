"""Posts read: one, many, and a person's own."""

from __future__ import annotations

from base64 import b32hexdecode, b32hexencode
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from sandbox.platforms.twitter import problems, shapes
from sandbox.platforms.twitter.limits import READ_MANY, READ_ONE, TIMELINE
from sandbox.platforms.twitter.queries import (
    DEFAULT_PAGE,
    LIST_PARAMETERS,
    POST_PARAMETERS,
    TIMELINE_PARAMETERS,
    Wanted,
    an_id,
    read_query,
)
from sandbox.platforms.twitter.server import Caller, Twitter, endpoint
from sandbox.records import Person, Post
from sandbox.routing import Operation
from sandbox.wire import Answer, Request

READING = ("tweet.read", "users.read")
PRIVATE_FOR_MS = 30 * 86_400_000
POINTING = {name: name for name in ("author_id", "in_reply_to_user_id", "referenced_posts", "username")}
POINTING["attachments.media_keys"] = POINTING["attachments.poll_ids"] = "attachments"
"""Expansions that put the field they follow into the post as well."""


# getPostsById in https://api.x.com/2/openapi.json
@endpoint("GET", "/2/tweets/{id}", Operation.LOOKUP, scopes=READING, quota=READ_ONE)
def one(server: Twitter, request: Request, caller: Caller) -> Answer:
    post_id = request.args["id"]
    an_id("id", post_id)
    wanted = read_query(request, POST_PARAMETERS, server.options)
    post = visible(server, post_id, request.at_ms)
    if post is None:
        return server.answer({"errors": [problems.not_found("tweet", "id", post_id)]})
    answer = listed(server, [post], wanted, caller, request.at_ms)
    return server.answer({**answer, "data": answer["data"][0]})


# getPostsByIds in https://api.x.com/2/openapi.json
@endpoint("GET", "/2/tweets", Operation.METRICS, scopes=READING, quota=READ_MANY)
def many(server: Twitter, request: Request, caller: Caller) -> Answer:
    wanted = read_query(request, LIST_PARAMETERS, server.options)
    if "ids" not in wanted.values:
        raise problems.refuse_value("The `ids` query parameter can not be empty", "ids", "")
    found = {post_id: visible(server, post_id, request.at_ms) for post_id in wanted.values["ids"]}
    answer = listed(server, [post for post in found.values() if post], wanted, caller, request.at_ms)
    missing = [problems.not_found("tweet", "ids", post_id) for post_id, post in found.items() if post is None]
    errors = [*answer.pop("errors", []), *missing]
    return server.answer({**answer, **({"errors": errors} if errors else {})})


# getUsersPosts in https://api.x.com/2/openapi.json
@endpoint("GET", "/2/users/{id}/tweets", Operation.LOOKUP, scopes=READING, quota=TIMELINE)
def timeline(server: Twitter, request: Request, caller: Caller) -> Answer:
    owner_id = request.args["id"]
    an_id("id", owner_id)
    wanted = read_query(request, TIMELINE_PARAMETERS, server.options)
    owner = server.site.people_by_id.get(owner_id)
    if owner is None:
        return server.answer({"errors": [problems.not_found("user", "id", owner_id)]})
    size = wanted.values.get("max_results", DEFAULT_PAGE)
    posts = list(islice(matching(server, owner.posts, wanted.values, request.at_ms), size + 1))
    page = posts[:size]
    meta: dict[str, Any] = {"result_count": len(page)}
    if page:
        meta.update(newest_id=page[0].id, oldest_id=page[-1].id)
    if len(posts) > size:
        meta["next_token"] = page_token(page[-1])
    return server.answer({**listed(server, page, wanted, caller, request.at_ms), "meta": meta})


def matching(server: Twitter, posts: list[Post], values: Mapping[str, Any], at_ms: int) -> Iterator[Post]:
    """Yield what the parameters of a timeline ask for, newest first."""
    high = bisect_left(posts, values["until_id"], key=number) if "until_id" in values else len(posts)
    if "pagination_token" in values:
        high = min(high, bisect_left(posts, page_start(values["pagination_token"]), key=number))
    low = bisect_right(posts, values.get("since_id", 0), key=number)
    start_ms, end_ms = values.get("start_time", 0), values.get("end_time", at_ms + 1)
    is_without_replies = "replies" in values.get("exclude", ())
    for place in range(high - 1, low - 1, -1):
        post = posts[place]
        if post.created_ms < start_ms:
            return
        if post.created_ms < end_ms and server.site.shows(post, at_ms) and not (is_without_replies and post.reply_to):
            yield post


def number(post: Post) -> int:
    return int(post.id)


def page_token(last: Post) -> str:
    return b32hexencode(last.id.encode()).decode().rstrip("=").lower()


def page_start(token: str) -> int:
    """Return the id before which the page starts. Raises Refused."""
    try:
        return int(b32hexdecode(token.upper() + "=" * (-len(token) % 8)))
    except ValueError:
        message = f"The `pagination_token` query parameter value [{token}] is not valid"
        raise problems.refuse_value(message, "pagination_token", token) from None


def visible(server: Twitter, post_id: str, at_ms: int) -> Post | None:
    post = server.site.posts.get(post_id)
    return post if post is not None and server.site.shows(post, at_ms) else None


def listed(server: Twitter, posts: list[Post], wanted: Wanted, caller: Caller, at_ms: int) -> dict[str, Any]:
    """Return `data`, `includes` and `errors`, each only where there is something in it."""
    fields = wanted.fields | {POINTING[name] for name in wanted.expansions if name in POINTING}
    data, errors = [], []
    for post in posts:
        hidden = hidden_fields(post, fields, caller, at_ms)
        data.append(shapes.post(post, server, fields.difference(hidden)))
        errors += [problems.not_authorized(field, post.id) for field in hidden]
    answer = {"data": data, "includes": included(server, posts, wanted, at_ms), "errors": errors}
    return {name: value for name, value in answer.items() if value}


def hidden_fields(post: Post, fields: frozenset[str], caller: Caller, at_ms: int) -> list[str]:
    """Return the private fields that the caller may not see: promoted posts there are none."""
    may_see = post.person is caller.person and at_ms - post.created_ms < PRIVATE_FOR_MS
    return [name for name in shapes.PRIVATE_FIELDS if name in fields and (not may_see or name == "promoted_metrics")]


def included(server: Twitter, posts: list[Post], wanted: Wanted, at_ms: int) -> dict[str, Any]:
    people: list[Person | None] = []
    others: list[Post | None] = []
    for post in posts:
        if "author_id" in wanted.expansions or "username" in wanted.expansions:
            people.append(post.person)
        if "in_reply_to_user_id" in wanted.expansions:
            people.append(server.site.people_by_id.get((post.extra or {}).get("in_reply_to_user_id", "")))
        if "referenced_posts" in wanted.expansions:
            others += [visible(server, one["id"], at_ms) for one in shapes.references(post) or ()]
        if "edit_history_post_ids" in wanted.expansions:
            others.append(post)
    media = [item for post in posts for item in post.media] if "attachments.media_keys" in wanted.expansions else []
    polls = [post for post in posts if "attachments.poll_ids" in wanted.expansions]
    shown = {
        "polls": [shapes.poll(post) for post in polls if post.extra and "poll_id" in post.extra],
        "media": [shapes.media(server.uploads[item.id], server, wanted.media_fields) for item in media],
        "users": [shapes.user(person, server, wanted.user_fields) for person in dict.fromkeys(people) if person],
        "posts": [
            shapes.post(post, server, wanted.fields.difference(shapes.PRIVATE_FIELDS))
            for post in dict.fromkeys(others)
            if post
        ],
    }
    return {name: values for name, values in shown.items() if values}
