"""Posts, stories and comments: published from containers, listed, deleted.

Sources: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media_publish,
…/reference/ig-media, …/reference/ig-user/stories and …/reference/ig-comment (read 2026-11-23).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sandbox.graph import Caller, asked_fields, endpoint, refused
from sandbox.platforms.instagram.accounts import PROFILE_FIELDS, profile
from sandbox.platforms.instagram.containers import missing, own_container, shown, status_of, used
from sandbox.platforms.instagram.server import ROUTES, Account, Container, Instagram, is_own_host
from sandbox.records import Media, Post
from sandbox.routing import Operation
from sandbox.wire import Request

PRODUCTS = {"REELS": "REELS", "STORIES": "STORY"}
PATHS = {"REELS": "reel", "STORY": "stories"}


@endpoint(ROUTES, "POST", "/{account}/media_publish", Operation.PUBLISH)
def publish(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    account = server.account_called(request, caller)
    server.check_permission(request, caller, "content_publish")
    name = str(request.fields().get("creation_id") or "")
    if name not in server.containers:
        raise refused("(#24) The media with this id was not found.", 24, 2207008)
    container = own_container(server, account, name, "post")
    check_publishable(server, account, container, request.at_ms)
    post = make_post(server, account, container, request)
    container.post = post.id
    server.published.setdefault(account.id, []).append(request.at_ms)
    return {"id": post.id}


def check_publishable(server: Instagram, account: Account, container: Container, at_ms: int) -> None:
    """Raises Refused: a container is published once, while it lives, when it is finished, and within the quota."""
    status = status_of(server, container, at_ms)
    if status == "EXPIRED":
        raise refused("(#-2) The media has expired.", -2, 2207020)
    if status == "ERROR":
        raise refused("(#-1) The container cannot be published.", -1, 2207032)
    if status != "FINISHED" or container.media_type == "CHILD":
        raise refused("(#9007) The media is not ready for publishing, please wait a moment.", 9007, 2207027)
    if server.world.limits.quotas and used(server, account, at_ms) >= server.options.publishing_quota:
        raise refused("(#9) You reached the maximum number of posts that is allowed to be published.", 9, 2207042)


def make_post(server: Instagram, account: Account, container: Container, request: Request) -> Post:
    parts = [server.containers[name] for name in container.children] or [container]
    media: tuple[Media, ...] = tuple(part.media for part in parts if part.media is not None)
    own_id = server.site.ids.next_at(request.at_ms)
    product = PRODUCTS.get(container.media_type, "FEED")
    url = f"https://www.instagram.com/{PATHS.get(product, 'p')}/{int(own_id):x}/"
    extra = {
        "account": account.id,
        "product": product,
        "url": url,
        "said": container.fields,
        "said_of_files": [part.fields for part in parts],
    }
    text = str(container.fields.get("caption") or "")
    post = server.new_post(account.person, text, request.at_ms, own_id=own_id, media=media, extra=extra)
    server.site.add_post(post)
    return post


@endpoint(ROUTES, "GET", "/{account}/media", Operation.LOOKUP)
def media(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    """List what is in the profile, newest first."""
    return listed(server, request, own_posts(server, request, caller, is_story=False))


@endpoint(ROUTES, "GET", "/{account}/stories", Operation.LOOKUP)
def stories(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    return listed(server, request, own_posts(server, request, caller, is_story=True))


def own_posts(server: Instagram, request: Request, caller: Caller, *, is_story: bool) -> list[Post]:
    account = server.account_called(request, caller)
    since_ms = int(request.query().get("since") or 0) * 1000
    return [
        post
        for post in reversed(account.person.posts)
        if (post.extra or {}).get("account") == account.id
        and not post.reply_to
        and ((post.extra or {})["product"] == "STORY") == is_story
        and post.created_ms >= since_ms
        and server.site.shows(post, request.at_ms)
    ]


def listed(server: Instagram, request: Request, posts: list[Post]) -> dict[str, Any]:
    """Return some of these posts, and the cursor of those after them."""
    query = request.query()
    start, size = int(query.get("after") or 0), min(int(query.get("limit") or 25), 100)
    paging: dict[str, Any] = {"cursors": {"before": str(start), "after": str(start + size)}}
    if start + size < len(posts):
        paging["next"] = f"{server.site.url}{request.path}?after={start + size}"
    return {"data": [read(server, request, post) for post in posts[start : start + size]], "paging": paging}


POST_FIELDS = frozenset(
    {"id", "caption", "timestamp", "permalink", "media_type", "media_product_type", "like_count", "comments_count"}
)
COMMENT_FIELDS = frozenset({"id", "text", "timestamp", "username", "like_count"})
INSIGHTS = {"views": "views", "reach": "reach", "shares": "shares", "saved": "saves"}


def read(server: Instagram, request: Request, post: Post) -> dict[str, Any]:
    """Return what is asked for of a post or comment. Raises Refused for a name that it does not have."""
    known = COMMENT_FIELDS if post.reply_to else POST_FIELDS | {"insights"}
    asked, whole = asked_fields(request, known), shape(post)
    told = {"id": post.id, **{name: whole[name] for name in asked if name in whole}}
    if "insights" in asked:
        told["insights"] = {"data": insights(server, post, asked["insights"])}
    return told


# https://developers.facebook.com/docs/instagram-platform/reference/instagram-media/insights
def insights(server: Instagram, post: Post, rest: str) -> list[dict[str, Any]]:
    """Return what is asked for by `.metric(…)`. Raises Refused where one of the names is not for such a post."""
    found = re.fullmatch(r"\.metric\(([a-z_,]+)\)", rest)
    names = found[1].split(",") if found else []
    unknown = {*server.options.refused_metrics, *(["saved"] if (post.extra or {})["product"] == "STORY" else [])}
    if not names or any(name not in INSIGHTS or name in unknown for name in names):
        raise refused("(#100) metric must be one of those of this media product type", 100)
    return [
        {"name": name, "period": "lifetime", "values": [{"value": (post.metrics or {}).get(INSIGHTS[name], 0)}]}
        for name in names
    ]


def shape(post: Post) -> dict[str, Any]:
    """Return a post or comment as it is read; what is empty is left out."""
    made_at = datetime.fromtimestamp(post.created_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
    extra = post.extra or {}
    if post.reply_to:
        likes = (post.metrics or {}).get("likes", 0)
        said = {"text": post.text, "username": extra["username"], "like_count": likes}
        return {"id": post.id, "timestamp": made_at, **said}
    kind = "CAROUSEL_ALBUM" if len(post.media) > 1 else post.media[0].kind.upper()
    whole = {
        "id": post.id,
        "timestamp": made_at,
        "permalink": extra["url"],
        "media_type": kind,
        "media_product_type": extra["product"],
        "like_count": (post.metrics or {}).get("likes", 0),
        "comments_count": (post.metrics or {}).get("comments", post.replies),
    }
    return {**whole, "caption": post.text} if post.text else whole


# --- comments ---


@endpoint(ROUTES, "POST", "/{id}/comments", Operation.PUBLISH)
def comment(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    parent = own_post(server, request, caller, "post")
    server.check_permission(request, caller, "manage_comments")
    text = str(request.fields().get("message") or "")
    if not text.strip() or (parent.extra or {})["product"] == "STORY":
        raise refused("(#100) You must provide a message, below a post", 100)
    account = server.own_account(request, caller)
    own_id = server.site.ids.next_at(request.at_ms)
    extra = {"account": account.id, "username": account.username, "url": (parent.extra or {})["url"]}
    post = server.new_post(account.person, text, request.at_ms, own_id=own_id, reply_to=parent.id, extra=extra)
    server.site.add_post(post)
    return {"id": post.id}


@endpoint(ROUTES, "GET", "/{id}/comments", Operation.LOOKUP)
def comments(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    parent = own_post(server, request, caller, "get")
    below = [post for post in parent.person.posts if post.reply_to == parent.id]
    return listed(server, request, [post for post in reversed(below) if server.site.shows(post, request.at_ms)])


# --- one of them ---


# https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-container
@endpoint(ROUTES, "GET", "/{id}", Operation.LOOKUP)
def show(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    """Say how far a container is, or show a post, a comment, or the account itself."""
    account = server.own_account(request, caller)
    if request.args["id"] == account.id:
        asked = asked_fields(request, PROFILE_FIELDS | {"id"})
        return {"id": account.id, **{name: value for name, value in profile(server, account).items() if name in asked}}
    container = server.containers.get(request.args["id"])
    if container is None:
        post = own_post(server, request, caller, "get")
        if "insights" in str(request.query().get("fields")):
            server.check_permission(request, caller, "manage_insights")
        return read(server, request, post)
    own_container(server, account, container.id, "get")
    return shown(server, container, set(str(request.query().get("fields") or "").split(",")), request.at_ms)


@endpoint(ROUTES, "DELETE", "/{id}", Operation.DELETE)
def delete(server: Instagram, request: Request, caller: Caller) -> dict[str, Any]:
    post = own_post(server, request, caller, "delete")
    if is_own_host(request):
        raise refused("(#100) Unsupported delete request.", 100)
    server.check_permission(request, caller, "manage_comments" if post.reply_to else "manage_contents")
    server.site.remove_post(post)
    return {"success": True}


def own_post(server: Instagram, request: Request, caller: Caller, method: str) -> Post:
    """Return the post in the path, which has to be the account's own. Raises Refused."""
    account = server.own_account(request, caller)
    post = server.site.posts.get(request.args["id"])
    if post is None or (post.extra or {}).get("account") != account.id:
        raise missing(request.args["id"], method)
    return post
