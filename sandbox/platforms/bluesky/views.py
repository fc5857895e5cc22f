"""Posts and people as the AppView shows them: app.bsky.feed and app.bsky.actor."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sandbox.clock import rfc3339
from sandbox.feed import PAGE_HEADERS, article
from sandbox.feed import page as feed_page
from sandbox.platforms.bluesky import errors
from sandbox.platforms.bluesky.accounts import Account, Record
from sandbox.platforms.bluesky.lexicon import is_blob, pictures_in
from sandbox.platforms.bluesky.queries import limit_in, listed, params
from sandbox.platforms.bluesky.server import ROUTES, Bluesky
from sandbox.platforms.bluesky.syntax import POSTGATES, POSTS, is_at_uri, ms_of
from sandbox.records import Post, Token
from sandbox.routing import Operation
from sandbox.wire import Answer, Request, html_answer, json_answer

MAX_POSTS = 25
FILTERS = (
    "posts_with_replies",
    "posts_no_replies",
    "posts_with_media",
    "posts_and_author_threads",
    "posts_with_video",
)


# https://docs.bsky.app/docs/api/app-bsky-feed-get-posts
@ROUTES.add("GET", "/xrpc/app.bsky.feed.getPosts", Operation.METRICS)
def posts(server: Bluesky, request: Request) -> Answer:
    uris = listed(request, "uris", MAX_POSTS)
    if not all(is_at_uri(uri) for uri in uris):
        raise errors.invalid("Error: uris must be a valid at-uri")
    viewer = server.site.tokens.get(request.bearer() or "")
    found = (visible(server, with_did(server, uri), request.at_ms) for uri in dict.fromkeys(uris))
    views = [{**post_view(server, post), **viewer_view(server, post, viewer)} for post in found if post]
    return json_answer(200, {"posts": views})


def viewer_view(server: Bluesky, post: Post, viewer: Token | None) -> dict[str, Any]:
    """Return what is said to whoever is signed in: whether somebody else's post lets itself be quoted."""
    if viewer is None or viewer.grant.person in (None, post.person):
        return {}
    gate = server.account(post.person).record(POSTGATES, record_of(post).rkey)
    rules = gate.value.get("embeddingRules") if gate else None
    return {"viewer": {"embeddingDisabled": bool(rules)}}


# https://docs.bsky.app/docs/api/app-bsky-feed-get-author-feed
@ROUTES.add("GET", "/xrpc/app.bsky.feed.getAuthorFeed", Operation.LOOKUP)
def author_feed(server: Bluesky, request: Request) -> Answer:
    query = params(request, "actor")
    account, limit = actor(server, query["actor"]), limit_in(query)
    chosen = query.get("filter", FILTERS[0])
    if chosen not in FILTERS:
        raise errors.invalid(f"Error: filter must be one of ({'|'.join(FILTERS)})")
    own = [post for post in account.person.posts if server.site.shows(post, request.at_ms)]
    wanted = [(sort_key(post), post) for post in own if is_wanted(server, post, chosen)]
    before = query.get("cursor")
    rows = sorted((row for row in wanted if before is None or row[0] < before), key=lambda row: row[0], reverse=True)
    page = rows[:limit]
    cursor = {"cursor": page[-1][0]} if len(rows) > limit else {}
    return json_answer(200, {**cursor, "feed": [feed_item(server, post, request.at_ms) for _, post in page]})


# https://docs.bsky.app/docs/api/app-bsky-actor-get-profile
@ROUTES.add("GET", "/xrpc/app.bsky.actor.getProfile", Operation.OTHER)
def profile(server: Bluesky, request: Request) -> Answer:
    account = actor(server, params(request, "actor")["actor"])
    person = account.person
    counts = {"followersCount": person.followers, "followsCount": person.following, "postsCount": len(person.posts)}
    return json_answer(200, {**author(account), **counts, "indexedAt": rfc3339(person.created_ms)})


