"""Posts of pages and comments: made, listed, deleted.

Sources: https://developers.facebook.com/docs/graph-api/reference/page/feed, …/reference/page/published_posts,
…/reference/object/comments and …/reference/post (read 2026-11-23).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.graph import NO_OBJECT, Caller, Page, asked_fields, check_scopes, endpoint, refused
from sandbox.platforms.facebook.pictures import attached_photos
from sandbox.platforms.facebook.server import ROUTES, Facebook
from sandbox.records import Media, Post
from sandbox.routing import Operation
from sandbox.wire import Request

WRITING = ("pages_manage_posts", "pages_read_engagement")
MAX_CHARACTERS = 63_206
FEED_FIELDS = frozenset({"message", "link", "attached_media", "published", "appsecret_proof", "access_token"})
NOT_SIMULATED = frozenset({"scheduled_publish_time", "targeting", "place", "tags", "backdated_time"})
POST_FIELDS = frozenset(
    {"id", "message", "created_time", "permalink_url", "attachments", "is_published", "status_type"}
)
COMMENT_FIELDS = frozenset({"id", "message", "created_time", "permalink_url", "from", "parent"})
DUPLICATE = "(#506) Duplicate status message"


@endpoint(ROUTES, "POST", "/{page}/feed", Operation.PUBLISH, scopes=WRITING)
def create(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    page = server.page_called(request, caller)
    fields = request.fields()
    refuse_unknown(fields, FEED_FIELDS)
    text, link = str(fields.get("message") or ""), str(fields.get("link") or "")
    check_text(text)
    media = attached_photos(server, caller.person, fields.get("attached_media"))
    if not text.strip() and not link and not media:
        raise refused("(#100) You must provide message, link or media", 100)
    check_link(link)
    post = publish(server, page, text, request, link=link, media=media)
    return {"id": post.id}


def publish(
    server: Facebook,
    page: Page,
    text: str,
    request: Request,
    *,
    link: str = "",
    media: tuple[Media, ...] = (),
    own_id: str = "",
    kind: str = "post",
) -> Post:
    """Make a post of the page visible. Raises Refused for the same text as the page's last."""
    own = [post for post in page.owner.posts if (post.extra or {}).get("page") == page.id and not post.reply_to]
    is_same = bool(own) and own[-1].text == text and (own[-1].extra or {}).get("link") == link
    if server.world.limits.duplicates and text and is_same and not media:
        raise refused(DUPLICATE, 506, error_user_msg="You have just posted this.")
    own_id = own_id or f"{page.id}_{server.site.ids.next_at(request.at_ms)}"
    extra = {"page": page.id, "link": link, "kind": kind}
    post = server.new_post(page.owner, text, request.at_ms, own_id=own_id, media=media, extra=extra)
    server.site.add_post(post)
    return post


def refuse_unknown(fields: dict[str, Any], known: frozenset[str]) -> None:
    """Raises Refused for what is not simulated; what Facebook does not know it leaves alone, and we do not."""
    for name in fields:
        if name in NOT_SIMULATED:
            raise refused(f"(#100) {name} is not simulated", 100)
        if name.partition("[")[0] not in known:
            raise refused(f"(#100) Invalid parameter: {name} is not one of the parameters of this edge", 100)


