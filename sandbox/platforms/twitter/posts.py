"""Posts: made and deleted."""

from __future__ import annotations

import re
from typing import Any

from sandbox.platforms.twitter import problems, shapes
from sandbox.platforms.twitter.counting import (
    MAX_SUBSCRIBED,
    MAX_WEIGHTED,
    cashtags,
    has_invalid_characters,
    normal,
    weighted_length,
)
from sandbox.platforms.twitter.limits import CREATE, CREATE_BY_APP, DELETE
from sandbox.platforms.twitter.schema import CREATE_BODY, ID
from sandbox.platforms.twitter.server import Caller, Twitter, endpoint
from sandbox.platforms.twitter.uploads import to_attach
from sandbox.records import Person, Post
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request

WRITING = ("tweet.read", "tweet.write", "users.read")
KEPT = ("reply_settings", "paid_partnership", "made_with_ai", "community_id", "share_with_followers")
NOT_SIMULATED = (
    "card_uri",
    "direct_message_deep_link",
    "edit_options",
    "for_super_followers_only",
    "geo",
    "nullcast",
)
NOT_PERMITTED = "You are not permitted to perform this action."
PARENT_GONE = "You attempted to reply to a Tweet that is deleted or not visible to you."
QUOTED_GONE = "You attempted to quote a Tweet that is deleted or not visible to you."
NOT_ENGAGED = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author "
    "of the post you are replying to."
)
ONE_CASHTAG = "You may only include one cashtag in a post."
MENTION = re.compile(r"(?<![A-Za-z0-9_!#$%&*@\uff20])[@\uff20]([A-Za-z0-9_]{1,15})(?![A-Za-z0-9_@\uff20])")


# createPosts in https://api.x.com/2/openapi.json
@endpoint("POST", "/2/tweets", Operation.PUBLISH, scopes=WRITING, quota=CREATE, app_quota=CREATE_BY_APP)
def create(server: Twitter, request: Request, caller: Caller) -> Answer:
    body = read_body(request)
    post = compose(server, caller, body, request.at_ms)
    compared = (caller.person.id, as_compared(post.text))
    is_guarded = server.world.limits.duplicates and (server.options.media_duplicates or not post.media)
    if is_guarded and post.text.strip() and is_recent(server, compared, request.at_ms):
        raise Refused(problems.forbidden(problems.DUPLICATE))
    server.site.add_post(post)
    server.sent_ms[compared] = request.at_ms
    text, _ = shapes.short_text(post, server)
    return server.answer({"data": {"id": post.id, "text": text, "edit_history_post_ids": [post.id]}}, 201)


def read_body(request: Request) -> dict[str, Any]:
    """Return the body as its schema allows it. Raises Refused, UnreadableBody."""
    kind = request.header(b"content-type") or ""
    if kind.partition(";")[0].strip().lower() != "application/json":
        message = "Requests with bodies must have content-type of application/json."
        raise Refused(problems.invalid([problems.error(message)]))
    body = request.fields()
    errors = list(CREATE_BODY("$", body))
    if errors:
        raise Refused(problems.invalid(errors))
    return body


def compose(server: Twitter, caller: Caller, body: dict[str, Any], at_ms: int) -> Post:
    """Return the post that the body describes, not yet visible. Raises Refused."""
    refuse_unfit(body)
    quoted = quoted_by(server, body)
    text = body.get("text", "")
    check_text(server, caller.person, text)
    parent = parent_of(server, caller.person, body)
    media = to_attach(server, caller.person, body["media"]["media_ids"], at_ms) if "media" in body else ()
    return server.new_post(
        caller.person,
        text,
        at_ms,
        media=media,
        reply_to=parent.id if parent else None,
        app=caller.app,
        extra=extra_of(server, body, parent, quoted, at_ms) if len(body) > 1 else None,
    )


def refuse_unfit(body: dict[str, Any]) -> None:
    if len(body) == 1 and body.get("text", "").strip():
        return
    for name in NOT_SIMULATED:
        if body.get(name):
            raise problems.refuse_value(f"$.{name}: is not simulated", f"$.{name}", "")
    if "media" in body:
        if "poll" in body:
            raise problems.refuse_value("$.poll: is not allowed together with media", "$.poll", "")
        for name in body["media"]:
            if name != "media_ids":
                raise problems.refuse_value(f"$.media.{name}: is not simulated", f"$.media.{name}", "")
    elif not body.get("text", "").strip():
        raise problems.refuse_value("$.text: must not be empty without media", "$.text", body.get("text", ""))