def actor(server: Bluesky, identifier: str) -> Account:
    """Return whose profile is asked for. Raises Refused."""
    account = server.account_called(identifier)
    if account is None:
        raise errors.invalid("Profile not found")
    status = server.status(account)
    if status == "takendown":
        raise errors.refuse(400, "AccountTakedown", "Account has been suspended")
    if status is not None:
        raise errors.refuse(400, "AccountDeactivated", errors.DEACTIVATED)
    return account


def with_did(server: Bluesky, uri: str) -> str:
    """Return the URI under its author's DID."""
    head, slash, path = uri.removeprefix("at://").partition("/")
    account = server.account_called(head)
    return f"at://{account.did}{slash}{path}" if account else uri


def visible(server: Bluesky, uri: str, at_ms: int) -> Post | None:
    post = server.site.posts.get(uri)
    if post is None or not server.site.shows(post, at_ms):
        return None
    return post if server.status(server.account(post.person)) is None else None


def record_of(post: Post) -> Record:
    record: Record = (post.extra or {})["record"]
    return record


def sort_key(post: Post) -> str:
    """Return what a feed is sorted by, and its cursor: when the post says it was made, or came, if that was before."""
    said = record_of(post).value.get("createdAt")
    said_ms = ms_of(said) if isinstance(said, str) else None
    sort_ms = post.created_ms if said_ms is None else min(max(said_ms, 0), post.created_ms)
    return f"{rfc3339(sort_ms)}::{record_of(post).cid}"


def is_wanted(server: Bluesky, post: Post, chosen: str) -> bool:
    if chosen == "posts_with_media":
        return bool(post.media)
    if chosen == "posts_with_video":
        return any(item.kind == "video" for item in post.media)
    if chosen == "posts_no_replies":
        return post.reply_to is None
    if chosen == "posts_and_author_threads":
        return post.reply_to is None or is_in_own_thread(server, post)
    return True


def is_in_own_thread(server: Bluesky, post: Post) -> bool:
    reply = record_of(post).value.get("reply") or {}
    own = f"at://{server.account(post.person).did}/{POSTS}/"
    return all(str(reply.get(name, {}).get("uri", "")).startswith(own) for name in ("root", "parent"))


def author(account: Account) -> dict[str, Any]:
    person = account.person
    return {
        "did": account.did,
        "handle": person.handle,
        "displayName": person.name,
        "labels": [],
        "createdAt": rfc3339(person.created_ms),
    }


def post_view(server: Bluesky, post: Post) -> dict[str, Any]:
    record, metrics = record_of(post), post.metrics or {}
    return {
        "uri": record.uri,
        "cid": record.cid,
        "author": author(server.account(post.person)),
        "record": record.value,
        **embed_view(server, server.account(post.person).did, record.value.get("embed")),
        "bookmarkCount": metrics.get("bookmarks", 0),
        "replyCount": metrics.get("comments", post.replies),
        "repostCount": metrics.get("shares", 0),
        "likeCount": metrics.get("likes", 0),
        "quoteCount": metrics.get("quotes", 0),
        "indexedAt": rfc3339(post.created_ms),
        "labels": [],
    }


