"""Posts of people and organisations: made, listed, deleted.

Source: https://learn.microsoft.com/en-us/linkedin/marketing/community-management/shares/posts-api (read 2026-11-23).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.platforms.linkedin.little_text import shown
from sandbox.platforms.linkedin.server import (
    Caller,
    LinkedIn,
    day_is_over,
    endpoint,
    invalid,
    paged,
    problem,
    refused,
    restli_list,
)
from sandbox.platforms.linkedin.uploads import own_media
from sandbox.quotas import Quota
from sandbox.records import Media, Post
from sandbox.routing import Operation
from sandbox.wire import Answer, Refused, Request

MAX_CHARACTERS = 3_000
REQUIRED = {"author", "commentary", "visibility", "distribution", "lifecycleState"}
KNOWN = REQUIRED | {"content", "isReshareDisabledByAuthor"}
MOST_IMAGES, MAX_ALT_TEXT = 20, 4_086
DURATIONS = {"ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS"}
FOUND_BY = {"q", "author", "start", "count", "sortBy"}
READING = ("r_member_social", "r_organization_social")


@endpoint("POST", "/rest/posts", Operation.PUBLISH)
def create(server: LinkedIn, request: Request, caller: Caller) -> Answer:
    fields = request.fields()
    check_fields(fields, REQUIRED, KNOWN)
    author = server.check_author(caller, fields["author"], writes=True)
    commentary = fields["commentary"]
    if not isinstance(commentary, str) or fields["lifecycleState"] != "PUBLISHED":
        raise invalid("INVALID_VALUE", "commentary has to be a text, and lifecycleState PUBLISHED")
    if fields["visibility"] not in ({"PUBLIC", "CONNECTIONS"} if author == caller.urn else {"PUBLIC"}):
        raise invalid("INVALID_VALUE", "visibility is not one of those that the author has")
    text = shown(commentary)
    if len(text.encode("utf-16-le")) // 2 > MAX_CHARACTERS:
        raise invalid("FIELD_LENGTH_TOO_LONG", f"commentary is longer than {MAX_CHARACTERS} characters")
    content = fields.get("content", {})
    media, kind = carried(server, author, content, request.at_ms)
    if not text.strip() and not content:
        raise invalid("MISSING_FIELD", "a post says something or carries something")
    check_often(server, author, text, media, request.at_ms)
    urn = f"urn:li:{'ugcPost' if kind in {'video', 'poll'} else 'share'}:{server.site.ids.next_at(request.at_ms)}"
    extra = {"author": author, "commentary": commentary, "content": content, "kind": kind}
    visibility = str(fields["visibility"]).lower()
    post = server.new_post(
        caller.person, text, request.at_ms, own_id=urn, media=media, visibility=visibility, extra=extra
    )
    server.site.add_post(post)
    if text.strip():
        server.sent.setdefault((author, text), urn)
    return Answer(201, b"", headers=[(b"x-restli-id", urn.encode())])


def check_fields(fields: Mapping[str, Any], required: set[str], known: set[str]) -> None:
    """Raises Refused for what is missing, and for what LinkedIn does not know."""
    for name in sorted(required - fields.keys()):
        raise invalid("MISSING_FIELD", f"/{name} :: field is required but not found", status=400)
    for name in sorted(fields.keys() - known):
        raise invalid("UNKNOWN_FIELD", f"/{name} :: unrecognized field found but not allowed", status=400)


def check_often(server: LinkedIn, author: str, text: str, media: tuple[Media, ...], at_ms: int) -> None:
    """Raises Refused for a text that the author has posted, and where the day's posts are used up."""
    earlier = server.sent.get((author, text)) if not media else None
    if server.world.limits.duplicates and earlier:
        raise invalid("DUPLICATE_POST", f"Content is a duplicate of {earlier}")
    if server.world.limits.quotas and server.options.daily_posts:
        reading = server.meter.read(author, Quota("posts", server.options.daily_posts, 86_400), at_ms, spend=1)
        if reading.remaining < 0:
            raise Refused(day_is_over("APPLICATION_AND_MEMBER"))


def carried(server: LinkedIn, author: str, content: Any, at_ms: int) -> tuple[tuple[Media, ...], str]:
    """Return the files that a post carries, and what kind of post it is. Raises Refused."""
    if content == {}:
        return (), "text"
    if not isinstance(content, dict) or len(content) != 1:
        raise invalid("INVALID_VALUE", "content is exactly one of media, multiImage, article, poll", status=400)
    [(kind, told)] = content.items()
    if not isinstance(told, dict):
        raise invalid("INVALID_VALUE", f"/content/{kind} :: is no object", status=400)
    match kind:
        case "media":
            check_fields(told, {"id"}, {"id", "altText", "title"})
            media = with_alt_text(server, author, told, at_ms)
            if media.kind == "document" and not str(told.get("title") or "").strip():
                raise invalid("MISSING_FIELD", "/content/media/title :: a document has one", status=400)
            return (media,), media.kind
        case "multiImage":
            return several(server, author, told, at_ms), "images"
        case "article":
            return card(server, author, told, at_ms), "article"
        case "poll":
            check_poll(told)
            return (), "poll"
        case _:
            raise invalid("UNKNOWN_FIELD", f"/content/{kind} :: is not simulated", status=400)


