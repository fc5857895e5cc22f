"""Statuses: made, read, listed and deleted."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any

from sandbox.platforms.mastodon import shapes
from sandbox.platforms.mastodon.attachments import to_attach
from sandbox.platforms.mastodon.polls import read_poll
from sandbox.platforms.mastodon.rules import counted_length, is_true
from sandbox.platforms.mastodon.server import ROUTES, Mastodon
from sandbox.records import Person, Post
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request, json_answer

VISIBILITIES = frozenset({"public", "unlisted", "private", "direct"})
KEY_TTL_MS = 3_600_000
MAX_BATCH = 20
DEFAULT_PAGE, MAX_PAGE = 20, 40
NOT_SIMULATED = ("scheduled_at",)
QUOTE_GONE = "The post you are trying to quote does not appear to exist."
VERSION = re.compile(r"(\d+)\.(\d+)")
QUOTES_SINCE = (4, 5)
REPLY_GONE = "The post you are trying to reply to does not appear to exist."


# https://docs.joinmastodon.org/methods/statuses/#create
@ROUTES.add("POST", "/api/v1/statuses", Operation.PUBLISH)
def create(server: Mastodon, request: Request) -> Answer:
    person, token = server.person(request, "write", "write:statuses")
    fields = request.fields()
    key = request.header(b"idempotency-key")
    keeps_keys = bool(key) and server.world.limits.idempotency and server.dialect.remembers_keys
    if keeps_keys and key:
        earlier = made_with(person, key, request.at_ms)
        if earlier is not None:
            return shown(server, server.site.posts.get(earlier))
    post = compose(server, person, fields, request.at_ms)
    post.app = token.grant.app
    server.site.add_post(post)
    server.count_status(person, request.at_ms)
    if keeps_keys and key:
        person.answered_keys[key] = request.at_ms + KEY_TTL_MS, post.id
    return shown(server, post)


def made_with(person: Person, key: str, at_ms: int) -> str | None:
    """Return the id of the status that this key made within the hour."""
    while person.answered_keys:
        oldest = next(iter(person.answered_keys))
        if person.answered_keys[oldest][0] > at_ms:
            break
        del person.answered_keys[oldest]
    made = person.answered_keys.get(key)
    return made[1] if made else None


def compose(server: Mastodon, person: Person, fields: dict[str, Any], at_ms: int) -> Post:
    """Return the status that the fields describe, not yet visible. Raises Refused."""
    for name in NOT_SIMULATED:
        if fields.get(name):
            raise Refused(server.dialect.refused(f"{name} is not simulated"))
    text, spoiler_text = words(fields, "status"), words(fields, "spoiler_text")
    visibility = words(fields, "visibility") or "public"
    if visibility not in VISIBILITIES:
        raise Refused(server.dialect.invalid("Visibility is not included in the list"))
    reply_to = words(fields, "in_reply_to_id") or None
    if reply_to is not None and not is_visible(server.site.posts.get(reply_to), person):
        raise Refused(json_answer(404, {"error": REPLY_GONE}))
    quoting = quoting_of(server, person, fields)
    if fields.get("poll") and media_ids(fields):
        raise Refused(server.dialect.invalid(f"Cannot attach more than {server.options.max_media_attachments} files"))
    media = to_attach(server, person, media_ids(fields), at_ms)
    check_text(server, text, spoiler_text, has_media=bool(media))
    poll = read_poll(server, fields.get("poll"), at_ms)
    return server.new_post(
        person,
        text,
        at_ms,
        media=media,
        reply_to=reply_to,
        visibility=visibility,
        spoiler_text=spoiler_text,
        is_sensitive=is_true(fields.get("sensitive")) or bool(spoiler_text),
        language=words(fields, "language") or "en",
        extra={"poll": poll, **quoting} if poll or quoting else None,
    )


def quoting_of(server: Mastodon, person: Person, fields: dict[str, Any]) -> dict[str, Any]:
    """Return what a new status quotes and who may quote it; servers before 4.5 pass over both. Raises Refused."""
    if not knows_quotes(server):
        return {}
    quoted_id, policy = words(fields, "quoted_status_id"), words(fields, "quote_approval_policy")
    if policy not in {"", "public", "followers", "nobody"}:
        raise Refused(server.dialect.refused("Invalid quote approval policy"))
    quoted = server.site.posts.get(quoted_id) if quoted_id else None
    if quoted_id and (quoted is None or not is_visible(quoted, person) or not may_quote(quoted, person)):
        raise Refused(json_answer(404, {"error": QUOTE_GONE}))
    return {name: value for name, value in (("quoted", quoted_id), ("quote_policy", policy)) if value}


def knows_quotes(server: Mastodon) -> bool:
    numbers = VERSION.match(server.options.version)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= QUOTES_SINCE


def may_quote(quoted: Post, person: Person) -> bool:
    """Return whether somebody may quote a status: nobody here follows anybody."""
    is_open = (quoted.extra or {}).get("quote_policy", "public") == "public" and quoted.visibility != "private"
    return quoted.visibility != "direct" and (is_open or quoted.person is person)


def check_text(server: Mastodon, text: str, spoiler_text: str, *, has_media: bool) -> None:
    if not text.strip() and not spoiler_text.strip() and not has_media:
        raise Refused(server.dialect.blank())
    limit = server.options.max_characters
    if counted_length(text, spoiler_text, server.options.characters_reserved_per_url) > limit:
        raise Refused(server.dialect.too_long(limit))


def words(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value)


def media_ids(fields: dict[str, Any]) -> list[str]:
    given = fields.get("media_ids") or []
    return [str(media_id) for media_id in given] if isinstance(given, list) else [str(given)]


# https://docs.joinmastodon.org/methods/statuses/#index
@ROUTES.add("GET", "/api/v1/statuses", Operation.METRICS)
def index(server: Mastodon, request: Request) -> Answer:
    reader = server.reader(request)
    given = request.query().get("id") or []
    ids = given if isinstance(given, list) else [given]
    posts = [server.site.posts.get(post_id) for post_id in ids[:MAX_BATCH]]
    return json_answer(
        200,
        [shapes.status(post, server.site) for post in posts if post and can_see(server, post, reader, request)],
    )


# https://docs.joinmastodon.org/methods/statuses/#get
@ROUTES.add("GET", "/api/v1/statuses/{id}", Operation.LOOKUP)
def show(server: Mastodon, request: Request) -> Answer:
    return shown(server, seen(server, request))


# https://docs.joinmastodon.org/methods/statuses/#source
@ROUTES.add("GET", "/api/v1/statuses/{id}/source", Operation.LOOKUP)
def source(server: Mastodon, request: Request) -> Answer:
    server.person(request, "read", "read:statuses")
    post = seen(server, request)
    return json_answer(200, {"id": post.id, "text": post.text, "spoiler_text": post.spoiler_text})


# https://docs.joinmastodon.org/methods/statuses/#delete
@ROUTES.add("DELETE", "/api/v1/statuses/{id}", Operation.DELETE)
def delete(server: Mastodon, request: Request) -> Answer:
    person, _ = server.person(request, "write", "write:statuses")
    post = server.site.posts.get(request.args["id"])
    if post is None or post.person is not person:
        raise server.not_found()
    last_words = {**shapes.status(post, server.site), "text": post.text}
    server.site.remove_post(post)
    return json_answer(200, last_words)


# https://docs.joinmastodon.org/methods/accounts/#statuses
@ROUTES.add("GET", "/api/v1/accounts/{id}/statuses", Operation.LOOKUP)
def of_account(server: Mastodon, request: Request) -> Answer:
    reader = server.reader(request)
    owner = server.site.people_by_id.get(request.args["id"])
    if owner is None:
        raise server.not_found()
    query = request.query()
    page = paged(
        owner.posts,
        query,
        lambda post: can_see(server, post, reader, request) and is_wanted(server, post, query),
    )
    answer = json_answer(200, [shapes.status(post, server.site) for post in page])
    if page:
        base = f"{server.site.url}/api/v1/accounts/{owner.id}/statuses"
        link = f'<{base}?max_id={page[-1].id}>; rel="next", <{base}?min_id={page[0].id}>; rel="prev"'
        answer.headers.append((b"link", link.encode()))
    return answer


def is_wanted(server: Mastodon, post: Post, query: dict[str, Any]) -> bool:
    if is_true(query.get("pinned")):
        return False
    if is_true(query.get("only_media")) and not post.media:
        return False
    return not (is_true(query.get("exclude_replies")) and is_reply_to_others(server, post))


def is_reply_to_others(server: Mastodon, post: Post) -> bool:
    parent = server.site.posts.get(post.reply_to) if post.reply_to else None
    return parent is not None and parent.person is not post.person


def paged(posts: list[Post], query: dict[str, Any], is_kept: Any) -> list[Post]:
    """Return one page, newest first.

    With `min_id` it is the page that follows that id; with `since_id` the newest page, cut off at that id.
    https://docs.joinmastodon.org/api/guidelines/#pagination
    """
    limit = min(whole(query.get("limit"), DEFAULT_PAGE) or DEFAULT_PAGE, MAX_PAGE)
    max_id, min_id = whole(query.get("max_id"), 0), whole(query.get("min_id"), 0)
    low = bisect_right(posts, min_id or whole(query.get("since_id"), 0), key=number)
    high = bisect_left(posts, max_id, key=number) if max_id else len(posts)
    if min_id:
        return first(limit, (post for post in posts[low:high] if is_kept(post)))[::-1]
    return first(limit, (posts[at] for at in range(high - 1, low - 1, -1) if is_kept(posts[at])))


def number(post: Post) -> int:
    return int(post.id)


def first(limit: int, posts: Iterable[Post]) -> list[Post]:
    return [post for post, _ in zip(posts, range(limit), strict=False)]


def whole(given: Any, otherwise: int) -> int:
    return int(given) if isinstance(given, str) and given.isascii() and given.isdecimal() else otherwise


def seen(server: Mastodon, request: Request) -> Post:
    """Return the status in the path as far as the caller may see it. Raises Refused."""
    reader = server.reader(request)
    post = server.site.posts.get(request.args["id"])
    if post is None or not can_see(server, post, reader, request):
        raise server.not_found()
    return post


def can_see(server: Mastodon, post: Post, reader: Person | None, request: Request) -> bool:
    return is_visible(post, reader) and server.site.shows(post, request.at_ms)


def is_visible(post: Post | None, reader: Person | None) -> bool:
    return post is not None and (post.visibility in ("public", "unlisted") or post.person is reader)


def shown(server: Mastodon, post: Post | None) -> Answer:
    if post is None:
        raise server.not_found()
    return json_answer(200, shapes.status(post, server.site))