def embed_view(server: Bluesky, did: str, embed: Any) -> dict[str, Any]:
    match embed:
        case {"$type": "app.bsky.embed.external", "external": dict(card)}:
            shown = {name: card[name] for name in ("uri", "title", "description") if name in card}
            if is_blob(card.get("thumb")):
                shown["thumb"] = picture_url(server, did, card["thumb"], "feed_thumbnail")
            return {"embed": {"$type": "app.bsky.embed.external#view", "external": shown}}
        case {"$type": "app.bsky.embed.images", "images": list(items)}:
            images = [picture_view(server, did, item, "thumb") for item in pictures_in(items)]
            return {"embed": {"$type": "app.bsky.embed.images#view", "images": images}}
        case {"$type": "app.bsky.embed.gallery", "items": list(items)}:
            kind = {"$type": "app.bsky.embed.gallery#viewImage"}
            shown_items = [{**kind, **picture_view(server, did, item, "thumbnail")} for item in pictures_in(items)]
            return {"embed": {"$type": "app.bsky.embed.gallery#view", "items": shown_items}}
        case {"$type": "app.bsky.embed.video", "video": ref} if is_blob(ref):
            cid = ref["ref"]["$link"]
            said: dict[str, Any] = {
                name: embed[name] for name in ("alt", "aspectRatio", "presentation") if name in embed
            }
            address = f"{server.site.url}/watch/{quote(did, safe='')}/{cid}/playlist.m3u8"
            return {"embed": {"$type": "app.bsky.embed.video#view", "cid": cid, "playlist": address, **said}}
        case {"$type": "app.bsky.embed.record", "record": {"uri": str(uri)}}:
            return {"embed": {"$type": "app.bsky.embed.record#view", **quote_view(server, uri)}}
        case {"$type": "app.bsky.embed.recordWithMedia", "record": {"record": {"uri": str(uri)}}, "media": media}:
            beside = embed_view(server, did, media).get("embed")
            both = {"record": quote_view(server, uri), "media": beside}
            return {"embed": {"$type": "app.bsky.embed.recordWithMedia#view", **both}} if beside else {}
    return {}


def quote_view(server: Bluesky, uri: str) -> dict[str, Any]:
    """Return a quoted post as views show it; only one that was deleted or hidden is not found."""
    post = server.site.posts.get(with_did(server, uri))
    if post is None or server.status(server.account(post.person)) is not None:
        return {"record": {"$type": "app.bsky.embed.record#viewNotFound", "uri": uri, "notFound": True}}
    record = record_of(post)
    shown = {"uri": record.uri, "cid": record.cid, "author": author(server.account(post.person)), "value": record.value}
    kind = "app.bsky.embed.record#viewRecord"
    return {"record": {"$type": kind, **shown, "indexedAt": rfc3339(post.created_ms)}}


def picture_view(server: Bluesky, did: str, item: dict[str, Any], small: str) -> dict[str, Any]:
    """Return a picture as views show it; `small` is what its thumbnail is called there."""
    said: dict[str, Any] = {name: item[name] for name in ("alt", "aspectRatio") if name in item}
    addresses = {
        small: picture_url(server, did, item["image"], "feed_thumbnail"),
        "fullsize": picture_url(server, did, item["image"], "feed_fullsize"),
    }
    return {**addresses, **said}


def picture_url(server: Bluesky, did: str, ref: dict[str, Any], size: str) -> str:
    return f"{server.site.url}/img/{size}/plain/{did}/{ref['ref']['$link']}@jpeg"


def feed_item(server: Bluesky, post: Post, at_ms: int) -> dict[str, Any]:
    item: dict[str, Any] = {"post": post_view(server, post)}
    match record_of(post).value.get("reply"):
        case {"root": {"uri": str(root)}, "parent": {"uri": str(parent)}}:
            item["reply"] = {"root": answered(server, root, at_ms), "parent": answered(server, parent, at_ms)}
    return item


def answered(server: Bluesky, uri: str, at_ms: int) -> dict[str, Any]:
    post = visible(server, uri, at_ms)
    if post is None:
        return {"$type": "app.bsky.feed.defs#notFoundPost", "uri": uri, "notFound": True}
    return {"$type": "app.bsky.feed.defs#postView", **post_view(server, post)}


# The page that a post's address leads to, as https://bsky.app/profile/<did>/post/<rkey> does.
@ROUTES.add("GET", "/profile/{did}/post/{rkey}", Operation.OTHER)
def post_page(server: Bluesky, request: Request) -> Answer:
    post = server.site.posts.get(f"at://{request.args['did']}/{POSTS}/{request.args['rkey']}")
    if post is None:
        raise errors.refuse(404, "NotFound", "Post not found")
    page = feed_page(f"{post.person.name} on Bluesky", f"<main>{article(post, server)}</main>")
    return html_answer(200, page, [(name.encode(), value.encode()) for name, value in PAGE_HEADERS.items()])