def several(server: LinkedIn, author: str, told: Mapping[str, Any], at_ms: int) -> tuple[Media, ...]:
    check_fields(told, {"images"}, {"images"})
    images = told["images"]
    if not isinstance(images, list) or not 2 <= len(images) <= MOST_IMAGES:
        raise invalid("INVALID_VALUE", f"/content/multiImage/images :: takes 2 to {MOST_IMAGES}")
    found = tuple(with_alt_text(server, author, one, at_ms) for one in images)
    if any(item.kind != "image" for item in found):
        raise invalid("INVALID_VALUE", "/content/multiImage/images :: takes images only")
    return found


def card(server: LinkedIn, author: str, told: Mapping[str, Any], at_ms: int) -> tuple[Media, ...]:
    check_fields(told, {"source", "title"}, {"source", "title", "description", "thumbnail"})
    if not str(told["source"]).startswith(("https://", "http://")):
        raise invalid("INVALID_VALUE", "/content/article/source :: is no web address")
    return (own_media(server, author, told["thumbnail"], at_ms),) if "thumbnail" in told else ()


def check_poll(told: Mapping[str, Any]) -> None:
    check_fields(told, {"question", "options", "settings"}, {"question", "options", "settings"})
    options = told["options"]
    is_right = isinstance(options, list) and 2 <= len(options) <= 4 and len(str(told["question"])) <= 140
    texts = [one.get("text") for one in options if isinstance(one, dict)] if isinstance(options, list) else []
    if not is_right or not all(isinstance(text, str) and 0 < len(text) <= 30 for text in texts):
        raise invalid("INVALID_VALUE", "/content/poll :: 2 to 4 options of 30 characters, a question of 140")
    if not isinstance(told["settings"], dict) or told["settings"].get("duration") not in DURATIONS:
        raise invalid("INVALID_VALUE", "/content/poll/settings/duration :: is unknown")


def with_alt_text(server: LinkedIn, author: str, told: Any, at_ms: int) -> Media:
    """Return a file, described as the post describes it. Raises Refused."""
    if not isinstance(told, dict) or not isinstance(told.get("id"), str):
        raise invalid("INVALID_VALUE", "media has an id", status=400)
    media = own_media(server, author, told["id"], at_ms)
    alt_text = told.get("altText")
    if alt_text is not None and (media.kind != "image" or len(str(alt_text)) > MAX_ALT_TEXT):
        raise invalid("INVALID_VALUE", f"altText is for images, and at most {MAX_ALT_TEXT} characters")
    if told.get("title") is not None and media.kind == "image":
        raise invalid("INVALID_VALUE", "title is not for images")
    media.alt_text = str(alt_text) if alt_text else None
    return media


# --- reading ---


@endpoint("GET", "/rest/posts", Operation.LOOKUP, scopes=READING)
def find(server: LinkedIn, request: Request, caller: Caller) -> dict[str, Any]:
    """Answer the finder by author, and the batch by ids."""
    query, method = request.query(), request.header(b"x-restli-method")
    if "ids" in query:
        if method not in {None, "BATCH_GET"}:
            raise refused(400, "BAD_REQUEST", "The method is not supported for this resource")
        named = {urn: server.site.posts.get(urn) for urn in restli_list(query["ids"])}
        found = {urn: shape(post) for urn, post in named.items() if post is not None and is_post(post)}
        return {"results": found, "statuses": {}, "errors": {}}
    if query.get("q") != "author" or not query.keys() <= FOUND_BY or method not in {None, "FINDER"}:
        raise refused(400, "BAD_REQUEST", "Invalid query parameters")
    author = server.check_author(caller, query.get("author"), writes=False)
    own = [
        shape(post)
        for post in reversed(caller.person.posts)
        if is_post(post) and author_of(post) == author and server.site.shows(post, request.at_ms)
    ]
    return paged(request, own)


@endpoint("GET", "/rest/posts/{urn}", Operation.LOOKUP, scopes=READING)
def show(server: LinkedIn, request: Request, caller: Caller) -> Any:
    post = server.site.posts.get(request.args["urn"])
    if post is None or not is_post(post):
        return problem(404, "NOT_FOUND", f"Post not found: {request.args['urn']}")
    server.check_author(caller, author_of(post), writes=False)
    return shape(post)


@endpoint("DELETE", "/rest/posts/{urn}", Operation.DELETE)
def delete(server: LinkedIn, request: Request, caller: Caller) -> Answer:
    """Take a post back; one that is gone is no mistake."""
    post = server.site.posts.get(request.args["urn"])
    if post is not None and is_post(post):
        server.check_author(caller, author_of(post), writes=True)
        server.site.remove_post(post)
    return Answer(204, b"")


def is_post(post: Post) -> bool:
    return post.reply_to is None


def author_of(post: Post) -> str:
    return str((post.extra or {}).get("author"))


def shape(post: Post) -> dict[str, Any]:
    extra = post.extra or {}
    told = {"content": extra["content"]} if extra["content"] else {}
    return {
        "id": post.id,
        "author": extra["author"],
        "commentary": extra["commentary"],
        "visibility": post.visibility.upper(),
        "lifecycleState": "PUBLISHED",
        "createdAt": post.created_ms,
        "publishedAt": post.created_ms,
        "lastModifiedAt": post.created_ms,
        "distribution": {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []},
        "isReshareDisabledByAuthor": False,
        **told,
    }