def check_text(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise refused("(#100) Invalid parameter", 100, error_user_msg="The text is too long.")


def check_link(link: str) -> None:
    if link and not link.startswith(("https://", "http://")):
        raise refused("(#100) url should represent a valid URL", 100, 2061006)
    if "facebook.com/" in link:
        raise refused("(#100) Links to Facebook cannot be shared", 100, 1609008)


@endpoint(ROUTES, "GET", "/{page}/published_posts", Operation.LOOKUP, scopes=("pages_read_engagement",))
def published_posts(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    page = server.page_called(request, caller)
    asked_fields(request, POST_FIELDS)
    since_ms = int(request.query().get("since") or 0) * 1000
    own = [
        post
        for post in reversed(page.owner.posts)
        if is_of(post, page)
        and (post.extra or {})["kind"] != "story"
        and post.created_ms >= since_ms
        and server.site.shows(post, request.at_ms)
    ]
    return listed(server, request, own)


def is_of(post: Post, page: Page) -> bool:
    return (post.extra or {}).get("page") == page.id and post.reply_to is None


def listed(server: Facebook, request: Request, posts: list[Post]) -> dict[str, Any]:
    """Return some of these posts, and the cursor of those after them."""
    query = request.query()
    start, size = int(query.get("after") or 0), min(int(query.get("limit") or 25), 100)
    paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(start + size)}}
    if start + size < len(posts):
        paging["next"] = f"{server.site.url}{request.path}?after={start + size}"
    return {"data": [shape(server, post) for post in posts[start : start + size]], "paging": paging}


def shape(server: Facebook, post: Post) -> dict[str, Any]:
    """Return a post or comment as it is read; a text that is empty is left out."""
    made_at = datetime.fromtimestamp(post.created_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
    shown: dict[str, Any] = {"id": post.id, "created_time": made_at, "permalink_url": server.post_url(post)}
    if post.text:
        shown["message"] = post.text.strip()
    if attachments := attached(post):
        shown["attachments"] = {"data": attachments}
    return shown


def attached(post: Post) -> list[dict[str, Any]]:
    """Return what a post carries: one file, an album of several, or the page that it links to."""
    files = [{"media_type": item.kind, "target": {"id": item.id}} for item in post.media]
    if len(files) > 1:
        return [{"media_type": "album", "target": {"id": post.id}, "subattachments": {"data": files}}]
    link = (post.extra or {}).get("link")
    return files or ([{"media_type": "link", "target": {"id": "1"}, "url": link}] if link else [])


# --- comments ---


@endpoint(ROUTES, "POST", "/{id}/comments", Operation.PUBLISH, scopes=("pages_manage_engagement",))
def comment(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    parent = own_post(server, request, caller, "post")
    fields = request.fields()
    refuse_unknown(fields, frozenset({"message", "appsecret_proof", "access_token"}))
    text = str(fields.get("message") or "")
    if not text.strip():
        raise refused("(#100) You must provide message or attachment_id", 100)
    page = caller.page
    root = parent.id.partition("_")[2] or parent.id
    own_id = f"{root}_{server.site.ids.next_at(request.at_ms)}"
    extra = {"page": page.id if page else "", "kind": "comment"}
    post = server.new_post(parent.person, text, request.at_ms, own_id=own_id, reply_to=parent.id, extra=extra)
    server.site.add_post(post)
    return {"id": post.id}


@endpoint(ROUTES, "GET", "/{id}/comments", Operation.LOOKUP, scopes=("pages_read_engagement",))
def comments(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    parent = own_post(server, request, caller, "get")
    asked_fields(request, COMMENT_FIELDS)
    below = [post for post in parent.person.posts if post.reply_to == parent.id]
    shown = [post for post in reversed(below) if server.site.shows(post, request.at_ms)]
    return listed(server, request, shown)


# --- one of them ---


@endpoint(ROUTES, "DELETE", "/{id}", Operation.DELETE)
def delete(server: Facebook, request: Request, caller: Caller) -> dict[str, Any]:
    post = own_post(server, request, caller, "delete")
    check_scopes(caller, ("pages_manage_engagement",) if post.reply_to else ("pages_manage_posts",))
    server.site.remove_post(post)
    return {"success": True}


def own_post(server: Facebook, request: Request, caller: Caller, method: str) -> Post:
    """Return the post in the path, which has to be the calling page's own. Raises Refused."""
    post = server.site.posts.get(request.args["id"])
    page = caller.page.id if caller.page else None
    if post is None or (post.extra or {}).get("page") != page:
        message = NO_OBJECT.format(method=method, id=request.args["id"])
        raise refused(message, 100, 33, type="GraphMethodException")
    return post