def check_text(server: Twitter, person: Person, text: str) -> None:
    if has_invalid_characters(text):
        raise problems.refuse_value("$.text: has characters that are not allowed", "$.text", text)
    limit = MAX_SUBSCRIBED if server.is_subscribed(person) else MAX_WEIGHTED
    length = weighted_length(text)
    if length > limit:
        raise problems.refuse_value(f"$.text: is {length} characters long, {limit} are allowed", "$.text", text)
    if server.options.self_serve and len(cashtags(text)) > 1:
        raise Refused(problems.forbidden(ONE_CASHTAG))


def parent_of(server: Twitter, person: Person, body: dict[str, Any]) -> Post | None:
    """Return the post that this one answers, None when it answers none. Raises Refused."""
    if "reply" not in body:
        return None
    parent = server.site.posts.get(body["reply"]["in_reply_to_tweet_id"])
    if parent is None:
        raise Refused(problems.forbidden(PARENT_GONE))
    if server.options.self_serve and not may_reply(server, person, parent):
        raise Refused(problems.forbidden(NOT_ENGAGED))
    return parent


def quoted_by(server: Twitter, body: dict[str, Any]) -> Post | None:
    """Return the post that this one quotes, None when it quotes none. Raises Refused."""
    if "quote_tweet_id" not in body:
        return None
    if server.options.self_serve:  # Enterprise only since 2026-04-20
        raise Refused(problems.forbidden(NOT_PERMITTED))
    if "poll" in body:
        raise problems.refuse_value("$.poll: is not allowed together with a quote", "$.poll", "")
    quoted = server.site.posts.get(body["quote_tweet_id"])
    if quoted is None:
        raise Refused(problems.forbidden(QUOTED_GONE))
    return quoted


def may_reply(server: Twitter, person: Person, parent: Post) -> bool:
    if parent.person is person:
        return server.options.self_replies
    return person.handle.lower() in {handle.lower() for handle in MENTION.findall(parent.text)}


def extra_of(
    server: Twitter, body: dict[str, Any], parent: Post | None, quoted: Post | None, at_ms: int
) -> dict[str, Any]:
    extra = {name: body[name] for name in KEPT if name in body}
    if quoted is not None:
        extra["quoted"], extra["quoted_url"] = quoted.id, server.post_url(quoted)
    if parent is not None:
        extra["in_reply_to_user_id"] = parent.person.id
        extra["conversation_id"] = (parent.extra or {}).get("conversation_id", parent.id)
    if "poll" in body:
        extra["poll"] = body["poll"]
        extra["poll_id"] = server.site.ids.next_at(at_ms)
    return extra


def as_compared(text: str) -> str:
    """Return what two duplicates have in common."""
    return " ".join(normal(text).split())


def is_recent(server: Twitter, compared: tuple[str, str], at_ms: int) -> bool:
    sent_ms = server.sent_ms.get(compared)
    return sent_ms is not None and at_ms - sent_ms < server.options.duplicate_window_s * 1000


# deletePosts in https://api.x.com/2/openapi.json
@endpoint("DELETE", "/2/tweets/{id}", Operation.DELETE, scopes=WRITING, quota=DELETE)
def delete(server: Twitter, request: Request, caller: Caller) -> Answer:
    post_id = request.args["id"]
    if not ID.fullmatch(post_id):
        raise problems.refuse_value(f"The `id` query parameter value [{post_id}] is not valid", "id", post_id)
    post = server.site.posts.get(post_id)
    if post is None:
        gone = problems.not_found("tweet", "id", post_id)
        raise Refused(problems.problem(404, gone["title"], gone["detail"], "resource-not-found", resource_type="tweet"))
    if post.person is not caller.person:
        raise Refused(problems.forbidden("You are not authorized to delete this Tweet."))
    server.site.remove_post(post)
    server.sent_ms.pop((caller.person.id, as_compared(post.text)), None)
    return server.answer({"data": {"deleted": True}})
